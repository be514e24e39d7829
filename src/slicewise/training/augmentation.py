"""Random changes of training slices: drawn on the host, applied on the device.

What is drawn depends on seed, epoch and step alone, so a resumed training sees
what an uninterrupted one would have seen.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.interpolate import BSpline

from slicewise.config import Augmentation
from slicewise.network import backend

# In the order in which they are drawn: the draws of one never depend on the settings of another.
CHANGES = (
    "rotation",
    "scale",
    "shift",
    "shear",
    "flip",
    "blur",
    "low_resolution",
    "gamma",
    "contrast",
    "brightness",
    "noise",
    "elastic",
)
NEUTRAL = {"gamma": 1.0, "low_resolution": 1.0}  # of all others: 0

# Columns of the table of draws; the first six are an affine map.
BLUR, COARSER, GAMMA, CONTRAST, BRIGHTNESS, NOISE = range(6, 12)
COLUMNS = 12

# Nodes of the grid of elastic displacements along a side. Few, so that neighbouring pixels move
# alike and the picture does not fold.
NODES = 6


def used(settings: Augmentation) -> set[str]:
    """Return the `CHANGES` that have a range and a probability."""
    return {
        change
        for change in CHANGES
        if getattr(settings, change) not in (False, NEUTRAL.get(change, 0.0))
        and getattr(settings, f"{change}_probability") > 0
    }


def draw(
    settings: Augmentation,
    number: int,
    size: tuple[int, int],
    seed: int,
    epoch: int,
    step: int,
    aspect: float | np.ndarray = 1.0,
) -> dict[str, np.ndarray]:
    """Draw the changes of a batch.

    Parameters
    ----------
    settings : Augmentation
        Ranges and probabilities.
    number : int
        Slices in the batch.
    size : tuple of int
        Rows and columns.
    seed, epoch, step : int
        What the draws depend on.
    aspect : float or ndarray, shape (number,)
        Distance of rows over distance of columns, in mm: slices are turned and
        sheared as bodies are, also where pixels are not square.

    Returns
    -------
    dict of ndarray of float32
        ``table``, shape (number, 12): for each slice the six numbers that take
        output pixels (row, column) to input pixels, deviation of the blur
        (pixels), factor of the coarser grid, exponent, contrast (factor),
        brightness (shift) and deviation of the noise. ``bends``, shape
        (number, 6, 6, 2): coarse displacements in pixels, rows first, zero
        where a slice is not bent; only where `settings` asks for some.

    Notes
    -----
    The affine map flips, turns, enlarges and shears about the centre what was
    shifted: ``input = centre + flip·rotation·shear/scale (output - centre -
    shift)``. The shear moves rows against columns and keeps areas. Scale and
    exponent are drawn log-uniformly, all else uniformly.
    """
    random = np.random.default_rng([seed, epoch, 1, step])
    chosen = {
        change: random.random(number) < getattr(settings, f"{change}_probability")
        for change in CHANGES
    }

    def signed(change: str) -> np.ndarray:
        """Between -1 and 1; 0 where a slice is left as it is."""
        return random.uniform(-1, 1, number) * chosen[change]

    angle = np.deg2rad(settings.rotation) * signed("rotation")
    scale = (1 + settings.scale) ** signed("scale")
    down = settings.shift * size[0] * signed("shift")
    right = settings.shift * size[1] * signed("shift")
    shear = np.tan(np.deg2rad(settings.shear) * signed("shear"))
    mirror = np.where((settings.flip is not False) & chosen["flip"], -1.0, 1.0)
    across = np.where(_columns_mirrored(settings, number, seed, epoch, step), -1.0, 1.0)

    table = np.empty((number, COLUMNS), np.float32)
    a, b = np.cos(angle) * mirror, (np.cos(angle) * shear - np.sin(angle)) * mirror
    c, d = np.sin(angle) * across, (np.sin(angle) * shear + np.cos(angle)) * across
    # so far millimetres to millimetres
    a, b, c, d = a / scale, b / scale / aspect, c / scale * aspect, d / scale
    row, column = (size[0] - 1) / 2, (size[1] - 1) / 2
    table[:, 0], table[:, 1], table[:, 2] = a, b, row - a * (row + down) - b * (column + right)
    table[:, 3], table[:, 4], table[:, 5] = c, d, column - c * (row + down) - d * (column + right)
    table[:, BLUR] = settings.blur * np.abs(signed("blur"))
    table[:, COARSER] = 1 + (settings.low_resolution - 1) * np.abs(signed("low_resolution"))
    table[:, GAMMA] = settings.gamma ** signed("gamma")
    table[:, CONTRAST] = 1 + settings.contrast * signed("contrast")
    table[:, BRIGHTNESS] = settings.brightness * signed("brightness")
    table[:, NOISE] = settings.noise * np.abs(signed("noise"))
    changes = {"table": table}
    if "elastic" in used(settings):
        bends = random.standard_normal((number, NODES, NODES, 2)) * settings.elastic * size
        bends *= chosen["elastic"][:, None, None, None]
        changes["bends"] = bends.astype(np.float32)
    return changes


def _columns_mirrored(
    settings: Augmentation, number: int, seed: int, epoch: int, step: int
) -> np.ndarray | bool:
    """Draw by itself whose columns are mirrored, so that no other draw depends on it."""
    if settings.flip != "both":
        return False
    random = np.random.default_rng([seed, epoch, 1, step, 1])
    drawn: np.ndarray = random.random(number) < settings.flip_probability
    return drawn


def apply(
    images: Any, masks: Any, changes: dict[str, Any], noise: Any, settings: Augmentation
) -> tuple[Any, Any]:
    """Change normalised images and move their masks alike.

    Parameters
    ----------
    images : tensor of float32, shape (n, rows, columns, channels)
        Normalised intensities; all channels of a slice are changed alike.
    masks : tensor of int, shape (n, rows, columns)
        Label indices, up to 255.
    changes : dict of tensors
        From `draw` with the same settings.
    noise : tensor, like `images`
        Standard normal; not looked at where `settings` has no noise.
    settings : Augmentation
        Tells what is left out for good and costs nothing.

    Returns
    -------
    images, masks : tensors of float32 and int32
        Resampled once, bilinear for images and nearest for masks; what comes
        from outside takes the nearest pixel of the border, and no label. Then
        blurred, made coarser, raised to a power, and contrast, brightness and
        noise are changed.

    Notes
    -----
    The changes are those of Isensee et al., Nature Methods 2021. Contrast is
    changed about the slice's mean; noise comes last, so that its deviation is
    what the settings say.
    """
    active, table = used(settings), changes["table"]
    masks = ops.cast(masks, "int32")
    if "elastic" in active:
        images, masks = _resampled(images, masks, table, changes["bends"])
    elif active & {"rotation", "scale", "shift", "shear", "flip"}:
        # TensorFlow's own operation takes half the time on CPUs; it cannot be compiled for GPUs.
        native = keras.backend.backend() == "tensorflow" and not backend.has_gpu()
        move = _resampled_natively if native else _resampled
        images, masks = move(images, masks, table)
    if active & {"blur", "low_resolution"}:
        images = _degraded(images, table, "blur" in active, "low_resolution" in active)
    if "gamma" in active:
        images = _to_a_power(images, table[:, GAMMA, None, None, None])
    added = 0.0
    if "contrast" in active:
        contrast = table[:, CONTRAST, None, None, None]
        added = ops.mean(images, axis=(1, 2, 3), keepdims=True) * (1 - contrast)
        images = images * contrast
    if "brightness" in active:
        added = added + table[:, BRIGHTNESS, None, None, None]
    if active & {"contrast", "brightness"}:
        images = images + added
    if "noise" in active:
        images = images + noise * table[:, NOISE, None, None, None]
    return images, masks


def _resampled_natively(images: Any, masks: Any, table: Any) -> tuple[Any, Any]:
    # Keras gives the maps as (x, y): column first.
    order = [4, 3, 5, 1, 0, 2]
    maps = ops.stack([table[:, i] for i in order] + [table[:, 0] * 0] * 2, axis=1)
    images = ops.image.affine_transform(
        images, maps, interpolation="bilinear", fill_mode="nearest", data_format="channels_last"
    )
    moved = ops.image.affine_transform(
        ops.cast(masks, "uint8")[..., None],
        maps,
        interpolation="nearest",
        fill_mode="constant",
        fill_value=0,
        data_format="channels_last",
    )
    return images, ops.cast(moved[..., 0], "int32")


def _resampled(images: Any, masks: Any, table: Any, bends: Any = None) -> tuple[Any, Any]:
    _, rows, columns, channels = images.shape
    t = [table[:, i, None, None] for i in range(6)]
    i, j = ops.arange(rows, dtype="float32")[:, None], ops.arange(columns, dtype="float32")
    y, x = t[0] * i + t[1] * j + t[2], t[3] * i + t[4] * j + t[5]
    if bends is not None:
        down, across = _spline(rows), _spline(columns).T
        y = y + ops.matmul(ops.matmul(down, bends[..., 0]), across)
        x = x + ops.matmul(ops.matmul(down, bends[..., 1]), across)

    # The batch is one long list of pixels, so that one index finds a pixel.
    start = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (rows * columns)
    row, column = ops.cast(ops.floor(y + 0.5), "int32"), ops.cast(ops.floor(x + 0.5), "int32")
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    nearest = start + ops.clip(row, 0, rows - 1) * columns + ops.clip(column, 0, columns - 1)
    masks = ops.where(inside, ops.take(ops.reshape(masks, (-1,)), nearest, axis=0), 0)

    y, x = ops.clip(y, 0, rows - 1), ops.clip(x, 0, columns - 1)
    top, left = ops.floor(y), ops.floor(x)
    y, x = (y - top)[..., None], (x - left)[..., None]
    top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
    right = ops.minimum(left + 1, columns - 1)
    above, below = start + top * columns, start + ops.minimum(top + 1, rows - 1) * columns
    pixels = ops.reshape(images, (-1, channels))
    corners = (above + left, above + right, below + left, below + right)
    a, b, c, d = (ops.take(pixels, corner, axis=0) for corner in corners)
    upper, lower = a + (b - a) * x, c + (d - c) * x
    return upper + (lower - upper) * y, masks


def _spline(side: int) -> np.ndarray:
    """Weights (side, `NODES`) of a cubic B-spline over a side (Rueckert et al., 1999).

    Their squares sum to 1, so that displacements have the nodes' deviation everywhere.
    """
    intervals = NODES - 3
    knots = np.arange(-3, NODES + 1, dtype=float)
    positions = np.linspace(0, intervals, side)
    weights = BSpline.design_matrix(positions, knots, 3).toarray()
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def _degraded(images: Any, table: Any, blurred: bool, coarser: bool) -> Any:
    """Blur slices and take them to a coarser grid and back, both as one product of matrices."""
    rows, columns = images.shape[1:3]
    deviation, factor = table[:, BLUR], table[:, COARSER]
    chosen = (deviation > 0) | (factor > 1)
    left = _operator(rows, deviation, factor, blurred, coarser)
    right = left if rows == columns else _operator(columns, deviation, factor, blurred, coarser)
    planes = ops.transpose(images, (0, 3, 1, 2))
    planes = ops.matmul(left[:, None], planes)
    planes = ops.matmul(planes, ops.transpose(right, (0, 2, 1))[:, None])
    # GPUs may multiply matrices with few digits; the other slices keep theirs.
    return ops.where(chosen[:, None, None, None], ops.transpose(planes, (0, 2, 3, 1)), images)


def _operator(side: int, deviation: Any, factor: Any, blurred: bool, coarser: bool) -> Any:
    """Return matrices (n, side, side) that degrade one axis.

    The Gaussian is normalised over the pixels that there are. The coarser grid
    covers the same side with ceil(side / factor) pixels, which take the value
    of the pixel below their middle; pixels between them are interpolated linearly.
    """
    pixels = ops.arange(side, dtype="int32")

    def weights(centres: Any) -> Any:
        """Weights (n, centres, side) by which a pixel stands for its surroundings."""
        distance = ops.cast(centres[..., None] - pixels, "float32")
        if not blurred:
            return ops.cast(distance == 0, "float32")
        # A slice without blur has all weight at its centre: so narrow is this Gaussian.
        precision = 0.5 / ops.square(ops.maximum(deviation, 1e-2))[:, None, None]
        bell = ops.exp(-precision * ops.square(distance))
        return bell / ops.sum(bell, axis=-1, keepdims=True)

    if not coarser:
        return weights(pixels[None])
    number = ops.ceil(side / factor)[:, None]
    position = (ops.cast(pixels, "float32") + 0.5) * number / side - 0.5
    position = ops.clip(position, 0, number - 1)
    first = ops.floor(position)
    share = (position - first)[..., None]

    def beneath(coarse: Any) -> Any:
        # In integers: for even factors the middle lies on the edge of two pixels.
        double = 2 * ops.cast(number, "int32")
        return (2 * ops.cast(coarse, "int32") + 1) * side // double

    second = ops.minimum(first + 1, number - 1)
    return weights(beneath(first)) * (1 - share) + weights(beneath(second)) * share


def _to_a_power(images: Any, exponent: Any) -> Any:
    low = ops.min(images, axis=(1, 2, 3), keepdims=True)
    # A slice without contrast stays what it is: nothing is divided by 0.
    span = ops.maximum(ops.max(images, axis=(1, 2, 3), keepdims=True) - low, 1e-7)
    # exp of log: TensorFlow's power takes twice as long.
    changed = ops.exp(exponent * ops.log((images - low) / span)) * span + low
    return ops.where(exponent != 1, changed, images)
