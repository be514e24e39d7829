"""What of finished results may be deleted, and what it takes to make it again."""

import base64
import shutil

import pytest
from conftest import TEST, TRAINING, copied

from slicewise.dataset.shards import FEWEST, SIZE, shares
from slicewise.files import sha256
from tests.workflow.test_reruns import PLAIN, SHOWN
from tests.workflow.test_resume import REPORT

SHARDS = len(shares(TRAINING, SIZE, FEWEST))
LEARNING_RATE = "experiments.plain.optimizer.learning_rate"


@pytest.fixture
def sliceless(finished, tmp_path):
    """A finished run whose slices were deleted to free the disk."""
    workflow = copied(finished.root, tmp_path / "slicewise")
    shutil.rmtree(workflow.results / "slices")
    return workflow


@pytest.mark.parametrize("notes", [True, False])
def test_deleted_slices_are_cut_again_for_what_is_trained_again_alone(sliceless, notes):
    if not notes:
        shutil.rmtree(sliceless.root / ".snakemake")
    assert sliceless.due() == {}
    sliceless.change(LEARNING_RATE, 0.02)
    assert sliceless.due() == {**PLAIN, **SHOWN, "slices": SHARDS}


def test_deleted_slices_of_one_case_are_missed(workflow):
    shutil.rmtree(workflow.results / "slices" / "axial48" / TRAINING[0])
    assert workflow.due() == {}
    model = workflow.results / "plain" / "fold-0" / "model.keras"
    model.unlink()
    due = workflow.due()
    assert (due["slices"], due["plan"], due["train"]) == (1, 1, 1)
    assert due["report"] == 1


def test_deleted_slices_are_cut_again_where_cases_changed_or_a_job_is_forced(sliceless):
    assert sliceless.due("--forcerun", "train")["slices"] == SHARDS
    path = sliceless.image(TRAINING[0])
    path.write_bytes(path.read_bytes() + b"\0")
    due = sliceless.due()
    assert (due["ingest"], due["slices"], due["train"]) == (1, SHARDS, 2)


def test_deleted_slices_are_not_missed_where_what_follows_is_forced(sliceless):
    assert {"slices", "plan", "train"}.isdisjoint(sliceless.due("--forcerun", "report"))


@pytest.mark.parametrize("more", ["cases", "rich/fold-0/plan.json"])
def test_deleted_slices_and_what_they_were_cut_from_are_not_missed(sliceless, more):
    """What a training follows from is made again when one is due."""
    place = sliceless.results / more
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert {"slices", "plan", "train"}.isdisjoint(sliceless.due())


def cut_by_other_code(workflow):
    path = workflow.root / "src" / "slicewise" / "slices" / "extract.py"
    path.write_text(f"{path.read_text()}EDITED = 1\n")


def leave_a_test_case_out(workflow):
    workflow.change("dataset.exclude", [TEST[0]])


WAITED_FOR = {
    "other code": (cut_by_other_code, ()),
    "other cases": (leave_a_test_case_out, ()),
    "slices asked for": (lambda workflow: None, ("--forcerun", "slices")),
    "leakage asked for": (lambda workflow: None, ("--forcerun", "leakage")),
}


@pytest.mark.parametrize("change", WAITED_FOR)
def test_an_experiment_that_is_new_is_trained_though_what_it_waits_for_is_made_again(
    workflow, change
):
    settings = workflow.settings()
    settings["experiments"]["new"] = settings["experiments"]["plain"]
    workflow.write_settings(settings)
    make, how = WAITED_FOR[change]
    make(workflow)
    due = workflow.due("results/tiny/new/report.html", *how)
    assert (due["plan"], due["train"], due["report"]) == (1, 1, 1)
    assert {"slices", "leakage"} & due.keys()


def mark_unfinished(workflow, path):
    """Do as a kill of Snakemake while a job makes a file that is there already, or that goes on."""
    mark = base64.b64encode(f"results/tiny/{path}".encode()).decode()
    (workflow.root / ".snakemake" / "incomplete" / mark).write_text("{}")


@pytest.mark.parametrize("left", ["cases/_slices/axial48/train-0.json", "leakage.json"])
def test_what_a_killed_run_was_at_hides_no_training_that_is_missing(workflow, left):
    mark_unfinished(workflow, left)
    (workflow.results / "rich" / "fold-0" / "model.keras").unlink()
    (workflow.root / REPORT).unlink()
    due = workflow.due("--rerun-incomplete", REPORT)
    assert (due["plan"], due["train"], due["report"]) == (1, 1, 1)


@pytest.mark.slow
def test_what_was_asked_for_is_made_beside_what_a_killed_run_was_at(workflow):
    mark_unfinished(workflow, "cases/_slices/axial48/train-0.json")
    (workflow.root / REPORT).unlink()
    workflow.snakemake("--rerun-incomplete", REPORT)
    assert (workflow.root / REPORT).is_file()


@pytest.mark.slow
def test_a_run_that_overlooked_what_was_asked_for_did_not_succeed(workflow):
    """As Snakemake would, were it not told to ask for the reasons of all jobs."""
    rules = workflow.root / "rules" / "run.smk"
    text = rules.read_text()
    rules.write_text(text.replace("            ask_all_for_reasons()\n", "            pass\n"))
    mark_unfinished(workflow, "cases/_slices/axial48/train-0.json")
    (workflow.root / REPORT).unlink()
    said = workflow.snakemake("--rerun-incomplete", REPORT, fails=True)
    assert f"error: {REPORT}: not made yet; run the same command once more" in said
    rules.write_text(text)
    workflow.snakemake("--rerun-incomplete", REPORT)
    assert (workflow.root / REPORT).is_file()


@pytest.mark.slow
def test_slices_that_are_cut_again_are_the_same_and_train_nobody(sliceless, finished):
    other = sliceless.results / "rich" / "fold-0" / "model.keras"
    before = other.stat().st_mtime_ns
    (sliceless.results / "plain" / "fold-0" / "model.keras").unlink()
    sliceless.snakemake("results/tiny/plain/fold-0/model.keras")
    assert other.stat().st_mtime_ns == before
    # the file of a model is another one, as it tells the time
    assert not {"slices", "train"} & sliceless.due().keys()
    weights = [w.used("plain")["resolved"]["weights_sha256"] for w in (sliceless, finished)]
    assert weights[0] == weights[1]
    cut = list(finished.results.rglob("slices/*/*/*.npy"))
    assert cut
    for path in cut:
        assert sha256(sliceless.results / path.relative_to(finished.results)) == sha256(path)
