"""A real MLflow server on a real PostgreSQL, set up as docs/server.md says."""

import multiprocessing
import os
import re
import socket
import stat
import subprocess
from pathlib import Path

import mlflow
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from tests.deploy.server import DEPLOY, Server

pytestmark = pytest.mark.slow

JOBS = 8
EPOCHS = 20


@pytest.fixture
def server(mlflow_server, monkeypatch) -> Server:
    """The server, running, with a user logged in."""
    mlflow_server.start()
    mlflow.set_tracking_uri(None)  # what a test of another file told this process
    for name, value in mlflow_server.environment().items():
        monkeypatch.setenv(name, value)
    return mlflow_server


@pytest.fixture
def client(server) -> MlflowClient:
    return MlflowClient()


# --- who gets in ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/version"),
        ("GET", "/signup"),
        ("GET", "/get-artifact"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/model.keras"),
        ("POST", "/api/2.0/mlflow/experiments/search"),
        ("POST", "/ajax-api/2.0/mlflow/runs/search"),
        ("POST", "/api/2.0/mlflow/users/create"),
        ("POST", "/graphql"),
        ("POST", "/v1/traces"),
        ("GET", "/api/3.0/mlflow/nothing-of-the-kind"),
    ],
)
def test_nobody_gets_in_without_a_password(server, method, path):
    name, password = server.user
    for auth in (None, (name, password[:-1]), (name, ""), ("nobody", password)):
        assert server.request(method, path, auth=auth).status_code == 401


def test_a_client_without_a_password_is_told(server, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    with pytest.raises(MlflowException, match="not authenticated"):
        MlflowClient().search_experiments()


def test_it_listens_on_this_machine_only(server):
    listening = {
        connection.laddr
        for process in server.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", server.port)}


def test_pages_of_other_sites_cannot_use_a_login(server):
    path = "/api/2.0/mlflow/experiments/search"
    options = {"auth": server.user, "json": {"max_results": 1}}
    assert server.request("POST", path, **options).ok
    for name, value in {"Host": "elsewhere.example", "Origin": "https://elsewhere.example"}.items():
        assert server.request("POST", path, headers={name: value}, **options).status_code == 403


def test_an_administrator_adds_a_user_in_the_browser(server):
    assert server.request("GET", "/signup", auth=server.user).status_code == 403
    form = server.request("GET", "/signup", auth=server.admin).text
    action = re.search(r'action="([^"]+)"', form)[1]
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)[1]
    new = {"username": "anna", "password": "a good long password"}
    whoami = "/api/2.0/mlflow/users/current"
    auth = tuple(new.values())
    assert server.request("GET", whoami, auth=auth).status_code == 401
    done = server.request("POST", action, auth=server.admin, data={**new, "csrf_token": token})
    assert done.ok
    assert server.request("GET", whoami, auth=auth).json()["user"]["username"] == "anna"


def test_colleagues_add_to_an_experiment_but_do_not_delete_it(server, client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", server.admin[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", server.admin[1])
    experiment = client.create_experiment("deploy/shared")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    run = client.create_run(experiment)
    client.log_metric(run.info.run_id, "loss", 1.0)
    with pytest.raises(MlflowException, match="403"):
        client.delete_experiment(experiment)


# --- what it keeps --------------------------------------------------------------


def test_the_same_point_twice_is_stored_once(client):
    run = client.create_run(client.create_experiment("deploy/points")).info.run_id
    point = Metric("train/loss", 0.5, 1_700_000_000_000, 3)
    later = Metric("train/loss", 0.5, 1_700_000_000_001, 3)
    client.log_batch(run, metrics=[point])
    client.log_batch(run, metrics=[point])
    client.log_batch(run, metrics=[point, point])
    client.log_metric(run, point.key, point.value, point.timestamp, point.step)
    assert client.get_metric_history(run, point.key) == [point]
    client.log_batch(run, metrics=[point, later])
    assert client.get_metric_history(run, point.key) == [point, later]


def test_artifacts_go_through_the_server(server, client, tmp_path):
    run = client.create_run(client.create_experiment("deploy/artifacts"))
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    content = os.urandom(3_000_000)
    (tmp_path / "model with spaces.keras").write_bytes(content)
    client.log_artifact(run.info.run_id, str(tmp_path / "model with spaces.keras"), "models")
    # all that the client has of it is a copy
    (tmp_path / "model with spaces.keras").unlink()
    copy = client.download_artifacts(run.info.run_id, "models/model with spaces.keras")
    assert Path(copy).read_bytes() == content
    assert not Path(copy).is_relative_to(server.folder)
    (kept,) = server.artifacts.rglob("model with spaces.keras")
    assert stat.filemode(kept.stat().st_mode) == "-rw-------"


def test_the_registry_knows_the_champion(client):
    experiment = client.create_experiment("deploy/registry")
    run = client.create_run(experiment).info.run_id
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("deploy-registry")
    for _ in range(2):
        client.create_model_version(
            "deploy-registry", model.artifact_location, run, model_id=model.model_id
        )
    client.set_registered_model_alias("deploy-registry", "champion", "2")
    assert client.get_model_version_by_alias("deploy-registry", "champion").version == "2"
    assert len(client.search_model_versions("name = 'deploy-registry'")) == 2


def job(environment: dict[str, str], number: int, start) -> str:
    """What a job does: find or make the experiment, then log a run."""
    os.environ |= environment
    client = MlflowClient()
    start.wait()
    try:
        experiment = client.create_experiment("deploy/eight")
    except MlflowException as error:
        assert error.error_code == "RESOURCE_ALREADY_EXISTS"
        experiment = client.get_experiment_by_name("deploy/eight").experiment_id
    run = client.create_run(experiment, run_name=f"job-{number}").info.run_id
    client.log_batch(run, params=[Param(f"setting.{k}", str(number)) for k in range(100)])
    for epoch in range(EPOCHS):
        names = ("train/loss", "val/loss", "val/dice")
        client.log_batch(run, [Metric(name, number + epoch / 64, epoch, epoch) for name in names])
    client.log_text(run, f"by job {number}", "report.html")
    client.set_terminated(run)
    return run


def test_eight_jobs_at_once_lose_nothing(server, client):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow"])
    with context.Manager() as manager, context.Pool(JOBS) as pool:
        start = manager.Barrier(JOBS, timeout=120)
        work = [(server.environment(), number, start) for number in range(JOBS)]
        runs = pool.starmap(job, work, chunksize=1)
    (experiment,) = client.search_experiments(filter_string="name = 'deploy/eight'")
    found = {run.info.run_id: run for run in client.search_runs([experiment.experiment_id])}
    assert found.keys() == set(runs)
    for number, run in enumerate(runs):
        assert found[run].info.status == "FINISHED"
        assert found[run].info.run_name == f"job-{number}"
        assert found[run].data.params == {f"setting.{k}": str(number) for k in range(100)}
        for name in ("train/loss", "val/loss", "val/dice"):
            history = client.get_metric_history(run, name)
            points = sorted((point.step, point.value) for point in history)
            assert points == [(epoch, number + epoch / 64) for epoch in range(EPOCHS)]
        report = Path(client.download_artifacts(run, "report.html"))
        assert report.read_text() == f"by job {number}"


# --- what it outlives -----------------------------------------------------------


def marked(client: MlflowClient, experiment: str) -> str:
    """Log a run; return its id."""
    run = client.create_run(client.create_experiment(experiment)).info.run_id
    client.log_batch(run, [Metric("test/dice_mean", 0.87, 1, 0)], [Param("filters", "32")])
    client.log_text(run, "a report", "report.html")
    return run


def intact(client: MlflowClient, run: str) -> bool:
    """Whether a run holds what `marked` logged."""
    data = client.get_run(run).data
    report = Path(client.download_artifacts(run, "report.html")).read_text()
    return (data.metrics, data.params, report) == (
        {"test/dice_mean": 0.87},
        {"filters": "32"},
        "a report",
    )


def test_runs_survive_a_crash_of_the_server(server, client):
    run = marked(client, "deploy/crash")
    server.kill()
    server.start()
    assert intact(client, run)


def test_it_goes_on_when_the_database_was_restarted(server, client):
    run = marked(client, "deploy/database")
    server.postgres.stop()
    server.postgres.start()
    assert intact(client, run)


def test_a_paused_server_answers_later(server, client):
    run = marked(client, "deploy/pause")
    server.pause()
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        server.resume()
        connection.settimeout(60)
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
    assert intact(client, run)


def test_a_backup_brings_back_runs_artifacts_and_users(server, client, tmp_path):
    run = marked(client, "deploy/backup")
    dump = server.postgres.run("pg_dump", "--format=custom", "mlflow")
    archive = tmp_path / "artifacts.tar.gz"
    tar = ["tar", "-C", server.folder]
    subprocess.run([*tar, "-czf", archive, "artifacts"], check=True)
    server.wipe()
    server.postgres.run("pg_restore", "--dbname=mlflow", given=dump)
    subprocess.run([*tar, "-xzf", archive], check=True)
    server.start()
    assert intact(client, run)


def test_upgrade_fits_a_database_reached_without_a_password(server):
    """The line of the example: over the socket, as the system user."""
    server.postgres.run("createdb", "--owner=mlflow", "empty")
    address = f"postgresql+pg8000://mlflow@/empty?unix_sock={server.postgres.socket}"
    environment = server.settings() | {"MLFLOW_BACKEND_STORE_URI": address}
    subprocess.run([DEPLOY / "mlflow-server", "upgrade"], env=environment, check=True)
    tables = server.postgres.run("pg_dump", "--schema-only", "empty").decode()
    assert "CREATE TABLE public.registered_models" in tables


# --- what it gives away (the last test, so that all of the above is looked at) ---------------


def test_secrets_are_nowhere(server):
    secrets = [server.database_password, server.admin[1], server.user[1], server.signing_key]
    # without what percent code changes
    secrets[0] = secrets[0].split("#")[1]

    # a start with a wrong password says why at once, and then tries again for minutes
    wrong = server.settings()
    wrong["MLFLOW_BACKEND_STORE_URI"] = wrong["MLFLOW_BACKEND_STORE_URI"].replace("@", "x@")
    command = [DEPLOY / "mlflow-server", "upgrade"]
    with subprocess.Popen(
        command, env=wrong, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as trying:
        said = b""
        while b"tried" not in said and (line := trying.stdout.readline()):
            said += line
        trying.kill()
    assert b"password authentication failed" in said

    texts = {"a failed start": said}
    texts |= {str(path): path.read_bytes() for path in (server.log, server.postgres.log)}
    texts |= {str(p): p.read_bytes() for p in server.artifacts.rglob("*") if p.is_file()}
    processes = [*server.processes(), *server.postgres.processes()]
    texts |= {str(process): " ".join(process.cmdline()).encode() for process in processes}
    texts["the database"] = server.postgres.run("pg_dump", "mlflow")
    assert b"CREATE TABLE public.users" in texts["the database"]
    for place, text in texts.items():
        for secret in secrets:
            assert secret.encode() not in text, place
    # and what the password of the database is written into is the server's alone
    (config,) = server.folder.glob("*.ini")
    assert secrets[0].encode() in config.read_bytes()
    assert stat.filemode(config.stat().st_mode) == "-rw-------"
