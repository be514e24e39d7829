"""Train a combination of a sweep until the end of a rung."""

from pathlib import Path

from slicewise.config.load import settings_of
from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.rungs import RungRecord, combination_at
from slicewise.dataset.unsized import read_unsized
from slicewise.errors import DivergedError
from slicewise.files import write_json
from slicewise.job import script_job, stop_check
from slicewise.jobs import Rung
from slicewise.records import paths_told
from slicewise.slices import staging
from slicewise.slices.suits import check_predicted
from slicewise.tracking import Tracker, place
from slicewise.training.loop import Callbacks, train_until
from slicewise.training.plan import read_plan
from slicewise.training.prepared import prepare


def main(snakemake):
    cfg = Rung.of(snakemake)
    given = snakemake.input
    told = snakemake.params
    with script_job(snakemake) as log:
        name = combination_at(cfg.combinations, cfg.place, given.get("went_on") or [])
        if name is None:
            log("fewer combinations went on, as others failed: nothing is left to train here")
            write_json(snakemake.output[0], RungRecord(combination=None, epochs=cfg.epochs).dump())
            return
        log(f"{name}, until the end of epoch {cfg.epochs}")
        # results/<dataset>/<combination>
        folder = Path(told.folder) / name
        at = cfg.combinations.index(name)
        with Tracker(folder / "tracking", log) as tracker:
            settings = planned_settings(snakemake.config, given.get("proposals") or [])
            plan = read_plan(given.plans[at], settings, name, told.training)
            check_predicted(plan.experiment, plan.recipe, read_unsized(given.leakage))
            start = (given.get("starts") or [None] * (at + 1))[at]
            masks = paths_told(snakemake, "truth")
            ready = prepare(plan, told.recipes, given.case_records, masks, start)
            tags = {**place(), "experiment": name, "sweep": cfg.sweep, "rule": "rung", **ready.tags}
            kept = {"settings.yaml": settings_of(settings, name)}
            run = tracker.begin(
                "fold-0",
                name,
                ready.inputs.key,
                params=plan.params,
                tags=tags,
                contents=kept,
                reopen=True,
            )
            run.data(ready.digests)
            stop = stop_check()
            staged = ready.sets if settings.staging.slices else ()
            callbacks = Callbacks(on_epoch=run.epoch, log=log, should_stop=stop)
            record = RungRecord(combination=name, epochs=cfg.epochs)
            try:
                with run.ending_with_errors(), staging.staged(staged, log, stop):
                    paused = train_until(
                        ready.inputs,
                        ready.truth,
                        folder / "checkpoints" / "fold-0",
                        callbacks,
                        cfg.epochs,
                    )
                record = record.paused(paused.history, paused.dice, paused.epoch, paused.seconds)
                run.finish()
            except DivergedError as error:
                # an answer, too: other combinations go on
                log(f"{name} ends here: {error}")
                record = record.ended(str(error))
            write_json(snakemake.output[0], record.dump())


main(snakemake)
