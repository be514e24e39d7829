"""What the header of an image says, without its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from slicewise.errors import SlicewiseError
from slicewise.volumes import companions, freesurfer
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.geometry import in_millimetres, is_lost
from slicewise.volumes.nifti import (
    DAMAGED,
    affine_of,
    is_placed,
    lost_in,
    nifti_kind,
    refuse_analyze,
)
from slicewise.volumes.opening import in_a_sentence, must_exist, open_stream
from slicewise.volumes.read import read_volume

MGH_HEADER = 284


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes
    ----------
    shape : tuple of int
        Voxels along each axis: three, or four with frames or channels.
    affine : ndarray, shape (4, 4)
        From voxel indices to RAS+ mm.
    lost : bool
        Whether it says nothing of the size and place of the voxels.
    placed : bool
        Whether it says where they lie, see `Volume`.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    lost: bool
    placed: bool = True

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance between neighbouring voxels along each of three axes, in mm."""
        return tuple(float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))


@in_a_sentence
def read_header(path: Path) -> Header:
    """Read the header of a volume of any supported format.

    Of NIfTI and FreeSurfer no voxel is read; of other formats the volume is,
    and let go.

    Parameters
    ----------
    path : Path
        As of `read_volume`; a NIfTI file may have four dimensions.

    Returns
    -------
    Header

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged or no volume.
    """
    path = Path(path)
    if is_nifti(path):
        return _nifti(path)
    if path.name.lower().endswith(freesurfer.SUFFIXES):
        return _freesurfer(path)
    if companions.is_pair(path):
        return _nifti(companions.check_pair(path)[0])
    volume = read_volume(path)
    return Header(volume.array.shape, volume.affine, volume.lost, volume.placed)


def _nifti(path: Path) -> Header:
    must_exist(path)
    try:
        with open_stream(path) as stream:
            start = stream.read(nib.Nifti2Header.sizeof_hdr)
        kind = _kind(start, path)
        header = kind(start[: kind.sizeof_hdr], check=False)
        shape = tuple(int(n) for n in header.get_data_shape())
        affine = affine_of(header, (), path)
    except (*DAMAGED, ImageFileError) as error:
        raise SlicewiseError(
            f"{path}: the file is cut short, damaged or no NIfTI; copy or download it again"
        ) from error
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    whole = shape + (1,) * (3 - len(shape))
    return Header(whole, affine, lost_in(header, affine), is_placed(header))


def _kind(start: bytes, path: Path) -> Any:
    for pair in (nib.Nifti1Pair, nib.Nifti2Pair):
        if pair.header_class.may_contain_header(start):
            return pair.header_class
    if not is_nifti(path):
        refuse_analyze(start, path)
    return nifti_kind(start).header_class


def _freesurfer(path: Path) -> Header:
    must_exist(path)
    try:
        with open_stream(path) as stream:
            start = stream.read(MGH_HEADER)
        if len(start) < MGH_HEADER or start[:4] != freesurfer.VERSION:
            raise EOFError
        header = nib.MGHImage.header_class(start, check=False)
        shape = tuple(int(n) for n in header.get_data_shape())
        affine = in_millimetres(header.get_affine(), "mm", (), path)
    except DAMAGED as error:
        raise SlicewiseError(
            f"{path}: the file is cut short or damaged; copy or download it again"
        ) from error
    lost = not any(start[freesurfer.MGH_FLAG]) or is_lost(affine)
    return Header(shape + (1,) * (3 - len(shape)), affine, lost)
