"""What slices in millimetres bring where scans have different spacings.

python benchmarks/millimetres.py
python benchmarks/millimetres.py --train 24 --epochs 20

Synthetic patients are made once, finely, and reconstructed as scanners do: one matrix for all, and
a field of view that differs, so that the pixels of one scan are twice as wide as those of another.
Two experiments that differ in their recipe alone are trained on the same scans for as many steps:
one counts pixels (`size`), one millimetres (`spacing`, the median of the training scans, and the
same `size` as its crop). Both predict test patients in each field of view. Prints the Dice of the
liver in 3-D on the grid of each scan, and the paired difference.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from slicewise.config import Content, Experiment, Recipe
from slicewise.inference.predict import predict_volume
from slicewise.network.card import make_card
from slicewise.phantom.patient import phantom
from slicewise.phantom.tissues import LABELS
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.grid import Grid
from slicewise.training.inputs import TrainingInputs
from slicewise.training.loop import train
from slicewise.volumes.volume import Volume

FINE = 192
"""Pixels of the patients as they are made."""
MATRIX = 96
"""Pixels of all scans."""
FIELDS = (192, 136, 96)
"""Fine pixels of the fields of view: the middle one is made of pixels of 1.4 times the smallest."""
CONTENT = Content(
    intensity="hu", contiguous=True, labels={"liver": [LABELS["liver"]]}, other_labels="background"
)


@dataclass(frozen=True)
class Scan:
    """A patient in one field of view.

    Attributes
    ----------
    name : str
        Of patient and field of view.
    image, liver : Volume
        Hounsfield units, and 1 in the liver, in canonical orientation.
    """

    name: str
    image: Volume
    liver: Volume

    @property
    def mm(self) -> float:
        """Width of a pixel."""
        return self.image.spacing[0]


def patient(number: int) -> tuple[Volume, Volume]:
    """Return a patient as fine as they are made: image and liver."""
    image, mask = phantom(number, seed=23, size=FINE, slices=(14, 18))
    liver = Volume((mask.array == LABELS["liver"]).astype(np.uint8), mask.affine)
    return image.canonical(), liver.canonical()


def scan(number: int, field: int, fine: tuple[Volume, Volume]) -> Scan:
    """Return a patient in a field of view about the liver, as far as it may move."""
    image, liver = fine
    middle = [
        int(np.mean(np.flatnonzero(liver.array.any(axis=across)))) for across in ((1, 2), (0, 2))
    ]
    row, column = (min(max(at - field // 2, 0), FINE - field) for at in middle)
    window = (slice(row, row + field), slice(column, column + field))
    grid = Grid((field, field, image.array.shape[2]), Recipe(size=MATRIX))
    affine = image.affine.copy()
    wider = field / MATRIX
    affine[:3, 3] += affine[:3, :2] @ (np.array([row, column]) + (wider - 1) / 2)
    affine[:3, :2] *= wider
    hu = grid.shrink(grid.stack(image.array[window]), -1024)
    mask = grid.shrink_mask(grid.stack(liver.array[window]), 1)
    made = [grid.unstack(each) for each in (np.rint(hu).astype(np.int16), mask)]
    return Scan(f"p{number}-{field}", *(Volume(np.ascontiguousarray(a), affine) for a in made))


def fit(
    name: str, recipe: Recipe, scans: Sequence[Scan], experiment: Experiment, place: Path
) -> keras.Model:
    """Train on scans that are cut by a recipe, and return the model."""
    folders = []
    for each in scans:
        folder = SliceFolder.below(place / name, each.name)
        labels = each.liver.array
        geometry = extract(each.image, labels, ["liver"], recipe, folder, intensity="hu")
        geometry.write(folder.geometry)
        folders.append(folder)
    card = make_card(CONTENT, recipe, experiment)
    slices = SliceSet(folders, **experiment.reading)
    inputs = TrainingInputs(slices, SliceSet([]), experiment, card)
    done = train(inputs, lambda case: np.zeros(0), place / f"{name}-checkpoints")
    return done.model


def dice(model: keras.Model, each: Scan) -> float:
    """Return the Dice of a prediction on the scan's own grid."""
    found = predict_volume([model], each.image, 16) > 0
    truth = each.liver.array > 0
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=12, help="patients that are trained on")
    parser.add_argument("--test", type=int, default=6, help="patients that are predicted")
    parser.add_argument("--epochs", type=int, default=6, help="of 40 steps of 8 slices")
    parser.add_argument("--seed", type=int, default=1, help="of the trainings")
    options = parser.parse_args()
    experiment = Experiment.model_validate(
        {
            "slices": "any",
            "network": {"filters": [16, 32, 64, 128]},
            "training": {
                "epochs": options.epochs,
                "steps_per_epoch": 40,
                "batch": 8,
                "seed": options.seed,
                "precision": "float32",
            },
        }
    )
    trained = [scan(k, FIELDS[k % len(FIELDS)], patient(k)) for k in range(options.train)]
    numbers = range(options.train, options.train + options.test)
    tested = [[scan(k, field, fine) for field in FIELDS] for k in numbers for fine in [patient(k)]]
    spacing = round(float(np.median([each.mm for each in trained])), 2)
    recipes = {
        "pixels": Recipe(size=MATRIX),
        "millimetres": Recipe(size=MATRIX, spacing=spacing),
    }
    scores = {}
    with tempfile.TemporaryDirectory() as place:
        for name, recipe in recipes.items():
            begun = time.monotonic()
            model = fit(name, recipe, trained, experiment, Path(place))
            told = recipe.model_dump(exclude_defaults=True)
            print(f"{name}: {told}, trained in {time.monotonic() - begun:.0f} s", flush=True)
            scores[name] = np.array([[dice(model, each) for each in scans] for scans in tested])
    for number, field in enumerate(FIELDS):
        found = {name: round(float(score[:, number].mean()), 3) for name, score in scores.items()}
        print(f"pixels of {field / MATRIX / (FIELDS[-1] / MATRIX):.1f} times the finest: {found}")
    pixels, millimetres = (score.mean(axis=1) for score in scores.values())
    gain = millimetres - pixels
    print(
        f"Dice {pixels.mean():.3f} in pixels, {millimetres.mean():.3f} in millimetres: "
        f"{gain.mean():+.3f} (patients {gain.min():+.3f} to {gain.max():+.3f}, better in "
        f"{(gain > 0).sum()} of {len(gain)})"
    )


if __name__ == "__main__":
    main()
