"""Write the report of an experiment and its training curves."""

from pathlib import Path

import pandas as pd
import yaml

from slicewise.config import Content
from slicewise.evaluation.cases import case_figures, kept_epochs
from slicewise.evaluation.figures import curves, png
from slicewise.evaluation.ledger import count_scored, test_set_digest
from slicewise.evaluation.report import experiment_report
from slicewise.files import atomic, read_json, write_text
from slicewise.job import job
from slicewise.tracking import Tracker, flatten

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    dataset, name = snakemake.wildcards.dataset, snakemake.wildcards.experiment
    folder = Path(snakemake.params.tracking)
    metrics = pd.read_csv(given.metrics, sep="\t", dtype={"case": str, "patient": str})
    used = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in given.configs]
    histories = {f"fold-{k}": pd.read_csv(path) for k, path in enumerate(given.histories)}
    files = (given.images, given.masks, given.predictions)
    figures = case_figures(metrics, cfg["cases"], *files, Content(**cfg["content"]))
    test_set = test_set_digest(cfg["cases"], given.masks)
    page = experiment_report(
        **{"dataset": dataset, "experiment": name, "metrics": metrics, "histories": histories},
        **{"cases": figures, "excluded": cfg["exclude"], "selected": kept_epochs(used)},
        summary=read_json(given.summary),
        settings=used[0]["experiment"],
        split=pd.read_csv(given.split, sep="\t", dtype=str, keep_default_na=False),
        provenance=flatten({**used[0]["origin"], **used[0]["resolved"]}),
        scored_runs=count_scored(folder.parent.parent.glob("*/tracking"), test_set),
    )
    with atomic(out.curves) as temporary:
        temporary.write_bytes(png(curves(histories, selected=kept_epochs(used))))
    write_text(out.html, page)
    tracker = Tracker(folder, Path("results"), f"slicewise/{dataset}", say)
    tracker.reported(cfg["folds"], Path(out.html), Path(out.curves), figures)
