"""`preset: auto`: a plan is made from the training cases, and all jobs go by it."""

import json
import shutil
from typing import Any

import pytest
from conftest import Workflow, copied, started

from slicewise.files import read_json

SHORT: dict[str, Any] = {
    "network": {"filters": [4, 8]},
    "training": {"epochs": 1, "steps_per_epoch": 3, "batch": 4, "threads": 1},
}
CONFIG: dict[str, Any] = {
    "dataset": {
        "name": "tiny",
        "layout": "phantom",
        "labels": {"liver": 1},
        "other_labels": "background",
        "phantom": {"cases": 7, "size": 48, "slices": [8, 10]},
    },
    "split": {"test": 2, "validation": 1},
    "experiments": {"made": {"preset": "auto", "effort": "quick", **SHORT}},
}
PLAN = "results/tiny/plan-quick.json"


@pytest.fixture(scope="module")
def planned(clone, tmp_path_factory) -> Workflow:
    """A finished run of an experiment that was planned; not to be changed."""
    workflow = copied(clone.root, tmp_path_factory.mktemp("planned") / "slicewise")
    workflow.write_settings(CONFIG)
    workflow.snakemake()
    return workflow


@pytest.fixture
def changed(planned, tmp_path) -> Workflow:
    """A copy of it, to be changed."""
    return copied(planned.root, tmp_path / "slicewise")


def test_all_jobs_go_by_the_plan(planned):
    plan = read_json(planned.root / PLAN)
    values = {each["setting"]: each["value"] for each in plan["choices"]}
    used = planned.used("made")
    assert used["recipe"]["size"] == values["slices.size"] == 48
    assert used["experiment"]["input"]["window"] == "foreground"
    assert used["experiment"]["augmentation"]["rotation"] == values["augmentation.rotation"]
    # what is written beside it wins
    assert used["experiment"]["network"]["filters"] == [4, 8] != values["network.filters"]
    # the record names what was trained with, and nothing that a reader would have to look up
    assert used["experiment"]["preset"] == "baseline"
    (geometry, *_) = (planned.results / "slices" / "auto-quick").glob("*/geometry.json")
    assert read_json(geometry)["recipe"]["size"] == 48
    assert (planned.results / "made" / "report.html").exists()


def test_nothing_is_due_after_it_with_snakemakes_notes_or_without(planned, changed):
    assert planned.due() == {}
    shutil.rmtree(changed.root / ".snakemake")
    assert changed.due() == {}


def test_a_test_case_less_plans_cuts_and_trains_nothing_again(changed):
    # seen from the other side: without one of them, all that the others were made from is there
    subsets = (changed.results / "split.tsv").read_text().splitlines()
    test = [row.split("\t")[0] for row in subsets if "\ttest\t" in row]
    changed.change("dataset.exclude", [test[0]])
    changed.change("split.test", 1)
    due = changed.due()
    assert not {"propose", "slices", "plan", "train"} & due.keys()
    assert due["evaluate"] == 1


def test_what_is_written_beside_the_plan_trains_again_and_cuts_nothing(changed):
    changed.change("experiments.made.training.epochs", 2)
    due = changed.due()
    assert {"plan", "train"} <= due.keys()
    assert not {"propose", "slices"} & due.keys()


def test_a_changed_plan_says_what_changed_before_anything_is_cut(changed):
    path = changed.root / PLAN
    stored = read_json(path)
    for each in stored["choices"]:
        if each["setting"] == "slices.size":
            each["value"] = 32
    # as if it had been planned from other cases
    path.write_text(json.dumps(stored))
    said = changed.snakemake("--forcerun", "propose", "--until", "slices")
    line = "plan-quick.json: the plan changed: slices.size: 32 becomes 48. Half of the cases"
    assert line in said
    rules = started(said)
    assert rules.index("propose") < rules.index("slices")
    assert said.index(line) < said.index("rule slices:")


def test_a_plan_that_was_edited_stops_who_reads_it(changed):
    path = changed.root / PLAN
    path.write_text(path.read_text().replace('"value": 48', '"value": 64'))
    said = changed.snakemake("--forcerun", "slices", "--until", "slices", fails=True)
    assert "plan-quick.json: it is not what the job wrote that made it" in said


def test_the_same_settings_by_hand_give_the_same_weights(changed):
    text = changed.slicewise("plan", "config/config.yaml", "--effort", "quick")
    (changed.root / "plan.yaml").write_text(text)
    short = {"experiments": {"planned": SHORT}}
    (changed.root / "short.json").write_text(json.dumps(short))
    files = ("--configfile", "config/config.yaml", "plan.yaml", "short.json")
    changed.snakemake("results/tiny/planned/fold-0/model.keras", *files)
    weights = [changed.used(each)["resolved"]["weights_sha256"] for each in ("made", "planned")]
    assert weights[0] == weights[1]
