"""Write down who is trained, validated and tested on."""

from slicewise.dataset.split import Assignment, split_table
from slicewise.files import write_text
from slicewise.job import script_job

with script_job(snakemake):
    write_text(snakemake.output[0], split_table(Assignment(*row) for row in snakemake.params.cfg))
