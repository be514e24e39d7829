"""Runs in parts, by flags of Snakemake, or without our profile: results are those of any run."""

import shutil
from collections import Counter
from itertools import chain

import pytest
from conftest import TRAINING, Workflow, copied, started

from slicewise.dataset.shards import FEWEST, SIZE, shares

CASES, SCORES = "results/tiny/cases.tsv", "results/tiny/plain/metrics.tsv"
SHARDS = len(shares(TRAINING, SIZE, FEWEST))
SPARED = "no profile of slicewise: "


@pytest.fixture
def unmade(finished, tmp_path) -> Workflow:
    """The data and settings of the finished run, of which nothing is made."""
    workflow = copied(finished.root, tmp_path / "slicewise")
    for name in ("results", ".snakemake"):
        shutil.rmtree(workflow.root / name)
    return workflow


def ends_like(workflow: Workflow, finished: Workflow) -> None:
    """Check scores and weights, and that Snakemake would do nothing more to have them."""
    of_both = [(each.root / SCORES).read_bytes() for each in (workflow, finished)]
    assert of_both[0] == of_both[1]
    weights = [each.used("plain")["resolved"]["weights_sha256"] for each in (workflow, finished)]
    assert weights[0] == weights[1]
    assert workflow.due(SCORES) == {}


def test_stage_after_stage(unmade, finished):
    planned = unmade.due(SCORES)
    cut = started(unmade.snakemake(SCORES, "--until", "slices"))
    assert (cut.count("slices"), set(cut) & {"plan", "train"}) == (SHARDS, set())
    trained = started(unmade.snakemake(SCORES, "--omit-from", "predict"))
    assert (trained.count("train"), set(trained) & {"slices", "predict"}) == (1, set())
    assert not (unmade.root / SCORES).exists()
    scored = started(unmade.snakemake(SCORES))
    assert Counter([*cut, *trained, *scored]) == planned, "nothing twice, and nothing left out"
    ends_like(unmade, finished)


def test_batch_after_batch(unmade, finished):
    planned = unmade.due(SCORES)
    parts = [
        started(unmade.snakemake(target, "--batch", f"{rule}={part}/2"))
        for target, rule in ((CASES, "cases"), (SCORES, "evaluate"))
        for part in (1, 2)
    ]
    assert all("ingest" in each for each in parts[:2])
    assert ["cases" in each for each in parts] == [False, True, False, False]
    assert ["evaluate" in each for each in parts] == [False, False, False, True]
    assert Counter(chain(*parts)) == planned
    ends_like(unmade, finished)


def test_without_our_profile(unmade, finished):
    without = ("--workflow-profile", "none", SCORES, "--configfile", "config/config.yaml")
    said = unmade.snakemake(*without)
    assert said.count(SPARED) == 1, "once a run, and not by each job"
    assert "Nothing to be done" in unmade.snakemake(*without)
    # nor has whoever goes on with the profile to begin again
    ends_like(unmade, finished)
    assert SPARED not in unmade.snakemake(SCORES, "--forcerun", "evaluate")
    ends_like(unmade, finished)
