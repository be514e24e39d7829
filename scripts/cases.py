"""Put all case records into one table, and the marks of their slices beside it."""

from slicewise.dataset.case_record import read_case_records
from slicewise.dataset.cases import cases_table, check_geometry_known, say_drawn
from slicewise.dataset.marks import beside, unpack, write_marks
from slicewise.files import write_text
from slicewise.job import script_job
from slicewise.jobs import Cases


def main(snakemake):
    with script_job(snakemake):
        known = read_case_records(snakemake.input.case_records)
        case_records = [known[case] for case in sorted(known)]
        cfg = Cases.of(snakemake)
        check_geometry_known(case_records, cfg.content)
        say_drawn(case_records, cfg.content)
        table = cases_table(case_records, cfg.columns)
        target = snakemake.output[0]
        write_marks(beside(target), {record.case: unpack(record.marks) for record in case_records})
        write_text(target, table.to_csv(sep="\t", index=False))


main(snakemake)
