"""The ranges that a model is told of, from the records of its training cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.fingerprint import TrainingCase
from slicewise.network.ranges import TONES, LabelRanges, Range, Ranges, ToneRanges
from slicewise.volumes.pose import FEWEST, centred, lies_of
from slicewise.volumes.tones import Tones


def ranges_of(cases: Sequence[CaseRecord], content: Content) -> Ranges:
    """Return the ranges over some cases; no image is opened.

    Parameters
    ----------
    cases : sequence of CaseRecord
        At least one.
    content : Content
        What they hold.
    """
    # piles of slices, and files that have lost their geometry, have no millimetres to compare
    measured = content.contiguous and (
        content.spacing is not None or not any(case.lost for case in cases)
    )
    sides = [TrainingCase.of(case).canonical for case in cases] if measured else []
    spacing = [[mm for _, mm in case] for case in sides]
    field = [[number * mm for number, mm in case] for case in sides]
    count = max((len(case.tones) for case in cases), default=0)
    channels = [
        [case.tones[k] if k < len(case.tones) else None for case in cases] for k in range(count)
    ]
    # the others tell the size of a part of each label; of few, what is usual is not known
    whole = [case for case in cases if not case.undrawn]
    compared = content.contiguous and 2 * len(whole) > len(cases)
    return Ranges(
        patients=len({case.patient for case in cases}),
        spacing=_along(spacing),
        field=_along(field),
        channels=[
            _tones(each, [case.patient for case in cases], content.contiguous) for each in channels
        ],
        labels={
            name: _label(whole, [list(content.labels)[number - 1] for number in numbers])
            for name, numbers in content.scored.items()
        }
        if compared
        else {},
    )


def _along(each: Sequence[Sequence[float]]) -> list[Range]:
    return [Range.of(axis) for axis in zip(*each, strict=True)] if all(each) else []


def _tones(
    each: Sequence[Tones | None], patients: Sequence[str], contiguous: bool
) -> ToneRanges | None:
    """Return the ranges of a channel, which some cases may lack."""
    there = [one for one in each if one is not None]
    if not there:
        return None
    kinds = {one.ct for one in there}
    shown = [
        (one.picture, patient)
        for one, patient in zip(each, patients, strict=True)
        if one is not None and one.picture
    ]
    return ToneRanges(
        **{name: Range.of(getattr(one, name) for one in there) for name in TONES},
        centre=_along([one.centre for one in there]) if contiguous else [],
        ct=kinds.pop() if len(kinds) == 1 else None,
        **_pose(shown, contiguous),
    )


def _pose(shown: Sequence[tuple[Sequence[int], str]], contiguous: bool) -> dict[str, Any]:
    """Return how scans lie, by the picture and patient of each; nothing of too few patients."""
    if len({patient for _, patient in shown}) < FEWEST:
        return {}
    pictures = [centred(picture, flat=not contiguous) for picture, _ in shown]
    mean, lies = lies_of(pictures, [patient for _, patient in shown])
    upright = [one.upright for one in lies]
    return {
        "picture": [round(float(value), 4) for value in mean.ravel()],
        "alike": Range.of(one.alike for one in lies),
        "upright": {turn: Range.of(one[turn] for one in upright) for turn in upright[0]},
    }


def _label(cases: Sequence[CaseRecord], labels: Sequence[str]) -> LabelRanges:
    """Return the ranges of labels that are taken as one."""
    ml = [sum(case.ml.get(label, 0.0) for label in labels) for case in cases]
    there = [(case, total) for case, total in zip(cases, ml, strict=True) if total > 0]
    if not there:
        return LabelRanges(ml=None, centre=[], lacking=1.0)
    return LabelRanges(
        ml=Range.of(total for _, total in there),
        centre=_along([_centre(case, labels) for case, _ in there]),
        lacking=round(1 - len(there) / len(cases), 4),
    )


def _centre(case: CaseRecord, labels: Sequence[str]) -> list[float]:
    """Return the centre of labels together, as that of each counts by its volume."""
    known = [label for label in labels if label in case.centres]
    if not known:
        return []
    weights = [case.ml[label] for label in known]
    return [float(v) for v in np.average([case.centres[label] for label in known], 0, weights)]
