"""Without Snakemake's notes of the last run, what is due is what is due with them."""

import os
import random
import shutil
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import Workflow, copied, started

from slicewise.files import read_json

CONFIG: dict[str, Any] = {
    "dataset": {
        "name": "tiny",
        "layout": "phantom",
        "labels": {"liver": 1, "spleen": 2},
        "other_labels": "background",
        "phantom": {"cases": 8, "size": 48, "slices": [8, 10]},
    },
    "split": {"test": 2, "folds": 2},
    "slices": {"axial48": {"plane": "axial", "size": 48}},
    "experiments": {
        "one": {
            "slices": "axial48",
            "network": {"filters": [4, 8]},
            "training": {
                "epochs": 1,
                "batch": 4,
                "precision": "float32",
                "threads": 1,
                "steps_per_epoch": 4,
            },
        }
    },
}
REPORT = "results/tiny/one/report.html"


@pytest.fixture(scope="module")
def crossed(clone, tmp_path_factory) -> Workflow:
    """A finished cross-validation; not to be changed."""
    workflow = copied(clone.root, tmp_path_factory.mktemp("crossed") / "slicewise")
    workflow.write_settings(CONFIG)
    workflow.snakemake()
    return workflow


@pytest.fixture(scope="module")
def asked() -> dict[str, dict[str, int]]:
    """By each change what is due with Snakemake's notes, once it was asked for."""
    return {}


@pytest.fixture
def lost(crossed, tmp_path) -> Workflow:
    """A copy of it, to be changed."""
    return copied(crossed.root, tmp_path / "slicewise")


def made(workflow: Workflow) -> list[str]:
    """The files that rules declare: what a user finds without knowing of records."""
    names = (
        "*.tsv", "*.json", "*.html", "*.nii.gz", "*.keras", "*.csv", "config.yaml", "*.png", "*.npz"
    )  # fmt: skip
    left_out = {"_made", "tracking", "timings", "logs"}
    found = {path for name in names for path in workflow.results.rglob(name)}
    return sorted(
        str(path.relative_to(workflow.root)) for path in found if not left_out & {*path.parts}
    )


def delete_notes(workflow: Workflow) -> None:
    shutil.rmtree(workflow.root / ".snakemake")


def touch(workflow: Workflow) -> None:
    workflow.snakemake("--touch")


def clean_notes(workflow: Workflow) -> None:
    declared = set(made(workflow))
    # cases, their looks, slices and predictions are declared by the record of their shard
    one_by_one = ("/record.json", "/look.json", "/geometry.json", "/predictions/")
    noted = [
        path
        for path in declared
        if "/_shards/" in path or not any(part in path for part in one_by_one)
    ]
    workflow.snakemake("--cleanup-metadata", *noted)


def delete_report_and_notes(workflow: Workflow) -> None:
    delete_notes(workflow)
    (workflow.root / REPORT).unlink()


BY_TIME = ("--rerun-triggers", "mtime")
REMEDIES: dict[str, tuple[Callable[[Workflow], None], tuple[str, ...]]] = {
    "notes deleted": (delete_notes, ()),
    "notes deleted, by time": (delete_notes, BY_TIME),
    "by time": (lambda workflow: None, BY_TIME),
    "touched": (touch, ()),
    "notes cleaned": (clean_notes, ()),
    "report deleted": (delete_report_and_notes, ()),
}
CHANGES: dict[str, tuple[str, Any]] = {
    "labels": ("dataset.labels", {"spleen": 2, "liver": 1}),
    "values": ("dataset.labels", {"liver": 1, "spleen": [2, 3]}),
    "anatomy": ("dataset.phantom.seed", 8),
    "exclude": ("dataset.exclude", ["phantom_003"]),
    "folds": ("split.folds", 3),
    "test": ("split.test", 3),
    "seed": ("split.seed", 14),
    "not the same": ("split.not_the_same", [["phantom_001", "phantom_002"]]),
    "recipe": ("slices.axial48.size", 32),
    "epochs": ("experiments.one.training.epochs", 2),
    "window": ("experiments.one.input.window", [-100, 200]),
    "holes": ("experiments.one.postprocessing.fill_holes", True),
    "tolerance": ("evaluation.tolerance_mm", 3.0),
}
# each change with one remedy and each remedy with some; that which publishes most, with all
PAIRS = [
    *((change, list(REMEDIES)[k % len(REMEDIES)]) for k, change in enumerate(CHANGES)),
    *(("folds", remedy) for remedy in REMEDIES),
]


@pytest.mark.slow
@pytest.mark.parametrize("remedy", REMEDIES)
def test_without_notes_an_unchanged_folder_has_nothing_to_do(lost, remedy):
    lose, how = REMEDIES[remedy]
    lose(lost)
    assert lost.due(*how) == (
        {"report": 1, "index": 1, "all": 1} if remedy == "report deleted" else {}
    )


@pytest.mark.slow
@pytest.mark.parametrize(("change", "remedy"), dict.fromkeys(PAIRS))
def test_without_notes_a_change_has_the_same_to_do_as_with_them(lost, asked, change, remedy):
    lost.change(*CHANGES[change])
    wanted = asked[change] = asked.get(change) or lost.due()
    assert "report" in wanted
    lose, how = REMEDIES[remedy]
    lose(lost)
    assert lost.due(*how) == wanted


@pytest.mark.slow
def test_an_experiment_that_is_renamed_with_its_folder_gets_pages_of_its_name(lost):
    settings = lost.settings()
    settings["experiments"] = {"two": settings["experiments"]["one"]}
    lost.write_settings(settings)
    (lost.results / "one").rename(lost.results / "two")
    due = lost.due()
    assert due["report"] == 1
    assert not {"train", "predict", "evaluate"} & due.keys()


def test_an_edit_of_code_is_found_without_notes(lost):
    path = lost.root / "src" / "slicewise" / "slices" / "grid.py"
    path.write_text(f"{path.read_text()}EDITED = 1\n")
    os.utime(path, (0, 0))  # older than all results
    wanted = lost.due()
    delete_notes(lost)
    said = lost.snakemake("--dry-run")
    assert "made by other code (slicewise/slices/grid.py)" in said
    assert lost.due() == wanted


@pytest.mark.slow
def test_what_is_asked_for_alone_is_made_again(lost):
    """What is stale but no part of a run is left as it is."""
    lost.change(*CHANGES["folds"])
    delete_notes(lost)
    assert lost.due("results/tiny/split.tsv") == {"split": 1}


@pytest.mark.slow
@pytest.mark.parametrize("notes", [True, False])
def test_a_model_of_a_further_fold_that_is_asked_for_is_trained(lost, notes):
    """Though the leakage check that it waits for is made again, too."""
    lost.change(*CHANGES["folds"])
    if not notes:
        delete_notes(lost)
    for name in ("model.keras", "history.csv"):
        due = lost.due(f"results/tiny/one/fold-2/{name}")
        assert due == {"split": 1, "leakage": 1, "plan": 1, "train": 1}


@pytest.mark.slow
@pytest.mark.parametrize("copy", [shutil.copy2, shutil.copy], ids=["cp -a", "cp -r"])
def test_results_that_moved_without_notes_have_nothing_to_do(crossed, tmp_path, copy):
    moved = tmp_path / "elsewhere"
    shutil.copytree(crossed.root, moved, symlinks=True, copy_function=copy)
    shutil.rmtree(moved / ".snakemake")
    assert Workflow(moved).due() == {}
    assert Workflow(moved).due(*BY_TIME) == {}


@pytest.mark.slow
@pytest.mark.parametrize("copy", [shutil.copy2, shutil.copy], ids=["mv", "cp -r"])
def test_results_that_were_handed_on_to_another_clone_have_nothing_to_do(
    crossed, clone, tmp_path, copy
):
    """With their configuration, and no more: neither Snakemake's notes nor MLflow's store."""
    other = copied(clone.root, tmp_path / "slicewise")
    other.write_settings(CONFIG)
    shutil.copytree(crossed.results, other.results, copy_function=copy)
    assert other.due() == {}
    other.change(*CHANGES["tolerance"])
    assert other.due() == {"evaluate": 1, "report": 1, "compare": 1, "index": 1, "all": 1}


@pytest.mark.slow
@pytest.mark.parametrize("notes", [True, False])
def test_files_of_any_age_have_nothing_to_do_unless_they_differ(lost, notes):
    if not notes:
        delete_notes(lost)
    for place in ("results", "src", "scripts"):
        files = sorted(path for path in (lost.root / place).rglob("*") if path.is_file())
        for age, path in enumerate(random.Random(place).sample(files, len(files))):
            os.utime(path, (1e9 + age, 1e9 + age))
    assert lost.due("results/tiny/one/metrics.tsv") == {}  # the rest is out of order still
    assert lost.due() == {}
    lost.change(*CHANGES["tolerance"])
    assert lost.due() == {"evaluate": 1, "report": 1, "compare": 1, "index": 1, "all": 1}


@pytest.mark.slow
@pytest.mark.parametrize("notes", [True, False])
def test_another_mask_that_is_older_than_all_results_is_found(lost, notes):
    """As rsync brings a corrected mask, of which everything else has to know."""
    masks = [lost.results / "cases" / f"phantom_00{k}" / "mask.nii.gz" for k in (1, 2)]
    if not notes:
        delete_notes(lost)
    masks[0].write_bytes(masks[1].read_bytes())
    os.utime(masks[0], (1e9, 1e9))
    due = lost.due()
    assert due["ingest"] == 1 and {"evaluate", "report", "compare"} <= {*due}


@pytest.mark.slow
def test_after_other_folds_and_labels_scores_are_those_of_a_run_from_nothing(clone, lost, tmp_path):
    for change in ("folds", "labels"):
        lost.change(*CHANGES[change])
    delete_report_and_notes(lost)
    said = lost.snakemake()
    assert "results/tiny/one/fold-0/plan.json: made with other settings" in said
    assert {"train", "predict", "evaluate"} <= {*started(said)}
    fresh = copied(clone.root, tmp_path / "fresh")
    fresh.write_settings(lost.settings())
    fresh.snakemake("results/tiny/one/metrics.tsv")
    tables = [pd.read_csv(w.results / "one" / "metrics.tsv", sep="\t") for w in (lost, fresh)]
    pd.testing.assert_frame_equal(*tables)
    for name in ("summary.json", "fold-0/plan.json"):
        assert read_json(lost.results / "one" / name) == read_json(fresh.results / "one" / name)
    for k in range(3):
        weights = {w.used("one", k)["resolved"]["weights_sha256"] for w in (lost, fresh)}
        assert len(weights) == 1
        trained = yaml.safe_load((lost.results / f"one/fold-{k}/config.yaml").read_text())["train"]
        held_out = tables[0].loc[tables[0]["fold"] == k, "case"]
        assert not {*trained} & {*held_out}
    assert lost.due() == {}


@pytest.mark.slow
def test_a_job_refuses_what_is_not_as_it_was_told(lost):
    """As if the look at the start had not been: a model was replaced by another fold's."""
    folds = [lost.results / "one" / f"fold-{k}" for k in range(2)]
    shutil.copy2(folds[1] / "model.keras", folds[0] / "model.keras")
    lost.change("experiments.one.prediction.batch", 4)  # predicts again
    said = lost.snakemake(REPORT, fails=True)
    assert "error: results/tiny/one/fold-0/model.keras: it is not what the job wrote" in said
    assert "evaluate" not in started(said)
