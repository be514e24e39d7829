"""The data of a run, as a store shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from slicewise.tracking import Connection, Mirror, Run
from slicewise.tracking.data import source_of
from tests.tracking.conftest import begin, run_of, tracker
from tests.tracking.outage import Server

DIGEST = "0123456789abcdef" * 4
SOURCES = {
    "below the folder of data": ({"layout": "ircad", "root": "ircad"}, "$SLICEWISE_DATA/ircad"),
    "elsewhere": ({"layout": "pairs", "root": "/scans/liver"}, "/scans/liver"),
    "by a variable": ({"layout": "pairs", "root": "$SCANS/liver"}, "$SCANS/liver"),
    "phantoms": (
        {"layout": "phantom", "root": None, "phantom": {"cases": 20, "seed": 7}},
        "phantoms: cases 20, seed 7",
    ),
}


def begun(results: Path, experiment: str, dataset: object) -> Run:
    one = tracker(results, experiment)
    run = begin(one)
    run.contents({"settings.yaml": yaml.safe_dump({"dataset": dataset})})
    run.data({"train": DIGEST})
    return run


@pytest.mark.parametrize("case", SOURCES)
def test_data_come_from_where_the_settings_say(tmp_path: Path, case: str) -> None:
    dataset, said = SOURCES[case]
    assert source_of(begun(tmp_path / "results", "x", dataset)) == said


@pytest.mark.parametrize("how", ["none", "deleted", "no block"])
def test_without_settings_the_table_of_cases_is_named(tmp_path: Path, how: str) -> None:
    run = begun(tmp_path / "results", "x", None if how == "no block" else {"root": "x"})
    if how == "none":
        run = begin(tracker(tmp_path / "results", "y"))
    if how == "deleted":
        (run.folder / "files" / "settings.yaml").unlink()
    assert source_of(run) == "results/tiny/cases.tsv"


def test_folds_together_have_the_source_of_each(tmp_path: Path) -> None:
    results = tmp_path / "results"
    scores = {"metrics": {}, "files": {}, "contents": {}, "tags": {}, "note": "", "test": "t"}
    one = tracker(results, "folds")
    for k in (0, 1):
        run = begin(one, f"key {k}", f"fold-{k}", fold=str(k))
        run.contents({"settings.yaml": yaml.safe_dump({"dataset": {"root": "ircad"}})})
    one.evaluated("folds", 2, **scores)
    (parent,) = (results / "tiny" / "folds" / "tracking" / "parent").glob("*/run.json")
    assert source_of(Run(parent.parent)) == "$SLICEWISE_DATA/ircad"


@pytest.mark.slow
def test_a_server_shows_where_data_come_from(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    results = tmp_path / "results"
    run = begun(results, "source", {"layout": "ircad", "root": "ircad"})
    for _ in range(2):
        Mirror(Connection(results)).push(run.folder, verify=True)
    (given,) = run_of(results, "source").inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("tiny/train", DIGEST[:36])
    assert (given.dataset.source_type, given.tags[0].value) == ("local", "train")
    assert json.loads(given.dataset.source) == {"uri": "$SLICEWISE_DATA/ircad"}
