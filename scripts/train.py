"""Train one fold of an experiment."""

from pathlib import Path

from slicewise.config.load import settings_of
from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.rungs import best_told, checkpoints_of
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unsized import read_unsized
from slicewise.job import script_job, stop_check
from slicewise.records import paths_told
from slicewise.slices import staging
from slicewise.slices.suits import check_predicted
from slicewise.tracking import Tracker, place, versions
from slicewise.training.loop import Callbacks, train
from slicewise.training.plan import read_plan
from slicewise.training.prepared import prepare


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    given = snakemake.input
    out = snakemake.output
    name = snakemake.wildcards.experiment
    number = snakemake.wildcards.fold
    fold = f"fold-{number}"
    with script_job(snakemake) as log, Tracker(folder, log) as tracker:
        best = given.get("best") or []
        configured = planned_settings(snakemake.config, given.get("proposals") or [])
        settings = best_told(configured, name, best)
        plan = read_plan(given.plan, settings, name, snakemake.params.code)
        check_predicted(plan.experiment, plan.recipe, read_unsized(given.leakage))
        planned = plan.settings
        start = (given.get("start") or [None])[0]
        masks = paths_told(snakemake, "truth")
        images = paths_told(snakemake, "images")
        ready = prepare(
            *(plan, snakemake.params.recipes, given.case_records, masks, start),
            fold=number,
            images=images,
        )
        own = Path(snakemake.params.checkpoints)
        checkpoints = checkpoints_of(configured, name, own, best)
        here = place()

        tags = {**here, "experiment": name, "fold": number, "rule": "train", **ready.tags}
        title = name if planned.folds == 1 else f"{name}/{fold}"
        kept = {"settings.yaml": settings_of(settings, name)}
        key = ready.inputs.key
        run = tracker.begin(fold, title, key, params=plan.params, tags=tags, contents=kept)
        run.data(ready.digests)

        def save(trained):
            trained.save(Path(out.model), Path(out.history), Path(out.samples))
            record = TrainingRecord(
                **planned.dump(),
                resolved=trained.resolved,
                origin=here | versions(),
            )
            record.write(out.config)
            files = {"history.csv": out.history, "config.yaml": out.config}
            run.trained(trained.resolved.dump(), files, out.model, plan.content.scored)

        every = settings.tracking.checkpoints

        def keep(epoch, write):
            if every is not None and epoch % every == 0:
                run.checkpoint(epoch, plan.content.scored, write)

        stop = stop_check()
        staged = ready.sets if settings.staging.slices else ()
        with run.ending_with_errors(), staging.staged(staged, log, stop):
            callbacks = Callbacks(run.epoch, log, stop, on_model=keep)
            train(ready.inputs, ready.truth, checkpoints, callbacks, save)


main(snakemake)
