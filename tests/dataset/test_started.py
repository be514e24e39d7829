"""What is known of a model that a training starts from, and who may not be held out then."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from slicewise.dataset.ensembles import Weights
from slicewise.dataset.started import (
    check_start,
    check_teacher,
    describe_start,
    describe_teacher,
    shares_of_teacher,
)
from slicewise.dataset.training_record import StartedFrom, TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_json
from tests.trained import record_of

CASES = pd.DataFrame(
    [("a1", "a", "f1"), ("a2", "a", "f2"), ("b1", "b", "f3"), ("c1", "c", "f4")],
    columns=["case", "patient", "fingerprint"],
)


def model(scans: dict[str, str]) -> StartedFrom:
    return StartedFrom(name="before", sha256="5", known=True, scans=scans)


def trained(case: str, patient: str, mark: str, **more: object) -> TrainingRecord:
    record = record_of(case, patient, f"weights of {case}")
    return record.model_copy(update={"fingerprints": {case: mark}, **more})


def test_a_model_knows_what_all_before_it_were_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"weights")
    first = describe_start("first", path, trained("a1", "a", "f1"))
    assert first.known and first.scans == {"f1": "a"} and first.sha256 == sha256(path)
    second = describe_start("second", path, trained("b1", "b", "f3", started_from=first))
    assert second.known and second.scans == {"f1": "a", "f3": "b"}
    third = describe_start("third", path, trained("c1", "c", "f4", started_from=second))
    assert third.earlier == ["second (weights of b)", "first (weights of a)"]
    unknown = describe_start("file", path, None)
    assert not unknown.known and not unknown.scans
    assert not describe_start("x", path, trained("b1", "b", "f3", started_from=unknown)).known
    assert not describe_start("older", path, record_of("a1", "a", "w")).known


@pytest.mark.parametrize(
    ("scans", "held_out"),
    [
        ({"f3": "b"}, ["b1"]),
        ({"f3": "somebody else's name"}, ["b1"]),
        ({"f1": "a"}, ["a2"]),  # another scan of a patient
        ({"f1": "other name"}, ["a2"]),
        ({"f1": "a", "no longer here": "c"}, ["c1"]),  # of this data set, so names mean the same
    ],
)
def test_whom_a_model_knows_is_not_held_out(scans: dict[str, str], held_out: list[str]) -> None:
    with pytest.raises(SlicewiseError, match="before was trained on"):
        check_start(model(scans), CASES, held_out)


@pytest.mark.parametrize(
    ("scans", "held_out"),
    [
        ({"f1": "a", "f2": "a"}, ["b1", "c1"]),
        ({"elsewhere": "c"}, ["c1"]),  # of another data set, where c is somebody else
        ({"f1": "c"}, ["c1"]),
        ({}, ["a1", "b1"]),
    ],
)
def test_others_are(scans: dict[str, str], held_out: list[str]) -> None:
    check_start(model(scans), CASES, held_out)


def test_a_student_knows_whom_its_teacher_was_trained_on_and_before(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"weights")
    first = describe_start("first", path, trained("a1", "a", "f1"))
    teacher = describe_teacher("large", [trained("b1", "b", "f3", started_from=first)])
    assert teacher.known and teacher.scans == {"f1": "a", "f3": "b"}
    assert teacher.earlier == ["first (weights of a)"]
    student = trained("c1", "c", "f4", taught_by=teacher)
    assert student.scans == {"f1": "a", "f3": "b", "f4": "c"}
    # whoever starts or learns from the student knows them, too
    assert describe_start("small", path, student).scans == student.scans
    again = describe_teacher("small", [student])
    assert again.earlier == ["large (weights of b)", "first (weights of a)"]
    check_teacher(teacher, CASES, ["c1"])
    for held_out in ("a2", "b1"):
        with pytest.raises(SlicewiseError, match=r"large was trained on .*, who are held out here"):
            check_teacher(teacher, CASES, [held_out])
    hidden = teacher.model_copy(update={"known": False})
    assert not describe_teacher("small", [trained("c1", "c", "f4", taught_by=hidden)]).known


def test_what_a_teacher_says_follows_from_weights_and_how_it_predicts() -> None:
    record = trained("a1", "a", "f1")
    says = describe_teacher("large", [record]).says
    assert describe_teacher("other name", [record]).says == says
    flipped = {**record.experiment, "inference": {"flip": "one"}}
    assert (
        describe_teacher("large", [record.model_copy(update={"experiment": flipped})]).says != says
    )
    longer = {**record.experiment, "training": {"epochs": 99}}
    assert (
        describe_teacher("large", [record.model_copy(update={"experiment": longer})]).says == says
    )


def test_of_several_teachers_all_is_known_of_all_and_shares_count() -> None:
    one, other = trained("a1", "a", "f1"), trained("b1", "b", "f3")
    teacher = describe_teacher("both", [one, other], [0.75, 0.25])
    assert teacher.scans == {"f1": "a", "f3": "b"} and teacher.known
    assert teacher.earlier == ["both (weights of a)", "both (weights of b)"]
    assert describe_teacher("both", [one, other], [0.25, 0.75]).says != teacher.says
    assert describe_teacher("both", [one, other], [0.75, 0.25]) == teacher


def test_shares_are_those_of_the_fold_and_of_these_models(tmp_path: Path) -> None:
    records = {"a": trained("a1", "a", "f1"), "b": trained("b1", "b", "f3")}
    assert shares_of_teacher({"a": records["a"]}, [], 1) == {"a": 1.0}
    path = tmp_path / "weights.json"
    own = {name: record.resolved.weights_sha256 for name, record in records.items()}
    weights = Weights(
        members={name: ["others", sha] for name, sha in own.items()},
        weights={"a": 0.5, "b": 0.5},
        by_fold=[{"a": 0.9, "b": 0.1}, {"a": 0.3, "b": 0.7}],
        fitted=True,
        because="of a test",
        patients=9,
        dice={"a": 0.5, "b": None},
        equal_dice=None,
        weighted_dice=None,
    )
    write_json(path, weights.model_dump())
    assert shares_of_teacher(records, [str(path)], 1) == {"a": 0.3, "b": 0.7}
    with pytest.raises(SlicewiseError, match="of another model than a/fold-0 has now"):
        shares_of_teacher(records, [str(path)], 0)
