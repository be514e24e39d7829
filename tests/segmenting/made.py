"""Models and scans for tests of segmenting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.dataset.calibration import Calibration, KnownMask
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import write_json, write_yaml
from slicewise.network.model import weights_digest
from slicewise.segmenting.models import Chosen, choose
from slicewise.segmenting.pages import Output
from slicewise.segmenting.progress import Progress
from slicewise.segmenting.run import Order, Outcome, segment_scans
from slicewise.segmenting.scans import find_scans
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.inference.test_predict import TURNS, finished, phantom
from tests.trained import config_of


def experiment(folder: Path, seeds: tuple[int, ...] = (3, 4), **card: Any) -> Path:
    """Write an experiment of as many folds."""
    for fold, seed in enumerate(seeds):
        model = finished(2, seed, **card)
        place = folder / f"fold-{fold}"
        place.mkdir(parents=True, exist_ok=True)
        model.save(place / "model.keras")
        config = config_of(f"case{fold}", f"p{fold}", weights_digest(model))
        config["folds"] = len(seeds)
        config["resolved"]["slices_sha256"] = "5" * 64
        TrainingRecord.model_validate(config)
        write_yaml(place / "config.yaml", config)
    return folder


def ct(seed: int, turn: int = 0) -> Volume:
    """Return noise between air and bone, on an uneven grid that lies in the room in some way."""
    array = phantom(seed).array.copy()
    array[:3] = -1000
    affine = np.eye(4)
    affine[:3, :3] = TURNS[turn] @ np.diag([0.7, 0.9, 2.5])
    affine[:3, 3] = [-91.5, 40.25, -700]
    return Volume(array, affine)


def stored(path: Path, image: Volume) -> Path:
    write_nifti(path, image)
    return path


def hounsfield(seed: int = 5, slices: int = 5) -> np.ndarray:
    """Return stored values of a CT of 12 columns and 16 rows, whose rescale intercept is -1024."""
    rng = np.random.default_rng(seed)
    values = rng.normal(1064, 90, (12, 16, slices))
    values[:2] = 24
    return values.round().astype(np.int16)


class Silent:
    def isatty(self) -> bool:
        return False


def segmented(
    places: list[Path],
    model: Path | Chosen,
    folder: Path,
    said: Callable[[str], None] = print,
    **options: Any,
) -> tuple[Outcome, Output]:
    chosen = model if isinstance(model, Chosen) else choose(str(model))
    found = find_scans(places)
    output = Output(folder)
    progress = Progress(len(found.scans), Silent())
    outcome = segment_scans(found.scans, Order(chosen, output, **options), said, progress)
    outcome.errors += map(SlicewiseError, found.failures)
    return outcome, output


def calibration(
    weights: str, patients: int = 5, labels: tuple[str, ...] = ("organ0",)
) -> Calibration:
    """What a model told that is surer than it is right."""
    rng = np.random.default_rng(len(weights))
    masks = []
    for number in range(patients):
        for label in labels:
            for odd, way in ((0.0, ""), (4.0, "noisy")):
                sure = float(rng.uniform(0.7, 0.95) - odd / 20)
                signs = [sure, odd, 0.0, 0.0, 0.0]
                dice = max(0.0, sure - 0.1 - odd / 20)
                masks.append(
                    KnownMask(patient=number, label=label, spoilt=way, signs=signs, dice=dice)
                )
    return Calibration(weights_sha256=weights, masks=masks)


def with_calibrations(folder: Path, **changed: str) -> Path:
    """Write what the masks of each fold told of an experiment of two."""
    for fold, seed in enumerate((3, 4)):
        weights = changed.get(f"fold{fold}", weights_digest(finished(2, seed)))
        write_json(folder / f"fold-{fold}/calibration.json", calibration(weights).model_dump())
    return folder
