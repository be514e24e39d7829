"""`slicewise publish` on what the workflow itself left, not on what tests wrote for it."""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import DATASET, TEST, TRAINING

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def paper(finished, tmp_path_factory) -> Path:
    """All files of both experiments."""
    output = tmp_path_factory.mktemp("paper") / "paper"
    experiments = sorted(path.parent for path in finished.results.glob("*/report.html"))
    assert len(experiments) == 2
    finished.slicewise("publish", *map(str, experiments), "--output", str(output))
    return output


def test_what_the_workflow_recorded_is_enough(paper):
    text = (paper / "paper.md").read_text()
    cases = len(TRAINING) + len(TEST)
    assert f"{cases} cases" in text
    assert "was drawn at random (seed" in text  # the settings of its tracked run were found
    assert "unknown version" not in text
    assert "of unknown" not in text


def test_numbers_are_those_of_the_summary(paper, finished):
    told = pd.read_csv(paper / "results.csv").set_index(["experiment", "label", "metric"])
    for path in finished.results.glob("*/summary.json"):
        summary = json.loads(path.read_text())["test"]
        for label, numbers in summary.items():
            mean = told.loc[(path.parent.name, label, "dice"), "mean"]
            assert mean == pytest.approx(numbers["dice"]["mean"])


def test_nobody_is_named(paper):
    for path in paper.rglob("*"):
        if path.suffix in (".md", ".tex", ".html", ".csv", ".tsv"):
            text = path.read_text()
            assert not any(f"{name}," in text for name in (*TRAINING, *TEST)), path
            assert DATASET not in path.name


def test_most_of_claim_is_answered_by_a_run(paper):
    statuses = pd.read_csv(paper / "claim.csv")["status"]
    assert (statuses != "asked").mean() >= 0.6
