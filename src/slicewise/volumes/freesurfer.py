"""Reading images of FreeSurfer (``.mgz``, ``.mgh``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
from nibabel.filebasedimages import ImageFileError

from slicewise.volumes.geometry import in_millimetres, is_lost
from slicewise.volumes.nifti import read_nibabel
from slicewise.volumes.opening import open_stream
from slicewise.volumes.volume import Volume

SUFFIXES = (".mgz", ".mgh")
VERSION = b"\x00\x00\x00\x01"
"""The first four bytes."""
MGH_FLAG = slice(28, 30)
"""Bytes of FreeSurfer's header that are 0 where it says nothing of the voxels' size and place."""


def read_freesurfer(path: Path) -> Volume:
    """Read an image of FreeSurfer, whose lengths are in millimetres."""
    image, array = read_nibabel(path, _freesurfer, "FreeSurfer")
    # nibabel puts FreeSurfer's own default where the file has none, and says so nowhere
    with open_stream(path) as stream:
        known = any(stream.read(MGH_FLAG.stop)[MGH_FLAG])
    affine = in_millimetres(image.affine, "mm", array.shape, path)
    return Volume(array, affine, not known or is_lost(affine))


def _freesurfer(start: bytes) -> Any:
    """Tell an image of FreeSurfer by its version, the first four bytes."""
    if not start:
        raise EOFError
    if start[:4] != VERSION:
        raise ImageFileError
    return nib.MGHImage
