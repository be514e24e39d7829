"""Write the report of an experiment and its training curves."""

from pathlib import Path

import pandas as pd
import yaml

from slicewise.config import Content
from slicewise.evaluation.cases import case_figures
from slicewise.evaluation.figures import curves, png
from slicewise.evaluation.report import experiment_report
from slicewise.files import atomic, read_json, write_text
from slicewise.job import job
from slicewise.tracking import Tracker

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    dataset, name = snakemake.wildcards.dataset, snakemake.wildcards.experiment
    content = Content(**cfg["content"])
    metrics = pd.read_csv(given.metrics, sep="\t", dtype={"case": str, "patient": str})
    used = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in given.configs]
    histories = {f"fold-{k}": pd.read_csv(path) for k, path in enumerate(given.histories)}
    selected = {
        f"fold-{k}": one["resolved"]["selected_epoch"]
        for k, one in enumerate(used)
        if one["resolved"]["selected_by"] != "final"
    }
    figures = case_figures(
        metrics, cfg["cases"], given.images, given.masks, given.predictions, content
    )
    page = experiment_report(
        dataset=dataset,
        experiment=name,
        summary=read_json(given.summary),
        metrics=metrics,
        histories=histories,
        selected=selected,
        cases=figures,
        settings=used[0]["experiment"],
        split=pd.read_csv(given.split, sep="\t", dtype=str, keep_default_na=False),
        provenance={**used[0]["origin"], **used[0]["resolved"]},
        excluded=cfg["exclude"],
    )
    with atomic(out.curves) as temporary:
        temporary.write_bytes(png(curves(histories, selected=selected)))
    write_text(out.html, page)
    tracker = Tracker(Path(snakemake.params.tracking), Path("results"), f"slicewise/{dataset}", say)
    tracker.reported(cfg["folds"], Path(out.html), Path(out.curves), figures)
