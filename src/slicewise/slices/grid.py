"""From a volume to a stack of slices and back, without losing a voxel's place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from slicewise.config import Recipe
from slicewise.slices.planes import PLANES, plane_of
from slicewise.volumes.volume import Volume


@dataclass(frozen=True)
class Axis:
    """How one in-plane axis of `length` pixels becomes `out` pixels.

    Attributes
    ----------
    length : int
        Pixels of the volume.
    scale : float
        Pixels of the slice for each pixel of the volume, at most 1.
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
        edges = np.arange(self.filled + 1) / self.scale
        edges[-1] = min(edges[-1], self.length)
        pixel = np.arange(self.length)
        low = np.maximum(edges[:-1, None], pixel)
        high = np.minimum(edges[1:, None], pixel + 1)
        weights = np.clip(high - low, 0, None)
        weights /= weights.sum(axis=1, keepdims=True)
        return sparse.csr_array(weights.astype(np.float32))

    @cached_property
    def up(self) -> sparse.csr_array:
        """Linear interpolation weights, shape (length, filled); rows sum to 1."""
        pixel = np.arange(self.length)
        # A kept pixel lies at its own centre, an averaged one at the centre of its area.
        shift = 0.0 if self.every > 1 else 0.5
        place = np.clip((pixel + shift) * self.scale - shift, 0, self.filled - 1)
        low = np.minimum(place.astype(int), max(self.filled - 2, 0))
        weights = np.zeros((self.length, self.filled), np.float32)
        weights[pixel, low] = 1 - (place - low)
        if self.filled > 1:
            weights[pixel, low + 1] += place - low
        return sparse.csr_array(weights)


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
            Area averages (or every n-th pixel).
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
        if rows.scale == 1:
            return stack.astype(np.float32)
        if rows.factor is not None and rows.factor == columns.factor:
            f = rows.factor
            total = np.zeros((len(stack), rows.filled, columns.filled), np.float32)
            for i in range(f):
                for j in range(f):
                    total += stack[:, i::f, j::f]
            return total / np.float32(f * f)
        return _apply(rows.down, columns.down, stack.astype(np.float32))

    def shrink_mask(self, stack: np.ndarray, labels: int) -> np.ndarray:
        """Bring full-resolution slices of a label mask to the size of the recipe.

        Parameters
        ----------
        stack : ndarray of uint8, shape (n, rows, columns)
            Label indices, 0 for background.
        labels : int
            Number of labels.

        Returns
        -------
        ndarray of uint8, shape (n, *size)
            The label that covers most of each pixel; a label wins a tie with
            the background.
        """
        rows, columns = self.axes
        if rows.every > 1:
            small = stack[:, :: rows.every, :: columns.every]
        elif rows.scale == 1:
            small = stack
        else:
            present = [label for label in range(1, labels + 1) if (stack == label).any()]
            small = np.zeros((len(stack), rows.filled, columns.filled), np.uint8)
            if present:
                shares = [self._reduce((stack == label).view(np.uint8)) for label in present]
                best = np.argmax(shares, axis=0)
                share = np.max(shares, axis=0)
                background = 1 - np.sum(shares, axis=0)
                won = (share > 0) & (share >= background - 1e-6)
                small = np.where(won, np.asarray(present, np.uint8)[best], np.uint8(0))
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
            Linearly interpolated; padding is dropped.
        """
        rows, columns = self.axes
        inner = stack[:, rows.inside, columns.inside].astype(np.float32)
        if rows.scale == 1:
            return inner
        if inner.ndim == 3:
            return _apply(rows.up, columns.up, inner)
        channels = [_apply(rows.up, columns.up, inner[..., k]) for k in range(inner.shape[-1])]
        return np.stack(channels, axis=-1)


def _apply(rows: sparse.csr_array, columns: sparse.csr_array, stack: np.ndarray) -> np.ndarray:
    """Weigh rows and columns of each slice; sparse, as each weighs few others."""
    out = np.empty((len(stack), rows.shape[0], columns.shape[0]), np.float32)
    for one, target in zip(stack, out, strict=True):
        target[...] = (columns @ (rows @ one).T).T
    return out
