"""Words for a number of things."""

from __future__ import annotations

import pytest

from slicewise.wording import plural, some


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 patients"), (1, "1 patient"), (2, "2 patients")]
)
def test_one_thing_is_singular(count, said):
    assert plural(count, "patient") == said


def test_an_odd_plural_is_given():
    assert plural(1, "has", "have") == "1 has"
    assert plural(2, "has", "have") == "2 have"


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (["a", "b", "c", "d"], "a, b and 2 more"),
    ],
)
def test_the_first_are_named_and_the_others_counted(items, said):
    assert some(items, 2) == said


def test_what_stands_between_and_what_the_others_are():
    assert (
        some(["a", "b", "c", "d"], 2, between=", and ", of="pairs") == "a, and b and 2 more pairs"
    )
