"""Random changes of training slices: drawn on the host, applied on the device.

What is drawn depends on seed, epoch and step alone, so a resumed training sees
what an uninterrupted one would have seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from slicewise.config import Augmentation

# Columns of the table of draws: an affine map, then contrast, brightness, noise.
COLUMNS = 9


def draw(
    settings: Augmentation, number: int, size: tuple[int, int], seed: int, epoch: int, step: int
) -> np.ndarray:
    """Draw the changes of a batch.

    Parameters
    ----------
    settings : Augmentation
        Ranges.
    number : int
        Slices in the batch.
    size : tuple of int
        Rows and columns.
    seed, epoch, step : int
        What the draws depend on.

    Returns
    -------
    ndarray of float32, shape (number, 9)
        For each slice the six numbers that take output pixels (row, column)
        to input pixels, then contrast (factor), brightness (shift) and
        deviation of the noise.
    """
    random = np.random.default_rng([seed, epoch, 1, step])
    moved = random.random(number) < settings.probability
    angle = np.deg2rad(random.uniform(-settings.rotation, settings.rotation, number)) * moved
    zoom = np.exp(random.uniform(-1, 1, number) * np.log1p(settings.scale) * moved)
    shift = random.uniform(-settings.shift, settings.shift, (2, number)) * moved
    mirror = np.where(settings.flip & (random.random(number) < 0.5), -1.0, 1.0)
    rows, columns = size
    a, b = np.cos(angle) / zoom * mirror, -np.sin(angle) / zoom * mirror
    c, d = np.sin(angle) / zoom, np.cos(angle) / zoom
    centre_row, centre_column = (rows - 1) / 2, (columns - 1) / 2
    table = np.empty((number, COLUMNS), np.float32)
    table[:, 0], table[:, 1] = a, b
    table[:, 2] = centre_row - a * centre_row - b * centre_column + shift[0] * rows
    table[:, 3], table[:, 4] = c, d
    table[:, 5] = centre_column - c * centre_row - d * centre_column + shift[1] * columns
    table[:, 6] = 1 + random.uniform(-settings.contrast, settings.contrast, number)
    table[:, 7] = random.uniform(-settings.brightness, settings.brightness, number)
    table[:, 8] = settings.noise * random.random(number)
    return table


def draw_noise(shape: tuple[int, ...], seed: int, epoch: int, step: int) -> np.ndarray:
    """Draw standard normal noise, float32, for a batch of images."""
    random = np.random.default_rng([seed, epoch, 2, step])
    return random.standard_normal(shape, dtype=np.float32)


def apply(images: Any, masks: Any, table: Any, noise: Any) -> tuple[Any, Any]:
    """Change normalised images and move their masks alike.

    Parameters
    ----------
    images : tensor of float32, shape (n, rows, columns, channels)
        Normalised intensities.
    masks : tensor of int, shape (n, rows, columns)
        Label indices.
    table : tensor, shape (n, 9)
        From `draw`.
    noise : tensor, like `images`
        From `draw_noise`.

    Returns
    -------
    images, masks : tensors
        Bilinear for images, nearest for masks; what comes from outside takes
        the nearest pixel of the border, and no label.
    """
    # keras gives the maps as (x, y): column first
    order = [4, 3, 5, 1, 0, 2]
    maps = ops.stack([table[:, i] for i in order] + [table[:, 0] * 0] * 2, axis=1)
    images = ops.image.affine_transform(
        images, maps, interpolation="bilinear", fill_mode="nearest", data_format="channels_last"
    )
    moved = ops.image.affine_transform(
        ops.cast(masks, "float32")[..., None],
        maps,
        interpolation="nearest",
        fill_mode="constant",
        fill_value=0.0,
        data_format="channels_last",
    )
    contrast, brightness, deviation = (table[:, i, None, None, None] for i in (6, 7, 8))
    images = images * contrast + brightness + noise * deviation
    return images, ops.cast(moved[..., 0], "int32")
