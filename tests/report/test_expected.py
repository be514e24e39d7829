"""Expected against true Dice in the report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from slicewise.evaluation.expectations import COLUMNS
from slicewise.report.expected import expected_dots, expected_section, in_words


def scores(patients: int) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    rows = []
    for k in range(patients):
        for label in ("liver", "<spleen>"):
            dice = rng.uniform(0.6, 0.95)
            expected = dice + rng.normal(0, 0.03)
            rows.append((f"c{k}", f"p{k}", label, dice, expected, expected - 0.04, expected + 0.04))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_nothing_is_shown_where_nothing_is_expected() -> None:
    assert expected_section(None) is None
    assert expected_section(pd.DataFrame(columns=list(COLUMNS))) is None


def test_each_mask_is_a_dot_at_its_two_numbers() -> None:
    shown = scores(6)
    (axes,) = expected_dots(shown).axes
    dots = np.concatenate(
        [each.get_offsets() for each in axes.collections if isinstance(each, PathCollection)]
    )
    wanted = shown.sort_values("label", key=lambda s: s == "<spleen>", kind="stable")
    np.testing.assert_allclose(dots, wanted[["expected", "dice"]].to_numpy())
    low, high = axes.get_xlim()
    assert low <= shown[["dice", "expected"]].min().min() and high >= 1


def test_many_labels_are_told_apart_beside_the_dots() -> None:
    labels = [f"organ {n}" for n in range(12)]
    shown = pd.concat([scores(2)[:2].assign(label=label) for label in labels])
    figure = expected_dots(shown)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (legend,) = figure.legends
    assert axes.get_legend() is None
    assert not axes.get_window_extent().overlaps(legend.get_window_extent())
    assert [text.get_text() for text in legend.get_texts()] == labels
    dots = [each for each in axes.collections if isinstance(each, PathCollection)]
    looks = {
        (tuple(each.get_facecolor()[0]), each.get_paths()[0].vertices.tobytes()) for each in dots
    }
    assert len(looks) == 12


def test_it_says_how_many_intervals_held() -> None:
    rows = [{"n": 30, "held": 27, "nowhere": 0}, {"n": 30, "held": 20, "nowhere": 0}]
    assert in_words(rows) == (
        "The true Dice lies in the 90 % interval of 47 of 60 masks; it should be about 54."
    )
    assert "little" in in_words([{"n": 7, "held": 7, "nowhere": 0}])
    rows[0]["nowhere"] = 2
    assert in_words(rows).endswith(
        "be about 54. 2 masks more, of what should be there and was found nowhere, are expected to "
        "have 0, which cannot be wrong."
    )
    section = expected_section(scores(5))
    assert section is not None and [row["n"] for row in section["rows"]] == [5, 5]
    assert section["sentence"].count("of 10 masks") == 1


@pytest.mark.parametrize("patients", [1, 40])
def test_it_can_be_drawn_of_one_and_of_many(patients: int) -> None:
    assert expected_section(scores(patients))["figure"].keys() == {"light", "dark"}
