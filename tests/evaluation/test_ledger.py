"""Counting the models that were scored on a test set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from slicewise.evaluation import ledger
from slicewise.evaluation.ledger import count_scored, model_digest, note_scored
from tests.trained import record_of


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


def test_another_threshold_is_another_model() -> None:
    ways = {"input": {}, "inference": {"flip": "none"}, "postprocessing": {"threshold": 0.5}}
    known = record_of("a1", "a", "w")
    record = known.model_copy(update={"experiment": ways})
    first = model_digest(record)
    assert model_digest(record.model_copy(update={"origin": {"git_commit": "another"}})) == first
    changed = [
        record.model_copy(update={"experiment": {**ways, "postprocessing": {"threshold": 0.4}}}),
        record.model_copy(update={"experiment": {**ways, "inference": {"flip": "both"}}}),
        record.model_copy(update={"resolved": record_of("a1", "a", "v").resolved}),
        record.model_copy(
            update={
                "resolved": known.resolved.model_copy(
                    update={"postprocessing": {"fill_holes": True}}
                )
            }
        ),
    ]
    assert len({first, *map(model_digest, changed)}) == 5


def test_digest_is_of_the_truth_of_test_cases_only() -> None:
    # a validation case may be called test; a case has a row for each label
    rows = [("test", "validation", "x"), ("b", "test", "y"), ("b", "test", "y"), ("c", "test", "z")]
    metrics = pd.DataFrame(rows, columns=["case", "subset", "truth_sha256"])
    found = ledger.test_set_digest(metrics)
    assert ledger.test_set_digest(metrics.iloc[[3, 1]]) == found
    assert ledger.test_set_digest(metrics.replace("x", "changed")) == found
    assert ledger.test_set_digest(metrics.replace("y", "changed")) != found
    assert ledger.test_set_digest(metrics.iloc[:3]) != found
