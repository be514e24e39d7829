"""A liver of a phantom, and predictions of it that are spoilt in one way each."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage

from slicewise.phantom.patient import phantom

LIVER, SPLEEN = 1, 2


@cache
def organs() -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Return the image and the mask of a phantom in canonical orientation, and its spacing."""
    image, mask = (volume.canonical() for volume in phantom(0, seed=1))
    return image.array, mask.array, mask.spacing


def liver() -> np.ndarray:
    return organs()[1] == LIVER


def ml(voxels: np.ndarray) -> float:
    return float(voxels.sum() * np.prod(organs()[2]) / 1000)


def sponge() -> np.ndarray:
    """Return the liver with some 200 ml of a sponge hanging on it, in which no thick box fits."""
    there = liver()
    near = ndimage.binary_dilation(there) & ~there
    start = np.argwhere(near)[len(np.argwhere(near)) // 2]
    place = np.argwhere(~there)
    apart = np.abs((place - start) * organs()[2])
    block = np.zeros_like(there)
    block[tuple(place[(apart < (45, 45, 60)).all(axis=1)].T)] = True
    holes = np.random.default_rng(0).random(there.shape) < 0.5
    grown = there | (block & ~holes)
    parts, _ = ndimage.label(grown, np.ones((3, 3, 3)))
    return parts == parts[there].max()


def specks() -> np.ndarray:
    """Return the liver and a thousand single voxels all over the image."""
    there = liver()
    free = np.argwhere(~ndimage.binary_dilation(there, iterations=2))
    free = free[(free % 2 == 0).all(axis=1)]
    chosen = np.random.default_rng(0).choice(free, 1000, replace=False)
    spoilt = there.copy()
    spoilt[tuple(chosen.T)] = True
    return spoilt


def half() -> np.ndarray:
    there = liver().copy()
    there[int(np.median(np.nonzero(there)[0])) :] = False
    return there


def slices_too_many() -> np.ndarray:
    there = liver()
    rows = np.flatnonzero(there.any(axis=(0, 1)))
    spoilt = there.copy()
    spoilt[..., rows[0] - 1] = there[..., rows[0]] | there[..., rows[0] + 1]
    spoilt[..., rows[-1] + 1] = there[..., rows[-1]] | there[..., rows[-1] - 1]
    return spoilt


def shell() -> np.ndarray:
    return ndimage.binary_dilation(liver())


def hole() -> np.ndarray:
    there = liver()
    deep = ndimage.distance_transform_edt(there, sampling=organs()[2])
    centre = np.unravel_index(deep.argmax(), deep.shape)
    apart = (np.indices(there.shape).T - centre).T * np.reshape(organs()[2], (3, 1, 1, 1))
    return there & ~(np.sqrt((apart**2).sum(axis=0)) < 9)


SPOILT = {
    "sponge": sponge,
    "specks": specks,
    "half": half,
    "other organ": lambda: organs()[1] == SPLEEN,
    "everything": lambda: np.ones_like(liver()),
    "nothing": lambda: np.zeros_like(liver()),
    "slices too many": slices_too_many,
    "mirrored": lambda: np.flip(liver(), 0),
    "moved": lambda: np.roll(liver(), 1, axis=2),
    "shell": shell,
    "hole": hole,
}
