"""Stop when a scan is there twice, here or in another data set."""

from slicewise.files import write_json
from slicewise.job import job
from slicewise.volumes.gate import check_leaks, read_table

with job(snakemake.log[0]):
    others = {str(path): read_table(path) for path in snakemake.input.others}
    check_leaks(read_table(snakemake.input.cases), others)
    write_json(snakemake.output[0], {"leaks": []})
