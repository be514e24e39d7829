"""Which combinations of a sweep go on, and what is read of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.config import load_settings
from slicewise.dataset.rungs import (
    Promoted,
    RungRecord,
    best_told,
    checkpoints_of,
    combination_at,
    promoted,
    read_rung,
)
from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from tests.settings import changed


def record(name: str | None, dice: float | None, failed: str = "") -> RungRecord:
    return RungRecord(combination=name, epochs=3, dice=dice, failed=failed)


def test_the_best_go_on_and_of_equals_the_first_in_the_settings() -> None:
    records = [record("c", 0.5), record("a", 0.5), record("b", 0.7), record("d", 0.1)]
    assert promoted(records, ["a", "b", "c", "d"], 2).go_on == ["b", "a"]
    assert promoted(records, ["c", "b", "a", "d"], 2).go_on == ["b", "c"]


def test_who_failed_or_has_no_dice_does_not_go_on() -> None:
    records = [record("a", 0.9, failed="no number"), record("b", None), record("c", 0.1)]
    assert promoted([*records, record(None, None)], ["a", "b", "c"], 2).go_on == ["c"]
    with pytest.raises(SlicewiseError, match="all combinations of the sweep failed: no number"):
        promoted(records[:1], ["a"], 1)
    with pytest.raises(SlicewiseError, match="no validation patient has a label"):
        promoted(records[:2], ["a", "b"], 1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 20), st.randoms())
def test_nobody_is_better_than_who_goes_on(dice, number, chance) -> None:
    order = [f"c{k}" for k in range(len(dice))]
    records = [record(name, value) for name, value in zip(order, dice, strict=True)]
    chosen = promoted(records, order, number).go_on
    assert len(chosen) == min(number, len(dice))
    known = dict(zip(order, dice, strict=True))
    left = [known[name] for name in order if name not in chosen]
    assert min(known[name] for name in chosen) >= max(left, default=0.0)
    # whose job ended first changes nothing
    chance.shuffle(records)
    assert promoted(records, order, number).go_on == chosen


def test_a_job_of_a_later_rung_takes_who_went_on(tmp_path: Path) -> None:
    path = str(tmp_path / "rung-0.json")
    names = ["a", "b", "c"]
    assert combination_at(["b"], 0, []) == "b"
    write_json(path, Promoted(go_on=["c", "a"]).model_dump())
    assert [combination_at(names, place, [path]) for place in (1, 2, 3)] == ["a", "c", None]


def test_the_experiment_is_the_best_and_goes_on_from_its_checkpoints(tmp_path: Path) -> None:
    config = changed("experiments/e/sweep", {"training.batch": [2, 4]})
    config["experiments"]["e"]["training"] = {"seeds": [5, 6]}
    settings = load_settings(config)
    path = str(tmp_path / "rung-0.json")
    write_json(path, Promoted(go_on=["e-batch4"]).model_dump())
    assert best_told(settings, "e", [path]).experiments["e"].training.batch == 4
    own = Path("results/x/e/checkpoints/fold-0")
    best = Path("results/x/e-batch4/checkpoints/fold-0")
    assert checkpoints_of(settings, "e", own, [path]) == best
    # of another seed nothing was trained
    other = Path("results/x/e-seed6/checkpoints/fold-0")
    assert checkpoints_of(settings, "e-seed6", other, [path]) == other
    write_json(path, Promoted(go_on=["e-batch8"]).model_dump())
    with pytest.raises(SlicewiseError, match=r"e-batch8 is no combination of experiments\.e"):
        best_told(settings, "e", [path])


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    made = record("a", 0.5).paused([{"epoch": 1.0, "val/dice": 0.5}], 0.5, 1, 2.04)
    write_json(path, made.model_dump())
    assert read_rung(path) == made
    path.write_text(path.read_text().replace("0.5", '"0.5"'))
    with pytest.raises(SlicewiseError, match=r"a\.json"):
        read_rung(path)
