"""Stop when a scan is there twice, here or in another data set, or a label is never trained."""

from pathlib import Path

from slicewise.dataset.case_record import read_case_records
from slicewise.dataset.cases import read_table
from slicewise.dataset.leakage import (
    check_alike,
    check_labels_trained,
    check_leaks,
    check_masks,
    check_sites_scored,
    remove_earlier,
)
from slicewise.dataset.marks import beside, read_marks
from slicewise.dataset.unsized import write_checked
from slicewise.job import script_job
from slicewise.jobs import Leakage


def main(snakemake):
    given = snakemake.input
    cfg = Leakage.of(snakemake)
    with script_job(snakemake, whole=True):
        cases = read_table(given.cases)
        others = {str(path): read_table(path) for path in given.others}
        check_leaks(cases, others)
        check_masks(cases, cfg.not_the_same)
        check_alike(
            dict(zip(cases["case"], cases["patient"], strict=True)),
            read_marks(beside(given.cases), cases["case"]),
            {path: read_marks(beside(path), table["case"]) for path, table in others.items()},
            cfg.not_the_same,
            snakemake.threads,
        )
        split = read_table(given.split)
        check_labels_trained(cases, split, cfg.folds, cfg.missing_labels, cfg.regions)
        if cfg.leave_out:
            check_sites_scored(cases, split, cfg.leave_out)
        remove_earlier(Path(snakemake.output[0]).parent)
        write_checked(snakemake.output[0], read_case_records(given.case_records), cfg.scored)


main(snakemake)
