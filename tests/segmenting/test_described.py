"""What `slicewise inspect` says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slicewise.dataset.ensembles import NAME, EnsembleRecord
from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json
from slicewise.network.ranges import LabelRanges
from slicewise.records import OUTDATED, record_path
from slicewise.segmenting.described import NO_RANGES, NOT_KNOWN, NOT_TRACKED, described
from slicewise.segmenting.models import choose
from slicewise.tracking import Run
from tests import masks
from tests.inference.test_unlike import card
from tests.masks import HIT, NOTHING
from tests.segmenting.made import experiment
from tests.trained import note_scored


def lines(text: str) -> dict[str, str]:
    return {line[:12].strip(): line[12:] for line in text.splitlines()}


def scored(folder: Path) -> Path:
    dice = {"mean": 0.9123, "ci_low": 0.85, "ci_high": 0.95, "n": 7}
    write_json(folder / "summary.json", {"test": {"mean": {"dice": dice}}})
    return folder


def test_an_experiment_and_a_file_alone(tmp_path: Path) -> None:
    folder = scored(experiment(tmp_path / "x"))
    said = lines(described(choose(str(folder))))
    assert said["model"].endswith("(2 models)")
    assert said["finds"] == "organ0 (5), organ1 (6), with their mask values"
    assert said["takes"] == "CT in Hounsfield units"
    assert said["slices"] == "axial, 32 × 32 pixels, 1 slice at once"
    assert said["trained on"] == "2 cases of 2 patients"
    assert said["test Dice"] == "0.912 [95 % interval 0.850 to 0.950] over 7 test patients"
    assert said["data"] == f"SHA-256 {'5' * 16}"
    assert said["run"] == "not tracked"
    assert said["ranges"] == NO_RANGES
    # those of an ensemble that had its name before are not its own
    record = {"made": 1, "settings": None, "code": {}, "outputs": {}, "inputs": {NAME: ""}}
    write_json(record_path(folder / "metrics.tsv"), record)
    assert lines(described(choose(str(folder))))["test Dice"] == OUTDATED
    (folder / "fold-0" / "model.keras").rename(tmp_path / "alone.keras")
    said = lines(described(choose(str(tmp_path / "alone.keras"))))
    assert {said[name] for name in ("trained on", "settings", "test Dice", "run")} == {NOT_KNOWN}


def test_an_ensemble_of_mlflow_is_not_told_to_be_looked_for_there(tmp_path: Path) -> None:
    models = tmp_path / "alone"
    for fold in (0, 1):
        model = experiment(tmp_path / "x") / f"fold-{fold}" / "model.keras"
        models.mkdir(exist_ok=True)
        shutil.copy(model, models / f"{fold}.keras")
    chosen = choose(str(models))
    members = {"one": chosen.weights[:1], "two": chosen.weights[1:]}
    weighed = EnsembleRecord(
        **{"members": members, "weights": dict.fromkeys(members, 0.5), "fitted": False},
        **{"because": "equal", "patients": 1, "dice": dict.fromkeys(members), "equal_dice": None},
        **{"weighted_dice": None, "postprocessing": {}, "scans": [["a", "b"], ["b", "c"]]},
    )
    said = lines(described(replace(chosen, weighed=weighed, tracked={"run_id": "4f"})))
    assert said["trained on"] == "3 scans, known again when they are segmented"
    assert said["data"] == NOT_TRACKED
    assert said["run"] == "4f"


def test_the_test_dice_says_whose_it_is(tmp_path: Path) -> None:
    chosen = choose(str(experiment(tmp_path / "x")))
    rows = {"a": [(HIT, HIT)], "b": [(HIT, NOTHING)], "c": [(NOTHING, NOTHING)]}

    def said(summary: dict[str, Any]) -> str:
        write_json(tmp_path / "x" / "summary.json", summary)
        return lines(described(chosen))["test Dice"]

    assert said(summarise(masks.scored(rows))) == (
        "0.500 over the 2 of 3 test patients who have the label"
    )
    challenge = said(summarise(masks.scored(rows, absent_labels="challenge")))
    assert challenge.endswith("counts as 1 or 0 (absent_labels: challenge)")
    assert said(summarise(masks.scored(rows, "validation"))) == "no test patient was scored"
    # MLflow knows only who counts in a mean
    metrics = {"dice_mean": 0.5, "dice_ci_low": 0.0, "dice_ci_high": 1.0, "patients": 2.0}
    tracked = {"metrics": {f"test/{name}": value for name, value in metrics.items()}}
    of_store = replace(chosen, folder=None, tracked=tracked)
    assert lines(described(of_store))["test Dice"] == "0.500 over 2 test patients"


def test_the_dice_of_an_earlier_training_is_not_its_own(tmp_path: Path) -> None:
    folder = scored(experiment(tmp_path / "x"))
    note_scored(folder, *folder.glob("fold-*/config.yaml"))
    assert lines(described(choose(str(folder))))["test Dice"].startswith("0.912")
    experiment(folder, seeds=(3, 5))
    said = lines(described(choose(str(folder))))["test Dice"]
    assert said == "not scored yet (the scores that lie there are of an earlier training)"


def test_the_command_that_tells_of_all_folds_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = experiment(tmp_path / "my results" / "tiny" / "x", (3, 4))
    said = lines(described(choose(str(folder / "fold-0"))))["test Dice"]
    assert said.endswith(f"slicewise inspect '{folder}'")
    monkeypatch.chdir(tmp_path)
    said = lines(described(choose("my results/tiny/x/fold-0")))["test Dice"]
    assert said.endswith("slicewise inspect 'my results/tiny/x'")
    monkeypatch.chdir(folder / "fold-0")
    assert lines(described(choose(".")))["test Dice"].endswith("slicewise inspect ..")


def test_one_fold_has_its_own_run_and_not_the_dice_of_all(tmp_path: Path) -> None:
    folder = scored(experiment(tmp_path / "x", (3, 4, 5)))
    names = [f"fold-{fold}" for fold in range(3)]
    runs = [Run.create(folder / "tracking" / name, name, "", {}, {}) for name in names]
    for place in (folder / "fold-1", folder / "fold-1" / "model.keras"):
        said = lines(described(choose(str(place))))
        assert said["test Dice"] == (
            f"not scored alone; that of all 3 folds: slicewise inspect {folder}"
        )
        assert said["run"] == runs[1].record.id
    alone = scored(experiment(tmp_path / "y", (3,)))
    run = Run.create(alone / "tracking" / "fold-0", "y", "", {}, {})
    for place in (alone, alone / "fold-0"):
        said = lines(described(choose(str(place))))
        assert said["test Dice"].startswith("0.912"), "a single training is all there is"
        assert said["run"] == run.record.id


def test_the_run_is_that_of_the_models_whatever_was_there_before(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "r" / "tiny" / "x", (3, 4))
    tracking = folder / "tracking"

    def run(part: str, **more: list[str]) -> Run:
        return Run.create(tracking / part, "x", "", {}, {}, **more)

    def said(place: Path = folder) -> str:
        return lines(described(choose(str(place))))["run"]

    alone, other = run("fold-0"), run("fold-1")
    assert said() == "of each fold its own until all are scored"
    both = run("parent", children=["fold-0/001", "fold-1/001"])
    assert said() == both.record.id
    again = run("fold-1")
    other.supersede(again)
    assert said() == "of each fold its own until all are scored"
    shutil.rmtree(folder / "fold-1")
    experiment(folder, (5,))
    new = run("fold-0")
    alone.supersede(new)
    assert said() == new.record.id, "of what is one training now"


def test_what_it_was_trained_on(tmp_path: Path) -> None:
    known = card(3).ranges
    labels = {"organ0": known.labels["liver"], "organ1": LabelRanges(ml=None, centre=[], lacking=1)}
    ranges = known.model_copy(update={"labels": labels}).model_dump()
    said = lines(described(choose(str(experiment(tmp_path / "x", ranges=ranges)))))
    assert said["ranges"] == "of 3 patients"
    low, high = known.spacing[2].low, known.spacing[2].high
    assert said["voxels"].endswith(f", {low:.3g} to {high:.3g} mm from foot to head")
    assert "mm from left to right" in said["field"]
    tones = known.channels[0].middle
    assert f"half below {tones.low:.3g} to {tones.high:.3g}, 95 %" in said["intensities"]
    ml = known.labels["liver"].ml
    assert said["volumes"] == f"organ0 {ml.low:.3g} to {ml.high:.3g} ml, organ1 in no case"
