"""Train one fold of an experiment."""

from pathlib import Path

from slicewise.config import Content, Experiment
from slicewise.files import write_yaml
from slicewise.job import job, stop_check
from slicewise.model.card import make_card
from slicewise.model.train import train, training_key
from slicewise.slices.batches import SliceSet, digests
from slicewise.tracking import Tracker, provenance
from slicewise.volumes.truth import truth_reader

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    dataset, name, number = (snakemake.wildcards[k] for k in ("dataset", "experiment", "fold"))
    fold, single, stop = f"fold-{number}", cfg["folds"] == 1, stop_check()
    experiment, content = Experiment(**cfg["experiment"]), Content(**cfg["content"])
    slices = SliceSet.from_files(cfg["train"], given.train, **experiment.reading)
    watched = SliceSet.from_files(cfg["watched"], given.watched, **experiment.reading)
    truth = truth_reader(cfg["watched"], given.truth, content)
    card, origin = make_card(content, cfg["recipe"], experiment), provenance(Path())
    key = training_key(slices, watched, experiment, card, may_select=single)
    tracker = Tracker(Path(snakemake.params.tracking), Path("results"), f"slicewise/{dataset}", say)
    tags = {**origin, "experiment": name, "fold": number, "training_key": key}
    params = {**cfg["experiment"], **{k: cfg[k] for k in ("recipe", "content", "folds")}}
    tracker.start(fold, name if single else f"{name}/{fold}", key, params, tags)
    tracker.datasets(fold, dataset, digests({"train": slices, "validation": watched}))

    def save(trained):
        trained.save(*map(Path, (out.model, out.history, out.samples)))
        write_yaml(out.config, {**cfg, "resolved": trained.facts, "origin": origin})
        written = map(Path, (out.history, out.config))
        tracker.finish_training(fold, trained, *written, slices.read([0])[0])

    calls = {"log": lambda row: tracker.log_epoch(fold, row), "say": say, "save": save}
    given_all = (slices, watched, truth, experiment, card, Path(snakemake.params.checkpoints))
    with tracker.ending_with_errors(fold):
        train(*given_all, may_select=single, told_to_stop=stop, **calls)
