"""Masks as label numbers, whatever values their files hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from slicewise.config import Content
from slicewise.volumes.checks import label_indices
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.read import read_nifti
from slicewise.volumes.volume import Volume


def read_labels(path: str, content: Content) -> Volume:
    """Read ground truth or a prediction as label numbers, on its own grid."""
    mask = with_spacing(read_nifti(Path(path))[0], content.spacing)
    numbers = label_indices(mask, path, content.labels, content.other_labels, may_be_empty=True)
    return Volume(numbers, mask.affine)


def labels_digest(volume: Volume, labels: Sequence[str]) -> str:
    """Return the SHA-256 of labels and their grid, however their file is packed.

    Parameters
    ----------
    volume : Volume
        Label numbers.
    labels : sequence of str
        Names of labels 1, 2, …; their order makes no difference.
    """
    # The same ground truth is meant, however labels are numbered: hence sorted names and ranks.
    # 0.01 mm: a header in single precision is the same grid; and there is no -0
    affine = (volume.affine.round(2) + 0.0).tolist()
    found = hashlib.sha256(f"{volume.array.shape} {affine} {sorted(labels)}".encode())
    ranks = np.array([0, *(sorted(labels).index(name) + 1 for name in labels)], np.uint8)
    found.update(np.ascontiguousarray(ranks[volume.array]).data)
    return found.hexdigest()


def truth_reader(
    cases: Sequence[str], files: Sequence[str], content: Content
) -> Callable[[str], np.ndarray]:
    """Return a function from a case's name to its label numbers.

    Parameters
    ----------
    cases : sequence of str
        Names.
    files : sequence of str
        The mask of each.
    content : Content
        What the files hold.

    Returns
    -------
    callable
        Reads the mask when it is asked: uint8, in canonical orientation
        (RAS+), on the grid of the file.
    """
    paths = dict(zip(cases, files, strict=True))
    return lambda case: read_labels(paths[case], content).canonical().array
