"""Score all predictions of an experiment in 3-D, and tell MLflow."""

from pathlib import Path

from slicewise.config import Content
from slicewise.evaluation.cases import score_cases
from slicewise.evaluation.folds import read_folds
from slicewise.evaluation.ledger import note_scored, test_set_digest
from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json, write_text
from slicewise.job import job
from slicewise.tracking import Tracker

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    dataset, name = snakemake.wildcards.dataset, snakemake.wildcards.experiment
    folder = Path(snakemake.params.tracking)
    metrics = score_cases(cfg["cases"], given.masks, given.predictions, Content(**cfg["content"]))
    summary = summarise(metrics)
    write_text(out.metrics, metrics.to_csv(sep="\t", index=False))
    write_json(out.summary, summary)
    test_set = test_set_digest(cfg["cases"], given.masks)
    used = read_folds(given.configs, []).used
    note_scored(folder, test_set, [one["resolved"]["weights_sha256"] for one in used])
    tracker = Tracker(folder, Path("results"), f"slicewise/{dataset}", say)
    shown = (out.metrics, out.summary, given.split, given.cases)
    files = {Path(path).name: Path(path) for path in shown}
    tracker.evaluated(name, cfg["folds"], summary, metrics, files, (dataset, test_set))
