"""From the files of cases to their overlays and the frames of the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from slicewise.config import Content
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.truth import read_labels
from slicewise.evaluation.detection import is_untrained
from slicewise.report.experiment import CaseFigures, gallery_cases
from slicewise.report.formats import jpeg
from slicewise.report.outlines import Plane, display_slice, overlay, pixel_aspect
from slicewise.report.picked import pick_slices
from slicewise.report.undrawn import Undrawn, drawn
from slicewise.report.viewer import plane_views
from slicewise.volumes.intensity import ordinary_range
from slicewise.volumes.read import read_image

ABDOMEN = (-160.0, 240.0)
SCROLLED, FRAMES = 12, 28
"""How many cases the report scrolls through, the worst, and by how many slices of a plane.

Of the others it has one slice of each plane, or it would be too heavy to open.
"""


def case_figures(
    metrics: pd.DataFrame,
    cases: Sequence[Assignment],
    images: Sequence[str],
    masks: Sequence[str],
    predictions: Sequence[str],
    content: Content,
) -> list[CaseFigures]:
    """Draw the worst cases, one in memory at a time.

    A label that the models of a case were trained without is not drawn: an
    outline of the reference alone would look like something that was missed.
    For the report three planes, of which the first dozen can be scrolled; only
    the axial one where slices are no neighbours. For MLflow the worst, median
    and best axial slice.

    Parameters
    ----------
    metrics : DataFrame
        The table of cases and labels.
    cases : sequence of Assignment
        What was predicted.
    images, masks, predictions : sequences of str
        Files, in the same order.
    content : Content
        What the files hold.

    Returns
    -------
    list of CaseFigures
        Worst case first; of test patients where there are any, at most thirty.
    """
    paths = zip(images, masks, predictions, strict=True)
    files = {assigned.case: three for assigned, three in zip(cases, paths, strict=True)}
    blank = metrics[is_untrained(metrics)].groupby("case")["label"].agg(list).to_dict()
    places = {label: place for place, label in enumerate(content.labels, start=1)}
    found = []
    for number, case in enumerate(gallery_cases(metrics)):
        hidden = [places[label] for label in blank.get(case, [])]
        frames = FRAMES if number < SCROLLED else 1
        made = drawn(case, partial(_figures, case, *files[case], content, frames, hidden))
        found.append(CaseFigures(case, undrawn=made) if isinstance(made, Undrawn) else made)
    return found


def _figures(
    case: str,
    image: str,
    mask: str,
    prediction: str,
    content: Content,
    frames: int,
    hidden: Sequence[int],
) -> CaseFigures:
    source = read_image(Path(image), content)
    volume = source.canonical()
    truth, guess = (
        read_labels(path, content, source).canonical().array for path in (mask, prediction)
    )
    if hidden:
        truth, guess = (np.where(np.isin(each, hidden), 0, each) for each in (truth, guess))
    window = display_window(volume.array, content)
    pictures = []
    for picked in pick_slices(truth, guess):
        picture = overlay(
            *(display_slice(array, picked.index) for array in (volume.array, truth, guess)),
            window=window,
            aspect=pixel_aspect(volume.spacing),
        )
        score = f", Dice {picked.dice:.2f}" if np.isfinite(picked.dice) else ""
        place = f"{picked.index + 1} of {volume.array.shape[2]}"
        pictures.append((f"{picked.name.capitalize()} slice: {place}{score}", jpeg(picture)))
    planes: tuple[Plane, ...] = (
        ("axial", "coronal", "sagittal") if content.contiguous else ("axial",)
    )
    views = plane_views(volume.array, truth, guess, volume.spacing, window, planes, frames)
    return CaseFigures(case, pictures, views)


def display_window(array: np.ndarray, content: Content) -> tuple[float, float]:
    """Return the intensities shown as black and white: an abdominal window for CT."""
    if content.intensity == "hu":
        return ABDOMEN
    low, high = np.percentile(array, (1, 99))
    if content.intensity == "arbitrary":
        bounds = ordinary_range(array)
        low, high = (float(np.clip(value, *bounds)) for value in (low, high))
        if low == high:
            low, high = bounds
    # whatever the unit: values of 1e-9 have a contrast, too
    return float(low), float(high if high > low else low + (abs(low) or 1) * 1e-6)
