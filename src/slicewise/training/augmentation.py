"""Random changes of training slices: drawn on the host, applied on the device.

What is drawn depends on seed, epoch and step alone, so a resumed training sees
what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

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

AFFINE = {"rotation", "scale", "shift", "shear", "flip"}
"""Those that move pixels by an affine map."""
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


class Moment(NamedTuple):
    """When in a training something is drawn: all that it depends on."""

    seed: int
    epoch: int
    step: int


@dataclass(frozen=True)
class Changes:
    """What is done to each of the n slices of a batch: arrays, or tensors of them, of float32.

    Attributes
    ----------
    affine : array, shape (n, 2, 3)
        Takes output pixels (row, column, 1) to input pixels (row, column).
    blur : array, shape (n,)
        Deviation of the Gaussian in pixels.
    coarseness : array, shape (n,)
        Factor of the coarser grid.
    exponent : array, shape (n,)
        Of the power that intensities are raised to.
    contrast : array, shape (n,)
        Factor about the mean.
    brightness : array, shape (n,)
        Added.
    noise : array, shape (n,)
        Deviation of the noise.
    bends : array, shape (n, 6, 6, 2), or None
        Coarse displacements in pixels, rows first, zero where a slice is not
        bent; None where nothing is bent.
    """

    affine: Any
    blur: Any
    coarseness: Any
    exponent: Any
    contrast: Any
    brightness: Any
    noise: Any
    bends: Any = None

    def arrays(self) -> dict[str, Any]:
        """Return them by name, as a step of a training takes them."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: array for name, array in named.items() if array is not None}

    @classmethod
    def among(cls, inputs: Mapping[str, Any]) -> Changes | None:
        """Return those that are among the inputs of a step, if any are."""
        names = [each.name for each in fields(cls)]
        arrays = {name: inputs[name] for name in names if name in inputs}
        return cls(**arrays) if arrays else None


class _Draws:
    """Random numbers of a batch, each change's in its turn."""

    def __init__(self, settings: Augmentation, moment: Moment, number: int) -> None:
        self.random = np.random.default_rng([moment.seed, moment.epoch, 1, moment.step])
        self.number = number
        self.chosen = {
            change: self.random.random(number) < getattr(settings, f"{change}_probability")
            for change in CHANGES
        }

    def signed(self, change: str) -> np.ndarray:
        """Return numbers between -1 and 1; 0 where a slice is left as it is."""
        drawn: np.ndarray = self.random.uniform(-1, 1, self.number) * self.chosen[change]
        return drawn

    def size_of(self, change: str) -> np.ndarray:
        """Return numbers between 0 and 1; 0 where a slice is left as it is."""
        drawn: np.ndarray = np.abs(self.signed(change))
        return drawn


def draw(
    settings: Augmentation,
    moment: Moment,
    number: int,
    size: tuple[int, int],
    aspect: float | np.ndarray = 1.0,
) -> Changes:
    """Draw the changes of a batch.

    Parameters
    ----------
    settings : Augmentation
        Ranges and probabilities.
    moment : Moment
        What the draws depend on.
    number : int
        Slices in the batch.
    size : tuple of int
        Rows and columns.
    aspect : float or ndarray, shape (number,)
        Distance of rows over distance of columns, in mm: slices are turned and
        sheared as bodies are, also where pixels are not square.

    Returns
    -------
    Changes
        Bends only where `settings` asks for some.

    Notes
    -----
    The affine map flips, turns, enlarges and shears about the centre what was
    shifted: ``input = centre + flip·rotation·shear/scale (output - centre -
    shift)``. The shear moves rows against columns and keeps areas. Scale and
    exponent are drawn log-uniformly, all else uniformly.
    """
    draws = _Draws(settings, moment, number)
    mirrored = _columns_mirrored(settings, moment, number)
    # the order of these is that of the random numbers
    affine = _affine(settings, draws, mirrored, size, aspect)
    blur = settings.blur * draws.size_of("blur")
    coarseness = 1 + (settings.low_resolution - 1) * draws.size_of("low_resolution")
    exponent = settings.gamma ** draws.signed("gamma")
    contrast = 1 + settings.contrast * draws.signed("contrast")
    brightness = settings.brightness * draws.signed("brightness")
    noise = settings.noise * draws.size_of("noise")
    bends = None
    if "elastic" in used(settings):
        nodes = draws.random.standard_normal((number, NODES, NODES, 2)) * settings.elastic * size
        bends = np.float32(nodes * draws.chosen["elastic"][:, None, None, None])
    return Changes(
        affine=np.float32(affine),
        blur=np.float32(blur),
        coarseness=np.float32(coarseness),
        exponent=np.float32(exponent),
        contrast=np.float32(contrast),
        brightness=np.float32(brightness),
        noise=np.float32(noise),
        bends=bends,
    )


def _affine(
    settings: Augmentation,
    draws: _Draws,
    mirrored: np.ndarray | bool,
    size: tuple[int, int],
    aspect: float | np.ndarray,
) -> np.ndarray:
    """Draw affine maps, shape (n, 2, 3), see `Changes`; `mirrored` are the columns."""
    angle = np.deg2rad(settings.rotation) * draws.signed("rotation")
    scale = (1 + settings.scale) ** draws.signed("scale")
    down = settings.shift * size[0] * draws.signed("shift")
    right = settings.shift * size[1] * draws.signed("shift")
    shear = np.tan(np.deg2rad(settings.shear) * draws.signed("shear"))
    upside_down = np.where((settings.flip is not False) & draws.chosen["flip"], -1.0, 1.0)
    across = np.where(mirrored, -1.0, 1.0)
    # millimetres to millimetres
    a = np.cos(angle) * upside_down
    b = (np.cos(angle) * shear - np.sin(angle)) * upside_down
    c = np.sin(angle) * across
    d = (np.sin(angle) * shear + np.cos(angle)) * across
    # pixels to pixels
    a = a / scale
    b = b / scale / aspect
    c = c / scale * aspect
    d = d / scale
    row = (size[0] - 1) / 2
    column = (size[1] - 1) / 2
    first = row - a * (row + down) - b * (column + right)
    second = column - c * (row + down) - d * (column + right)
    rows = np.stack([a, b, first], axis=-1)
    columns = np.stack([c, d, second], axis=-1)
    return np.stack([rows, columns], axis=1)


def _columns_mirrored(settings: Augmentation, moment: Moment, number: int) -> np.ndarray | bool:
    """Draw by itself whose columns are mirrored, so that no other draw depends on it."""
    if settings.flip != "both":
        return False
    random = np.random.default_rng([moment.seed, moment.epoch, 1, moment.step, 1])
    drawn: np.ndarray = random.random(number) < settings.flip_probability
    return drawn


def apply(
    images: Any, masks: Any, changes: Changes, noise: Any, settings: Augmentation
) -> tuple[Any, Any]:
    """Change normalised images and move their masks alike.

    Parameters
    ----------
    images : tensor of float32, shape (n, rows, columns, channels)
        Normalised intensities; all channels of a slice are changed alike.
    masks : tensor of int, shape (n, rows, columns), or (n, rows, columns, slices)
        Label indices, up to 255; all slices of a block are moved alike.
    changes : Changes
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
    active = used(settings)
    masks = ops.cast(masks, "int32")
    if "elastic" in active:
        images, masks = _resampled(images, masks, changes.affine, changes.bends)
    elif active & AFFINE:
        move = _resampled_natively if _has_native() else _resampled
        images, masks = move(images, masks, changes.affine)
    if active & {"blur", "low_resolution"}:
        images = _degraded(images, changes, "blur" in active, "low_resolution" in active)
    if "gamma" in active:
        images = _to_a_power(images, changes.exponent[:, None, None, None])
    added = 0.0
    if "contrast" in active:
        contrast = changes.contrast[:, None, None, None]
        added = ops.mean(images, axis=(1, 2, 3), keepdims=True) * (1 - contrast)
        images = images * contrast
    if "brightness" in active:
        added = added + changes.brightness[:, None, None, None]
    if active & {"contrast", "brightness"}:
        images = images + added
    if "noise" in active:
        images = images + noise * changes.noise[:, None, None, None]
    return images, masks


def moved(shares: Any, changes: Changes, settings: Augmentation) -> Any:
    """Move what a teacher says of slices as `apply` moves these.

    Parameters
    ----------
    shares : tensor of float32, shape (n, rows, columns, labels)
        Probabilities.
    changes, settings
        As of `apply`.

    Returns
    -------
    tensor of float32, shape (n, rows, columns, labels)
        Interpolated linearly; what comes from outside is 0.
    """
    active = used(settings)
    if "elastic" not in active and not active & AFFINE:
        return shares
    if "elastic" not in active and _has_native():
        return ops.image.affine_transform(
            shares,
            _maps(changes.affine),
            interpolation="bilinear",
            fill_mode="constant",
            fill_value=0,
            data_format="channels_last",
        )
    _, rows, columns, _ = shares.shape
    bends = changes.bends if "elastic" in active else None
    y, x = _places(rows, columns, changes.affine, bends)
    around = ops.pad(shares, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return _interpolated(around, y + 1, x + 1)


def _has_native() -> bool:
    """Tell whether to move by TensorFlow's own operation.

    It takes half the time on CPUs; it cannot be compiled for GPUs.
    """
    return keras.backend.backend() == "tensorflow" and not backend.has_gpu()


def _maps(affine: Any) -> Any:
    """Return affine maps as Keras takes them, as (x, y): column first."""
    order = [(1, 1), (1, 0), (1, 2), (0, 1), (0, 0), (0, 2)]
    zero = affine[:, 0, 0] * 0
    return ops.stack([affine[:, i, j] for i, j in order] + [zero, zero], axis=1)


def _resampled_natively(images: Any, masks: Any, affine: Any) -> tuple[Any, Any]:
    maps = _maps(affine)
    images = ops.image.affine_transform(
        images, maps, interpolation="bilinear", fill_mode="nearest", data_format="channels_last"
    )
    single = len(masks.shape) == 3
    masks = ops.cast(masks, "uint8")
    moved = ops.image.affine_transform(
        masks[..., None] if single else masks,
        maps,
        interpolation="nearest",
        fill_mode="constant",
        fill_value=0,
        data_format="channels_last",
    )
    return images, ops.cast(moved[..., 0] if single else moved, "int32")


def _resampled(images: Any, masks: Any, affine: Any, bends: Any = None) -> tuple[Any, Any]:
    _, rows, columns, _ = images.shape
    y, x = _places(rows, columns, affine, bends)
    start = _starts(images)
    row = ops.cast(ops.floor(y + 0.5), "int32")
    column = ops.cast(ops.floor(x + 0.5), "int32")
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    nearest = start + ops.clip(row, 0, rows - 1) * columns + ops.clip(column, 0, columns - 1)
    slices = tuple(masks.shape[3:])
    taken = ops.take(ops.reshape(masks, (-1, *slices)), nearest, axis=0)
    masks = ops.where(inside[..., None] if slices else inside, taken, 0)
    return _interpolated(images, y, x), masks


def _places(rows: int, columns: int, affine: Any, bends: Any) -> tuple[Any, Any]:
    """Return row and column in the input of each output pixel."""
    maps = affine[..., None, None]
    i = ops.arange(rows, dtype="float32")[:, None]
    j = ops.arange(columns, dtype="float32")
    y = maps[:, 0, 0] * i + maps[:, 0, 1] * j + maps[:, 0, 2]
    x = maps[:, 1, 0] * i + maps[:, 1, 1] * j + maps[:, 1, 2]
    if bends is not None:
        down = _spline(rows)
        across = _spline(columns).T
        y = y + ops.matmul(ops.matmul(down, bends[..., 0]), across)
        x = x + ops.matmul(ops.matmul(down, bends[..., 1]), across)
    return y, x


def _starts(images: Any) -> Any:
    """Return where each slice begins if the batch is one long list of pixels.

    So one index finds a pixel.
    """
    _, rows, columns, _ = images.shape
    return ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (rows * columns)


def _interpolated(images: Any, y: Any, x: Any) -> Any:
    """Interpolate linearly; outside is the nearest pixel of the border."""
    _, rows, columns, channels = images.shape
    start = _starts(images)
    y = ops.clip(y, 0, rows - 1)
    x = ops.clip(x, 0, columns - 1)
    top = ops.floor(y)
    left = ops.floor(x)
    y = (y - top)[..., None]
    x = (x - left)[..., None]
    top = ops.cast(top, "int32")
    left = ops.cast(left, "int32")
    right = ops.minimum(left + 1, columns - 1)
    above = start + top * columns
    below = start + ops.minimum(top + 1, rows - 1) * columns
    pixels = ops.reshape(images, (-1, channels))
    corners = (above + left, above + right, below + left, below + right)
    a, b, c, d = (ops.take(pixels, corner, axis=0) for corner in corners)
    upper = a + (b - a) * x
    lower = c + (d - c) * x
    return upper + (lower - upper) * y


def _spline(side: int) -> np.ndarray:
    """Weights (side, `NODES`) of a cubic B-spline over a side (Rueckert et al., 1999).

    Their squares sum to 1, so that displacements have the nodes' deviation everywhere.
    """
    intervals = NODES - 3
    knots = np.arange(-3, NODES + 1, dtype=float)
    positions = np.linspace(0, intervals, side)
    weights = BSpline.design_matrix(positions, knots, 3).toarray()
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def _degraded(images: Any, changes: Changes, blurred: bool, coarser: bool) -> Any:
    """Blur slices and take them to a coarser grid and back, both as one product of matrices."""
    rows, columns = images.shape[1:3]
    deviation = changes.blur
    factor = changes.coarseness
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
