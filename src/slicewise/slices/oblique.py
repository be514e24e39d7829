"""Oblique cuts: slices along a plane that is turned within the volume."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from slicewise.config import Recipe
from slicewise.slices.grid import Grid
from slicewise.slices.planes import PLANES, plane_of
from slicewise.volumes.volume import Volume


class Oblique:
    """A stack of slices along a turned plane, each interpolated when it is asked for.

    The volume is turned rigidly about its centre and cut on a grid of its own
    shape and spacing.

    Parameters
    ----------
    stack : ndarray, shape (slices, rows, columns)
        The volume, cut straight.
    spacing : sequence of float
        Distance of slices, of rows and of columns, mm.
    turn : ndarray, shape (3, 3)
        Rotation that turns the straight plane, along the axes of `stack`, mm; turned
        back, that of what was cut so is its inverse.
    order : int
        1 interpolates linearly (float32), 0 takes the nearest voxel.
    outside : float
        Value where there is no volume.
    """

    def __init__(
        self,
        stack: np.ndarray,
        spacing: tuple[float, ...],
        turn: np.ndarray,
        order: int,
        outside: float,
    ) -> None:
        self._stack = stack
        self._order = order
        self._outside = outside
        millimetres = np.asarray(spacing)
        self._turn = turn * millimetres / millimetres[:, None]
        centre = (np.array(stack.shape) - 1) / 2
        self._offset = centre - self._turn @ centre

    def __getitem__(self, part: slice) -> np.ndarray:
        _, rows, columns = shape = self._stack.shape
        numbers = range(*part.indices(shape[0]))
        out = np.empty(
            (len(numbers), rows, columns), np.float32 if self._order else self._stack.dtype
        )
        # one by one, so that a slice never depends on which others are asked for
        for number, one in zip(numbers, out, strict=True):
            ndimage.affine_transform(
                self._stack,
                self._turn,
                self._offset + self._turn[:, 0] * number,
                output=one[None],
                output_shape=(1, rows, columns),
                order=self._order,
                # not "constant", which takes the outermost voxels for outside after rounding
                mode="grid-constant",
                cval=self._outside,
            )
        return out


def cut(canonical: Volume, recipe: Recipe, order: int, outside: float) -> np.ndarray | Oblique:
    """Cut a volume along the plane of a recipe, at full resolution.

    Parameters
    ----------
    canonical : Volume
        An image or labels in canonical orientation (RAS+).
    recipe : Recipe
        Plane and tilt: the plane is turned about its row axis, then about the
        column axis that it had before, both by the right-hand rule.
    order, outside
        As in `Oblique`; a straight cut interpolates nothing.

    Returns
    -------
    ndarray or Oblique, shape (slices, rows, columns)
        A view, or slices that are made when they are asked for.
    """
    axes = PLANES[plane_of(recipe, canonical.spacing)]
    stack = np.transpose(canonical.array, axes)
    if not recipe.oblique:
        return stack
    spacing = tuple(canonical.spacing[axis] for axis in axes)
    return Oblique(stack, spacing, _turn(recipe, axes), order, outside)


def turned_back(stack: np.ndarray, grid: Grid) -> Oblique:
    """Bring what is known of an oblique cut back to the straight one.

    Parameters
    ----------
    stack : ndarray, shape (slices, rows, columns)
        Of the cut, at full resolution.
    grid : Grid
        How the volume is cut; it knows the spacing.

    Returns
    -------
    Oblique, shape (slices, rows, columns)
        Slices of the straight cut, interpolated linearly; NaN where the oblique one has nothing.
    """
    if grid.spacing is None:
        raise ValueError("an oblique cut needs the spacing of its volume")
    spacing = tuple(grid.spacing[axis] for axis in grid.order)
    return Oblique(stack, spacing, _turn(grid.recipe, grid.order).T, 1, np.nan)


def _turn(recipe: Recipe, axes: tuple[int, int, int]) -> np.ndarray:
    """Return the rotation of a tilted plane, along the axes of its stack."""
    about = "".join("xyz"[axis] for axis in axes[1:])
    turn: np.ndarray = Rotation.from_euler(about, recipe.tilt, degrees=True).as_matrix()
    return turn[np.ix_(axes, axes)]
