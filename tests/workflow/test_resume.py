"""What outlives a kill, and a tracking server that is down."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import Workflow, started

from slicewise.files import read_json
from tests import forked
from tests.signals import as_at_a_terminal
from tests.tracking.outage import Server

EPOCHS, STEPS = 6, 25
MODEL = "results/tiny/rich/fold-0/model.keras"
REPORT = "results/tiny/rich/report.html"
# What is measured, not computed.
BY_THE_CLOCK = ["timestamp", "images_per_second"]


def safe_epoch(workflow: Workflow, trained: str) -> int:
    """Return the last epoch that a checkpoint of an experiment holds; 0 where there is none."""
    found = workflow.results.glob(f"{trained}/checkpoints/fold-0/*/step-*.npz")
    return max((int(path.stem.split("-")[1]) // STEPS for path in found), default=0)


def wait_for_checkpoint(
    workflow: Workflow, process: subprocess.Popen, trained: str = "rich", after: int = 0
) -> int:
    """Wait until an epoch after this one is safe; return its number.

    `trained` is an experiment, or a pattern of some.
    """
    until = time.monotonic() + 1200
    while time.monotonic() < until and process.poll() is None:
        if (epoch := safe_epoch(workflow, trained)) > after:
            return epoch
        time.sleep(0.01)
    raise AssertionError("no checkpoint appeared")


def working_in(folder: Path) -> list[int]:
    """The processes whose working directory this is."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cwd").readlink() == folder:
                found.append(int(place.name))
        except OSError:
            continue  # gone, or another user's
    return found


def kill_in_training(
    workflow: Workflow,
    target: str,
    kill: Callable[[int, int], None],
    trained: str = "rich",
    after: int = 0,
    **environment: str,
) -> int:
    """Start `snakemake` and kill it when an epoch is safe; return the number of that epoch."""
    process = subprocess.Popen(
        workflow.command(target),
        cwd=workflow.root,
        env=workflow.environment(**environment),
        stdout=(workflow.root / "killed.txt").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=as_at_a_terminal,
    )
    try:
        epoch = wait_for_checkpoint(workflow, process, trained, after)
    finally:
        kill(process.pid, signal.SIGKILL)
        process.wait()
    return epoch


def same_weights(workflow: Workflow, finished: Workflow) -> None:
    """Compare a training with the one that nothing disturbed, to the bit."""
    whole, resumed = finished.used("rich"), workflow.used("rich")
    for key in ("weights_sha256", "selected_epoch", "window", "steps"):
        assert resumed["resolved"][key] == whole["resolved"][key]
    history, expected = (
        pd.read_csv(w.results / "rich" / "fold-0" / "history.csv") for w in (workflow, finished)
    )
    assert list(history["epoch"]) == list(range(1, EPOCHS + 1))
    pd.testing.assert_frame_equal(
        history.drop(columns=BY_THE_CLOCK), expected.drop(columns=BY_THE_CLOCK), check_exact=True
    )


def wait_until_idle(workflow: Workflow, seconds: float) -> list[int]:
    """Wait until no process works in the folder; return those that still do."""
    until = time.monotonic() + seconds
    while (left := working_in(workflow.root)) and time.monotonic() < until:
        time.sleep(0.1)
    return left


@pytest.mark.slow
def test_a_killed_training_goes_on_after_unlock(finished, workflow):
    workflow.forget("rich")
    epoch = kill_in_training(workflow, REPORT, os.killpg)
    left = wait_until_idle(workflow, 20)
    assert not left, "a process outlived its group"
    assert 1 <= epoch < EPOCHS
    assert not (workflow.results / "rich" / "fold-0" / "model.keras").exists()
    # MLflow may not have heard of it yet
    note = read_json(workflow.results / "rich" / "tracking" / "fold-0" / "001" / "run.json")

    assert "--unlock" in workflow.snakemake(REPORT, fails=True)
    workflow.snakemake("--unlock")
    said = workflow.snakemake(REPORT)
    assert "going on after epoch" in said
    assert started(said) == ["train", "predict", "evaluate", "report"]

    same_weights(workflow, finished)
    history = pd.read_csv(workflow.results / "rich" / "fold-0" / "history.csv")
    assert history["timestamp"].is_monotonic_increasing
    assert read_json(workflow.results / "rich" / "summary.json") == read_json(
        finished.results / "rich" / "summary.json"
    )
    assert not (workflow.results / "rich" / "checkpoints" / "fold-0").exists()

    # one run in MLflow, with one point an epoch, and ended
    client, run_id = workflow.client(), workflow.run_id("rich")
    experiment = client.get_experiment_by_name("slicewise/tiny")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert run.data.tags["slicewise.run"] == note["id"]
    for key in ("train/loss", "val/dice", "lr"):
        points = client.get_metric_history(run_id, key)
        assert sorted(p.step for p in points) == list(history["epoch"])
        assert {p.step: p.timestamp for p in points} == dict(
            zip(history["epoch"], history["timestamp"], strict=True)
        )


@pytest.mark.slow
def test_a_training_whose_snakemake_was_killed_is_not_repeated(workflow):
    # The kernel's out-of-memory killer, or a hand, takes `snakemake` and spares its jobs.
    workflow.forget("rich")
    kill_in_training(workflow, MODEL, os.kill)
    assert not wait_until_idle(workflow, 120)
    workflow.snakemake("--unlock")
    said = workflow.snakemake(MODEL)
    # whether the orphan stopped or finished, what it had trained is not trained again
    assert "epoch 1/" not in said
    points = workflow.client().get_metric_history(workflow.run_id("rich"), "train/loss")
    assert sorted(point.step for point in points) == list(range(1, EPOCHS + 1))


def saved_when_warned(
    workflow: Workflow, finished: Workflow, tell: Callable[[int, int], None], **environment: str
) -> None:
    """Warn a training: it saves between two steps, and goes on with the next `snakemake`."""
    kill_in_training(workflow, MODEL, tell, **environment)
    assert not wait_until_idle(workflow, 60)
    said = (workflow.root / "killed.txt").read_text()
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert "because it was told to stop" in said
    log = (workflow.results / "logs" / "train" / "rich" / "fold-0.log").read_text()
    assert re.search(r"error: training saved at step \d+ of epoch \d, because ", log)
    if "takes too long to answer" in log:
        # of a busy machine: it waits no longer than a cluster waits for it
        workflow.slicewise("sync")
    run = workflow.client().get_run(workflow.run_id("rich"))
    assert run.info.status == "KILLED"
    assert "because" in run.data.tags["stopped_because"]
    workflow.snakemake("--unlock")
    assert "going on after epoch" in workflow.snakemake(MODEL, **environment)
    same_weights(workflow, finished)


@pytest.mark.slow
@pytest.mark.parametrize(
    "tell",
    [
        lambda pid, _: os.killpg(pid, signal.SIGINT),
        lambda pid, _: os.kill(pid, signal.SIGTERM),
        lambda pid, _: os.killpg(pid, signal.SIGHUP),
    ],
    ids=["Ctrl-C", "kill PID", "terminal closed"],
)
def test_a_warned_training_saves_between_two_steps(finished, workflow, tell):
    workflow.forget("rich")
    saved_when_warned(workflow, finished, tell)


@pytest.mark.slow
def test_slices_are_deleted_when_a_cluster_warns(finished, workflow, tmp_path):
    """A cluster tells the whole job before it kills it; staged slices change no weights."""
    workflow.change("staging", {"slices": True})
    assert workflow.due() == {}
    workflow.forget("rich")
    workflow.change("experiments.rich.training.memory", 0)  # else there is nothing to stage
    disk = tmp_path / "disk"
    disk.mkdir()
    empty = []

    def tell(pid: int, _: int) -> None:
        os.killpg(pid, signal.SIGTERM)
        assert not wait_until_idle(workflow, 60)
        empty.append(not list(disk.glob("slicewise-*")))

    saved_when_warned(workflow, finished, tell, TMPDIR=str(disk))
    log = workflow.results / "logs" / "train" / "rich" / "fold-0.log"
    assert re.search(rf"staged \d+ MB of slices in {disk}/slicewise-slices-", log.read_text())
    assert empty == [True] and not list(disk.glob("slicewise-*"))


@pytest.mark.slow
def test_a_dead_tracking_server_costs_no_result(workflow):
    settings = workflow.settings()
    settings["experiments"]["other"] = settings["experiments"]["plain"]
    workflow.write_settings(settings)
    said = workflow.snakemake(
        "results/tiny/other/report.html", MLFLOW_TRACKING_URI="http://127.0.0.1:9"
    )
    # asked for one report, it made what this takes and no more
    assert started(said) == ["plan", "train", "predict", "evaluate", "report"]
    # once a run of snakemake, not once a job
    assert said.count("MLflow at http://127.0.0.1:9 does not answer") == 1
    made = workflow.results / "other"
    for name in ("fold-0/model.keras", "fold-0/history.csv", "metrics.tsv", "report.html"):
        assert (made / name).is_file(), name
    # the same settings under another name: tracking took no part in the result
    facts = [workflow.used(name)["resolved"] for name in ("other", "plain")]
    for one in facts:
        one.pop("seconds")
    assert facts[0] == facts[1]
    assert read_json(made / "summary.json") == read_json(
        workflow.results / "plain" / "summary.json"
    )
    assert workflow.due() == {}
    assert "MLflow lacks something of 4 runs: slicewise sync" in said
    # from the files alone, here into the store that is there
    assert "tiny other (finished): " in workflow.slicewise("sync")
    same_points(workflow, "other", workflow.client())


def same_points(workflow, experiment, client, store="results/mlflow.db"):
    """MLflow holds each point of a training exactly once."""
    run_id = workflow.run_id(experiment, store=store)
    history = pd.read_csv(
        workflow.results / experiment / "fold-0" / "history.csv", float_precision="round_trip"
    )
    for key in ("train/loss", "val/dice", "lr"):
        points = sorted(client.get_metric_history(run_id, key), key=lambda point: point.step)
        assert [(p.step, p.timestamp, p.value) for p in points] == list(
            zip(history["epoch"], history["timestamp"], history[key], strict=True)
        )
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert "test/dice_mean" in run.data.metrics


@pytest.mark.slow
def test_a_tracking_server_that_dies_in_a_training_costs_nothing(workflow, finished, tmp_path):
    workflow.forget("rich")
    server = Server(tmp_path / "server")
    server.start()
    secret = "planted-5f0c2e"
    login = {"MLFLOW_TRACKING_USERNAME": "somebody", "MLFLOW_TRACKING_PASSWORD": secret}
    try:
        made = subprocess.Popen(
            [forked.python(), *workflow.command(REPORT)],
            cwd=workflow.root,
            env=workflow.environment(MLFLOW_TRACKING_URI=server.uri, **login),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        sent = workflow.results / "rich" / "tracking" / "fold-0" / "001" / "sent.json"
        history = sent.with_name("history.csv")
        until = time.monotonic() + 300
        while not (sent.is_file() and history.is_file() and len(history.open().readlines()) > 2):
            assert made.poll() is None and time.monotonic() < until, "it was too quick, or stuck"
            time.sleep(0.05)
        server.kill()
        said, _ = made.communicate(timeout=600)
        assert made.returncode == 0, said
        same_weights(workflow, finished)
        assert f"MLflow at {server.uri} does not answer" in said

        server.start()
        told = workflow.slicewise("sync", MLFLOW_TRACKING_URI=server.uri, **login)
        assert "tiny rich (finished): " in told
        from mlflow import MlflowClient

        same_points(workflow, "rich", MlflowClient(server.uri), store=server.uri)
    finally:
        server.kill()
    # credentials are in no file: not in results, logs or what Snakemake keeps, nor in MLflow
    for text in (said, told):
        assert secret not in text
    for path in [*workflow.root.rglob("*"), *server.folder.rglob("*")]:
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
