"""Train one fold of an experiment."""

from pathlib import Path

from slicewise.config import Content, Experiment, load_settings, used_settings
from slicewise.files import read_json, write_yaml
from slicewise.job import job, stop_check
from slicewise.model.card import make_card
from slicewise.model.train import train, training_key
from slicewise.slices import batches, staging
from slicewise.tracking import Tracker, place, versions
from slicewise.volumes.truth import truth_reader

folder, checkpoints = Path(snakemake.params.tracking), Path(snakemake.params.checkpoints)
with job(snakemake.log[0], snakemake.resources) as say, Tracker(folder, say) as tracker:
    given, out, cfg = snakemake.input, snakemake.output, read_json(snakemake.input.plan)["settings"]
    (_, name, number), recipes = snakemake.wildcards, snakemake.params.recipes
    fold, single, stop = f"fold-{number}", cfg["folds"] == 1, stop_check()
    experiment, content = Experiment(**cfg["experiment"]), Content(**cfg["content"])
    slices = batches.SliceSet.from_recipes(cfg["train"], recipes, **experiment.reading)
    watched = batches.SliceSet.from_recipes(cfg["watched"], recipes[:1], **experiment.reading)
    truth, here = truth_reader(cfg["watched"], given.truth, content), place()
    card = make_card(content, cfg["recipe"], experiment)
    key = training_key(slices, watched, experiment, card, may_select=single)
    tags = {**here, "experiment": name, "fold": number, "rule": "train", "training_key": key}
    params = {**cfg["experiment"], **{k: cfg[k] for k in ("recipe", "content", "folds")}}
    kept = {"settings.yaml": used_settings(snakemake.config, name)}
    run = tracker.begin(fold, name if single else f"{name}/{fold}", key, params, tags, kept)
    run.data(batches.digests({"train": slices, "validation": watched}))

    def save(trained):
        trained.save(*map(Path, (out.model, out.history, out.samples)))
        write_yaml(out.config, {**cfg, "resolved": trained.facts, "origin": here | versions()})
        files = {"history.csv": out.history, "config.yaml": out.config}
        run.trained(trained.facts, files, out.model, content.labels)

    given_all = (slices, watched, truth, experiment, card, checkpoints)
    sets = (slices, watched) if load_settings(snakemake.config).staging.slices else ()
    with run.ending_with_errors(), staging.staged(sets, say, stop):
        train(*given_all, may_select=single, log=run.epoch, say=say, save=save, told_to_stop=stop)
