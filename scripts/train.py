"""Train one fold of an experiment."""

from pathlib import Path

from slicewise.config import load_settings, used_settings
from slicewise.dataset.truth import truth_reader
from slicewise.files import sha256, write_yaml
from slicewise.job import script_job, stop_check
from slicewise.network.card import make_card
from slicewise.slices import batches, staging
from slicewise.tracking import Tracker, place, versions
from slicewise.training.loop import train, training_key
from slicewise.training.plan import read_plan, read_slices

folder, checkpoints = Path(snakemake.params.tracking), Path(snakemake.params.checkpoints)
with script_job(snakemake) as log, Tracker(folder, log) as tracker:
    given, out, (_, name, number) = snakemake.input, snakemake.output, snakemake.wildcards
    plan = read_plan(given.plan, snakemake.config, name, snakemake.params.code)
    cfg, experiment, content = plan.settings, plan.experiment, plan.content
    fold, single, stop = f"fold-{number}", cfg["folds"] == 1, stop_check()
    slices, validation_slices = read_slices(plan, snakemake.params.recipes)
    truth, here = (
        truth_reader(cfg["validation_cases"], given.truth, content, validation_slices.geometries()),
        place(),
    )
    card = make_card(content, cfg["recipe"], experiment)
    options = {**cfg["validation"], "also": [plan.code, [sha256(path) for path in given.truth]]}
    key = training_key(slices, validation_slices, experiment, card, **options)
    tags = {**here, "experiment": name, "fold": number, "rule": "train", "training_key": key}
    kept = {"settings.yaml": used_settings(snakemake.config, name)}
    run = tracker.begin(fold, name if single else f"{name}/{fold}", key, plan.params, tags, kept)
    run.data(batches.digests({"train": slices, "validation": validation_slices}))

    def save(trained):
        trained.save(*map(Path, (out.model, out.history, out.samples)))
        write_yaml(out.config, {**cfg, "resolved": trained.facts, "origin": here | versions()})
        files = {"history.csv": out.history, "config.yaml": out.config}
        run.trained(trained.facts, files, out.model, content.labels)

    given_all = (slices, validation_slices, truth, experiment, card, checkpoints)
    sets = (slices, validation_slices) if load_settings(snakemake.config).staging.slices else ()
    with run.ending_with_errors(), staging.staged(sets, log, stop):
        train(*given_all, **options, on_epoch=run.epoch, log=log, save=save, should_stop=stop)
