"""Write down who is trained, validated and tested on."""

from slicewise.files import write_text
from slicewise.job import job
from slicewise.volumes.split import Assignment, split_table

with job(snakemake.log[0], snakemake.resources):
    write_text(snakemake.output[0], split_table(Assignment(*row) for row in snakemake.params.cfg))
