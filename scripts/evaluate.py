"""Score all predictions of an experiment in 3-D, and tell MLflow."""

from pathlib import Path

from slicewise.config import Content
from slicewise.evaluation import ledger
from slicewise.evaluation.cases import score_cases
from slicewise.evaluation.folds import read_folds
from slicewise.evaluation.paired import is_better
from slicewise.evaluation.statistics import summarise
from slicewise.files import sha256, write_json, write_text
from slicewise.job import job
from slicewise.model.checkpoints import forget
from slicewise.tracking import Tracker, headline, patients_table, summary_metrics
from slicewise.volumes.gate import read_table

folder = Path(snakemake.params.tracking)
with job(snakemake.log[0], snakemake.resources) as say, Tracker(folder, say, is_better) as tracker:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    content, files = Content(**cfg["content"]), (given.masks, given.predictions)
    metrics = score_cases(cfg["cases"], *files, content, cfg["tolerance_mm"], cfg["recipe"])
    summary, cases = summarise(metrics), read_table(given.cases)
    write_text(out.metrics, metrics.to_csv(sep="\t", index=False))
    write_json(out.summary, summary)
    models = [ledger.model_digest(used) for used in read_folds(given.configs, []).used]
    ledger.note_scored(folder, ledger.test_set_digest(metrics), models)
    validated = ledger.files_digest(cases, cfg["cases"], "validation")
    shown = (out.metrics, out.summary, given.split, given.cases)
    tracker.evaluated(
        snakemake.wildcards.experiment,
        cfg["folds"],
        metrics=summary_metrics(summary),
        files={Path(path).name: path for path in shown},
        contents={"patients.json": patients_table(metrics)},
        note=headline(summary),
        tags={"split_digest": sha256(given.split), "data_digest": ledger.files_digest(cases)},
        test=ledger.files_digest(cases, cfg["cases"], "test"),
        register=validated if cfg["register"] else None,
    )
    forget(Path(snakemake.params.checkpoints))
