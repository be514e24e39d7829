"""What a plan may cost."""

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest

from slicewise.config import Effort
from slicewise.dataset.efforts import BUDGETS

ORDER = ("quick", "laptop", "workstation", "gpu")


def test_each_effort_has_a_budget():
    assert set(BUDGETS) == set(get_args(Effort)) == set(ORDER)


@pytest.mark.parametrize(("less", "more"), pairwise(ORDER))
def test_a_greater_effort_allows_no_less(less, more):
    lower = BUDGETS[less]
    upper = BUDGETS[more]
    for name in ("hours", "speed", "filters", "widest", "side", "pixels", "passes", "least"):
        assert getattr(lower, name) <= getattr(upper, name), name
    assert lower.learning_rate >= upper.learning_rate


@pytest.mark.parametrize(("side", "filters", "images_a_second"), [(128, 16, 31.2), (256, 32, 2.26)])
def test_time_is_what_was_measured(side, filters, images_a_second):
    budget = replace(BUDGETS["laptop"], filters=filters)
    assert 1 / budget.seconds(side**2) == pytest.approx(images_a_second, rel=0.02)


def test_a_faster_machine_needs_less_time():
    slow = BUDGETS["workstation"]
    assert replace(slow, speed=2 * slow.speed).seconds(100) == slow.seconds(100) / 2
