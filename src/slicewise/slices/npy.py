"""Slices in .npy files: written as a stream, read a few at a time and never mapped."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from slicewise.errors import SlicewiseError
from slicewise.files import atomic
from slicewise.stored import ODD_ARRAY

STAGED = "slicewise-slices-"  # begins the name of a folder of copies


class StoredSlices:
    """The slices of one case in a ``.npy`` file.

    The header is read once; the file is open only while slices are read. A
    memory map would count to the memory of the process as far as it was read,
    and each takes one of the maps that the system allows.

    Parameters
    ----------
    path : Path
        The file.
    shape : sequence of int
        Slices, rows, columns that it must hold.

    Attributes
    ----------
    keep : bool
        Read the file whole at the first use and keep it in memory.

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, cut off, or holds something else.
    """

    def __init__(self, path: Path, shape: Sequence[int]) -> None:
        self.path = path
        self.shape = tuple(shape)
        self.keep = False
        try:
            with path.open("rb") as stream:
                shape_there, fortran, self.dtype = self._read_header(stream)
                self._offset = stream.tell()
                size = stream.seek(0, 2)
        except FileNotFoundError as error:
            raise damaged(path, "it is gone") from error
        if shape_there != self.shape or fortran or self.dtype.hasobject:
            raise damaged(path, f"its array is not one of {self.shape} numbers, row by row")
        if size != self._offset + self.nbytes:
            raise damaged(path, f"it has {size} bytes, not {self._offset + self.nbytes}")

    @property
    def nbytes(self) -> int:
        """Bytes of all slices."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return slices by their numbers, shape (n, rows, columns), as stored."""
        if self.keep:
            return self._whole[np.asarray(numbers, np.int64)]
        return self._read(numbers)

    @cached_property
    def _whole(self) -> np.ndarray:
        return self._read(range(self.shape[0]))

    def _read(self, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
        out = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        try:
            with self.path.open("rb") as stream:
                for number, one in zip(numbers, out, strict=True):
                    stream.seek(self._offset + int(number) * one.nbytes)
                    if stream.readinto(one) < one.nbytes:
                        raise damaged(self.path, f"it ends within slice {number}")
        except FileNotFoundError as error:
            raise damaged(self.path, "it is gone") from error
        return out

    def _read_header(self, stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
        try:
            version = npy.read_magic(stream)
            readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            return readers[version](stream)
        except ODD_ARRAY as error:
            raise damaged(self.path, "its header is not that of an array") from error


def damaged(path: Path, why: str) -> SlicewiseError:
    """Return the error for a file that is not as it was written, or a staged copy of it."""
    return SlicewiseError(f"{path}: the file is damaged ({why}); {remedy_of(path)}")


def remedy_of(path: Path) -> str:
    """Return what to do about a damaged file of slices, or about a staged copy of it."""
    if path.parent.name.startswith(STAGED):
        return "run snakemake again, which copies it anew"
    return f"delete {path.parent} and run snakemake again, which cuts the case anew"


def write_slices(
    path: Path, blocks: Iterable[np.ndarray], shape: Sequence[int], dtype: np.dtype
) -> str:
    """Write slices as ``.npy``, block by block.

    Parameters
    ----------
    path : Path
        Where to.
    blocks : iterable of ndarray, each of shape (n, rows, columns)
        The slices in their order.
    shape : sequence of int
        Slices, rows and columns of all of them.
    dtype : dtype
        Their type.

    Returns
    -------
    str
        SHA-256 of the values.
    """
    # Written as a stream and not through a memory map: on a full disk a map
    # would kill the process where a write says what is wrong.
    digest = hashlib.sha256()
    header = {
        "descr": npy.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": tuple(shape),
    }
    with atomic(path) as temporary, temporary.open("wb") as stream:
        npy.write_array_header_1_0(stream, header)
        for block in blocks:
            data = np.ascontiguousarray(block)
            digest.update(data.data)
            stream.write(data.data)
    return digest.hexdigest()
