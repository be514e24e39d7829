"""Write the page about the data."""

from slicewise.dataset.case_record import read_case_records
from slicewise.dataset.looked import read_looks
from slicewise.files import write_text
from slicewise.job import script_job
from slicewise.jobs import Data
from slicewise.report.data import ShownData, data_page
from slicewise.report.proposed import proposals
from slicewise.report.seen import seen_data


def main(snakemake):
    cfg = Data.of(snakemake)
    given = snakemake.input
    with script_job(snakemake):
        records = read_case_records(given.case_records)
        data = seen_data(
            cfg.cases,
            records,
            read_looks(given.looks),
            cfg.content,
            not_the_same=cfg.not_the_same,
            columns=cfg.columns,
            bins=cfg.bins,
            leave_out=cfg.leave_out,
        )
        plan, warnings = proposals(cfg.configured, cfg.cases, records, cfg.content)
        shown = ShownData(cfg.dataset, data, plan, warnings, excluded=cfg.exclude)
        write_text(snakemake.output[0], data_page(shown))


main(snakemake)
