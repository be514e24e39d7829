"""What a plan may cost: how long on which machine, whatever machine it is made or run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from slicewise.config import Effort

SQUARE = 5.5e-9
LINEAR = 3.4e-8
"""Seconds that two cores take to train on a pixel in float32, by the square of the first stage's
filters and by their number: a fit to what ``benchmarks/train_throughput.py`` measured on two cores
of an AMD EPYC, 31.2 images of 128 × 128 with 16 filters and 2.26 of 256 × 256 with 32 a second.
"""


@dataclass(frozen=True)
class Budget:
    """What an effort allows.

    Attributes
    ----------
    machine : str
        What it is meant for, in words.
    hours : float
        How long a training should about take there.
    speed : float
        Of that machine, in times two cores. Measured for these; for others an estimate.
    filters, widest : int
        Of the first stage, and of any.
    side : int
        The largest side of a slice, pixels.
    pixels, most : int
        Pixels in a batch, and slices.
    steps : int
        In an epoch.
    passes, least : int
        At most so many times over all slices, but at least so many steps.
    learning_rate : float
        At its peak.
    precision : {"auto", "mixed_bfloat16"}
        Of the inner layers.
    deep_supervision : bool
        Whether coarser stages are trained, too.
    coarse : bool
        Whether trainings may begin with coarse slices; measured on two cores.
    few : int
        Training cases, to a power of two, up to which slices are changed much, and never coarse.
    """

    machine: str
    hours: float
    speed: float
    filters: int
    widest: int
    side: int
    pixels: int
    most: int
    steps: int
    passes: int
    least: int
    learning_rate: float
    precision: Literal["auto", "mixed_bfloat16"] = "auto"
    deep_supervision: bool = False
    coarse: bool = False
    few: int = 8

    def seconds(self, pixels: int) -> float:
        """Return how long the machine takes to train on so many pixels."""
        of_a_pixel = SQUARE * self.filters**2 + LINEAR * self.filters
        return pixels * of_a_pixel / self.speed


BUDGETS: dict[Effort, Budget] = {
    "quick": Budget(
        machine="two cores",
        hours=0.05,
        speed=1,
        filters=8,
        widest=128,
        side=128,
        pixels=8 * 128**2,
        most=16,
        steps=50,
        passes=10,
        least=200,
        learning_rate=3e-3,
        few=2,  # of more a training as short learns less (benchmarks/study.md)
    ),
    "laptop": Budget(
        machine="two cores",
        hours=0.5,
        speed=1,
        filters=16,
        widest=256,
        side=256,
        pixels=10 * 256**2,
        most=32,
        steps=250,
        passes=40,
        least=1000,
        learning_rate=2e-3,
        coarse=True,
    ),
    "workstation": Budget(
        machine="16 cores or a small GPU",
        hours=4,
        speed=8,
        filters=32,
        widest=512,
        side=256,
        pixels=12 * 256**2,
        most=32,
        steps=250,
        passes=100,
        least=2500,
        learning_rate=1e-3,
        deep_supervision=True,
    ),
    "gpu": Budget(
        machine="a GPU with 24 GB",
        hours=8,
        speed=100,
        filters=32,
        widest=512,
        side=512,
        pixels=12 * 512**2,
        most=64,
        steps=250,
        passes=300,
        least=5000,
        learning_rate=1e-3,
        precision="mixed_bfloat16",
        deep_supervision=True,
    ),
}
