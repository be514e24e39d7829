"""Cut a batch of cases by one recipe."""

from pathlib import Path

from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.slices.cases import cut_cases

with script_job(snakemake):
    given, folder = snakemake.input, Path(snakemake.params.folder)
    cut = cut_cases(snakemake.params.cfg, Path(given.case_records), given.image, given.mask, folder)
    write_json(snakemake.output[0], cut)
