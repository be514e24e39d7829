"""Images per second of training against the bare network's step.

python benchmarks/train_throughput.py [--experiment baseline] [--size 256] [--filters 32 64 ...]

Three things are timed in turn, block by block, in one process, so that a busy machine slows all:
the epochs of `train` (reading, sampling, augmentation, step, notes; validation apart), the bare
step (`train_on_batch` of the same network, precision and batch on one batch in memory, without
augmentation), and the plain step (float32, Keras' own layers, without EMA). Prints
ratios (the first two of the medians of blocks), and the start-up cost of a first epoch.
KERAS_BACKEND chooses the backend. Prints one line of JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Content, Experiment, Recipe

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

import keras

from slicewise.files import write_json
from slicewise.network.card import make_card
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

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="refuse")


def synthetic(folder: Path, size: int, cases: int, number: int) -> list[SliceFolder]:
    """Extract noisy bodies with a bright disc, all slices of them showing it."""
    made = []
    random = np.random.default_rng(0)
    x, y = np.mgrid[:size, :size] / size
    for case in range(cases):
        cx, cy = random.uniform(0.35, 0.65, 2)
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < 0.03)[..., None]
        disc = np.repeat(disc, number, axis=2)
        image = np.where(disc, 110, 20) + random.normal(0, 25, disc.shape)
        volume = Volume(np.rint(image).astype(np.int16), np.diag([1.0, 1.0, 2.5, 1.0]))
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
        for step, _, inputs in self.batches.from_step(self.epoch, 0):
            self.trainer.seed(self.seed, self.epoch, 2, step)
            self.trainer.optimizer.learning_rate = 1e-4
            float(backend.train_step(self.trainer, inputs)["loss"])
            steps += 1
        self.epoch += 1
        return steps


def plain_trainer(experiment: Experiment, preprocess: Preprocess) -> Trainer:
    """The same network in float32 with Keras' own normalisation and Adam, as one would write it."""

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = layer.__class__
        if isinstance(layer, keras.layers.BatchNormalization):
            kind = keras.layers.BatchNormalization
        return kind.from_config(layer.get_config())

    unet = keras.models.clone_model(build_unet(experiment.network, 1), clone_function=own)
    trainer = Trainer(preprocess, unet, experiment.loss)
    rate = experiment.optimizer.learning_rate
    trainer.compile(optimizer=keras.optimizers.Adam(rate), jit_compile=False)
    return trainer


def timed(run: Callable[[], Any]) -> float:
    """Seconds of a call."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--experiment", choices=["tutorial", "baseline"], default="baseline")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--filters", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--steps", type=int, default=6, help="steps of a block")
    options = parser.parse_args()
    settings: dict[str, Any] = {
        "preset": options.experiment,
        "slices": "a",
        "network": {"filters": options.filters},
        "training": {
            "epochs": 1,
            "steps_per_epoch": options.steps,
            "batch": options.batch,
            "memory": 0,
        },
    }
    if options.experiment == "baseline":
        settings["training"]["precision"] = options.precision
    experiment = Experiment.model_validate(settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slices = SliceSet(synthetic(folder, options.size, 4, 40))
        card = make_card(CONTENT, Recipe(), experiment)
        nothing = SliceSet([])
        trained: list[Any] = []
        inputs = TrainingInputs(slices, nothing, experiment, card)
        whole = timed(lambda: trained.append(train(inputs, lambda case: np.zeros(0), folder / "c")))
        done = trained[0]
        first = options.steps * options.batch / done.history["images_per_second"].iloc[0]
        precision = done.resolved.precision
        preprocess = fit_preprocess(slices, usable(slices, 1.0), experiment.input, card)
        epochs = Epochs(slices, experiment, make_trainer(experiment, preprocess, 1, precision))
        batch = {
            key: np.asarray(value)
            for key, value in epochs.batches.read(epochs.batches.indices(0)[0], 0, 0).items()
            if key in ("images", "masks")
        }
        bare = make_trainer(experiment, preprocess, 1, precision)
        plain = plain_trainer(experiment, preprocess)
        runs: dict[str, Callable[[], Any]] = {
            "train": epochs,
            "bare": lambda: [bare.train_on_batch(batch) for _ in range(options.steps)],
            "plain": lambda: [plain.train_on_batch(batch) for _ in range(options.steps)],
        }
        for run in runs.values():
            run()  # compiles
        seconds: dict[str, list[float]] = {key: [] for key in runs}
        for _ in range(options.blocks):
            for key, run in runs.items():
                seconds[key].append(timed(run))
    images = options.steps * options.batch
    rate = {key: images / statistics.median(values) for key, values in seconds.items()}
    pairs = {
        "train/bare": statistics.median(
            b / t for b, t in zip(seconds["bare"], seconds["train"], strict=True)
        ),
        "bare/plain": statistics.median(
            p / b for p, b in zip(seconds["plain"], seconds["bare"], strict=True)
        ),
    }
    print(
        f"{options.experiment}, {options.size} x {options.size}, filters {options.filters}, batch "
        f"{options.batch}, {precision}, {backend.versions()['backend']}"
    )
    for key, value in rate.items():
        print(f"{key:>10}: {value:7.2f} images/s")
    for key, value in pairs.items():
        print(f"{key:>10}: {value:7.3f}")
    print(f"start-up: {whole - first:.1f} s before and after a first epoch of {first:.1f} s")
    print(json.dumps({**vars(options), "precision": precision, **rate, **pairs}))


if __name__ == "__main__":
    main()
