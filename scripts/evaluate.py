"""Score all predictions of an experiment in 3-D, and tell MLflow."""

from pathlib import Path

from slicewise.dataset.case_record import check_volumes
from slicewise.dataset.cases import read_table
from slicewise.dataset.former import forget_ensemble
from slicewise.dataset.proposal import recipe_told
from slicewise.evaluation import ledger
from slicewise.evaluation.cases import predicted_cases, score_cases
from slicewise.evaluation.origin import read_origins, settings_learnt
from slicewise.evaluation.paired import is_better
from slicewise.evaluation.statistics import summarise
from slicewise.files import digest, sha256, write_json, write_text
from slicewise.job import script_job
from slicewise.jobs import Evaluate
from slicewise.records import check_made, paths_told
from slicewise.tracking import Tracker, headline, patients_table, summary_metrics
from slicewise.training.checkpoints import delete_checkpoints


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    cfg = Evaluate.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log, Tracker(folder, log, is_better) as tracker:
        content = cfg.content
        cases = read_table(given.cases)
        masks = paths_told(snakemake, "masks")
        predictions = paths_told(snakemake, "predictions")
        assigned = cfg.cases
        check_volumes(given.case_records, [each.case for each in assigned], mask=masks)
        check_made(predictions)
        ensemble = given.get("ensemble") or []
        folds = read_origins(given.configs, assigned, predictions, cases, ensemble)
        folds.check_content(content)
        metrics = score_cases(
            predicted_cases(assigned, masks, predictions),
            content,
            cfg.scoring,
            untrained=folds.untrained,
            recipe=cfg.recipe and recipe_told(cfg.recipe, given.get("proposals") or []),
        )
        summary = summarise(metrics)
        write_text(out.metrics, metrics.to_csv(sep="\t", index=False))
        write_json(out.summary, summary)
        ledger.note_scored(folder, ledger.test_set_digest(metrics), folds.models)
        validated = ledger.files_digest(cases, assigned, "validation", content.scored_values)
        name = snakemake.wildcards.experiment
        tags = {"split_digest": sha256(given.split), "data_digest": ledger.files_digest(cases)}
        trained_by = given.get("plans") or [], given.get("bests") or []
        chosen = ""
        if given.get("bests"):
            chosen = "a sweep chose its settings by these patients"
        elif folds.ensemble is not None and folds.ensemble.fitted and not folds.ensemble.by_fold:
            chosen = "its weights were fitted on these patients"
        learnt = settings_learnt(snakemake.config, name, *trained_by)
        if folds.ensemble is not None:
            tracker.mixed(
                name,
                digest(folds.models),
                params=folds.shown["settings"] | {"weights": folds.ensemble.weights},
                contents=learnt,
                models=folds.ensemble.files(given.models, *ensemble),
                labels=content.scored,
                data=folds.digests,
            )
            tags["weights_digest"] = folds.ensemble.predicts_by
        else:
            # an ensemble had this name once
            forget_ensemble(folder.parent)
        tracker.evaluated(
            name,
            cfg.folds,
            metrics=summary_metrics(summary),
            files={Path(path).name: path for path in (*out, given.split, given.cases)},
            contents={"patients.json": patients_table(metrics), **learnt},
            note=headline(summary),
            tags=tags,
            test=ledger.files_digest(cases, assigned, "test"),
            register=validated if cfg.register_model else None,
            chosen=chosen,
        )
        delete_checkpoints(Path(snakemake.params.checkpoints))


main(snakemake)
