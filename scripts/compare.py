"""Put all experiments side by side, and tell MLflow."""

from pathlib import Path

from slicewise.compare import set_side_by_side
from slicewise.dataset.case_record import check_volumes
from slicewise.evaluation.results import read_result
from slicewise.job import script_job
from slicewise.jobs import Compare
from slicewise.records import check_made, paths_told
from slicewise.report.changed import Files
from slicewise.tracking import Tracker


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    cfg = Compare.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log, Tracker(folder, log) as tracker:
        # with results in a bucket, what was fetched of them lies elsewhere
        places = {Path(path).parent.name: Path(path).parent for path in given.metrics}
        cases = [assigned.case for assigned in cfg.cases]
        images = paths_told(snakemake, "images")
        masks = paths_told(snakemake, "masks")
        check_volumes(given.case_records, cases, image=images, mask=masks)
        check_made(paths_told(snakemake, "predictions"))
        files = {
            case: Files(
                image,
                mask,
                {
                    name: str(place / "predictions" / f"{case}.nii.gz")
                    for name, place in places.items()
                },
            )
            for case, image, mask in zip(cases, images, masks, strict=True)
        }
        made = set_side_by_side(
            cfg.dataset,
            {name: read_result(place, folder.parents[1] / name) for name, place in places.items()},
            cfg.repeats,
            {name: f"{name}/report.html" for name in places},
            files,
            columns=cfg.columns,
            bins=cfg.bins,
        )
        made.write(out.table, out.cases, out.html)
        tracker.compared(
            cfg.experiments,
            cfg.folds,
            metrics=made.metrics,
            files={Path(path).name: path for path in (out.html, out.table, out.cases)},
            verdicts=made.verdicts,
        )


main(snakemake)
