"""Masks as label numbers, whatever values their files hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from slicewise.config import Content
from slicewise.volumes.checks import label_indices
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.placing import VoxelGrid, on_image
from slicewise.volumes.volume import Volume


def read_labels(path: str, content: Content, image: Volume | None = None) -> Volume:
    """Read ground truth as label numbers.

    Parameters
    ----------
    path : str
        NIfTI file.
    content : Content
        What it holds.
    image : Volume, optional
        What it lies on: its image, or whatever has the image's grid, such as a
        prediction. The labels are brought onto this grid (see `on_image`; how
        they are stored was said when they were ingested). None: they stay on
        their own.

    Returns
    -------
    Volume
        uint8; `UNDRAWN` where nobody drew.
    """
    mask = with_spacing(read_nifti(Path(path))[0], content.spacing)
    numbers = label_indices(
        mask,
        path,
        content.labels,
        content.other_labels,
        may_be_empty=True,
        ignore=content.ignore,
    )
    if image is None:
        return Volume(numbers, mask.affine)
    numbers, _ = on_image(numbers, VoxelGrid.of(mask, path), VoxelGrid.of(image, "its image"))
    return Volume(numbers, image.affine)


def read_prediction(path: str, content: Content, image: Volume | None = None) -> Volume:
    """Read a prediction as label numbers, of which none is `UNDRAWN`.

    `dataset.ignore` is about masks that somebody drew: a model leaves nothing out, and whatever
    the value means there, 0 is background in what a model wrote.

    Parameters
    ----------
    path, content, image
        See `read_labels`.
    """
    return read_labels(path, content.model_copy(update={"ignore": None}), image)


def labels_digest(volume: Volume, labels: Sequence[str]) -> str:
    """Return the SHA-256 of labels and their grid, however their file is packed.

    Parameters
    ----------
    volume : Volume
        Label numbers, `UNDRAWN` where nobody drew.
    labels : sequence of str
        Names of labels 1, 2, …; their order makes no difference.
    """
    # The same ground truth is meant, however labels are numbered: hence sorted names and ranks.
    # 0.01 mm: a header in single precision is the same grid; and there is no -0
    affine = (volume.affine.round(2) + 0.0).tolist()
    hashed = hashlib.sha256(f"{volume.array.shape} {affine} {sorted(labels)}".encode())
    ranks = np.arange(256, dtype=np.uint8)  # what nobody drew stays that
    ranks[: len(labels) + 1] = [0, *(sorted(labels).index(name) + 1 for name in labels)]
    hashed.update(np.ascontiguousarray(ranks[volume.array]).data)
    return hashed.hexdigest()


def truth_reader(
    cases: Sequence[str],
    files: Sequence[str],
    content: Content,
    frames: Sequence[Volume] = (),
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
    frames : sequence of Volume, optional
        The grid of each case's image, whatever its voxels; without them masks
        stay on the grids of their files.

    Returns
    -------
    callable
        Reads the mask when it is asked: uint8, in canonical orientation
        (RAS+), on the grid of the image.
    """
    paths = dict(zip(cases, files, strict=True))
    images = dict(zip(cases, frames, strict=True)) if frames else {}
    return lambda case: read_labels(paths[case], content, images.get(case)).canonical().array
