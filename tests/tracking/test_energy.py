"""Watt hours from samples of power."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slicewise.tracking.energy import energy_wh, training_energy
from slicewise.tracking.journal import Run

HOUR = 3_600_000


def samples(hours: np.ndarray, **watts: object) -> pd.DataFrame:
    columns = {f"system/{name}_power_usage_watts": value for name, value in watts.items()}
    return pd.DataFrame({"timestamp": hours * HOUR, **columns})


def test_power_is_integrated_over_time_and_all_gpus() -> None:
    hours = np.linspace(0, 2, 721)  # every ten seconds
    table = samples(hours, gpu_0=100.0, gpu_1=50.0 + 50.0 * hours)
    assert energy_wh(table) == pytest.approx(200 + 100 + 100)
    percent = table.assign(**{"system/gpu_0_power_usage_percentage": 99.0})
    assert energy_wh(percent) == energy_wh(table)


def test_rare_samples_late_in_a_training_count() -> None:
    ages = 0.1 * 1.005 ** np.arange(1000)  # each 1/200 of the time so far, up to 14 hours
    assert energy_wh(samples(ages, gpu_0=100.0)) == pytest.approx(100 * (ages[-1] - ages[0]))


def test_a_night_between_two_parts_does_not_count() -> None:
    part = np.linspace(0, 1, 361)
    table = samples(np.concatenate([part, 12 + part]), gpu_0=100.0)
    assert energy_wh(table) == pytest.approx(200)


def test_without_a_gpu_it_is_unknown() -> None:
    cpu = pd.DataFrame({"timestamp": [0, HOUR], "system/cpu_utilization_percentage": [50, 60]})
    assert energy_wh(cpu) is None
    assert energy_wh(pd.DataFrame()) is None
    assert energy_wh(samples(np.array([0.0]), gpu_0=100.0)) is None


def test_energy_of_a_training_is_that_of_all_folds(tmp_path: Path) -> None:
    tracking = tmp_path / "results" / "tiny" / "x" / "tracking"
    for fold, last in (("fold-0", 0.01), ("fold-1", 0.005)):
        Run.create(tracking / fold, "x", "old", {}, {})
        run = Run.create(tracking / fold, "x", "key", {}, {})
        table = samples(np.array([0, last]), gpu_0=100.0)
        table.to_csv(run.folder / "system.csv", index=False)
    assert training_energy(tracking, 2) == pytest.approx(1.5)
    assert training_energy(tracking, 1) == pytest.approx(1.0)
    # of one fold nothing is known, so neither of all
    assert training_energy(tracking, 3) is None
    assert training_energy(tmp_path / "nothing", 1) is None
