"""Parallel coordinates of a sweep."""

from __future__ import annotations

import pytest

from slicewise.evaluation.sweep import Tried
from slicewise.report.parallel import parallel
from tests.report.test_sweep import tried


@pytest.mark.parametrize("number", [1, 2, 30])
def test_lines_end_where_their_trainings_did(number: int) -> None:
    many = [tried(f"x{k}", 0.001 * (k + 1), *[0.5] * (1 + k % 3)) for k in range(number)]
    axes = parallel(many, "base-x0", [10, 20, 40]).axes[0]
    # of each combination a line and the dot at its end
    assert len(axes.lines) == 2 * number
    lengths = sorted(len(line.get_xdata()) for line in axes.lines[::2])
    assert lengths == sorted(2 + 1 + k % 3 for k in range(number))
    for line in axes.lines:
        assert min(line.get_ydata()) >= 0 and max(line.get_ydata()) <= 1


def heights(values: list[object]) -> list[float]:
    """How high the line of each combination begins, of one with the value each."""
    many = [Tried(f"c{k}", {"a": value}, [0.5], 1, 1.0) for k, value in enumerate(values)]
    # the best is drawn last
    lines = parallel(many, f"c{len(many) - 1}", [10]).axes[0].lines[::2]
    return [float(line.get_ydata()[0]) for line in lines]


def test_numbers_stand_where_their_size_is_and_wide_ones_by_their_powers() -> None:
    assert heights([1, 2, 5]) == pytest.approx([0, 0.25, 1])
    assert heights([0.001, 0.01, 0.1]) == pytest.approx([0, 0.5, 1])
    assert heights([5, 1, 2]) == pytest.approx([1, 0, 0.25])


def test_what_is_no_number_has_equal_room() -> None:
    assert heights(["adam", "sgd", "adamw"]) == pytest.approx([0, 0.5, 1])
    assert heights([[8, 16], None]) == pytest.approx([0, 1])
    assert heights([True, False]) == pytest.approx([0, 1])
    assert heights([3]) == [0.0]


def test_all_dice_have_one_scale() -> None:
    many = [tried("a", 0.1, 0.2, 0.6), tried("b", 0.2, 0.4)]
    lines = parallel(many, "base-b", [10, 20]).axes[0].lines[::2]
    assert list(lines[0].get_ydata()[2:]) == pytest.approx([0, 1])
    assert list(lines[1].get_ydata()[2:]) == pytest.approx([0.5])
    alike = parallel([tried("a", 0.1, 0.5)], "base-a", [10]).axes[0].lines[0]
    assert list(alike.get_ydata()[2:]) == pytest.approx([0.5])


def test_values_that_begin_alike_are_told_apart_and_one_epoch_is_one() -> None:
    lists = [[16, 32, 64, 128, last] for last in (256, 512)]
    many = [Tried(f"c{k}", {"a": each}, [0.5], 1, 1.0) for k, each in enumerate(lists)]
    axes = parallel(many, "c0", [1]).axes[0]
    assert len({text.get_text() for text in axes.texts}) == 2 + 3
    assert axes.get_xticklabels()[-1].get_text() == "Dice after\n1 epoch"
