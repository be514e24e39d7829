"""Two `snakemake` at once: on one folder, and of two users with one MLflow server."""

import os
import secrets
import signal
import subprocess
from contextlib import suppress

import pytest
from conftest import copied
from test_resume import EPOCHS, MODEL, REPORT, same_points, same_weights, wait_for_checkpoint

from slicewise.files import read_json
from tests import forked
from tests.deploy.server import mlflow_server

__all__ = ["mlflow_server"]


@pytest.mark.slow
def test_a_second_snakemake_on_the_same_folder_does_no_harm(finished, workflow):
    workflow.forget("rich")
    first = subprocess.Popen(
        workflow.command(REPORT),
        cwd=workflow.root,
        env=workflow.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_for_checkpoint(workflow, first) < EPOCHS
        os.killpg(first.pid, signal.SIGSTOP)  # else it might be done before the others look
        said = workflow.snakemake(MODEL, fails=True)
        assert "Directory cannot be locked" in said
        assert "no other instances of snakemake are running on this directory" in said
        assert "--unlock" in said
        # who passes by Snakemake's lock meets that of the training
        # (and nobody's store: the first may have been stopped while it held that of MLflow)
        nowhere = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
        said = workflow.snakemake(MODEL, "--nolock", fails=True, **nowhere)
        assert "this training already runs, as process " in said
        assert "wait for it or stop it" in said
        os.killpg(first.pid, signal.SIGCONT)
        assert first.wait(600) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    same_weights(workflow, finished)
    assert read_json(workflow.results / "rich" / "summary.json") == read_json(
        finished.results / "rich" / "summary.json"
    )
    assert workflow.due(REPORT) == {}
    same_points(workflow, "rich", workflow.client())


@pytest.mark.slow
def test_two_users_train_into_one_server_at_once(finished, tmp_path, mlflow_server, monkeypatch):
    mlflow_server.start()
    logins = {}
    for user in ("anna", "bert"):
        logins[user] = {
            "MLFLOW_TRACKING_URI": mlflow_server.uri,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": secrets.token_urlsafe(16),
        }
        account = {"username": user, "password": logins[user]["MLFLOW_TRACKING_PASSWORD"]}
        path = "/api/2.0/mlflow/users/create"
        mlflow_server.request("POST", path, json=account, auth=mlflow_server.admin)
    users = {user: copied(finished.root, tmp_path / user) for user in logins}
    for workflow in users.values():
        workflow.forget("plain")
        workflow.change("tracking", {"register": True})
    running = [
        subprocess.Popen(
            [forked.python(), *workflow.command(REPORT.replace("rich", "plain"))],
            cwd=workflow.root,
            env=workflow.environment(**logins[user]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for user, workflow in users.items()
    ]
    try:
        said = [one.communicate(timeout=900)[0] for one in running]
    finally:
        for one in running:
            one.kill()
    assert [one.returncode for one in running] == [0, 0], said
    # a server that was busy may have been left alone; then this sends the rest
    for user, workflow in users.items():
        workflow.slicewise("sync", **logins[user])

    for name, value in logins["anna"].items():
        monkeypatch.setenv(name, value)
    from mlflow import MlflowClient

    # an earlier test of this process may have chosen another store
    client = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    number = client.get_experiment_by_name("slicewise/tiny").experiment_id
    runs = {
        run.info.run_id for run in client.search_runs([number], "attributes.run_name = 'plain'")
    }
    assert len(runs) == 2
    assert {w.run_id("plain", store=mlflow_server.uri) for w in users.values()} == runs
    for workflow in users.values():
        same_points(workflow, "plain", client, store=mlflow_server.uri)
    versions = client.search_model_versions("name='slicewise-tiny'")
    assert {version.run_id for version in versions} == runs
    assert client.get_model_version_by_alias("slicewise-tiny", "champion").run_id in runs
