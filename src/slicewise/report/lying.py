"""Cases that lie otherwise than most: their files may be wrong about their orientation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from slicewise.report.quantities import FAR, FEW, NORMAL
from slicewise.report.seen import SeenCase, SeenData
from slicewise.volumes.pose import centred, lies_of

FEWEST = 6
"""Of fewer patients nobody knows how most of them lie."""
LEAST = 0.03
"""The least spread, of Fisher's transform of correlations, that is taken for one."""


def lying_otherwise(data: SeenData) -> Iterator[tuple[str, str]]:
    """Yield cases that look like the others only once they are turned, each with a sentence.

    Each is held against the mean picture of other patients (`slicewise.volumes.pose`). It is odd
    where a turned picture of it is more alike, by a robust z-score below -3.5, and as alike as
    others are.

    Parameters
    ----------
    data : SeenData
        All cases.
    """
    shown = [(case, picture) for case in data.cases if (picture := _picture(case))]
    patients = [case.patient for case, _ in shown]
    if len(set(patients)) < FEWEST:
        return
    pictures = [centred(picture, flat=not data.contiguous) for _, picture in shown]
    _, lies = lies_of(pictures, patients)
    # those that lie otherwise are few, so that medians are of those that do not
    upright = [own.upright for own in lies]
    far = {turn: _far([own[turn] for own in upright]) for turn in upright[0]}
    alike = np.array([own.alike for own in lies])
    least = np.median(alike) - FAR * _spread(alike)
    for number, ((case, _), own) in enumerate(zip(shown, lies, strict=True)):
        odd = [t for t, more in upright[number].items() if more < 0 and far[t][number] < -FAR]
        if odd and own.turned[turn := own.best(odd)] > least:
            yield case.name, _sentence(turn)


def _picture(case: SeenCase) -> list[int]:
    """Return the picture of the first channel that has one."""
    return next((tones.picture for tones in case.record.tones if tones and tones.picture), [])


def _far(values: list[float]) -> np.ndarray:
    """Return robust z-scores."""
    known = np.array(values)
    return np.asarray((known - np.median(known)) / _spread(known))


def _spread(values: np.ndarray) -> float:
    middle = float(np.median(np.abs(values - np.median(values))))
    return max(NORMAL * middle * (1 + FEW / len(values)), LEAST)


def _sentence(turn: str) -> str:
    return (
        f"it looks like the other cases {turn}, and less so as it lies: the orientation in its "
        "file may be wrong"
    )
