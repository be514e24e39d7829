"""How much memory a job asks for, by the size of its volumes, labels, slices and network.

Each figure is the least that a rule asks for, or an estimate where that is more. Shares of a
volume and of a batch were measured by ``benchmarks/memory.py``, which prints what each job asked
for beside what it took; a job that needs more all the same is sent again with twice as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from slicewise.config import Content, Experiment, Recipe
from slicewise.dataset.shapes import UNKNOWN, Size

MB = 1_000_000
SPARE = 1.2
FIELD = 500
"""Millimetres that a slice is wide: headers are read for shapes alone."""
CONVERTED = 4
"""Bytes of a voxel that is stored in another type than it is worked on: float32, int32."""
COUNTED = 1 << 25
"""Voxels of components that are counted at a time; not read from there, as numpy comes with it."""


def phantom(sizes: Iterable[Size]) -> int:
    """Return MB to make a phantom: many maps in double precision at once."""
    return _asked(1000, 300, _largest(sizes, lambda size: 150 * size.voxels))


def convert(sizes: Iterable[Size]) -> int:
    """Return MB to make NIfTI files of a case: the image, one slice of it, and its mask."""
    return _asked(
        2000, 300, _largest(sizes, lambda size: _read(size, size.image) + 3 * size.voxels)
    )


def ingest(sizes: Iterable[Size]) -> int:
    """Return MB to check and describe a case: its image, its mask as numbers, one label of it."""

    def taken(size: Size) -> float:
        image, mask = (_kept(size, stored) for stored in (size.image, size.mask))
        # the components of a label are numbered in 4 bytes, within its box, and counted in 8
        box = size.voxels / 2
        labelled = size.voxels + (1 + 4) * box + 8 * min(box, COUNTED)
        beside = max(_read(size, size.mask), mask + size.voxels, labelled)
        return max(_read(size, size.image), image + beside)

    return _asked(2000, 250, _largest(sizes, taken))


def look(sizes: Iterable[Size]) -> int:
    """Return MB to look at a case: its image, its mask as numbers, and one label of it."""

    def taken(size: Size) -> float:
        image = _kept(size, size.image)
        mask = max(_read(size, size.mask), _kept(size, size.mask) + size.voxels)
        # the pieces of a label are numbered in 4 bytes, within its box; intensities inside
        # are copied
        labelled = size.voxels + (1 + 4 + CONVERTED) * size.voxels / 2
        return max(_read(size, size.image), image + mask, image + labelled)

    return _asked(2000, 300, _largest(sizes, taken))


def slices(sizes: Iterable[Size], content: Content) -> int:
    """Return MB to cut a case: its image, then its mask as numbers; z-scores take more."""
    scores = 8 if content.intensity == "arbitrary" else 0

    def taken(size: Size) -> float:
        # the mask is brought onto the image's grid, so the image is there when it is read
        image = _kept(size, size.image)
        mask = max(_read(size, size.mask), _kept(size, size.mask) + size.voxels)
        return max(_read(size, size.image), image + mask, image + (1 + scores) * size.voxels)

    return _asked(2000, 300, _largest(sizes, taken))


def train(
    validation_sizes: Iterable[Size],
    experiment: Experiment,
    recipes: Sequence[Recipe],
    labels: int,
    *,
    gpu: bool,
) -> int:
    """Return MB of a training: its network, and one held-out case as it is scored.

    Without a GPU the activations of a batch lie in the same memory: about 20
    arrays of each stage, 10 of its outputs.

    Parameters
    ----------
    validation_sizes : iterable of Size
        Of the held-out cases.
    experiment, recipes
        What is trained on slices of these recipes, which are padded to the largest.
    labels : int
        How many there are.
    gpu : bool
        Whether the job asks for one.
    """
    settings = experiment.training
    known = list(validation_sizes)
    pixels = settings.batch * max(_trained_pixels(recipe, known) for recipe in recipes)
    pixels *= experiment.network.block or 1
    outputs = _outputs(labels)
    # a mask and its ground truth, which is read; then components of a step that is tried
    tries = "auto" in experiment.postprocessing.model_dump().values()
    scored = 2 + (9 if tries else 0)
    if tries and (experiment.inference.planes or experiment.inference.tilt):
        # the image, and what is averaged over its cuts, a tilted one by itself
        scored += 4 + 2 * outputs * (3 if experiment.inference.tilt else 2)
    planes = len(experiment.inference.planes) + bool(experiment.inference.tilt)
    if experiment.inference.weights == "fitted":
        # the image, and what each plane says of it; that of one is there twice
        scored = max(scored, 4 + 4 * outputs * (planes + 2))
    validation = _largest(known, lambda size: _read(size, size.mask) + scored * size.voxels)
    batch = 3 * 4 * pixels * outputs
    if not gpu:
        batch += 4 * pixels * (20 * _width(experiment) + 10 * outputs)
    weights = 8 * _weights(experiment)
    return _asked(8000, 1300 + settings.memory, validation + batch + weights)


def predict(
    sizes: Iterable[Size],
    experiment: Experiment,
    recipe: Recipe,
    labels: int,
    models: int,
    *,
    beside: int = 0,
) -> int:
    """Return MB of a prediction: a volume, its mask, and batches on their way.

    Parameters
    ----------
    sizes : iterable of Size
        Of the cases.
    experiment, recipe
        What predicts slices of this recipe.
    labels, models : int
        How many there are.
    beside : int
        Bytes of a voxel that the job takes beside that.
    """
    known = list(sizes)
    own = _predicted(known, experiment, recipe, labels, models)
    return _asked(6000, 1300, own + _largest(known, lambda size: beside * size.voxels))


def mixed(labels: int, members: int) -> int:
    """Return bytes of a voxel that an ensemble takes beside a prediction of one of its members."""
    # the sum, what one member says, and what each of them would have decided
    return 8 * _outputs(labels) + members


def weighed(labels: int, members: int) -> int:
    """Return bytes of a voxel that weights take: what members say, in 16 bits, and the truth."""
    return 4 * _outputs(labels) + 2 * _outputs(labels) * members + 3


def _predicted(
    known: Sequence[Size], experiment: Experiment, recipe: Recipe, labels: int, models: int
) -> float:
    """Bytes of a prediction beside what it loads."""
    # of blocks at least one, which is averaged with the next one
    batch = max(experiment.prediction.batch, 2 * (experiment.network.block or 0))
    outputs = _outputs(labels)
    after = experiment.postprocessing
    whole = 2 + (9 if after.largest_component or after.fill_holes else 0)
    if len(experiment.inference.planes) > 1 or experiment.inference.tilt:
        whole += 4 * outputs  # probabilities are averaged on the grid of the volume
    if experiment.inference.tilt:
        whole += 2 * outputs  # those of a tilted cut, until it is turned back
    volumes = _largest(known, lambda size: _read(size, size.image) + whole * size.voxels)
    pixels = batch * _pixels(recipe, known)
    # four batches wait, one is made, one is enlarged to its own grid
    small = 4 * pixels * (6 * outputs + 6 * _width(experiment))
    large = 3 * 4 * experiment.prediction.batch * outputs * _largest(known, lambda size: size.slice)
    weights = 4 * _weights(experiment) * models
    return volumes + small + large + weights


def calibrate(
    sizes: Iterable[Size],
    experiment: Experiment,
    recipe: Recipe,
    labels: int,
    models: int = 1,
    *,
    beside: int = 0,
) -> int:
    """Return MB to predict cases that are spoilt first: the scan, its truth, and copies of it.

    Parameters are those of `predict`.
    """
    known = list(sizes)
    voxel = 16 + beside
    spoilt = _largest(known, lambda size: _kept(size, size.image) + voxel * size.voxels)
    return _asked(6000, 1300, spoilt + _predicted(known, experiment, recipe, labels, models))


def teach(sizes: Iterable[Size], experiment: Experiment, recipe: Recipe, labels: int) -> int:
    """Return MB to predict cases whose probabilities are kept, and cut anew."""
    known = list(sizes)
    kept = 2 * 4 * _outputs(labels) * _largest(known, lambda size: size.voxels)
    return _asked(6000, 1300, kept + _predicted(known, experiment, recipe, labels, 1))


def evaluate(sizes: Iterable[Size]) -> int:
    """Return MB to score a case: two masks as numbers, then surfaces of each label in turn."""
    return _asked(
        4000, 500, _largest(sizes, lambda size: _read(size, size.mask) + 14 * size.voxels)
    )


def report(sizes: Iterable[Size]) -> int:
    """Return MB to draw a case: its image, ground truth and prediction."""

    def taken(size: Size) -> float:
        return _read(size, size.image) + _kept(size, size.image) + 8 * size.voxels

    return _asked(4000, 800, _largest(sizes, taken))


def data(number: int) -> int:
    """Return MB to write the page about so many cases, whose marks are compared."""
    return _asked(2000, 700, number * 1.2 * MB)


def cases(number: int) -> int:
    """Return MB to put so many case records, with the marks of their slices, into one table."""
    return _asked(1000, 400, number * 0.8 * MB)


# -------------------------------------------------------------------------------------------


def _asked(least: int, base: float, more: float) -> int:
    """Round up to hundreds of MB, `base` in MB and `more` in bytes."""
    wanted = SPARE * (base + more / MB)
    return max(least, math.ceil(wanted / 100) * 100)


def _largest(sizes: Iterable[Size], taken: Callable[[Size], float]) -> float:
    return max(map(taken, sizes), default=0.0)


def _kept(size: Size, stored: int) -> int:
    """Bytes of a volume in memory, once it is read."""
    return size.voxels * (stored if stored <= 2 else CONVERTED)


def _read(size: Size, stored: int) -> int:
    """Bytes of a volume while it is read: as stored, and as it is kept where that is another."""
    kept = _kept(size, stored)
    copied = stored > 4 or not size.packed
    return kept + (size.voxels * stored if copied else 0)


def _trained_pixels(recipe: Recipe, sizes: Sequence[Size]) -> float:
    """Pixels of a slice as it is trained on, or a part of one as it is validated."""
    pixels = _pixels(recipe, sizes)
    # of whole slices nothing is kept for the way back
    return pixels if recipe.crop is None else max(recipe.crop**2, pixels / 4)


def _pixels(recipe: Recipe, sizes: Sequence[Size]) -> float:
    """Pixels of a slice, whole where it is predicted."""
    if recipe.spacing is not None:
        return (FIELD / recipe.spacing) ** 2
    if recipe.size is not None:
        return recipe.size**2
    return _largest(sizes or [UNKNOWN], lambda size: size.slice) / recipe.every**2


def _outputs(labels: int) -> int:
    return labels + 1 if labels > 1 else 1


def _weights(experiment: Experiment) -> float:
    """Bytes of the weights of a network, about."""
    # kernels of 3 × 3, or of 3 × 3 × 3
    each = 30 if experiment.network.dimensions == 2 else 90
    return 4 * each * max(experiment.network.filters) ** 2


def _width(experiment: Experiment) -> float:
    """Filters of all stages, each by the share of pixels that it has."""
    filters = experiment.network.filters
    return sum(number / 4**stage for stage, number in enumerate(filters))
