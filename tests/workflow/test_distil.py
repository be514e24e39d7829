"""A training that learns from another one, by the real commands."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import TEST, Workflow, copied, started
from test_resume import kill_in_training

from slicewise.files import read_json

SMALL = "results/tiny/small/fold-0/model.keras"
PARTS = ["train/loss_truth", "train/loss_teacher"]


def with_student(workflow: Workflow, share: float = 0.5, **training: object) -> None:
    """Let a smaller network learn from `plain`, in slices of another size and in two planes."""
    settings = workflow.settings()
    settings["slices"] |= {
        "axial32": {"plane": "axial", "size": 32},
        "coronal32": {"plane": "coronal", "size": 32},
    }
    settings["experiments"]["small"] = {
        "slices": "axial32",
        "also": ["coronal32"],
        "network": {"filters": [3, 4], "dropout": 0.1},
        "training": {
            "epochs": 2,
            "steps_per_epoch": 4,
            "threads": 1,
            "precision": "float32",
            "distil": {"teacher": "plain", "share": share},
            **training,
        },
    }
    workflow.write_settings(settings)


def taught(workflow: Workflow, fold: int = 0, recipe: str = "axial32") -> set[str]:
    """The cases that the teacher of a fold told of."""
    place = workflow.results / "slices" / "_taught" / "plain" / f"fold-{fold}" / recipe
    return {path.parent.name for path in place.glob("*/probability.npy")}


def weights(workflow: Workflow) -> str:
    return workflow.used("small")["resolved"]["weights_sha256"]


def test_a_student_learns_from_a_teacher_and_again_only_where_that_changes(workflow):
    with_student(workflow)
    due = workflow.due(SMALL)
    assert due.keys() == {"slices", "teach", "plan", "independent", "train"}
    # of each recipe the shards with training cases
    assert due["teach"] < due["slices"]
    workflow.snakemake(SMALL)
    used = workflow.used("small")
    teacher = workflow.used("plain")["resolved"]["weights_sha256"]
    assert used["taught_by"]["weights_sha256"] == teacher
    assert taught(workflow) == taught(workflow, recipe="coronal32") == set(used["train"])
    history = pd.read_csv(workflow.results / "small" / "fold-0" / "history.csv")
    mean = history[PARTS].mean(axis=1)
    assert (history["train/loss"] - mean).abs().max() < 1e-6
    run = workflow.client().get_run(workflow.run_id("small"))
    assert run.data.tags["taught_by"] == teacher
    assert run.data.params["training.distil.teacher"] == "plain"
    assert run.data.metrics.keys() >= set(PARTS)
    assert workflow.due(SMALL) == {}

    # what was said may be deleted, as slices may; both are made again for a training alone
    before = weights(workflow)
    shutil.rmtree(workflow.results / "slices" / "_taught")
    assert workflow.due(SMALL) == {}
    (workflow.results / "small" / "fold-0" / "model.keras").unlink()
    assert {"teach", "train"} <= workflow.due(SMALL).keys()
    said = workflow.snakemake(SMALL)
    assert "slices" not in started(said)
    assert weights(workflow) == before

    # another share is another training, of the same word
    with_student(workflow, share=0.25)
    assert workflow.due(SMALL) == {"plan": 1, "independent": 1, "train": 1}
    # another teacher is asked again
    workflow.change("experiments.plain.training.epochs", 1)
    assert workflow.due(SMALL).keys() == {"plan", "independent", "train", "teach"}
    workflow.snakemake(SMALL)
    assert workflow.used("small")["taught_by"]["weights_sha256"] != teacher
    assert weights(workflow) != before
    assert workflow.due(SMALL) == {}


def test_a_killed_student_goes_on_to_the_same_bits(workflow, tmp_path):
    with_student(workflow, epochs=6, steps_per_epoch=25)
    # what it learns from, once for both
    workflow.snakemake(SMALL, "--until", "teach")
    whole = copied(workflow.root, tmp_path / "whole")
    assert "teach" not in whole.due(SMALL)
    whole.snakemake(SMALL)
    epoch = kill_in_training(workflow, SMALL, os.killpg, "small")
    assert 1 <= epoch < 6
    workflow.snakemake("--unlock")
    said = workflow.snakemake(SMALL)
    assert "going on after epoch" in said
    assert "teach" not in started(said)
    assert weights(workflow) == weights(whole)
    histories = [pd.read_csv(w.results / "small/fold-0/history.csv") for w in (workflow, whole)]
    clock = ["timestamp", "images_per_second"]
    one, other = (history.drop(columns=clock) for history in histories)
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one[PARTS].notna().all(axis=None)


def test_a_fold_learns_from_the_same_fold_about_its_own_training_cases(folded, tmp_path):
    workflow = copied(folded.root, tmp_path / "slicewise")
    with_student(workflow)
    target = "results/tiny/small/metrics.tsv"
    due = workflow.due(target)
    assert "train" in due and due["train"] == due["plan"] == 2
    workflow.snakemake(target)
    for fold in (0, 1):
        used = workflow.used("small", fold)
        teacher = workflow.used("plain", fold)
        assert used["taught_by"]["weights_sha256"] == teacher["resolved"]["weights_sha256"]
        assert taught(workflow, fold) == set(used["train"]) == set(teacher["train"])
        assert not taught(workflow, fold) & set(used["validation_cases"])
        records = (workflow.results / "cases" / "_taught" / "plain" / f"fold-{fold}").rglob(
            "*.json"
        )
        told = {case for path in records if path.parent.name != "_made" for case in read_json(path)}
        assert told == set(used["train"])
    assert workflow.due(target) == {}
    # whether its teacher knows those who are tested on is looked at again, and nobody is trained
    workflow.change("dataset.exclude", [TEST[0]])
    due = workflow.due(target)
    assert due["independent"] == 2
    assert {"plan", "train", "teach"}.isdisjoint(due)


def test_a_student_of_an_ensemble_learns_from_its_members_by_the_weights_of_its_fold(
    folded, tmp_path
):
    workflow = copied(folded.root, tmp_path / "slicewise")
    with_student(workflow, distil={"teacher": "both", "share": 0.5})
    settings = workflow.settings()
    experiments = settings["experiments"]
    experiments["other"] = {**experiments["plain"], "slices": "coronal32"}
    experiments["both"] = {"ensemble": ["plain", "other"]}
    experiments["small"]["also"] = []
    workflow.write_settings(settings)
    models = [f"results/tiny/small/fold-{fold}/model.keras" for fold in (0, 1)]
    due = workflow.due(*models)
    assert due.keys() >= {"teach", "weights"}
    # it says what it says before anything is done to its masks
    assert "mix" not in due
    # plain is trained already
    assert due["train"] == 4
    workflow.snakemake(*models)
    weights = read_json(workflow.results / "both" / "weights.json")
    for fold in (0, 1):
        used = workflow.used("small", fold)
        assert used["taught_by"]["name"] == "both"
        named = [f"both ({weights['members'][one][fold][:12]})" for one in ("plain", "other")]
        assert used["taught_by"]["earlier"] == named
        place = workflow.results / "slices" / "_taught" / "both" / f"fold-{fold}" / "axial32"
        assert {path.name for path in place.iterdir()} == set(used["train"])
    assert workflow.due(*models) == {}


@pytest.mark.parametrize(
    ("distil", "said"),
    [
        ({"teacher": "plian"}, "no experiment is called 'plian'; there are: rich, plain, small"),
        ({"teacher": "small"}, "it would learn from itself (small from small)"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused_before_anything_runs(workflow, distil, said):
    with_student(workflow, distil=distil)
    assert said in workflow.snakemake(SMALL, fails=True)


def test_two_that_would_have_to_wait_for_each_other_are_refused(workflow):
    with_student(workflow)
    workflow.change("experiments.plain.training.start_from", "results/tiny/small")
    said = workflow.snakemake(SMALL, fails=True)
    assert "so neither can be trained first; leave out start_from or distil" in said


def test_a_spoilt_word_of_the_teacher_stops_the_training(workflow):
    with_student(workflow)
    workflow.snakemake(SMALL)
    place = workflow.results / "slices" / "_taught" / "plain" / "fold-0" / "axial32"
    path: Path = next(place.glob("*/probability.npy"))
    path.write_bytes(path.read_bytes()[:-7])
    with_student(workflow, epochs=1)
    said = workflow.snakemake(SMALL, fails=True)
    assert (
        "the file is damaged" in said and f"delete {path.parent.relative_to(workflow.root)}" in said
    )
