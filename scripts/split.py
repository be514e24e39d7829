"""Write down who is trained, validated and tested on."""

from slicewise.files import write_text
from slicewise.job import script_job
from slicewise.volumes.split import Assignment, split_table

with script_job(snakemake):
    write_text(snakemake.output[0], split_table(Assignment(*row) for row in snakemake.params.cfg))
