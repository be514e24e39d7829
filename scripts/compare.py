"""Put all experiments side by side, and tell MLflow."""

from pathlib import Path

from slicewise.compare import set_side_by_side
from slicewise.dataset.case_record import check_volumes, read_case_records
from slicewise.evaluation.results import read_results
from slicewise.job import script_job
from slicewise.jobs import Compare
from slicewise.records import check_made, paths_told
from slicewise.report.changed import files_of_cases
from slicewise.tracking import Tracker


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    cfg = Compare.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log, Tracker(folder, log) as tracker:
        # with results in a bucket, what was fetched of them lies elsewhere
        folders = [Path(path).parent for path in given.metrics]
        cases = [assigned.case for assigned in cfg.cases]
        images = paths_told(snakemake, "images")
        masks = paths_told(snakemake, "masks")
        check_volumes(given.case_records, cases, image=images, mask=masks)
        records = read_case_records(given.case_records)
        check_made(paths_told(snakemake, "predictions"))
        made = set_side_by_side(
            cfg.dataset,
            read_results(folders, folder.parents[1]),
            cfg.repeats,
            {name: f"{name}/report.html" for name in cfg.experiments},
            files_of_cases(cases, images, masks, folders),
            columns=cfg.columns,
            bins=cfg.bins,
            shown_channel=cfg.shown_channel,
            unsized=[name for name, one in records.items() if one.is_unsized],
            swept=cfg.swept,
            page=str(out.html),
        )
        made.write(out.table, out.cases, out.html)
        tracker.compared(
            cfg.experiments,
            metrics=made.metrics,
            files={Path(path).name: path for path in (out.html, out.table, out.cases)},
            verdicts=made.verdicts,
        )


main(snakemake)
