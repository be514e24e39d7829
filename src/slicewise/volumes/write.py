"""Writing volumes as NIfTI."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from slicewise import files
from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import mask_values
from slicewise.volumes.geometry import millimetres, without_place
from slicewise.volumes.nifti import NOTE, unit_of
from slicewise.volumes.volume import Volume

GZIP_LEVEL = 1
"""Noise of a CT compresses hardly better at higher levels, which take up to four times as long."""


def write_nifti(
    path: Path,
    volume: Volume,
    header: nib.Nifti1Header | None = None,
    dtype: np.typing.DTypeLike | None = None,
    note: Mapping[str, Any] | None = None,
) -> None:
    """Write a volume as NIfTI, in one step and always the same bytes.

    Parameters
    ----------
    path : pathlib.Path
        ``.nii`` or ``.nii.gz``.
    volume : Volume
        Array of shape (i, j, k), or (i, j, k, channels) where no header is given,
        and affine. One that has lost its geometry has
        lost it in the file, too, where no header is given.
    header : nibabel.Nifti1Header, optional
        Header of the image that the volume belongs to; its units and the codes
        of its sform and qform are kept (the affine is written in its unit, so
        that a program that heeds no unit still sees the mask on its image).
        Its intensity scale, display range,
        intent, free text and extensions are not: they are the source's, and
        free text may name the patient.
    dtype : numpy dtype, optional
        Voxel type in the file; by default the array's. Integers must fit.
    note : mapping, optional
        What the volume was made from, as JSON in a comment of the header; see `read_note`.

    Raises
    ------
    SlicewiseError
        When `dtype` is uint8, as that of masks, and a value is no label.
    ValueError
        When the array is neither 3-D nor 4-D, or another `dtype` would change a value.
    """
    path = Path(path)
    array = _cast(volume.array, np.dtype(volume.array.dtype if dtype is None else dtype), path)
    image = _image(array, without_place(volume) if header is None else volume.affine, header)
    if note is not None:
        text = json.dumps({NOTE: note}).encode()
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text))
    with files.atomic(path) as temporary, temporary.open("wb") as stream:
        if path.name.lower().endswith(".gz"):
            # Without a time and a name in its header, equal volumes give equal bytes.
            with gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(stream)


def _cast(array: np.ndarray, dtype: np.dtype, path: Path) -> np.ndarray:
    """Convert an array to write, refusing what would change its values."""
    if array.ndim not in (3, 4):
        raise ValueError(f"a volume to write has 3 dimensions, or 4 with channels: {array.ndim}")
    if dtype == np.uint8 and array.dtype.kind != "b":
        values = mask_values(array, str(path))
        if values.dtype != dtype:
            raise SlicewiseError(
                f"{path}: a mask of 8 bits holds label values up to 255, but this has "
                f"{values.max()}; check that it is the mask and not the image"
            )
        return values
    if dtype.kind in "iu" and array.dtype.kind != "b":
        limits = np.iinfo(dtype)
        if array.dtype.kind not in "iu" or array.min() < limits.min or array.max() > limits.max:
            raise ValueError(f"values of type {array.dtype} do not fit {dtype}")
    return array.astype(np.uint8 if dtype.kind == "b" else dtype, copy=False)


def _image(array: np.ndarray, affine: np.ndarray, header: nib.Nifti1Header | None) -> Any:
    """Make a NIfTI image that keeps the geometry of `header`, and nothing of its text."""
    if header is None:
        image = nib.Nifti1Image(array, affine)
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1, strip_shears=True)
        image.header.set_xyzt_units("mm")
        return image
    factor = 1 / millimetres(unit_of(header))
    affine = np.diag([factor, factor, factor, 1.0]) @ affine
    header = header.as_byteswapped("<")
    header.extensions.clear()
    for text in ("data_type", "db_name", "descrip", "aux_file", "intent_name"):
        if text in header:
            header[text] = b""
    for number in ("cal_min", "cal_max", "intent_code", "intent_p1", "intent_p2", "intent_p3"):
        header[number] = 0
    header.set_data_dtype(array.dtype)
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return kind(array, affine, header)
