"""Which precision `auto` is: decided by what a machine is, never by how fast it was just now.

The same command on the same machine decides the same on a busy day as on a
quiet one, so its weights are the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

FLOAT = "float32"
MIXED = "mixed_bfloat16"
INSTRUCTIONS = ("amx_bf16", "avx512_bf16")
"""Instructions of x86 processors that multiply bfloat16, by their names in /proc/cpuinfo."""
AMPERE = (8, 0)
"""Compute capability from which NVIDIA's GPUs multiply bfloat16 in tensor cores."""
HAVE_UNITS = re.compile(
    r"\b(A(2|10G?|16|30|40|100|800)|H(20|100|200|800)|GH200|GB[123]00|B[123]00|L(4|20|40S?))\b"
    r"|\bRTX (A\d{3,4}|PRO|\d{4} (\w+ )?Ada)\b|\bGeForce RTX [3-9]0\d0\b|\bTPU v?\d"
)
"""Names of GPUs (from Ampere) and TPUs with units for bfloat16, where the backend tells no more."""
NARROWEST = 16
"""Filters from which bfloat16 pays on processors: oneDNN fills its blocks of 16 channels up. With
every stage at least as wide a step took 0.55 to 0.65 of its time in float32, with a first stage of
8 or 12 filters 1.15 to 1.4 (two cores with avx512_bf16, benchmarks/README.md)."""


@dataclass(frozen=True)
class Machine:
    """What a training runs on.

    Attributes
    ----------
    backend : str
        Of Keras: tensorflow, jax, torch.
    gpu : str or None
        Name of the first GPU or TPU that the backend sees.
    capability : tuple of int or None
        Compute capability of an NVIDIA GPU, where the backend tells it.
    instructions : collection of str
        Those of `INSTRUCTIONS` that the processor has and the backend uses.
    """

    backend: str
    gpu: str | None = None
    capability: tuple[int, int] | None = None
    instructions: Collection[str] = ()


def decide_precision(wanted: str, filters: Collection[int], machine: Machine) -> tuple[str, str]:
    """Return the precision of a training, and why it is that one.

    Parameters
    ----------
    wanted : {"auto", "float32", "mixed_bfloat16"}
        ``training.precision``.
    filters : collection of int
        Of each stage of the network.
    machine : Machine
        What it runs on.

    Returns
    -------
    precision : {"float32", "mixed_bfloat16"}
    reason : str

    Examples
    --------
    >>> decide_precision("auto", [32, 64], Machine("tensorflow", "A100", (8, 0)))
    ('mixed_bfloat16', 'A100 (compute capability 8.0) has units for bfloat16')
    """
    if wanted != "auto":
        return wanted, "training.precision says so"
    if machine.gpu is not None:
        return _on_gpu(machine)
    if machine.backend != "tensorflow":
        return FLOAT, f"{machine.backend} has no fast bfloat16 on processors"
    if not machine.instructions:
        return FLOAT, f"the processor has no instructions for it ({' or '.join(INSTRUCTIONS)})"
    named = ", ".join(name for name in INSTRUCTIONS if name in machine.instructions)
    if min(filters) < NARROWEST:
        return FLOAT, (
            f"on processors bfloat16 pays from {NARROWEST} filters in every stage, and one of "
            f"network.filters has {min(filters)}"
        )
    return MIXED, f"the processor has instructions for bfloat16 ({named})"


def _on_gpu(machine: Machine) -> tuple[str, str]:
    name = str(machine.gpu)
    if machine.capability is None:
        if HAVE_UNITS.search(name):
            return MIXED, f"{name} has units for bfloat16, by its name"
        return FLOAT, f"nothing is known of bfloat16 on {name}"
    shown = f"{name} (compute capability {machine.capability[0]}.{machine.capability[1]})"
    if machine.capability < AMPERE:
        return FLOAT, f"{shown} has no units for bfloat16"
    return MIXED, f"{shown} has units for bfloat16"
