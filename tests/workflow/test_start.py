"""A training that starts from a model, by the real commands."""

import os
import shutil

import pytest
import yaml
from conftest import DATASET

from slicewise.dataset.cases import read_table
from slicewise.files import sha256
from tests.tracking.outage import Server

TUNED = "results/tiny/tuned/fold-0/model.keras"


def with_start(workflow, name: str) -> None:
    settings = workflow.settings()
    plain = settings["experiments"]["plain"]
    training = {**plain["training"], "epochs": 1, "start_from": name}
    settings["experiments"]["tuned"] = {**plain, "training": training}
    workflow.write_settings(settings)


def test_it_fine_tunes_and_refuses_whom_the_model_knows(workflow):
    before = workflow.used("plain", 0)
    with_start(workflow, "results/tiny/plain")
    assert workflow.due(TUNED) == {"start": 1, "plan": 1, "independent": 1, "train": 1}
    said = workflow.snakemake(TUNED)
    assert "starts from results/tiny/plain: its weights are taken" in said
    started = workflow.used("tuned", 0)["started_from"]
    assert started["weights_sha256"] == before["resolved"]["weights_sha256"]
    assert started["known"] and len(started["scans"]) == len(before["train"])
    copy = workflow.results / "tuned" / "start" / "fold-0.keras"
    assert sha256(copy) == started["sha256"]
    assert workflow.due(TUNED) == {}
    # the same model elsewhere: only where it came from is noted anew, and nothing is known of it
    shutil.copy(copy, workflow.root / "kept.keras")
    with_start(workflow, "kept.keras")
    assert workflow.due(TUNED) == {"start": 1, "plan": 1, "independent": 1, "train": 1}
    start = "results/tiny/tuned/start/fold-0.keras"
    workflow.snakemake(start)
    assert workflow.due(start) == {}
    # another model in its place is found however old it is
    kept = workflow.root / "kept.keras"
    kept.write_bytes(kept.read_bytes() + b"-")
    os.utime(kept, (1e9, 1e9))
    assert workflow.due(TUNED) == {"start": 1, "plan": 1, "independent": 1, "train": 1}
    # who is tested here must not be known to it, whatever they are called there
    elsewhere = workflow.root / "elsewhere"
    shutil.copytree(workflow.results / "plain" / "fold-0", elsewhere)
    record = yaml.safe_load((elsewhere / "config.yaml").read_text())
    cases = read_table(workflow.results / "cases.tsv").set_index("case")
    record["fingerprints"]["other"] = cases.loc["p08", "fingerprint"]
    (elsewhere / "config.yaml").write_text(yaml.safe_dump(record))
    with_start(workflow, "elsewhere")
    said = workflow.snakemake(TUNED, fails=True)
    assert "elsewhere was trained on p08, who are held out here" in said


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.kill()


def test_it_starts_from_the_champion_of_a_server_which_is_looked_up_when_asked(workflow, server):
    """Another model that becomes the champion changes no training until somebody says so."""
    from mlflow import MlflowClient

    there = {"MLFLOW_TRACKING_URI": server.uri}
    name = f"slicewise-{DATASET}"
    settings = workflow.settings()
    plain = settings["experiments"]["plain"]
    shorter = {**plain["training"], "epochs": 1}
    settings["experiments"] |= {"plain": plain, "other": {**plain, "training": shorter}}
    settings |= {"tracking": {"register": True}, "run": ["plain", "other"]}
    workflow.write_settings(settings)
    for experiment in settings["run"]:
        workflow.snakemake(f"results/tiny/{experiment}/metrics.tsv", **there)
    # what a job could not send in the seconds that it has for that
    workflow.slicewise("sync", **there)
    client = MlflowClient(server.uri)
    versions = client.search_model_versions(f"name = '{name}'")
    number = {version.tags["experiment"]: version.version for version in versions}
    assert number.keys() == {"plain", "other"}

    def started_from(experiment: str, *arguments: str) -> None:
        """Train, and see that it began with the model of an experiment."""
        said = workflow.snakemake(TUNED, *arguments, **there)
        assert f"starts from models:/{name}@champion (run " in said
        model = workflow.results / experiment / "fold-0" / "model.keras"
        told, before = workflow.used("tuned", 0)["started_from"], workflow.used(experiment, 0)
        assert told["sha256"] == sha256(model)
        assert told["weights_sha256"] == before["resolved"]["weights_sha256"]
        # whom it was trained on is known by its run, so that nobody of them may be tested
        assert told["known"] and len(told["scans"]) == len(before["train"])

    client.set_registered_model_alias(name, "champion", number["plain"])
    with_start(workflow, f"models:/{name}@champion")
    started_from("plain")
    client.set_registered_model_alias(name, "champion", number["other"])
    assert workflow.due(TUNED) == {}
    started_from("other", "--forcerun", "start")
    assert workflow.due(TUNED) == {}
