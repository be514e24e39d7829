"""Scores are of predictions that the models beside them made, of patients they have not seen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from slicewise.config import load_settings
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.rungs import Promoted, best_told
from slicewise.errors import SlicewiseError
from slicewise.evaluation.origin import check_origins, read_origins, settings_learnt
from slicewise.files import write_json
from slicewise.volumes.nifti import read_note
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.dataset.test_proposal import SMALL
from tests.settings import LEAST
from tests.trained import config_of, record_of

CASES = [
    Assignment("a1", "a", "validation", 0),
    Assignment("b1", "b", "validation", 1),
    Assignment("t1", "t", "test", None),
]
TABLE = pd.DataFrame({"case": ["a1", "b1", "t1"], "image_sha256": ["ia", "ib", "it"]})
TRAININGS = (("b1", "w0"), ("a1", "w1"))
USED = [record_of(case, case[0], weights) for case, weights in TRAININGS]
NOTES = {
    "a1": {"case": "a1", "models": ["w0"], "image": "ia"},
    "b1": {"case": "b1", "models": ["w1"], "image": "ib"},
    "t1": {"case": "t1", "models": ["w0", "w1"], "image": "it"},
}


@pytest.fixture
def predictions(tmp_path) -> list[str]:
    paths = []
    for case, note in NOTES.items():
        write(tmp_path / f"{case}.nii.gz", note)
        paths.append(str(tmp_path / f"{case}.nii.gz"))
    return paths


def write(path: Path, note: dict | None) -> None:
    write_nifti(path, Volume(np.ones((2, 3, 4), np.uint8), np.eye(4)), note=note)


def test_predictions_of_the_models_that_lie_beside_them_are_scored(predictions, tmp_path):
    check_origins(CASES, predictions, USED, TABLE)
    configs = []
    for k, (case, weights) in enumerate(TRAININGS):
        configs.append(str(tmp_path / f"{k}.yaml"))
        Path(configs[-1]).write_text(yaml.safe_dump(config_of(case, case[0], weights)))
    assert read_origins(configs, CASES, predictions, TABLE).records == USED


@pytest.mark.parametrize(
    ("position", "note", "said"),
    [
        (0, None, "it does not say which models made it"),
        (0, NOTES["b1"], "it is the prediction of case b1"),
        (0, {**NOTES["a1"], "models": ["w1"]}, "other models made it"),
        (2, {**NOTES["t1"], "models": ["w0"]}, "other models made it"),
        (1, {**NOTES["b1"], "image": "older"}, "it was made from another image"),
    ],
)
def test_another_origin_is_refused(predictions, position, note, said):
    write(Path(predictions[position]), note)
    with pytest.raises(SlicewiseError, match=said):
        check_origins(CASES, predictions, USED, TABLE)


def test_a_case_that_its_model_was_trained_on_is_refused_though_the_split_says_otherwise(
    predictions,
):
    # both folds tell of the other one's cases: folds were moved, or their number was changed
    swapped = [Assignment("a1", "a", "validation", 1), Assignment("b1", "b", "validation", 0)]
    with pytest.raises(SlicewiseError, match=r"the model in fold-1 was trained on a1"):
        check_origins(swapped, predictions[:2], USED, TABLE)


@pytest.mark.parametrize("case", ["a1", "a2"])
def test_no_fold_may_have_seen_a_test_patient(predictions, case):
    tested = [Assignment(case, "a", "test", None)]
    with pytest.raises(SlicewiseError, match="the model in fold-1 was trained on a1"):
        check_origins(tested, predictions[2:], USED, TABLE)


def test_a_note_changes_no_voxel_and_is_read_whatever_its_length(tmp_path):
    for size in (0, 1, 15, 16, 5000):
        note = {"case": "é" * size}
        write(tmp_path / "a.nii.gz", note)
        assert read_note(tmp_path / "a.nii.gz") == note
        assert (read_volume(tmp_path / "a.nii.gz").array == 1).all()
    write(tmp_path / "b.nii.gz", None)
    assert read_note(tmp_path / "b.nii.gz") is None


@pytest.mark.parametrize(
    ("name", "learns_from"),
    [
        ("swept", []),
        ("planned", []),
        ("both", ["swept-seed2", "planned"]),
        ("student", ["swept"]),
        ("pupil", ["planned"]),
        ("last", ["student", "swept"]),
        ("of_all", ["both", "swept-seed2", "planned"]),
    ],
)
def test_settings_tell_by_what_members_and_teachers_were_trained(tmp_path, name, learns_from):
    sweep = {"optimizer.learning_rate": [0.01, 0.02], "loss.dice": [0.3]}
    seeds = {"epochs": 4, "seeds": [1, 2]}

    def student(teacher: str) -> dict:
        return {"slices": "r", "training": {"epochs": 4, "distil": {"teacher": teacher}}}

    experiments = {
        "swept": {"slices": "r", "training": seeds, "sweep": sweep},
        "planned": {"preset": "auto", "effort": "quick", "loss": {"dice": 0.7}},
        "both": {"ensemble": ["swept-seed2", "planned"]},
        "student": student("swept"),
        "pupil": student("planned"),
        "last": student("student"),
        "of_all": student("both"),
    }
    config = LEAST | {"experiments": experiments, "split": {"validation": 1}}
    plan, best = tmp_path / "plan-quick.json", tmp_path / "swept" / "sweep" / "rung-0.json"
    write_json(plan, SMALL.dump())
    write_json(best, Promoted(go_on=["swept-lr0.02-dice0.3"]).model_dump())
    kept = settings_learnt(config, name, [str(plan)], [str(best)])
    again = load_settings(yaml.safe_load(kept["settings.yaml"]), dumped=True)
    assert again.run == [name] and {*again.named} == {name, *learns_from}
    for each in again.experiments:
        # as the job of its training was told, see scripts/plan.py
        is_best = [str(best)] if each.startswith("swept") else []
        wanted = best_told(planned_settings(config, [str(plan)]), each, is_best)
        assert again.blocks[each].model_dump() == wanted.blocks[each].model_dump()
        assert all(again.slices[r] == wanted.slices[r] for r in [wanted.blocks[each].slices])
    rates = {each: block.optimizer.learning_rate for each, block in again.blocks.items()}
    assert {rates[each] for each in rates if each.startswith("swept")} <= {0.02}
    assert rates.get("planned", 0.003) == 0.003


def test_who_learns_from_nobody_is_told_by_what_it_is_scored():
    config = LEAST | {"evaluation": {"absent_labels": "challenge"}}
    kept = yaml.safe_load(settings_learnt(config, "e", [], [])["settings.yaml"])
    assert kept["evaluation"]["absent_labels"] == "challenge"
