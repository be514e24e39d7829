"""The learning rate over a training."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.config import Optimizer
from slicewise.training.schedule import learning_rate


def settings(schedule: str, warmup: float = 0.1) -> Optimizer:
    return Optimizer.model_validate({"learning_rate": 2.0, "schedule": schedule, "warmup": warmup})


@pytest.mark.parametrize("schedule", ["constant", "cosine", "polynomial"])
def test_warms_up_in_a_line_to_the_peak(schedule: str) -> None:
    one = settings(schedule)
    assert learning_rate(one, 0.05) == pytest.approx(1.0)
    assert learning_rate(one, 0.1) == pytest.approx(2.0)


def test_shapes_after_the_warm_up() -> None:
    half = 0.1 + 0.9 / 2
    quarter = 0.1 + 0.9 / 4
    assert learning_rate(settings("constant"), half) == 2.0
    assert learning_rate(settings("cosine"), half) == pytest.approx(1.0)
    assert learning_rate(settings("cosine"), quarter) == pytest.approx(1 + math.cos(math.pi / 4))
    assert learning_rate(settings("polynomial"), half) == pytest.approx(2 * 0.5**0.9)


@pytest.mark.parametrize("schedule", ["cosine", "polynomial"])
def test_ends_at_nothing(schedule: str) -> None:
    assert learning_rate(settings(schedule), 1.0) == pytest.approx(0.0, abs=1e-12)
    # a step that a budget of time lets through after its end
    assert learning_rate(settings(schedule), 1.01) == pytest.approx(0.0, abs=1e-12)


@given(
    st.sampled_from(["constant", "cosine", "polynomial"]),
    st.floats(0, 0.9),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_rises_then_falls(schedule: str, warmup: float, one: float, other: float) -> None:
    first, second = sorted((one, other))
    rates = [learning_rate(settings(schedule, warmup), done) for done in (first, second)]
    assert all(0 <= rate <= 2.0 * (1 + 1e-12) for rate in rates)
    if second < warmup:
        assert rates[0] <= rates[1]
    if first >= warmup:
        assert rates[0] >= rates[1] - 1e-12
