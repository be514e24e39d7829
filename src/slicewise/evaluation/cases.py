"""Overlays of every case for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from slicewise.config import Content
from slicewise.evaluation.figures import display_slice, jpeg, overlay, pick_slices, pixel_aspect
from slicewise.evaluation.report import CaseFigures, gallery_cases
from slicewise.volumes.checks import label_indices
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume

ABDOMEN = (-160.0, 240.0)


def case_figures(
    metrics: pd.DataFrame,
    cases: Sequence[str],
    images: Sequence[str],
    masks: Sequence[str],
    predictions: Sequence[str],
    content: Content,
) -> list[CaseFigures]:
    """Draw the worst, median and best axial slice of the worst cases.

    Parameters
    ----------
    metrics : DataFrame
        The table of cases and labels.
    cases, images, masks, predictions : sequences
        Names and files, in the same order.
    content : Content
        What the files hold.

    Returns
    -------
    list of CaseFigures
        Worst case first; of test patients where there are any, at most thirty.
    """
    files = {case: paths for case, *paths in zip(cases, images, masks, predictions, strict=True)}
    return [_figures(case, files[case], content) for case in gallery_cases(metrics)]


def _figures(case: str, paths: list[str], content: Content) -> CaseFigures:
    image, mask, prediction = (read_volume(Path(path)) for path in paths)
    volume = image.canonical()
    truth, guess = (
        Volume(
            label_indices(labels, path, content.labels, content.other_labels, may_be_empty=True),
            labels.affine,
        )
        .canonical()
        .array
        for labels, path in ((mask, paths[1]), (prediction, paths[2]))
    )
    window = display_window(volume.array, content)
    drawn = []
    for picked in pick_slices(truth, guess):
        picture = overlay(
            *(display_slice(array, picked.index) for array in (volume.array, truth, guess)),
            window=window,
            aspect=pixel_aspect(volume.spacing),
        )
        score = f", Dice {picked.dice:.2f}" if np.isfinite(picked.dice) else ""
        place = f"{picked.index + 1} of {volume.array.shape[2]}"
        drawn.append((f"{picked.name.capitalize()} slice: {place}{score}", jpeg(picture)))
    return CaseFigures(case, drawn)


def display_window(array: np.ndarray, content: Content) -> tuple[float, float]:
    """Return the intensities shown as black and white: an abdominal window for CT."""
    if content.intensity == "hu":
        return ABDOMEN
    low, high = np.percentile(array, (1, 99))
    return float(low), float(max(high, low + 1e-6))
