"""From a volume to a stack of slices and back, without losing a voxel's place."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from slicewise.config import UNDRAWN, Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.planes import PLANES, plane_of
from slicewise.volumes.volume import Volume

SLIVER = 1e-3
"""A part of a pixel that is none."""
MOST = 4096
"""Pixels of a side; more come from a wrong unit."""


@dataclass(frozen=True)
class Axis:
    """How one in-plane axis of `length` pixels becomes `out` pixels.

    Attributes
    ----------
    length : int
        Pixels of the volume.
    scale : float
        Pixels of the slice for each pixel of the volume; above 1 only where
        slices have a spacing.
    every : int
        Take every n-th pixel (then `scale` is ``1 / every``); 1 averages areas.
    out : int
        Pixels of the slice, padding included.
    """

    length: int
    scale: float
    every: int
    out: int

    @property
    def filled(self) -> int:
        """Pixels of the slice that the volume covers."""
        return math.ceil(self.length * self.scale - 1e-9)

    @property
    def before(self) -> int:
        """Padding before the first covered pixel."""
        return (self.out - self.filled) // 2

    @property
    def inside(self) -> slice:
        """The covered part of the slice."""
        return slice(self.before, self.before + self.filled)

    @property
    def factor(self) -> int | None:
        """How many pixels are averaged, where that is a whole number."""
        factor = round(1 / self.scale)
        whole = abs(factor * self.scale - 1) < 1e-9 and self.length % factor == 0
        return factor if whole else None

    @cached_property
    def down(self) -> sparse.csr_array:
        """Area weights, shape (filled, length); rows sum to 1."""
        return _areas(np.arange(self.filled + 1) / self.scale, self.length)

    @cached_property
    def up(self) -> sparse.csr_array:
        """Weights of the way back, shape (length, filled); rows sum to 1.

        Linear interpolation, or the areas of pixels that are smaller than those of the volume.
        """
        if self.scale > 1:
            return _areas(np.arange(self.length + 1) * self.scale, self.filled)
        # A kept pixel lies at its own centre, an averaged one at the centre of its area.
        shift = 0.0 if self.every > 1 else 0.5
        return _between((np.arange(self.length) + shift) * self.scale - shift, self.filled)

    @cached_property
    def there(self) -> sparse.csr_array:
        """Weights of intensities, shape (filled, length): areas, or linear interpolation."""
        if self.scale <= 1:
            return self.down
        return _between((np.arange(self.filled) + 0.5) / self.scale - 0.5, self.length)


@dataclass(frozen=True)
class Grid:
    """The slices of one volume under one recipe.

    Attributes
    ----------
    shape : tuple of int
        Shape of the volume in canonical orientation (RAS+).
    recipe : Recipe
        Plane, and size or every n-th pixel.
    spacing : tuple of float or None
        Distance of the voxels along the canonical axes, mm; needed only where the cut follows
        from it.
    """

    shape: tuple[int, int, int]
    recipe: Recipe
    spacing: tuple[float, float, float] | None = None

    @classmethod
    def of(cls, volume: Volume, recipe: Recipe) -> Grid:
        """Return the slices of a volume in whatever orientation."""
        canonical = volume.canonical()
        x, y, z = canonical.array.shape
        return cls((x, y, z), recipe, canonical.spacing)

    @cached_property
    def order(self) -> tuple[int, int, int]:
        """The canonical axes that are cut, and become rows and columns."""
        return PLANES[plane_of(self.recipe, self.spacing)]

    @property
    def measured(self) -> list[float] | None:
        """The spacing, where the cut follows from it."""
        return [*self.spacing] if self.recipe.measured and self.spacing else None

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """Rows and columns of the slices."""
        if self.recipe.spacing is not None:
            first, second = (self._measured_axis(axis) for axis in self.order[1:])
            return first, second
        rows, columns = (self.shape[axis] for axis in self.order[1:])
        size = self.recipe.size
        every = self.recipe.every
        if size is None:
            return tuple(  # type: ignore[return-value]
                Axis(n, 1 / every, every, math.ceil(n / every)) for n in (rows, columns)
            )
        # One scale for both axes, so nothing is distorted; the rest is padding.
        scale = min(1.0, size / max(rows, columns))
        return Axis(rows, scale, 1, size), Axis(columns, scale, 1, size)

    def _measured_axis(self, axis: int) -> Axis:
        """Return how an axis becomes pixels of the recipe's millimetres, the first edge kept."""
        if self.spacing is None or self.recipe.spacing is None:
            raise ValueError("slices in millimetres need the spacing of their volume")
        length = self.shape[axis]
        pixels = length * self.spacing[axis] / self.recipe.spacing
        # headers round: a sliver of a pixel is none, and equal spacings change nothing
        if round(pixels) and abs(pixels - round(pixels)) < SLIVER:
            pixels = round(pixels)
        if pixels > MOST:
            raise SlicewiseError(
                f"slices of {math.ceil(pixels)} pixels, by a spacing of {self.recipe.spacing:g} mm "
                f"where the volume has {self.spacing[axis]:g} mm and {length} pixels; give the "
                f"recipe in `slices` a larger spacing (at most {MOST} pixels)"
            )
        plain = Axis(length, pixels / length, 1, 1)
        return replace(plain, out=roomy(plain.filled))

    @property
    def scaled(self) -> bool:
        """Whether pixels of the slices are others than those of the volume."""
        return any(axis.scale != 1 for axis in self.axes)

    @property
    def matrix(self) -> np.ndarray:
        """From slice, row and column (padding counts) to voxels of the canonical volume, 4 × 4."""
        matrix = np.zeros((4, 4))
        matrix[3, 3] = 1
        across, *along = self.order
        matrix[across, 0] = 1
        for number, (target, axis) in enumerate(zip(along, self.axes, strict=True), start=1):
            centre = 0.0 if axis.every > 1 else 0.5
            matrix[target, number] = 1 / axis.scale
            matrix[target, 3] = (centre - axis.before) / axis.scale - centre
        return matrix

    @property
    def number(self) -> int:
        """Number of slices."""
        return self.shape[self.order[0]]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a slice, in pixels."""
        return self.axes[0].out, self.axes[1].out

    def stack(self, array: np.ndarray) -> np.ndarray:
        """View a canonical array as slices, shape (number, rows, columns)."""
        return np.transpose(array, self.order)

    def unstack(self, stack: np.ndarray) -> np.ndarray:
        """View a stack of full-resolution slices as a canonical array."""
        return np.transpose(stack, np.argsort(self.order))

    def shrink(self, stack: np.ndarray, pad: float) -> np.ndarray:
        """Bring full-resolution slices of an image to the size of the recipe.

        Parameters
        ----------
        stack : ndarray, shape (n, rows, columns)
            Slices of the volume.
        pad : float
            Value of the padding.

        Returns
        -------
        ndarray of float32, shape (n, *size)
            Area averages (or every n-th pixel); where slices have a smaller
            spacing than the volume, interpolated linearly.
        """
        small = self._reduce(stack)
        if small.shape[1:] == self.size:
            return small
        out = np.full((len(stack), *self.size), pad, np.float32)
        out[:, self.axes[0].inside, self.axes[1].inside] = small
        return out

    def _reduce(self, stack: np.ndarray) -> np.ndarray:
        rows, columns = self.axes
        if rows.every > 1:
            return stack[:, :: rows.every, :: columns.every].astype(np.float32)
        if not self.scaled:
            return stack.astype(np.float32)
        if rows.factor is not None and rows.factor == columns.factor:
            f = rows.factor
            total = np.zeros((len(stack), rows.filled, columns.filled), np.float32)
            for i in range(f):
                for j in range(f):
                    total += stack[:, i::f, j::f]
            return total / np.float32(f * f)
        return _apply(rows.there, columns.there, stack.astype(np.float32))

    def _shares(self, stack: np.ndarray) -> np.ndarray:
        """Return the share of each pixel of the slices that is true."""
        rows, columns = self.axes
        if max(rows.scale, columns.scale) <= 1:
            return self._reduce(stack)
        return _apply(rows.down, columns.down, stack.astype(np.float32))

    def shrink_mask(self, stack: np.ndarray, labels: int) -> np.ndarray:
        """Bring full-resolution slices of a label mask to the size of the recipe.

        Parameters
        ----------
        stack : ndarray of uint8, shape (n, rows, columns)
            Label indices, 0 for background, `UNDRAWN` where nobody drew.
        labels : int
            Number of labels.

        Returns
        -------
        ndarray of uint8, shape (n, *size)
            The label that covers most of each pixel; a label wins a tie with
            the background. Only what was drawn counts: a pixel is undrawn where
            no part of it was drawn, so that thin scribbles are not lost.
        """
        rows, columns = self.axes
        if rows.every > 1:
            small = stack[:, :: rows.every, :: columns.every]
        elif not self.scaled:
            small = stack
        else:
            present = [label for label in range(1, labels + 1) if (stack == label).any()]
            undrawn = stack == UNDRAWN
            drawn = 1 - self._shares(undrawn.view(np.uint8)) if undrawn.any() else np.float32(1)
            small = np.zeros((len(stack), rows.filled, columns.filled), np.uint8)
            if present:
                shares = [self._shares((stack == label).view(np.uint8)) for label in present]
                best = np.argmax(shares, axis=0)
                share = np.max(shares, axis=0)
                background = drawn - np.sum(shares, axis=0)
                won = (share > 0) & (share >= background - 1e-6)
                small = np.where(won, np.asarray(present, np.uint8)[best], np.uint8(0))
            if undrawn.any():
                small[drawn < 1e-6] = UNDRAWN
        out = np.zeros((len(stack), *self.size), np.uint8)
        out[:, rows.inside, columns.inside] = small
        return out

    def enlarge(self, stack: np.ndarray) -> np.ndarray:
        """Bring slices of the recipe's size back to full resolution.

        Parameters
        ----------
        stack : ndarray, shape (n, *size) or (n, *size, channels)
            Probabilities.

        Returns
        -------
        ndarray of float32, shape (n, rows, columns[, channels])
            Linearly interpolated, or averaged where the volume is coarser;
            padding is dropped.
        """
        rows, columns = self.axes
        inner = stack[:, rows.inside, columns.inside].astype(np.float32)
        if not self.scaled:
            return inner
        if inner.ndim == 3:
            return _apply(rows.up, columns.up, inner)
        channels = [_apply(rows.up, columns.up, inner[..., k]) for k in range(inner.shape[-1])]
        return np.stack(channels, axis=-1)


def roomy(pixels: int) -> int:
    """Return the side of a slice that has room for so many pixels, one of few.

    A network is compiled for each size of slices, so whole slices of any field of view are padded
    to one of few sides: multiples of 32, which networks of up to six stages divide by, that grow
    to an eighth of the side.

    Examples
    --------
    >>> [roomy(pixels) for pixels in (9, 200, 257, 400, 513)]
    [32, 224, 320, 448, 640]
    """
    step = max(32, (1 << (pixels - 1).bit_length()) // 8)
    return math.ceil(pixels / step) * step


def _areas(edges: np.ndarray, length: int) -> sparse.csr_array:
    """Weights by the area that pixels between `edges` share with each of `length` pixels."""
    edges[-1] = min(edges[-1], length)
    pixel = np.arange(length)
    low = np.maximum(edges[:-1, None], pixel)
    high = np.minimum(edges[1:, None], pixel + 1)
    weights = np.clip(high - low, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return sparse.csr_array(weights.astype(np.float32))


def _between(place: np.ndarray, length: int) -> sparse.csr_array:
    """Weights that interpolate linearly between `length` pixels, the outermost repeated."""
    place = np.clip(place, 0, length - 1)
    low = np.minimum(place.astype(int), max(length - 2, 0))
    pixel = np.arange(len(place))
    weights = np.zeros((len(place), length), np.float32)
    weights[pixel, low] = 1 - (place - low)
    if length > 1:
        weights[pixel, low + 1] += place - low
    return sparse.csr_array(weights)


def _apply(rows: sparse.csr_array, columns: sparse.csr_array, stack: np.ndarray) -> np.ndarray:
    """Weigh rows and columns of each slice; sparse, as each weighs few others."""
    out = np.empty((len(stack), rows.shape[0], columns.shape[0]), np.float32)
    for one, target in zip(stack, out, strict=True):
        target[...] = (columns @ (rows @ one).T).T
    return out
