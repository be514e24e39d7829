"""Put all experiments side by side."""

from pathlib import Path

import pandas as pd
import yaml

from slicewise.evaluation.report import comparison_report
from slicewise.evaluation.statistics import comparison_table, read_metrics
from slicewise.files import read_json, write_text
from slicewise.job import job

with job(snakemake.log[0]):
    cfg, given = snakemake.params.cfg, snakemake.input
    names, folds = cfg["experiments"], range(cfg["folds"])
    metrics = {n: read_metrics(path) for n, path in zip(names, given.metrics, strict=True)}
    summaries = {n: read_json(path) for n, path in zip(names, given.summaries, strict=True)}
    keys = [(name, f"fold-{fold}") for name in names for fold in folds]
    histories = {name: {} for name in names}
    for (name, fold), path in zip(keys, given.histories, strict=True):
        histories[name][fold] = pd.read_csv(path)
    used = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in given.configs]
    page = comparison_report(
        dataset=snakemake.wildcards.dataset,
        rows=summaries,
        metrics=metrics,
        histories=histories,
        links={name: f"{name}/report.html" for name in names},
        provenance=used[0]["origin"],
        parameters={
            name: one["resolved"]["parameters"] for (name, _), one in zip(keys, used, strict=True)
        },
    )
    table = comparison_table(metrics)
    write_text(snakemake.output.table, table.to_csv(sep="\t", index=False))
    write_text(snakemake.output.html, page)
