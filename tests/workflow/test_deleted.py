"""What of finished results may be deleted, and what it takes to make it again."""

import shutil

import pytest
from conftest import TRAINING, copied

from slicewise.dataset.shards import FEWEST, SIZE, shares
from slicewise.files import sha256
from tests.workflow.test_reruns import PLAIN, SHOWN

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
