"""Write down the settings and the code of a training."""

from slicewise.files import sha256, write_json
from slicewise.job import job

with job(snakemake.log[0], snakemake.resources):
    code = {path: sha256(path) for path in snakemake.input.training}
    write_json(snakemake.output[0], {"settings": snakemake.params.cfg, "code": code})
