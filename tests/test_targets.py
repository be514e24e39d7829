"""What a run can be asked for."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from slicewise.cli import main
from slicewise.targets import NAMED, lines_of

ROOT = Path(__file__).parents[1]
CONFIG = {
    "dataset": {
        "name": "made",
        "layout": "phantom",
        "labels": {"liver": 1},
        "other_labels": "background",
        "phantom": {"cases": 8},
    },
    "split": {"folds": 2},
    "slices": {"small": {"size": 64}},
    "experiments": {"one": {"slices": "small"}, "two": {"slices": "small"}},
    "run": ["one"],
}


@pytest.fixture
def configured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(yaml.safe_dump(CONFIG))
    return [Path("mine.yaml")]


def test_names_are_those_of_the_rules():
    rules = re.findall(r"^rule (\w+):", (ROOT / "rules" / "targets.smk").read_text(), re.M)
    assert [*rules, "all"] == list(NAMED)


def test_every_experiment_and_fold_is_listed(configured):
    lines = [line.strip() for line in lines_of(configured)]
    for experiment in ("one", "two"):
        assert f"results/made/{experiment}/report.html" in lines
        assert f"results/made/{experiment}/fold-1/model.keras" in lines
    assert "8 cases (one)" in lines[0]
    assert any("two only by files" in line for line in lines)


def test_a_wrong_configuration_is_one_sentence(configured, capsys):
    configured[0].write_text(yaml.safe_dump(CONFIG | {"run": ["three"]}))
    assert main(["targets", "mine.yaml"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("slicewise: ") and "three" in said and said.count("\n") == 1


def test_a_list_that_nobody_reads_to_its_end_ends_without_a_word(configured):
    reading, writing = os.pipe()
    os.close(reading)  # as `| head` does once it has enough
    command = [sys.executable, "-m", "slicewise.cli", "targets", "mine.yaml"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.stderr == "" and done.returncode == 128 + signal.SIGPIPE
