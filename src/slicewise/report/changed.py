"""Which patients differ most between experiments, and the slice where one sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from slicewise.boxes import Box, bounding_box, whole, widened
from slicewise.config import UNDRAWN, Content
from slicewise.dataset.truth import read_labels, read_prediction
from slicewise.evaluation.comparison import comparable, subset_of
from slicewise.evaluation.statistics import by_case
from slicewise.report.formats import jpeg
from slicewise.report.outlines import display_slice, overlay, pixel_aspect
from slicewise.report.picked import telling_slice, told_apart
from slicewise.report.undrawn import Undrawn, drawn
from slicewise.report.window import display_window
from slicewise.volumes.read import read_image

PATIENTS = 6
EXPERIMENTS = 6
"""How many patients, and experiments for each, are drawn."""
MARGIN_MM = 25.0
"""What is left to see around the organ."""


@dataclass(frozen=True)
class Files:
    """The files of a case.

    Attributes
    ----------
    image, mask : str
        Image and ground truth.
    predictions : mapping of str to str
        By training.
    """

    image: str
    mask: str
    predictions: Mapping[str, str]


def files_of_cases(
    cases: Sequence[str], images: Sequence[str], masks: Sequence[str], folders: Sequence[Path]
) -> dict[str, Files]:
    """Return the files of cases that several experiments have predicted.

    Parameters
    ----------
    cases : sequence of str
        Names.
    images, masks : sequences of str
        Image and ground truth of each.
    folders : sequence of Path
        Of the experiments, which they are called after.
    """
    return {
        case: Files(
            image,
            mask,
            {each.name: str(each / "predictions" / f"{case}.nii.gz") for each in folders},
        )
        for case, image, mask in zip(cases, images, masks, strict=True)
    }


@dataclass(frozen=True)
class Changed:
    """One axial slice of a case, by every experiment.

    Attributes
    ----------
    case, patient : str
        Names.
    place : str
        Which slice of how many.
    spread : float
        Largest minus smallest Dice of the case.
    pictures : list of (str, float, bytes)
        Training, its Dice of the case, and a JPEG with both outlines.
    """

    case: str
    patient: str
    place: str
    spread: float
    pictures: list[tuple[str, float, bytes]]


def most_changed(metrics: Mapping[str, pd.DataFrame], limit: int = PATIENTS) -> list[str]:
    """Return the cases whose Dice differs most between experiments.

    Parameters
    ----------
    metrics : mapping of str to DataFrame
        By training, its table of cases and labels.
    limit : int
        How many patients at most; of each the case that differs most.

    Returns
    -------
    list of str
        Test cases, or validation cases where no test patient has been scored;
        the largest difference first, none that is zero.
    """
    dice = _dice(metrics)
    spread = (dice.max(axis=1) - dice.min(axis=1)).sort_values(ascending=False, kind="stable")
    differing = spread[spread > 0].reset_index().drop_duplicates("patient")
    return list(differing["case"].iloc[:limit])


def draw_changed(
    metrics: Mapping[str, pd.DataFrame], files: Mapping[str, Files], content: Content
) -> Iterator[Changed | Undrawn]:
    """Draw the cases that differ most, each in the axial slice where predictions differ most.

    One case is in memory at a time.

    Parameters
    ----------
    metrics : mapping of str to DataFrame
        By training, its table of cases and labels; the first six are drawn.
    files : mapping of str to Files
        By case; a case without files is left out.
    content : Content
        What the files hold.
    """
    shown = dict(list(metrics.items())[:EXPERIMENTS])
    if len(shown) < 2:
        return
    dice = _dice(shown).reset_index().set_index("case")
    for case in most_changed(shown):
        if case in files:
            draw = partial(_draw, dice.loc[case], files[case], list(shown), content)
            yield drawn(f"{case} by every experiment", draw)


def _dice(metrics: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return Dice by patient and case, a column a training."""
    subset = subset_of(metrics)
    parts = {name: table[table["subset"] == subset] for name, table in comparable(metrics).items()}
    dice = pd.DataFrame({name: by_case(part, "dice") for name, part in parts.items()})
    owners = pd.concat([part.set_index("case")["patient"] for part in parts.values()])
    patients = dice.index.map(owners[~owners.index.duplicated()])
    return dice.set_index(
        pd.MultiIndex.from_arrays([patients, dice.index], names=["patient", "case"])
    )


def _draw(dice: pd.Series, files: Files, names: list[str], content: Content) -> Changed:
    image = read_image(Path(files.image), content)
    volume = image.canonical()
    table, _ = told_apart(content.scored)
    truth = table[read_labels(files.mask, content, image).canonical().array]
    guesses = [
        table[read_prediction(files.predictions[name], content, image).canonical().array]
        for name in names
    ]
    differ = np.zeros(truth.shape, bool)
    for guess in guesses[1:]:
        differ |= guess != guesses[0]
    undrawn = truth == UNDRAWN
    differ &= ~undrawn
    labelled = np.where(undrawn, 0, truth)
    index = telling_slice((labelled != 0).sum(axis=(0, 1)), differ.sum(axis=(0, 1)))
    seen = np.any([array[:, :, index] != 0 for array in (labelled, *guesses)], axis=0)
    window = display_window(volume.array, content)
    inside = _around(seen, volume.spacing)

    def view(array: np.ndarray) -> np.ndarray:
        return display_slice(array[inside], index)

    pictures = [
        overlay(
            view(volume.array),
            view(truth),
            view(guess),
            window=window,
            aspect=pixel_aspect(volume.spacing),
        )
        for guess in guesses
    ]
    scores = dice[names].astype(float)
    return Changed(
        str(dice.name),
        str(dice["patient"]),
        f"slice {index + 1} of {truth.shape[2]}",
        float(scores.max() - scores.min()),
        [(n, float(scores[n]), jpeg(p)) for n, p in zip(names, pictures, strict=True)],
    )


def _around(seen: np.ndarray, spacing: tuple[float, ...]) -> Box:
    """Return the part of an axial slice that holds all masks, with a margin; all, where none is."""
    margins = [round(MARGIN_MM / spacing[axis]) for axis in (0, 1)]
    return widened(bounding_box(seen) or whole(seen.shape), margins, seen.shape)
