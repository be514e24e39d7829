"""Train one fold of an experiment."""

from pathlib import Path

from slicewise.config.load import settings_of
from slicewise.dataset.case_record import check_volumes
from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.truth import truth_reader
from slicewise.job import script_job, stop_check
from slicewise.network.card import make_card
from slicewise.records import paths_told
from slicewise.slices import batches, staging
from slicewise.tracking import Tracker, place, versions
from slicewise.training.inputs import TrainingInputs
from slicewise.training.loop import Callbacks, train
from slicewise.training.plan import read_plan, read_slices
from slicewise.training.start import Start


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    given = snakemake.input
    out = snakemake.output
    name = snakemake.wildcards.experiment
    number = snakemake.wildcards.fold
    fold = f"fold-{number}"
    with script_job(snakemake) as log, Tracker(folder, log) as tracker:
        settings = planned_settings(snakemake.config, given.get("proposals") or [])
        plan = read_plan(given.plan, settings, name, snakemake.params.code)
        planned = plan.settings
        masks = paths_told(snakemake, "truth")
        read = check_volumes(given.case_records, planned.validation_cases, mask=masks)
        slices, validation_slices = read_slices(plan, snakemake.params.recipes)
        truth = truth_reader(
            planned.validation_cases, masks, plan.content, validation_slices.frames()
        )
        card = make_card(plan.content, plan.recipe, plan.experiment, plan.ranges)
        here = place()

        start = None
        if planned.started_from is not None:
            start = Start(Path(given.start[0]), planned.started_from)

        # what these weights depend on: a run of the same key goes on, and is the same run
        inputs = TrainingInputs(
            slices,
            validation_slices,
            plan.experiment,
            card,
            **planned.validation,
            also=[plan.code, read["mask"]],
            start=start,
        )
        key = inputs.key
        tags = {**here, "experiment": name, "fold": number, "rule": "train", "training_key": key}
        if start is not None:
            tags["started_from"] = start.told.weights_sha256 or start.told.sha256
        title = name if planned.folds == 1 else f"{name}/{fold}"
        kept = {"settings.yaml": settings_of(settings, name)}
        run = tracker.begin(fold, title, key, params=plan.params, tags=tags, contents=kept)
        run.data(batches.digests({"train": slices, "validation": validation_slices}))

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

        stop = stop_check()
        staged = (slices, validation_slices) if settings.staging.slices else ()
        with run.ending_with_errors(), staging.staged(staged, log, stop):
            train(
                inputs,
                truth,
                Path(snakemake.params.checkpoints),
                Callbacks(on_epoch=run.epoch, log=log, should_stop=stop),
                save,
            )


main(snakemake)
