"""Write the report of an experiment and its training curves."""

from pathlib import Path

import pandas as pd
import yaml

from slicewise.config import Content
from slicewise.evaluation.cases import case_figures, kept_epochs
from slicewise.evaluation.figures import curves, png
from slicewise.evaluation.ledger import count_scored, test_set_digest
from slicewise.evaluation.report import experiment_report
from slicewise.evaluation.statistics import read_metrics
from slicewise.files import read_json, write_bytes, write_text
from slicewise.job import job
from slicewise.tracking import Tracker, flatten

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    dataset, name = snakemake.wildcards.dataset, snakemake.wildcards.experiment
    folder = Path(snakemake.params.tracking)
    metrics = read_metrics(given.metrics)
    used = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in given.configs]
    histories = {f"fold-{k}": pd.read_csv(path) for k, path in enumerate(given.histories)}
    files = (given.images, given.masks, given.predictions)
    test_set = test_set_digest(cfg["cases"], given.masks)
    page = {
        "dataset": dataset,
        "experiment": name,
        "summary": read_json(given.summary),
        "metrics": metrics,
        "histories": histories,
        "selected": kept_epochs(used),
        "cases": case_figures(metrics, cfg["cases"], *files, Content(**cfg["content"])),
        "settings": used[0]["experiment"],
        "split": pd.read_csv(given.split, sep="\t", dtype=str, keep_default_na=False),
        "provenance": flatten({**used[0]["origin"], **used[0]["resolved"]}),
        "excluded": cfg["exclude"],
        "scored_runs": count_scored(folder.parent.parent.glob("*/tracking"), test_set),
    }
    write_bytes(out.curves, png(curves(histories, selected=page["selected"])))
    write_text(out.html, experiment_report(**page))
    tracker = Tracker(folder, Path("results"), f"slicewise/{dataset}", say)
    tracker.reported(cfg["folds"], Path(out.html), Path(out.curves), page["cases"])
