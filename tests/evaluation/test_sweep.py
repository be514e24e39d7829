"""What a sweep came to, against numbers counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import spearmanr

from slicewise.dataset.rungs import RungRecord
from slicewise.evaluation.sweep import Tried, ranked, read_tried, table_of, what_mattered
from slicewise.files import write_json


def tried(name: str, rate: float, filters: list[int], *dice: float | None, **more) -> Tried:
    values = {"optimizer.learning_rate": rate, "network.filters": filters}
    return Tried(name, values, list(dice), 10 * len(dice), 60.0, **more)


GRID = [
    tried("a", 0.001, [8, 16], 0.5),
    tried("b", 0.001, [16, 32], 0.6, 0.7, 0.9),
    tried("c", 0.01, [8, 16], 0.2),
    tried("d", 0.01, [16, 32], 0.4, 0.95),
]


def test_what_mattered_is_the_spread_of_means_at_the_end_of_the_first_rung() -> None:
    rate, filters = what_mattered(GRID)
    assert rate.setting == "optimizer.learning_rate"
    assert rate.spread == pytest.approx(0.25)
    assert rate.by_value == [("0.001", pytest.approx(0.55), 2), ("0.01", pytest.approx(0.3), 2)]
    # the later Dice of the better alone would have it the other way round
    assert filters.by_value == [
        ("[16, 32]", pytest.approx(0.5), 2),
        ("[8, 16]", pytest.approx(0.35), 2),
    ]


def test_numbers_that_all_differ_are_told_by_rank() -> None:
    dice = [0.1, 0.5, 0.3, 0.4, 0.7, 0.6, 0.2, 0.9, 0.8]
    rates = [0.001 * (k + 1) for k in range(9)]
    drawn = [tried(f"c{k}", r, [8], d) for k, (r, d) in enumerate(zip(rates, dice, strict=True))]
    first = what_mattered(drawn)[0]
    assert first.rank == pytest.approx(spearmanr(rates, dice).statistic)
    assert first.spread is None
    alike = [tried(f"c{k}", rate, [8], 0.5) for k, rate in enumerate(rates)]
    assert {each.rank for each in what_mattered(alike)} == {0.0, None}


def test_who_failed_says_nothing_of_what_mattered() -> None:
    failed = tried("e", 9.0, [8, 16], failed="the loss is no number")
    assert what_mattered([*GRID, failed]) == what_mattered(GRID)
    assert what_mattered([GRID[0], failed]) == []


def test_who_was_trained_longest_comes_first_however_good_others_once_were() -> None:
    failed = tried("e", 9.0, [8, 16], failed="the loss is no number")
    assert [each.name for each in ranked([failed, *GRID])] == ["b", "d", "a", "c", "e"]
    table = table_of([failed, *GRID])
    assert list(table["dice"][:2]) == [0.9, 0.95]
    assert list(table["first_dice"][:2]) == [0.6, 0.4]
    assert table["network.filters"][0] == "[16, 32]"
    assert table["failed"].iloc[-1] == "the loss is no number"


def test_records_of_all_rungs_are_put_together(tmp_path: Path) -> None:
    def record(file: str, name: str | None, epochs: int, dice: float | None, failed: str = ""):
        rows = [{"epoch": float(k + 1)} for k in range(epochs if not failed else 0)]
        made = RungRecord(
            combination=name, epochs=epochs, dice=dice, history=rows, seconds=epochs, failed=failed
        )
        write_json(tmp_path / file, made.dump())
        return str(tmp_path / file)

    paths = [
        record("2-1.json", "a", 4, 0.8),
        record("0-a.json", "a", 1, 0.5),
        record("1-1.json", "a", 2, 0.6),
        record("0-b.json", "b", 1, 0.4),
        record("1-2.json", "b", 2, None, "the loss is no number"),
        record("0-c.json", "c", 1, None, "the loss is no number"),
        record("1-3.json", None, 2, None),
    ]
    a, b, c = read_tried({name: {"training.batch": 1} for name in "abc"}, paths)
    assert (a.dice, a.epochs, a.seconds, a.failed) == ([0.5, 0.6, 0.8], 4, 4.0, "")
    assert (b.dice, b.epochs, b.failed) == ([0.4], 1, "the loss is no number")
    assert (c.dice, c.epochs, c.last) == ([], 0, None)
