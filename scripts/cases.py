"""Put all passports into one table."""

from slicewise.files import read_json, write_text
from slicewise.job import job
from slicewise.volumes.gate import cases_table

with job(snakemake.log[0]):
    table = cases_table(read_json(path) for path in snakemake.input.passports)
    write_text(snakemake.output[0], table.to_csv(sep="\t", index=False))
