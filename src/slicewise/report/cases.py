"""From the files of cases to their overlays and the frames of the viewer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from slicewise.config import Content
from slicewise.dataset.truth import read_labels, read_prediction
from slicewise.evaluation.cases import PredictedCase
from slicewise.evaluation.detection import is_untrained
from slicewise.report.faults import Fault, find_faults
from slicewise.report.formats import jpeg
from slicewise.report.gallery import CaseFigures, gallery_cases
from slicewise.report.outlines import Plane, display_slice, overlay, pixel_aspect
from slicewise.report.picked import pick_slices, told_apart
from slicewise.report.undrawn import Undrawn, drawn
from slicewise.report.viewer import ShownCase, plane_views
from slicewise.report.window import display_window
from slicewise.volumes.read import read_image

SCROLLED = 12
FRAMES = 28
"""How many cases the report scrolls through, the worst, and by how many slices of a plane.

Of the others it has one slice of each plane, or it would be too heavy to open.
"""


def case_figures(
    metrics: pd.DataFrame, cases: Iterable[PredictedCase], content: Content
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
    cases : iterable of PredictedCase
        What was predicted, each with its image.
    content : Content
        What the files hold.

    Returns
    -------
    list of CaseFigures
        Worst case first; of test patients where there are any, at most thirty.
    """
    by_name = {case.assigned.case: case for case in cases}
    blank = metrics[is_untrained(metrics)].groupby("case")["label"].agg(list).to_dict()
    figures = []
    for number, name in enumerate(gallery_cases(metrics)):
        told = {
            each: own for each, own in content.scored.items() if each not in blank.get(name, [])
        }
        frames = FRAMES if number < SCROLLED else 1
        made = drawn(name, partial(_draw, by_name[name], content, frames, told))
        figures.append(CaseFigures(name, undrawn=made) if isinstance(made, Undrawn) else made)
    return figures


def _draw(
    case: PredictedCase, content: Content, frames: int, told: Mapping[str, Sequence[int]]
) -> CaseFigures:
    shown = _read(case, content, told)
    planes: tuple[Plane, ...] = (
        ("axial", "coronal", "sagittal") if content.contiguous else ("axial",)
    )
    views = plane_views(shown, planes, frames)
    return CaseFigures(
        case.assigned.case, _overlays(shown), views, faults=_faults(case, shown, content)
    )


def _faults(case: PredictedCase, shown: ShownCase, content: Content) -> list[Fault]:
    """Look for what scores do not tell; not where slices are no neighbours."""
    if not content.contiguous:
        return []
    look = partial(find_faults, shown.truth, shown.prediction, shown.spacing, shown.scored)
    faults = drawn(f"What is wrong with {case.assigned.case}", look)
    return [] if isinstance(faults, Undrawn) else faults


def _read(case: PredictedCase, content: Content, told: Mapping[str, Sequence[int]]) -> ShownCase:
    """Read a case in canonical orientation, with the labels or regions that are to be seen."""
    source = read_image(Path(case.image), content)
    volume = source.canonical()
    table, scored = told_apart(told)
    truth = table[read_labels(case.mask, content, source).canonical().array]
    prediction = table[read_prediction(case.prediction, content, source).canonical().array]
    window = display_window(volume.array, content)
    return ShownCase(volume.array, truth, prediction, volume.spacing, window, scored)


def _overlays(case: ShownCase) -> list[tuple[str, bytes]]:
    """Draw the worst, the median and the best axial slice, each with its caption."""
    pictures = []
    for picked in pick_slices(case.truth, case.prediction, case.scored):
        picture = overlay(
            display_slice(case.image, picked.index),
            display_slice(case.truth, picked.index),
            display_slice(case.prediction, picked.index),
            window=case.window,
            aspect=pixel_aspect(case.spacing),
        )
        score = f", Dice {picked.dice:.2f}" if np.isfinite(picked.dice) else ""
        place = f"{picked.index + 1} of {case.image.shape[2]}"
        pictures.append((f"{picked.name.capitalize()} slice: {place}{score}", jpeg(picture)))
    return pictures
