"""Score all predictions of an experiment in 3-D, and tell MLflow."""

from pathlib import Path

from slicewise.config import Content
from slicewise.evaluation.statistics import case_rows, metrics_table, summarise
from slicewise.files import digest, sha256, write_json, write_text
from slicewise.job import job
from slicewise.tracking import Tracker
from slicewise.volumes.checks import label_indices
from slicewise.volumes.read import read_volume

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    content, rows = Content(**cfg["content"]), []
    for (case, patient, subset, fold), mask, prediction in zip(
        cfg["cases"], given.masks, given.predictions, strict=True
    ):
        truth = read_volume(Path(mask))
        arrays = [
            label_indices(volume, path, content.labels, content.other_labels, may_be_empty=True)
            for volume, path in ((truth, mask), (read_volume(Path(prediction)), prediction))
        ]
        known = {"case": case, "patient": patient, "subset": subset, "fold": fold}
        rows += case_rows(known, *arrays, list(content.labels), truth.voxel_ml)
    metrics = metrics_table(rows)
    summary = summarise(metrics)
    write_text(out.metrics, metrics.to_csv(sep="\t", index=False))
    write_json(out.summary, summary)
    dataset, name = snakemake.wildcards.dataset, snakemake.wildcards.experiment
    tracker = Tracker(Path(snakemake.params.tracking), Path("results"), f"slicewise/{dataset}", say)
    files = {Path(path).name: Path(path) for path in (out.metrics, out.summary, given.split)}
    test = digest(
        [sha256(m) for m, case in zip(given.masks, cfg["cases"], strict=True) if case[2] == "test"]
    )
    tracker.evaluated(name, cfg["folds"], summary, metrics, files, (dataset, test))
