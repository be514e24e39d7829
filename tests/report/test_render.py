from __future__ import annotations

import pytest

from slicewise.report.render import number


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (float("nan"), "–"), (float("inf"), "–"), (-0.0001, "0.000"), (-1.5, "−1.500")],
)
def test_numbers_as_text(value, expected):
    assert number(value) == expected
