"""Cutting one case into the arrays that training reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from slicewise.config import UNDRAWN, Context, Intensity, Recipe
from slicewise.slices.bound import LabelBound, RecipeBound
from slicewise.slices.context import Stack, empty, fill, tell
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import SliceGeometry
from slicewise.slices.grid import Grid
from slicewise.slices.npy import write_slices
from slicewise.slices.oblique import cut
from slicewise.volumes.intensity import Scale, robust_scale
from slicewise.volumes.volume import Volume

AIR = -1024.0
BLOCK = 8  # slices worked on at a time: memory stays small, numpy stays busy


class SliceSource:
    """Slices of an image as training and prediction see them.

    Parameters
    ----------
    image : Volume
        The image on its own grid.
    recipe : Recipe
        How to cut it.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        Hounsfield units stay whole numbers (int16); arbitrary intensities
        become z-scores of the volume (float16), see `robust_scale`.

    Attributes
    ----------
    grid : Grid
        How the volume becomes slices.
    spacing : float
        Distance of neighbouring slices, mm.
    channels : int
        How many channels it has.
    """

    channels = 1

    def __init__(self, image: Volume, recipe: Recipe, intensity: Intensity) -> None:
        canonical = image.canonical()
        self.grid = Grid.of(canonical, recipe)
        # as geometry.json tells it to training
        self.spacing = round(canonical.spacing[self.grid.order[0]], 6)
        self.dtype = np.dtype(np.float16 if intensity == "arbitrary" else np.int16)
        self.shift = 0.0
        self.scale = 1.0
        self._scores: Scale | None = None
        if intensity == "arbitrary":
            self._scores = robust_scale(canonical.array)
            self.shift = self._scores.mean
            self.scale = self._scores.deviation
        # CT is surrounded by air; z-scores by their mean, which a network reads as nothing.
        self.pad = AIR if intensity == "hu" else self.shift
        if intensity == "clipped_hu":
            self.pad = float(image.array.min())
        self._stack = cut(canonical, recipe, order=1, outside=self.pad)

    def __len__(self) -> int:
        return self.grid.number

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all that `read` returns."""
        return (self.grid.number, *self.grid.size)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return slices `start` to `stop`, shape (n, *grid.size)."""
        block = self._stack[start:stop]
        if self._scores is None:
            block = self.grid.shrink(block, self.pad)
            return np.rint(block).clip(-32768, 32767).astype(np.int16)
        # before pixels are averaged, so that an absurd voxel spoils no others
        return self.grid.shrink(self._scores.apply(block), 0.0).astype(np.float16)

    def around(self, numbers: np.ndarray, context: Context) -> np.ndarray:
        """Return slices with their neighbours, or their blocks, as `SliceSet.read` does.

        Parameters
        ----------
        numbers : ndarray of int, shape (n,)
            The slices, counted from 0.
        context : Context
            What is seen of them.

        Returns
        -------
        ndarray of float32, shape (n, *grid.size, channels * context.slices + context.told)
            Interpolated between slices of the stored type; see `neighbours`. The
            slices of the first channel come first, and what tells their plane last.
        """
        depth = self.channels * context.slices
        out = empty(len(numbers), self.grid.size, depth, context)
        padding = (self.pad - self.shift) / self.scale
        stack = Stack(self._at, len(self), self.spacing, padding)
        fill(list(out), stack, numbers, context)
        if context.plane:
            tell(out, self.grid.order[0])
        return out

    def _at(self, numbers: np.ndarray) -> np.ndarray:
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
        return np.concatenate([self.read(run[0], run[-1] + 1) for run in runs])

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all slices in order, a few at a time."""
        for start in range(0, len(self), BLOCK):
            yield self.read(start, min(start + BLOCK, len(self)))


class ChannelSource(SliceSource):
    """Slices of an image of several channels on one grid, each scaled by itself.

    Parameters
    ----------
    images : sequence of Volume
        The channels in their order.
    recipe, intensity
        As of `SliceSource`.
    """

    def __init__(self, images: Sequence[Volume], recipe: Recipe, intensity: Intensity) -> None:
        super().__init__(images[0], recipe, intensity)
        self._others = [SliceSource(image, recipe, intensity) for image in images[1:]]
        self.channels = len(images)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all that `read` returns."""
        return (self.grid.number, self.channels, *self.grid.size)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return slices `start` to `stop`, shape (n, channels, *grid.size)."""
        first = super().read(start, stop)
        return np.stack([first, *(one.read(start, stop) for one in self._others)], axis=1)


def source_of(images: Sequence[Volume], recipe: Recipe, intensity: Intensity) -> SliceSource:
    """Return the slices of an image of one channel, or of several."""
    if len(images) == 1:
        return SliceSource(images[0], recipe, intensity)
    return ChannelSource(images, recipe, intensity)


def extract(
    image: Volume,
    labels: np.ndarray,
    names: list[str],
    recipe: Recipe,
    folder: SliceFolder,
    *,
    intensity: Intensity,
    contiguous: bool = True,
    partial: bool = False,
    every: Mapping[str, Volume] | None = None,
) -> SliceGeometry:
    """Write the slices of one case as ``.npy`` and describe them.

    Parameters
    ----------
    image : Volume
        The image on its own grid.
    labels : ndarray of uint8
        Label indices on the same grid, `UNDRAWN` where nobody drew.
    names, recipe
        Names of the labels, and how to cut.
    folder : SliceFolder
        Where the arrays go: shape (slices, rows, columns).
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What the image's values are.
    contiguous, partial : bool
        Whether the volume's slices are neighbours; whether some voxels may be undrawn.
    every : mapping of str to Volume, optional
        All channels by name, `image` the first; they are the array's second axis.

    Returns
    -------
    SliceGeometry
        Of an oblique cut, which is never predicted, it has no bound of the recipe.
    """
    source = source_of([image] if every is None else [*every.values()], recipe, intensity)
    grid = source.grid
    shape = (grid.number, *grid.size)
    masks = _MaskSource(Volume(labels, image.affine), grid, len(names), contiguous, partial)
    mask_digest = write_slices(folder.mask, masks.blocks(), shape, np.dtype(np.uint8))
    return SliceGeometry(
        recipe=recipe,
        shape=list(shape),
        **_of_source(image),
        slice_spacing=source.spacing,
        pixel_spacing=_pixel_spacing(image, grid),
        inside=[[a.before, a.before + a.filled] for a in grid.axes],
        pad=source.pad,
        shift=source.shift,
        scale=source.scale,
        labels=names,
        counts=masks.counts,
        undrawn=masks.undrawn,
        recipe_bound=_bound(masks, labels, names, image.voxel_ml),
        image_sha256=write_slices(folder.image, source.blocks(), source.shape, source.dtype),
        mask_sha256=mask_digest,
        voxel_spacing=grid.measured,
        channels=None if every is None else [*every],
    )


def _of_source(image: Volume) -> dict[str, Any]:
    """Return what is known of the grid of an image."""
    return {
        "source_shape": list(image.array.shape),
        "source_orientation": image.orientation,
        "source_affine": [[round(float(v), 6) for v in row] for row in image.affine],
    }


def _pixel_spacing(image: Volume, grid: Grid) -> list[float]:
    """Return the distances of rows and of columns, mm."""
    spacing = image.canonical().spacing
    cut_axes = grid.order[1:]
    return [
        round(spacing[axis] / along.scale, 6)
        for axis, along in zip(cut_axes, grid.axes, strict=True)
    ]


class _MaskSource:
    """Slices of label numbers; what they show is known once all were asked for.

    Attributes
    ----------
    counts : list of lists of int
        Of each slice so far the pixels of each label.
    undrawn : list of int, or None
        Of each slice so far the pixels that nobody drew; None where that cannot be.
    bound : RecipeBound
        What a straight recipe leaves of them.
    """

    def __init__(
        self, labels: Volume, grid: Grid, number: int, contiguous: bool, partial: bool
    ) -> None:
        self.grid = grid
        self.number = number
        self.counts: list[list[int]] = []
        self.undrawn: list[int] | None = [] if partial else None
        self.bound = RecipeBound(grid, number, contiguous)
        # nobody drew either what an oblique cut has beyond the volume
        beyond = UNDRAWN if partial else 0
        self._stack = cut(labels.canonical(), grid.recipe, order=0, outside=beyond)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all slices in order, a few at a time."""
        for start in range(0, self.grid.number, BLOCK):
            whole = self._stack[start : start + BLOCK]
            block = self.grid.shrink_mask(whole, self.number)
            if not self.grid.recipe.oblique:
                self.bound.add(whole, block)
            for one in block:
                pixels = np.bincount(one.ravel(), minlength=UNDRAWN + 1)
                self.counts.append(pixels[1 : self.number + 1].tolist())
                if self.undrawn is not None:
                    self.undrawn.append(int(pixels[UNDRAWN]))
            yield block


def _bound(
    masks: _MaskSource, labels: np.ndarray, names: list[str], voxel_ml: float
) -> dict[str, LabelBound]:
    """Return what the recipe leaves of each label."""
    if masks.grid.recipe.oblique:
        return _voxels(labels, names)
    return masks.bound.result(names, voxel_ml)


def _voxels(labels: np.ndarray, names: list[str]) -> dict[str, LabelBound]:
    """Return the voxels of each label, where no bound is known."""
    counts = np.zeros(len(names) + 1, np.int64)
    for part in np.moveaxis(labels, int(np.argmax(np.abs(labels.strides))), 0):
        counts += np.bincount(part.ravel(), minlength=len(counts))[: len(counts)]
    return {
        name: LabelBound(
            voxels=int(voxels), dice=None, components=None, lost_components=None, lost_ml=None
        )
        for name, voxels in zip(names, counts[1:], strict=True)
    }
