"""Counting the models that were scored on a test set."""

from __future__ import annotations

from pathlib import Path

from slicewise.evaluation import ledger
from slicewise.evaluation.ledger import count_scored, note_scored


def test_counts_different_models_on_the_same_test_set(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    note_scored(one, "set", ["weights a"])
    note_scored(one, "set", ["weights a"])  # evaluated again: no other model
    note_scored(two, "set", ["weights a"])
    assert count_scored([one, two], "set") == 1
    note_scored(one, "set", ["weights b"])
    note_scored(two, "set", ["weights a", "weights b"])  # two folds together
    assert count_scored([one, two], "set") == 3
    assert count_scored([one, two, tmp_path / "nothing"], "another set") == 0


def test_digest_is_of_test_cases_only(tmp_path: Path) -> None:
    masks = []
    for name in ("a", "b"):
        masks.append(str(tmp_path / name))
        Path(masks[-1]).write_text(name)
    # a validation case may be called test
    cases = [["test", "test", "validation", None], ["b", "b", "test", None]]
    before = ledger.test_set_digest(cases, masks)
    Path(masks[0]).write_text("changed")
    assert ledger.test_set_digest(cases, masks) == before
    Path(masks[1]).write_text("changed")
    assert ledger.test_set_digest(cases, masks) != before
