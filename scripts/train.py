"""Train one fold of an experiment."""

from pathlib import Path

from slicewise.config import Content, Experiment
from slicewise.files import write_yaml
from slicewise.job import job, orphan_check
from slicewise.model.card import make_card
from slicewise.model.train import train, training_key
from slicewise.slices.batches import SliceSet, digests
from slicewise.tracking import Tracker, provenance

with job(snakemake.log[0]) as say:
    cfg, given, out = snakemake.params.cfg, snakemake.input, snakemake.output
    dataset, name, number = (snakemake.wildcards[k] for k in ("dataset", "experiment", "fold"))
    fold, single = f"fold-{number}", cfg["folds"] == 1
    experiment = Experiment(**cfg["experiment"])
    slices = SliceSet.from_files(cfg["train"], given.train)
    watched = SliceSet.from_files(cfg["watched"], given.watched)
    card = make_card(Content(**cfg["content"]), cfg["recipe"], experiment)
    origin = provenance(Path())
    key = training_key(slices, watched, experiment, card, may_select=single)
    tracker = Tracker(Path(snakemake.params.tracking), Path("results"), f"slicewise/{dataset}", say)
    tags = {**origin, "experiment": name, "fold": number, "training_key": key}
    params = {**cfg["experiment"], **{k: cfg[k] for k in ("recipe", "content", "folds")}}
    tracker.start(fold, name if single else f"{name}/{fold}", key, params, tags)
    tracker.datasets(fold, dataset, digests({"train": slices, "validation": watched}))

    def save(trained):
        trained.save(Path(out.model), Path(out.history))
        write_yaml(out.config, {**cfg, "resolved": trained.facts, "origin": origin})
        written = map(Path, (out.history, out.config))
        tracker.finish_training(fold, trained, *written, slices.read([0])[0])

    train(
        *(slices, watched, experiment, card, Path(snakemake.params.checkpoints)),
        may_select=single,
        log=lambda row: tracker.log_epoch(fold, row),
        **{"say": say, "save": save, "orphaned": orphan_check()},
    )
