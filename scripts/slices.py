"""Cut a shard of cases by one recipe."""

from pathlib import Path

from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.records import paths_told
from slicewise.slices.cases import cut_cases


def main(snakemake):
    given = snakemake.input
    with script_job(snakemake):
        cut = cut_cases(
            snakemake.params.cfg,
            Path(given.case_records),
            paths_told(snakemake, "image"),
            paths_told(snakemake, "mask"),
            Path(snakemake.params.folder),
        )
        write_json(snakemake.output[0], cut)


main(snakemake)
