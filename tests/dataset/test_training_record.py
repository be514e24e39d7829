"""The record of a training is read as it was written, also that of an earlier version."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from slicewise.dataset.training_record import TrainingPlan, TrainingRecord, write_plan
from slicewise.errors import SlicewiseError
from slicewise.files import read_json, write_yaml
from tests.trained import config_of


def whole() -> dict:
    """Return a record that has what this version writes, in its order."""
    known = config_of("a1", "a", "w")
    resolved = {"precision": "float32", "window": [-1.0, None]} | known["resolved"]
    known["resolved"] = resolved | {"watched_sha256": "v", "versions": {"keras": "3"}}
    return known | {"validation_cases": ["b1"], "recipe": {"size": 32}}


def test_is_written_as_it_was_read(tmp_path: Path) -> None:
    first = tmp_path / "fold-0" / "config.yaml"
    write_yaml(first, whole())
    TrainingRecord.read(first).write(tmp_path / "again.yaml")
    assert yaml.safe_load((tmp_path / "again.yaml").read_text()) == whole()


def test_knows_what_it_holds(tmp_path: Path) -> None:
    record = TrainingRecord.model_validate(whole())
    assert record.recipes == ["axial"]
    assert record.validation_cases == ["b1"]
    assert record.resolved.validation_sha256 == "v"
    assert record.predicts_by == ["w", {}, [{}, {}, {}]]
    # names that pages and tracked runs show
    assert record.shown["watched_sha256"] == "v"
    assert "sd" not in record.shown, "what an earlier version did not write is not made up"
    order = ["precision", "window", "parameters", "watched_sha256"]
    assert [name for name in record.shown if name in order] == order


def test_the_epoch_that_validation_chose() -> None:
    known = whole()
    known["resolved"] |= {"selected_epoch": 7}
    assert TrainingRecord.model_validate(known).selected is None, "final weights"
    known["resolved"] |= {"selected_by": "dice"}
    assert TrainingRecord.model_validate(known).selected == 7


def test_an_earlier_version_had_other_names(tmp_path: Path) -> None:
    known = whole()
    known["watched"] = known.pop("validation_cases")
    write_yaml(tmp_path / "config.yaml", known)
    assert TrainingRecord.read(tmp_path / "config.yaml").validation_cases == ["b1"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"folds": 0}, "folds: input should be greater than or equal to 1"),
        ({"experiment": {"slices": "axial"}}, "experiment: .*also: field required"),
        ({"resolved": {}}, "resolved.parameters: field required"),
        ({"train": "a1"}, "train: input should be a valid list"),
    ],
)
def test_a_damaged_one_is_refused_with_what_to_do(tmp_path: Path, changed: dict, said: str) -> None:
    path = tmp_path / "fold-0" / "config.yaml"
    write_yaml(path, whole() | changed)
    with pytest.raises(SlicewiseError, match=f"{said}.*delete .*fold-0 and run snakemake again"):
        TrainingRecord.read(path)


def test_a_plan_is_what_a_training_is_to_be_made_from() -> None:
    plan = TrainingPlan.model_validate(
        {key: value for key, value in whole().items() if key not in ("resolved", "origin")}
    )
    assert (plan.train, plan.folds) == (["a1"], 2)


def test_a_plan_differs_where_the_cases_do_that_slices_are_cut_from(tmp_path: Path) -> None:
    """So that a run that was cut off before the training still knows that it is due."""
    record = tmp_path / "cases" / "train-0.json"
    record.parent.mkdir()
    plans = []
    for content in ("[]", "[1]"):
        record.write_text(content)
        path = tmp_path / "plan.json"
        write_plan(path, {"folds": 1}, {"a.py": "1"}, cut_by={}, case_records=[str(record)])
        plans.append(read_json(path))
    assert plans[0]["settings"] == plans[1]["settings"] == {"folds": 1}
    assert plans[0]["slices"]["case_records"].keys() == {"train-0"}
    assert plans[0] != plans[1]
