"""Jobs of slicewise that track into the server of deploy/, many at once."""

import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from slicewise.evaluation.paired import is_better
from slicewise.files import read_json
from slicewise.tracking import Connection, Mirror, sync
from slicewise.tracking.journal import all_runs
from tests import forked

pytestmark = pytest.mark.slow

JOBS, EPOCHS = 8, 12
SECRET = "planted-91c4e7"
# What the scripts of a training and of its evaluation tell of themselves.
JOB = """
import sys, time
from pathlib import Path
from slicewise.tracking import Tracker

results, number, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder = results / "tiny" / f"experiment-{number}" / "tracking"
say = lambda line: print(line, flush=True)
with Tracker(folder, say) as tracker:
    name, tags = f"experiment-{number}", {"fold": "0"}
    params = {"number": number}
    run = tracker.begin("fold-0", name, f"key {number}", params=params, tags=tags, contents={})
    for epoch in range(1, epochs + 1):
        stamp = int(time.time() * 1000)
        run.epoch({"epoch": epoch, "timestamp": stamp, "train/loss": number / epoch})
        time.sleep(0.1)
    model = folder.parent / "model.keras"
    model.write_bytes(bytes([number]) * 100_000)
    facts = {"device": "CPU", "weights_sha256": str(number)}
    run.trained(facts, {}, model, ["liver"])
with Tracker(folder, say) as tracker:
    given = {"files": {}, "contents": {"patients.json": "{}"}, "tags": {}, "note": "", "test": "t"}
    tracker.evaluated(name, 1, metrics={"test/dice_mean": number / 10}, **given)
"""


def job(results: Path, number: int, environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        [forked.python(), "-c", JOB, str(results), str(number), str(EPOCHS)],
        env={**os.environ, **environment, "SOME_SECRET_TOKEN": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def server(mlflow_server, monkeypatch):
    mlflow_server.start()
    for name, value in mlflow_server.environment().items():
        monkeypatch.setenv(name, value)
    return mlflow_server


def test_eight_jobs_at_once_lose_nothing(server, tmp_path):
    results = tmp_path / "results"
    jobs = [job(results, number, server.environment()) for number in range(1, JOBS + 1)]
    said = [each.communicate(timeout=300)[0] for each in jobs]
    assert [each.returncode for each in jobs] == [0] * JOBS, said
    # a busy server may have been left alone by a job; then sync sends the rest
    sync(results, "*", is_better, lambda line: None)

    client, mirror = MlflowClient(), Mirror(Connection(results))
    number = client.get_experiment_by_name("slicewise/tiny").experiment_id
    runs = client.search_runs([number])
    names = {f"experiment-{k}" for k in range(1, JOBS + 1)}
    assert len(runs) == JOBS
    assert {run.info.run_name for run in runs} == names
    for folder in all_runs(results):
        run = client.get_run(mirror.run_id(folder))
        history = pd.read_csv(folder / "history.csv", float_precision="round_trip")
        points = client.get_metric_history(run.info.run_id, "train/loss")
        assert sorted((p.step, p.timestamp, p.value) for p in points) == list(
            zip(history["epoch"], history["timestamp"], history["train/loss"], strict=True)
        )
        (score,) = client.get_metric_history(run.info.run_id, "test/dice_mean")
        assert score.value == int(run.data.params["number"]) / 10
        assert run.info.status == "FINISHED"
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"environment.txt", "patients.json"} <= files
    models = client.search_logged_models([number])
    assert {model.source_run_id for model in models} == {run.info.run_id for run in runs}
    # by the Dice of patients, on the data that it is of
    ranked = client.search_logged_models(
        [number],
        filter_string="metrics.test/dice_mean > 0.3",
        datasets=[{"dataset_name": "tiny/test", "dataset_digest": "t"}],
        order_by=[{"field_name": "metrics.test/dice_mean", "ascending": False}],
    )
    best = [[(each.key, each.value) for each in model.metrics] for model in ranked]
    assert best == [[("test/dice_mean", k / 10)] for k in range(JOBS, 3, -1)]

    # sent once more, every point is still there once
    sync(results, "*", is_better, lambda line: None)
    for run in runs:
        assert len(client.get_metric_history(run.info.run_id, "train/loss")) == EPOCHS
    assert len(client.search_logged_models([number])) == JOBS

    secrets = [SECRET, server.environment()["MLFLOW_TRACKING_PASSWORD"]]
    for place in (results, Path(server.artifacts)):
        for path in filter(Path.is_file, place.rglob("*")):
            for secret in secrets:
                assert secret.encode() not in path.read_bytes(), path
    assert not any(secret in text for secret in secrets for text in said)


def test_a_wrong_password_is_one_clear_sentence(server, tmp_path):
    results = tmp_path / "results"
    wrong = {**server.environment(), "MLFLOW_TRACKING_PASSWORD": "planted-wrong-password"}
    made = job(results, 1, wrong)
    said, _ = made.communicate(timeout=120)
    assert made.returncode == 0
    lines = said.splitlines()
    assert len(lines) == 2, "one sentence for each of two jobs"
    for line in lines:
        assert line.startswith(
            f"MLflow at {server.uri} refuses the user name or password; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN: "
            "results are complete under"
        )
    done = subprocess.run(
        [forked.python(), "-m", "slicewise.cli", "sync", "--results", str(results)],
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "refuses the user name or password" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "planted-wrong-password" not in said + done.stderr
    # with the right one nothing is missing
    sync(results, "*", is_better, lambda line: None)
    (folder,) = all_runs(results)
    assert read_json(folder / "sent.json")[server.uri]["state"]
