"""A sound configuration from what training cases have in common, with a reason for each value.

The rules are those of nnU-Net (Isensee et al., Nature Methods 2021, and its code for what the paper
leaves out), at what an effort allows: slices as large as the budget lets them be up to their median
size; as many slices a batch as fit, at least 2 and at most 5 % of all pixels; stages until feature
maps are 4 × 4; a third of each batch shows a label; intensities by percentiles within the labels
for Hounsfield units and z-scores otherwise. A network of three dimensions where volumes are so
small that it sees each of them whole, else one of two. How long is trained follows from the effort,
by what was measured on two cores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from slicewise.config import Coarse, Effort, Plane
from slicewise.config.network import divides
from slicewise.config.slices import Cut
from slicewise.dataset.efforts import BUDGETS, Budget
from slicewise.dataset.fingerprint import BLOCK, NORMALS, Fingerprint, rounded, stepped
from slicewise.dataset.proposal import Choice, Plan
from slicewise.wording import plural

NARROWEST = 4
"""Pixels of the smallest feature map (nnU-Net)."""
STAGES = 8
"""The most that a network may have."""
SHARE = 0.05
"""The largest part of all training slices that a batch may be (nnU-Net)."""
FEW_PIXELS = 6
"""A label of so few pixels across is too small to be made smaller."""
LEAST_SIDE = 128
"""Pixels to which a slice is made smaller at most to save time."""
ENOUGH = 20_000
"""Slices a training should look at: fewer large ones teach less, see ``benchmarks/plan.py``."""
MIXED = 1.1
"""Pixels that differ by so much between cases are brought to one size."""
SPREAD = 1.3
"""Pixels that differ by so much between cases make organs look of different sizes."""
FEW_FOR_BATCH_NORM = 8
"""Slices or volumes in a batch below which their own statistics are too noisy (Wu & He, ECCV 2018;
of volumes `benchmarks/study.md`)."""
FASTER = 2
"""By how much the rate is higher for volumes that are normalised each by itself, see there."""
COARSE = Coarse()
"""How trainings begin that see more coarse slices in the same time (`benchmarks/study.md`)."""
EPOCHS = 20
"""The least that a training has, for its curve to be read: else epochs have fewer steps."""
LOOKS = 5
"""How many times as often as at a slice a training may look at a volume that it sees whole."""


def plan(fingerprint: Fingerprint, effort: Effort) -> Plan:
    """Decide what to train.

    Parameters
    ----------
    fingerprint : Fingerprint
        Of the training cases.
    effort : {"quick", "laptop", "workstation", "gpu"}
        What it may cost, see `slicewise.dataset.efforts`.

    Returns
    -------
    Plan
        The same for the same arguments, on every machine.
    """
    return _plan(fingerprint, effort, BUDGETS[effort])


def _plan(fingerprint: Fingerprint, effort: Effort, budget: Budget) -> Plan:
    shape = _whole(fingerprint, budget) or _slices(fingerprint, budget)
    batch, why_batch = _batch(fingerprint, budget, shape)
    choices = [
        Choice("slices.plane", shape.plane, shape.why_plane),
        Choice("slices.size", shape.side, shape.why_side),
        *_spacing(fingerprint, shape),
        *_intensities(fingerprint),
        *_network(budget, shape, batch),
        *_augmentation(fingerprint, budget),
        Choice("training.batch", batch, why_batch),
        *_length(fingerprint, effort, budget, shape, batch),
        *_rest(fingerprint, budget),
    ]
    return Plan(effort, tuple(choices))


@dataclass(frozen=True)
class _Shape:
    """What the network sees at once: a slice, or a block of as many slices as are said."""

    plane: Cut
    why_plane: str
    side: int
    why_side: str
    block: int | None = None

    @property
    def pixels(self) -> int:
        return self.side**2 * (self.block or 1)

    @property
    def things(self) -> str:
        """What people call it."""
        return "slices" if self.block is None else "volumes"


def largest(effort: Effort) -> Plan:
    """Return a plan that takes as much memory as any of this effort."""
    side = 2 * BUDGETS[effort].side
    return _plan(
        Fingerprint(
            intensity="hu",
            contiguous=True,
            labels=1,
            channels=1,
            cases=1024,
            slices=1 << 20,
            plane="axial",
            agreement=1.0,
            rows=side,
            columns=side,
            extent=float(side),
            spacing=1.0,
            thickness=1.0,
            spread=1.0,
            lost=False,
            cubes=False,
            whole=(side, side, side),
            smallest=None,
            shown=None,
        ),
        effort,
        replace(BUDGETS[effort], hours=math.inf),
    )


# --- slices -------------------------------------------------------------------------------------


def _whole(fingerprint: Fingerprint, budget: Budget) -> _Shape | None:
    """Return blocks that hold volumes whole; None where these are no cubes of voxels, or too large.

    Of the three planes it is the one that wastes least on squares.
    """
    if not (fingerprint.contiguous and fingerprint.cubes):
        return None
    sides = fingerprint.whole
    squares = {
        axis: _divisible(max(side for other, side in enumerate(sides) if other != axis))
        for axis in range(3)
    }
    blocks = {axis: _divided(sides[axis], len(_stages(budget, squares[axis]))) for axis in range(3)}
    # of equal ones axial, which people look at
    normal = min(range(2, -1, -1), key=lambda axis: squares[axis] ** 2 * blocks[axis])
    plane = NORMALS[normal]
    side = squares[normal]
    block = blocks[normal]
    if 2 * side**2 * block > budget.pixels:
        return None
    held = " × ".join(map(str, sides))
    return _Shape(
        plane,
        f"Voxels are nearly cubes, and cut {_ALONG[plane]} volumes waste least of a block.",
        side,
        f"In 19 of 20 cases volumes have at most {held} voxels, and the network sees them whole.",
        block,
    )


_ALONG: dict[Plane, str] = {
    "axial": "from below to above",
    "coronal": "from back to front",
    "sagittal": "from side to side",
}


def _divided(slices: int, stages: int) -> int:
    """Return the next number of slices that a network of so many stages can halve."""
    return next(each for each in range(slices, 4 * slices + 1024, BLOCK) if divides(each, stages))


def _slices(fingerprint: Fingerprint, budget: Budget) -> _Shape:
    """Return slices of the plane in which they are finest."""
    side, why_side = _side(fingerprint, budget)
    return _Shape(fingerprint.plane, _why_plane(fingerprint), side, why_side)


def _why_plane(fingerprint: Fingerprint) -> str:
    if not fingerprint.contiguous:
        return "The slices of a file are no neighbours, so they are taken as they are."
    if fingerprint.plane == "acquired":
        others = max(1, round(10 * (1 - fingerprint.agreement)))
        return (
            f"About {others} in 10 cases were acquired in another plane than most, and each is cut "
            "along its own."
        )
    if fingerprint.agreement < 1:
        return (
            "Most cases were acquired in this plane; a case that has lost the size of its voxels "
            "cannot be cut along its own."
        )
    if fingerprint.thickness > fingerprint.spacing:
        return (
            f"Pixels are finest in this plane: about {fingerprint.spacing:g} mm in the median "
            f"case, with about {fingerprint.thickness:g} mm from slice to slice."
        )
    return "Voxels are nearly cubes, so no plane is finer than another."


def _side(fingerprint: Fingerprint, budget: Budget) -> tuple[int, str]:
    """Return the side of slices: the median, or what the effort allows."""
    median = fingerprint.rows
    whole = _divisible(median)
    seen = f"half of the cases have slices of at most {median} × {fingerprint.columns} pixels"
    most, allowed = _affordable(fingerprint, budget)
    if whole <= most:
        return whole, f"{seen.capitalize()}, and the network halves this side without a rest."
    if _loses_a_label(fingerprint, most):
        side = min(whole, 2 * most)
        if side > most:
            return side, (
                f"{seen.capitalize()}, {allowed}, but the smallest label, of about "
                f"{fingerprint.smallest:g} pixels across, would be lost."
            )
    return most, f"{seen.capitalize()}, {allowed}."


def _loses_a_label(fingerprint: Fingerprint, side: float) -> bool:
    """Tell whether the smallest label would have too few pixels in slices of a side."""
    smallest = fingerprint.smallest
    return smallest is not None and smallest * side / fingerprint.rows < FEW_PIXELS


def _affordable(fingerprint: Fingerprint, budget: Budget) -> tuple[int, str]:
    """Return the largest side at which there is time to look at slices often enough."""
    enough = min(ENOUGH, budget.passes * fingerprint.slices)
    pixels = 3600 * budget.hours / (budget.seconds(1) * enough)
    sides = range(budget.side, LEAST_SIDE, -32)
    side = next((side for side in sides if side**2 <= pixels), min(LEAST_SIDE, budget.side))
    if side == budget.side:
        return side, f"and this effort goes to {side}"
    return side, f"and this effort has no time for {enough} slices larger than {side}"


def _in_mm(fingerprint: Fingerprint) -> bool:
    """Tell whether slices had better have pixels of the same size in all cases."""
    return fingerprint.contiguous and not fingerprint.lost and fingerprint.spread >= MIXED


def _spacing(fingerprint: Fingerprint, shape: _Shape) -> Iterator[Choice]:
    if not _in_mm(fingerprint):
        return
    least = stepped(fingerprint.extent / shape.side, up=True)
    whole = shape.block is not None or shape.side >= fingerprint.rows
    yield Choice(
        "slices.spacing",
        fingerprint.spacing if whole else max(fingerprint.spacing, least),
        f"Pixels of the coarsest cases are {fingerprint.spread:g} times as large as those of the "
        "finest; in millimetres organs are as large in all, and this is "
        + (
            "the median."
            if whole
            else f"what a median slice of {fingerprint.extent:g} mm needs to have room."
        ),
    )


def _divisible(side: int) -> int:
    """Return the next side that can be halved four times or more: 16, 32, …, 64, 96, 128, …."""
    step = 16 if side <= 64 else 32
    return step * math.ceil(side / step)


def _batch(fingerprint: Fingerprint, budget: Budget, shape: _Shape) -> tuple[int, str]:
    number = _samples(fingerprint, shape)
    fit = min(budget.most, budget.pixels // shape.pixels)
    few = int(SHARE * number)
    batch = max(2, min(fit, few))
    if few < fit:
        known = f"The training cases have about {number} slices"
        if shape.block is not None:
            known = f"There are about {number} training cases"
        return batch, f"{known}, of which a batch is at most a twentieth, but never fewer than 2."
    return batch, f"As many {shape.things} as this effort has time and memory for at their size."


def _samples(fingerprint: Fingerprint, shape: _Shape) -> int:
    """Return how many slices, or blocks, there are to learn from."""
    return fingerprint.slices if shape.block is None else fingerprint.cases


def _intensities(fingerprint: Fingerprint) -> Iterator[Choice]:
    if fingerprint.intensity == "hu":
        yield Choice(
            "input.window",
            "foreground",
            "Hounsfield units mean the same in every scan: they are clipped to the 0.5 and 99.5 "
            "percentiles inside the labels of the training cases.",
        )
        yield Choice(
            "input.normalisation",
            "foreground",
            "Mean and deviation are those inside the labels of the training cases.",
        )
        return
    if fingerprint.intensity == "clipped_hu":
        why = "The values were cut to a window before, so nothing is cut off again."
    else:
        why = "The values have no scale of their own, so each volume is z-scored and none is cut."
    yield Choice("input.window", "none", why)
    yield Choice("input.normalisation", "all", "Mean and deviation are those of all pixels.")


# --- network ------------------------------------------------------------------------------------


def _stages(budget: Budget, side: int) -> list[int]:
    """Return the filters of each stage: as many as leave feature maps that are wide enough."""
    smallest = side
    filters = [budget.filters]
    while smallest % 2 == 0 and smallest // 2 >= NARROWEST and len(filters) < STAGES:
        smallest //= 2
        filters.append(min(2 * filters[-1], budget.widest))
    return filters


def _has_few(batch: int) -> bool:
    """Tell whether a batch is too small for statistics of its own."""
    return batch < FEW_FOR_BATCH_NORM


def _network(budget: Budget, shape: _Shape, batch: int) -> Iterator[Choice]:
    filters = _stages(budget, shape.side)
    smallest = shape.side >> (len(filters) - 1)
    if shape.block is not None:
        yield Choice(
            "network.dimensions",
            3,
            "A block holds nearly every volume whole, and there a network of three dimensions "
            "finds more than one that sees slices.",
        )
        yield Choice("network.block", shape.block, "Slices of nearly every volume.")
    yield Choice(
        "network.filters",
        filters,
        f"{shape.side} pixels are halved until feature maps are {smallest} × {smallest}; filters "
        f"begin with {budget.filters} and double up to {filters[-1]}, as the effort allows.",
    )
    few = _has_few(batch)
    yield Choice(
        "network.normalisation",
        "instance" if few else "batch",
        f"A batch of {batch} {shape.things} has {'too few' if few else 'enough'} "
        "for its own statistics.",
    )
    if budget.deep_supervision or shape.block is not None:
        why = "this effort has the time" if shape.block is None else "it costs little here"
        yield Choice(
            "network.deep_supervision",
            True,
            f"Coarser stages are trained, too, as nnU-Net does; {why}.",
        )


def _augmentation(fingerprint: Fingerprint, budget: Budget) -> Iterator[Choice]:
    few = fingerprint.cases <= budget.few
    yield Choice(
        "augmentation.rotation",
        30.0 if few else 20.0,
        "Patients lie straight but for some degrees (of 15 to 30).",
    )
    yield _scale(fingerprint, few)
    yield Choice(
        "augmentation.flip",
        False,
        "Organs lie on their side of the body, and a mirrored slice would unlearn that.",
    )
    if few:
        yield from _strong()


def _scale(fingerprint: Fingerprint, few: bool) -> Choice:
    in_mm = _in_mm(fingerprint)
    varied = fingerprint.contiguous and fingerprint.spread > SPREAD and not in_mm
    if varied:
        why = "Pixels differ between cases, so organs look of different sizes."
    elif in_mm:
        why = "Slices are in millimetres, so organs are as large as they are; people differ."
    elif fingerprint.lost:
        why = "Headers that say 1 mm may have lost the size of pixels, and people differ."
    else:
        why = "Pixels are of similar size in all cases; people differ."
    return Choice("augmentation.scale", 0.35 if few else 0.3 if varied else 0.2, why)


def _strong() -> Iterator[Choice]:
    """Yield what few patients cannot show of how people and scans differ."""
    people = "So few patients show little of how people differ, so slices are bent and moved more."
    scans = "So few patients show little of how scans differ, so their values are changed more."
    for setting, value, why in (
        ("shift", 0.15, people),
        ("shear", 10.0, people),
        ("shear_probability", 0.3, people),
        ("elastic", 0.03, people),
        ("elastic_probability", 0.4, people),
        ("gamma", 2.0, scans),
        ("gamma_probability", 0.4, scans),
        ("contrast", 0.4, scans),
        ("brightness", 0.5, scans),
        ("noise", 0.3, scans),
        ("blur", 1.5, scans),
        ("blur_probability", 0.2, scans),
        ("low_resolution", 3.0, scans),
        ("low_resolution_probability", 0.2, scans),
    ):
        yield Choice(f"augmentation.{setting}", value, why)


# --- training -----------------------------------------------------------------------------------


def _begins_coarse(fingerprint: Fingerprint, budget: Budget, shape: _Shape) -> bool:
    """Tell whether a training had better begin with coarse slices.

    Not where a label would be lost, or patients are so few that they are learnt by heart in time.
    """
    if not budget.coarse or shape.block is not None or fingerprint.cases <= budget.few:
        return False
    side = shape.side / COARSE.factor
    return side >= LEAST_SIDE and not _loses_a_label(fingerprint, side)


def _coarse() -> Iterator[Choice]:
    """Yield how a training begins."""
    yield Choice(
        "training.coarse.share",
        COARSE.share,
        "Coarse slices teach the greater part, and more of them are seen in the same time.",
    )
    yield Choice(
        "training.coarse.factor",
        COARSE.factor,
        "A pixel as large costs less than half, and no label is lost.",
    )


def _length(
    fingerprint: Fingerprint, effort: Effort, budget: Budget, shape: _Shape, batch: int
) -> Iterator[Choice]:
    """Yield steps, epochs, learning rate, and how a training begins."""
    coarse = _begins_coarse(fingerprint, budget, shape)
    # of a training, against one of as many steps that sees all slices whole
    cost = COARSE.cost(1) if coarse else 1.0
    of_a_step = cost * budget.seconds(batch * shape.pixels)
    affordable = 3600 * budget.hours / of_a_step
    passes = budget.passes if shape.block is None else LOOKS * budget.passes
    samples = _samples(fingerprint, shape)
    useful = max(budget.least, passes * samples / batch) / cost
    wanted = min(affordable, useful)
    steps = min(budget.steps, max(10, 10 * round(wanted / EPOCHS / 10)))
    epochs = max(1, int(rounded(wanted / steps, 2)))
    total = steps * epochs
    yield Choice(
        "training.steps_per_epoch",
        steps,
        "An epoch is so many steps, however many cases there are, and not a pass over all slices."
        if steps == budget.steps
        else f"Few, so that the training has about {EPOCHS} epochs, whose curve can be read.",
    )
    minutes = max(1, round(rounded(total * of_a_step / 60, 2)))
    enough = f"{passes} passes over some {samples} {shape.things}, or {budget.least} steps,"
    if affordable < useful:
        why = f"About all that {effort} has time for"
    elif coarse:
        why = f"More time than {enough} take with whole slices is not expected to help"
    else:
        why = f"More than {enough} are not expected to help"
    time = f"about {plural(minutes, 'minute')} on {budget.machine}"
    yield Choice("training.epochs", epochs, f"{why}; {time}.")
    yield Choice(
        "training.foreground",
        0.33,
        "A third of each batch shows a label, as in nnU-Net"
        + (
            "."
            if fingerprint.shown is None or shape.block is not None
            else f"; about {100 * fingerprint.shown:.0f} % of the slices do."
        ),
    )
    if coarse:
        yield from _coarse()
    yield _rate(budget, shape, batch)


def _rate(budget: Budget, shape: _Shape, batch: int) -> Choice:
    """Return the learning rate at its peak."""
    rate = budget.learning_rate
    why = f"AdamW with a cosine is stable at this rate with {budget.filters} filters at the top"
    if shape.block is not None and _has_few(batch):
        rate *= FASTER
        why += ", and volumes that are normalised each by itself are learnt faster by it"
    return Choice("optimizer.learning_rate", rate, f"{why}.")


def _rest(fingerprint: Fingerprint, budget: Budget) -> Iterator[Choice]:
    yield Choice(
        "training.precision",
        budget.precision,
        "GPUs of this kind compute in bfloat16 much faster, and as well."
        if budget.precision == "mixed_bfloat16"
        else "In bfloat16 on processors that compute in it, twice as fast and as well; "
        "else float32.",
    )
    if fingerprint.contiguous:
        yield Choice(
            "postprocessing.largest_component",
            "auto",
            "Small islands are taken away if that helps on validation patients, as in nnU-Net; "
            "without them, if a label is one piece in every training mask.",
        )
