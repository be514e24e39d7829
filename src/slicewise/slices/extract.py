"""Cutting one case into the arrays that training reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Intensity, Recipe
from slicewise.slices.bound import RecipeBound
from slicewise.slices.context import fill
from slicewise.slices.grid import PLANES, Grid
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
    """

    def __init__(self, image: Volume, recipe: Recipe, intensity: Intensity) -> None:
        canonical = image.canonical()
        x, y, z = canonical.array.shape
        self.grid = Grid((x, y, z), recipe)
        # as geometry.json tells it to training
        self.spacing = round(canonical.spacing[PLANES[recipe.plane][0]], 6)
        self.dtype = np.dtype(np.float16 if intensity == "arbitrary" else np.int16)
        self.shift, self.scale = 0.0, 1.0
        self._scores: Scale | None = None
        if intensity == "arbitrary":
            self._scores = robust_scale(canonical.array)
            self.shift, self.scale = self._scores.mean, self._scores.deviation
        # CT is surrounded by air; z-scores by their mean, which a network reads as nothing.
        self.pad = AIR if intensity == "hu" else self.shift
        if intensity == "clipped_hu":
            self.pad = float(image.array.min())
        self._stack = cut(canonical, recipe, order=1, outside=self.pad)

    def __len__(self) -> int:
        return self.grid.number

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return slices `start` to `stop`, shape (n, *grid.size)."""
        block = self._stack[start:stop]
        if self._scores is None:
            block = self.grid.shrink(block, self.pad)
            return np.rint(block).clip(-32768, 32767).astype(np.int16)
        # before pixels are averaged, so that an absurd voxel spoils no others
        return self.grid.shrink(self._scores.apply(block), 0.0).astype(np.float16)

    def windows(self, start: int, stop: int, context: int, context_mm: float) -> np.ndarray:
        """Return slices `start` to `stop` with their neighbours, as `SliceSet.read` does.

        Returns
        -------
        ndarray of float32, shape (n, *grid.size, context)
            Interpolated between slices of the stored type; see `neighbours`.
        """
        numbers = np.arange(start, min(stop, len(self)))
        out = np.empty((len(numbers), *self.grid.size, context), np.float32)
        fill(list(out), self._at, numbers, len(self), self.spacing, context, context_mm)
        return out

    def _at(self, numbers: np.ndarray) -> np.ndarray:
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
        return np.concatenate([self.read(run[0], run[-1] + 1) for run in runs])

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all slices in order, a few at a time."""
        for start in range(0, len(self), BLOCK):
            yield self.read(start, min(start + BLOCK, len(self)))


def extract(
    image: Volume,
    labels: np.ndarray,
    names: list[str],
    recipe: Recipe,
    intensity: Intensity,
    image_path: Path,
    mask_path: Path,
    contiguous: bool = True,
) -> dict[str, Any]:
    """Write the slices of one case as ``.npy`` and describe them.

    Parameters
    ----------
    image : Volume
        The image on its own grid.
    labels : ndarray of uint8
        Label indices on the same grid.
    names : list of str
        Names of the labels.
    recipe : Recipe
        How to cut.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What the image's values are.
    image_path, mask_path : Path
        Where the arrays go: shape (slices, rows, columns).
    contiguous : bool
        Whether the volume's slices are neighbours.

    Returns
    -------
    dict
        Geometry, digests of both arrays, for each slice the number of pixels
        of each label, and what the recipe leaves of each label (`RecipeBound`;
        of an oblique cut, which is never predicted, only voxels before).
    """
    source = SliceSource(image, recipe, intensity)
    grid = source.grid
    shape = (grid.number, *grid.size)
    masks = cut(Volume(labels, image.affine).canonical(), recipe, order=0, outside=0)
    counts: list[list[int]] = []
    bound = RecipeBound(grid, len(names), contiguous)

    def mask_blocks() -> Iterator[np.ndarray]:
        for start in range(0, grid.number, BLOCK):
            whole = masks[start : start + BLOCK]
            block = grid.shrink_mask(whole, len(names))
            if not recipe.oblique:
                bound.add(whole, block)
            for one in block:
                counts.append(np.bincount(one.ravel(), minlength=len(names) + 1)[1:].tolist())
            yield block

    image_digest = write_slices(image_path, source.blocks(), shape, source.dtype)
    mask_digest = write_slices(mask_path, mask_blocks(), shape, np.dtype(np.uint8))
    spacing = image.canonical().spacing
    return {
        "recipe": recipe.model_dump(),
        "shape": list(shape),
        "source_shape": list(image.array.shape),
        "source_orientation": image.orientation,
        "source_affine": [[round(float(v), 6) for v in row] for row in image.affine],
        "slice_spacing": source.spacing,
        "pixel_spacing": [
            round(spacing[axis] / a.scale, 6)
            for axis, a in zip(PLANES[recipe.plane][1:], grid.axes, strict=True)
        ],
        "inside": [[a.before, a.before + a.filled] for a in grid.axes],
        "pad": source.pad,
        "shift": source.shift,
        "scale": source.scale,
        "labels": names,
        "counts": counts,
        "recipe_bound": (
            _voxels(labels, names) if recipe.oblique else bound.result(names, image.voxel_ml)
        ),
        "image_sha256": image_digest,
        "mask_sha256": mask_digest,
    }


def _voxels(labels: np.ndarray, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the voxels of each label, where no bound is known."""
    counts = np.zeros(len(names) + 1, np.int64)
    for part in np.moveaxis(labels, int(np.argmax(np.abs(labels.strides))), 0):
        counts += np.bincount(part.ravel(), minlength=len(counts))
    unknown = {"dice": None, "components": None, "lost_components": None, "lost_ml": None}
    return {n: {"voxels": int(v), **unknown} for n, v in zip(names, counts[1:], strict=True)}
