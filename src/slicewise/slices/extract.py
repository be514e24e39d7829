"""Cutting one case into the arrays that training reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from slicewise.config import Recipe
from slicewise.files import atomic
from slicewise.slices.grid import PLANES, Grid
from slicewise.volumes.volume import Volume

AIR = -1024.0
BLOCK = 8  # slices worked on at a time: memory stays small, numpy stays busy

Intensity = Literal["hu", "clipped_hu", "arbitrary"]


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
        become z-scores of the volume (float16).
    """

    def __init__(self, image: Volume, recipe: Recipe, intensity: Intensity) -> None:
        canonical = image.canonical()
        x, y, z = canonical.array.shape
        self.grid = Grid((x, y, z), recipe)
        self._stack = self.grid.stack(canonical.array)
        self.dtype = np.dtype(np.float16 if intensity == "arbitrary" else np.int16)
        self.shift, self.scale = 0.0, 1.0
        if intensity == "arbitrary":
            self.shift = float(np.mean(image.array, dtype=np.float64))
            self.scale = float(np.std(image.array, dtype=np.float64)) or 1.0
        # CT is surrounded by air; z-scores by their mean, which a network reads as nothing.
        self.pad = AIR if intensity == "hu" else self.shift
        if intensity == "clipped_hu":
            self.pad = float(image.array.min())

    def __len__(self) -> int:
        return self.grid.number

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return slices `start` to `stop`, shape (n, *grid.size)."""
        block = self.grid.shrink(self._stack[start:stop], self.pad)
        if self.dtype == np.int16:
            return np.rint(block).clip(-32768, 32767).astype(np.int16)
        return ((block - self.shift) / self.scale).astype(np.float16)

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
        Where the arrays go: shape (slices, rows, columns), memory-mappable.

    Returns
    -------
    dict
        Geometry, digests of both arrays, and for each slice the number of
        pixels of each label.
    """
    source = SliceSource(image, recipe, intensity)
    grid = source.grid
    shape = (grid.number, *grid.size)
    masks = grid.stack(Volume(labels, image.affine).canonical().array)
    counts: list[list[int]] = []

    def mask_blocks() -> Iterator[np.ndarray]:
        for start in range(0, grid.number, BLOCK):
            block = grid.shrink_mask(masks[start : start + BLOCK], len(names))
            for one in block:
                counts.append(np.bincount(one.ravel(), minlength=len(names) + 1)[1:].tolist())
            yield block

    image_digest = _write_npy(image_path, source.blocks(), shape, source.dtype)
    mask_digest = _write_npy(mask_path, mask_blocks(), shape, np.dtype(np.uint8))
    spacing = image.canonical().spacing
    return {
        "recipe": recipe.model_dump(),
        "shape": list(shape),
        "source_shape": list(image.array.shape),
        "source_orientation": image.orientation,
        "source_affine": [[round(float(v), 6) for v in row] for row in image.affine],
        "slice_spacing": round(spacing[PLANES[recipe.plane][0]], 6),
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
        "image_sha256": image_digest,
        "mask_sha256": mask_digest,
    }


def _write_npy(
    path: Path, blocks: Iterator[np.ndarray], shape: tuple[int, ...], dtype: np.dtype
) -> str:
    # Written as a stream and not through a memory map: on a full disk a map
    # would kill the process where a write says what is wrong.
    digest = hashlib.sha256()
    with atomic(path) as temporary, temporary.open("wb") as stream:
        _write_header(stream, shape, dtype)
        for block in blocks:
            data = np.ascontiguousarray(block)
            digest.update(data.data)
            stream.write(data.data)
    return digest.hexdigest()


def _write_header(stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(stream, header)
