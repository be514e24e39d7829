"""Put all passports into one table, and the marks of their slices beside it."""

from slicewise.config import Content
from slicewise.dataset.agree import read_passports
from slicewise.dataset.duplicates import beside, unpack, write_marks
from slicewise.dataset.leakage import cases_table, check_geometry_known
from slicewise.files import write_text
from slicewise.job import script_job

with script_job(snakemake):
    read = read_passports(snakemake.input.passports)
    passports = [read[case] for case in sorted(read)]
    check_geometry_known(passports, Content(**snakemake.params.cfg["content"]))
    table, target = cases_table(passports), snakemake.output[0]
    write_marks(beside(target), {p["case"]: unpack(p["marks"]) for p in passports})
    write_text(target, table.to_csv(sep="\t", index=False))
