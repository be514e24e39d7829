"""What GPUs drew while a run was trained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from slicewise.tracking.journal import SYSTEM, current_run, read_rows

POWER = r"^system/gpu_\d+_power_usage_watts$"


def energy_wh(samples: pd.DataFrame) -> float | None:
    """Integrate the power of all GPUs over time, by the trapezoidal rule.

    Parameters
    ----------
    samples : DataFrame
        Columns ``timestamp`` (milliseconds) and ``system/gpu_<n>_power_usage_watts``.
        The further a training has come, the rarer they are. A gap of more
        than a minute and a fiftieth of the time so far is an interruption,
        for which nothing is counted.

    Returns
    -------
    float or None
        Watt hours; None where no power was measured, or only once.
    """
    power = samples.filter(regex=POWER).dropna(how="all")
    if len(power) < 2:
        return None
    hours = samples.loc[power.index, "timestamp"] / 3.6e6
    watts = power.sum(axis=1)
    steps = hours.diff()
    worked = steps <= (hours.shift() - hours.iloc[0]) / 50 + 1 / 60
    return float((steps * (watts + watts.shift()) / 2)[worked].sum())


def training_energy(tracking: Path, folds: int) -> float | None:
    """Return what the trainings of an experiment took, in watt hours; None where unknown.

    Parameters
    ----------
    tracking : Path
        ``results/<dataset>/<experiment>/tracking``.
    folds : int
        How many there are.
    """
    drawn = []
    for k in range(folds):
        run = current_run(tracking / f"fold-{k}")
        rows = [] if run is None else read_rows(run.folder / SYSTEM)
        drawn.append(energy_wh(pd.DataFrame(rows)))
    known = [each for each in drawn if each is not None]
    return sum(known) if len(known) == len(drawn) else None
