"""How scans lie: how like training scans one looks as it lies, and how like it would if turned.

A file whose header is wrong about left and right, or about back and front, is segmented as if it
were right, and its mask may look whole. But its coarse picture correlates better with the mean
picture of training scans once it is turned back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from slicewise.volumes.picture import SHAPE

MOST = 0.995
"""Correlations above count as this one."""
NEARLY = 0.05
"""Ways to lie that differ by less are as good."""
FEWEST = 4
"""Patients that a mean picture is of, at least."""
AS_IT_LIES = ""
SIDES = ("left and right", "back and front", "head and foot")


class Lie(NamedTuple):
    """How a scan lies.

    Attributes
    ----------
    alike : float
        Correlation of its picture with the mean one, by Fisher's transform.
    turned : dict of str to float
        That of its picture in each other way to lie, by that way in words.
    """

    alike: float
    turned: dict[str, float]

    @property
    def upright(self) -> dict[str, float]:
        """How much more alike it is as it lies than in each other way."""
        return {turn: self.alike - other for turn, other in self.turned.items()}

    def best(self, turns: Collection[str]) -> str:
        """Return the way to lie, of some, in which it is the most alike.

        Of those that are nearly as good, as of a body that is symmetric, the plainest.
        """
        most = max(self.turned[turn] for turn in turns)
        return min((turn for turn in turns if self.turned[turn] > most - NEARLY), key=len)


def centred(picture: Sequence[int], *, flat: bool) -> np.ndarray:
    """Return a picture as it is compared.

    Parameters
    ----------
    picture : sequence of int
        As `slicewise.volumes.picture.picture_of` returns it.
    flat : bool
        Whether its slices are no neighbours, so that they have no order.

    Returns
    -------
    ndarray, shape (8, 8, 6), or (8, 8, 1)
        Of mean 0 and length 1; 0 where all is alike.
    """
    parts = np.asarray(picture, float).reshape(SHAPE)
    if flat:
        parts = parts.mean(axis=2, keepdims=True)
    return _of_length_one(parts)


def lie(picture: np.ndarray, mean: np.ndarray) -> Lie:
    """Return how a scan lies.

    Parameters
    ----------
    picture, mean : ndarray
        From `centred`, and their mean over training scans.
    """
    known = _of_length_one(mean)
    alike = {words: _fisher(float((turned * known).sum())) for turned, words in _turns(picture)}
    return Lie(alike.pop(AS_IT_LIES), alike)


def lies_of(
    pictures: Sequence[np.ndarray], patients: Sequence[str]
) -> tuple[np.ndarray, list[Lie]]:
    """Return the mean of pictures, and how each lies by the mean of other patients.

    Parameters
    ----------
    pictures : sequence of ndarray
        From `centred`.
    patients : sequence of str
        Of each; two or more different ones.
    """
    total = np.sum(pictures, axis=0)
    own: dict[str, np.ndarray] = defaultdict(lambda: np.zeros_like(total))
    for picture, patient in zip(pictures, patients, strict=True):
        own[patient] += picture
    lies = [
        lie(picture, total - own[patient])
        for picture, patient in zip(pictures, patients, strict=True)
    ]
    return total / len(pictures), lies


def _turns(picture: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Yield a picture as it is, then turned and mirrored in all ways, each with its words."""
    axes = [axis for axis, size in enumerate(picture.shape) if size > 1]
    for swapped in (False, True):
        shown = picture.swapaxes(0, 1) if swapped else picture
        for number in range(len(axes) + 1):
            for flipped in combinations(axes, number):
                yield np.flip(shown, flipped), _in_words(flipped, swapped=swapped)


def _in_words(flipped: Sequence[int], *, swapped: bool) -> str:
    """Say how a picture was turned; those of a quarter turn, with rows and columns swapped."""
    sides = [f"an exchange of {SIDES[axis]}" for axis in flipped]
    if swapped:
        # which way it is turned is of no use to anybody; one of them is a mirrored one
        turned = (0 in flipped) != (1 in flipped)
        first = "a quarter turn" if turned else "an exchange of rows and columns"
        way = f" ({'left' if 0 in flipped else 'right'})" if turned else ""
        both = " both ways" if {0, 1} <= set(flipped) else ""
        sides = [f"{first}{way}{both}", *(sides[-1:] if 2 in flipped else [])]
    return f"after {' and '.join(sides)}" if sides else AS_IT_LIES


def _of_length_one(parts: np.ndarray) -> np.ndarray:
    centred: np.ndarray = parts - parts.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length else centred


def _fisher(correlation: float) -> float:
    return float(np.arctanh(min(max(correlation, -MOST), MOST)))
