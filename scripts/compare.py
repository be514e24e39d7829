"""Put all experiments side by side."""

from slicewise.evaluation.comparison import comparison_report
from slicewise.evaluation.folds import read_folds
from slicewise.evaluation.statistics import comparison_table, read_metrics
from slicewise.files import read_json, write_text
from slicewise.job import job

with job(snakemake.log[0]):
    cfg, given = snakemake.params.cfg, snakemake.input
    names, number = cfg["experiments"], cfg["folds"]
    metrics = {n: read_metrics(path) for n, path in zip(names, given.metrics, strict=True)}
    files = (given.configs, given.histories)
    folds = {
        name: read_folds(*(paths[k * number : (k + 1) * number] for paths in files))
        for k, name in enumerate(names)
    }
    page = comparison_report(
        dataset=snakemake.wildcards.dataset,
        rows={n: read_json(path) for n, path in zip(names, given.summaries, strict=True)},
        metrics=metrics,
        histories={name: one.histories for name, one in folds.items()},
        links={name: f"{name}/report.html" for name in names},
        provenance=folds[names[0]].used[0]["origin"],
        parameters={n: one.used[0]["resolved"]["parameters"] for n, one in folds.items()},
    )
    table = comparison_table(metrics)
    write_text(snakemake.output.table, table.to_csv(sep="\t", index=False))
    write_text(snakemake.output.html, page)
