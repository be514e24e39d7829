"""A volume: an array of voxels and where they lie in the patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import nibabel as nib
import numpy as np
from nibabel import orientations


@dataclass(frozen=True)
class Volume:
    """Voxels with their place in space.

    Attributes
    ----------
    array : ndarray, shape (i, j, k)
        Intensities (Hounsfield units for CT) or label values.
    affine : ndarray, shape (4, 4)
        From voxel indices to millimetres in RAS+ world coordinates, as in NIfTI.
    lost : bool
        Whether the file says nothing of the size and place of the voxels, so
        that `affine` is made up (1 × 1 × 1 mm).
    placed : bool
        Whether the file says where the voxels lie, and which way its axes point; where
        it says their size alone, the rest of `affine` is made up, too.
    """

    array: np.ndarray
    affine: np.ndarray
    lost: bool = False
    placed: bool = True

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each array axis, in mm."""
        x, y, z = (float(v) for v in nib.affines.voxel_sizes(self.affine))
        return x, y, z

    @property
    def orientation(self) -> str:
        """Anatomical direction each array axis points to, for example ``"LPS"``."""
        return "".join(nib.aff2axcodes(self.affine))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def canonical(self) -> Volume:
        """Return the same volume with axes flipped and swapped to be closest to RAS+.

        No voxel is interpolated; the array is a view.
        """
        turn = orientations.io_orientation(self.affine)
        return replace(
            self,
            array=orientations.apply_orientation(self.array, turn),
            affine=self.affine @ orientations.inv_ornt_aff(turn, self.array.shape),
        )

    def plus(self, offset: int) -> Volume:
        """Return the same volume with a number added to all voxels; integers never wrap."""
        if not offset:
            return self
        array = self.array
        if array.dtype.kind in "biu":
            ends = [int(array.min()) + offset, int(array.max()) + offset]
            fits = min(ends) >= -32768 and max(ends) <= 32767
            array = array.astype(np.int16 if fits else np.int32 if max(ends) < 2**31 else np.int64)
            array += array.dtype.type(offset)
        else:
            array = array + array.dtype.type(offset)
        return replace(self, array=array)


def slabs(array: np.ndarray) -> Iterator[np.ndarray]:
    """Return the layers of an array that are contiguous in memory, one at a time.

    What is computed of one after the other needs little memory beside the array.
    """
    return iter(np.moveaxis(array, _slowest(array), 0))


def slabs_of_both(array: np.ndarray, other: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return the layers of an array, see `slabs`, each with that of another one of its shape.

    Along an axis of the first array: the other may lie in memory in another way. An axis with a
    single voxel has any stride.
    """
    axis = _slowest(array)
    return zip(np.moveaxis(array, axis, 0), np.moveaxis(other, axis, 0), strict=True)


def _slowest(array: np.ndarray) -> int:
    return int(np.argmax(np.abs(array.strides)))


def times(shape: Sequence[int]) -> str:
    """Say a shape.

    Examples
    --------
    >>> times((512, 512, 129))
    '512 × 512 × 129'
    """
    return " × ".join(map(str, shape))


def from_canonical(array: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Take an array in canonical orientation back to the grid it came from.

    Parameters
    ----------
    array : ndarray, shape (x, y, z)
        An array on the grid of ``Volume.canonical()``.
    affine : ndarray, shape (4, 4)
        Affine of the volume before it was made canonical.

    Returns
    -------
    ndarray, shape (i, j, k)
        The array on the source's grid, every voxel unchanged.
    """
    canonical = orientations.axcodes2ornt("RAS")
    back = orientations.ornt_transform(canonical, orientations.io_orientation(affine))
    return orientations.apply_orientation(array, back)
