"""Images per second of training against the bare network's step.

python benchmarks/train_throughput.py [--experiment baseline] [--size 256] [--filters 32 64 ...]

Three things are timed in turn, block by block, in one process, so that a busy machine slows all:
the epochs of `train` (reading, sampling, augmentation, step, notes; validation apart), the bare
step (of the same network, precision and batch on one batch in memory, without augmentation), and
the plain step (float32, Keras' own layers, without EMA). As in training, the host is a step ahead
of the numbers that it looks at. Prints ratios (the first two of the medians of blocks), and the
start-up cost of a first epoch. --block takes blocks of slices and a network of three dimensions,
whose images are slices. KERAS_BACKEND chooses the backend. Prints one line of JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Content, Experiment, Recipe

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

import keras

from slicewise.files import write_json
from slicewise.network.card import make_card
from slicewise.network.depth import Depth
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.slices.batches import SliceSet, usable
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.training.batches import Batches
from slicewise.training.fit import fit_preprocess
from slicewise.training.inputs import TrainingInputs
from slicewise.training.loop import train
from slicewise.training.trainer import Trainer, make_trainer
from slicewise.volumes.volume import Volume

KINDS = ("train", "bare", "plain")
CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="refuse")


def synthetic(
    folder: Path, size: int, cases: int, number: int, apart: float = 2.5
) -> list[SliceFolder]:
    """Extract noisy bodies with a bright disc, all slices of them, so far apart, showing it."""
    made = []
    random = np.random.default_rng(0)
    x, y = np.mgrid[:size, :size] / size
    for case in range(cases):
        cx, cy = random.uniform(0.35, 0.65, 2)
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < 0.03)[..., None]
        disc = np.repeat(disc, number, axis=2)
        image = np.where(disc, 110, 20) + random.normal(0, 25, disc.shape)
        volume = Volume(np.rint(image).astype(np.int16), np.diag([1.0, 1.0, apart, 1.0]))
        one = SliceFolder.below(folder, f"case{case}")
        geometry = extract(volume, disc.astype(np.uint8), ["liver"], Recipe(), one, intensity="hu")
        write_json(one.geometry, geometry.model_dump())
        made.append(one)
    return made


class Epochs:
    """What `train` does in an epoch, step by step, on a trainer of its own."""

    def __init__(self, slices: SliceSet, experiment: Experiment, trainer: Any) -> None:
        self.batches, self.trainer = Batches(slices, experiment), trainer
        self.seed, self.epoch = experiment.training.seed, 0

    def __call__(self) -> int:
        """Run an epoch; returns the number of its steps."""
        steps = 0
        waiting = None
        for step, _, inputs in self.batches.from_step(self.epoch, 0):
            self.trainer.seed(self.seed, self.epoch, 2, step)
            self.trainer.optimizer.learning_rate = 1e-4
            logs = backend.train_step(self.trainer, inputs)
            if waiting is not None:
                float(waiting["loss"])
            waiting = logs
            steps += 1
        if waiting is not None:
            float(waiting["loss"])
        self.epoch += 1
        return steps


def stepped(trainer: Trainer, batch: dict[str, Any], steps: int) -> None:
    """Train on the same batch again and again, and wait for the last step."""
    logs: dict[str, Any] = {}
    for _ in range(steps):
        logs = backend.train_step(trainer, batch)
    float(logs["loss"])


def plain_trainer(experiment: Experiment, preprocess: Preprocess, depth: Depth | None) -> Trainer:
    """The same network in float32 with Keras' own normalisation and Adam, as one would write it."""

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = layer.__class__
        if isinstance(layer, keras.layers.BatchNormalization):
            kind = keras.layers.BatchNormalization
        return kind.from_config(layer.get_config())

    built = build_unet(experiment.network, 1, channels=preprocess.card.depth, depth=depth)
    unet = keras.models.clone_model(built, clone_function=own)
    trainer = Trainer(preprocess, unet, experiment.loss)
    rate = experiment.optimizer.learning_rate
    # jax without a compiler is an interpreter
    jit = keras.backend.backend() == "jax"
    trainer.compile(optimizer=keras.optimizers.Adam(rate), jit_compile=jit)
    return trainer


def timed(run: Callable[[], Any]) -> float:
    """Seconds of a call."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Return the settings of what is timed."""
    training = {
        "epochs": 1,
        "steps_per_epoch": options.steps,
        "batch": options.batch,
        "memory": 0,
    }
    network: dict[str, Any] = {"filters": options.filters}
    if options.block is not None:
        network |= {"dimensions": 3, "block": options.block}
    if options.experiment == "baseline":
        training["precision"] = options.precision
    settings = {"preset": options.experiment, "slices": "a", "network": network}
    return Experiment.model_validate({**settings, "training": training})


def measured(options: argparse.Namespace, folder: Path) -> tuple[dict[str, list[float]], str]:
    """Return the seconds of each block by what ran, and the precision; print the start-up."""
    experiment = experiment_of(options)
    apart = 2.5 if options.block is None else 1.0
    made = synthetic(folder, options.size, 4, 40, apart)
    slices = SliceSet(made, **experiment.reading)
    card = make_card(CONTENT, Recipe(), experiment)
    trained: list[Any] = []
    inputs = TrainingInputs(slices, SliceSet([]), experiment, card)
    whole = timed(lambda: trained.append(train(inputs, lambda case: np.zeros(0), folder / "c")))
    done = trained[0]
    first = images_of(options) / done.history["images_per_second"].iloc[0]
    print(f"start-up: {whole - first:.1f} s before and after a first epoch of {first:.1f} s")
    precision = done.resolved.precision
    preprocess = fit_preprocess(slices, usable(slices, 1.0), experiment.input, card)

    def make() -> Trainer:
        return make_trainer(experiment, preprocess, 1, precision, depth=inputs.depth)

    epochs = Epochs(slices, experiment, make())
    batch = {
        key: np.asarray(value)
        for key, value in epochs.batches.read(epochs.batches.indices(0)[0], 0, 0).items()
        if key in ("images", "masks")
    }
    bare = make()
    plain = plain_trainer(experiment, preprocess, inputs.depth)
    runs: dict[str, Callable[[], Any]] = {
        "train": epochs,
        "bare": lambda: stepped(bare, batch, options.steps),
        "plain": lambda: stepped(plain, batch, options.steps),
    }
    runs = {key: run for key, run in runs.items() if key in options.only}
    for run in runs.values():
        run()  # compiles
    seconds: dict[str, list[float]] = {key: [] for key in runs}
    for _ in range(options.blocks):
        for key, run in runs.items():
            seconds[key].append(timed(run))
    return seconds, precision


def images_of(options: argparse.Namespace) -> int:
    """Return the images of a block of steps; of blocks of slices each slice is one."""
    return int(options.steps * options.batch * (options.block or 1))


def ratios(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return how fast what comes first is compared with what comes next, the median of blocks."""
    found = {}
    for fast, slow in (("train", "bare"), ("bare", "plain")):
        if fast in seconds and slow in seconds:
            each = zip(seconds[slow], seconds[fast], strict=True)
            found[f"{fast}/{slow}"] = statistics.median(s / f for s, f in each)
    return found


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="train_throughput.py")
    parser.add_argument("--experiment", choices=["tutorial", "baseline"], default="baseline")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--filters", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--block", type=int, help="slices of a block: three dimensions")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--steps", type=int, default=6, help="steps of a block")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="what is timed")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure and print."""
    options = parsed(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        seconds, precision = measured(options, Path(name))
    rate = {key: images_of(options) / statistics.median(found) for key, found in seconds.items()}
    pairs = ratios(seconds)
    card = backend.gpu_name() or "processor"
    print(
        f"{options.experiment}, {options.size} x {options.size}, filters {options.filters}, batch "
        f"{options.batch}, {precision}, {backend.versions()['backend']}, {card}"
    )
    for key, value in rate.items():
        print(f"{key:>10}: {value:7.2f} images/s")
    for key, value in pairs.items():
        print(f"{key:>10}: {value:7.3f}")
    print(json.dumps({**vars(options), "precision": precision, "card": card, **rate, **pairs}))


if __name__ == "__main__":
    main()
