"""Write down the settings and the code of a training."""

from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.records import code_digests

with script_job(snakemake):
    plan = {"settings": snakemake.params.cfg, "code": code_digests(snakemake.input.training)}
    write_json(snakemake.output[0], plan)
