"""deploy/mlflow-server refuses what would not be safe, and what it gives to MLflow."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from mlflow import environment_variables

from slicewise import cli
from tests.deploy.server import DEPLOY, settings

PASSWORD = "s3cret-of-the-database"
FILLED = {
    **settings(),
    "MLFLOW_BACKEND_STORE_URI": f"postgresql+pg8000://mlflow:%40{PASSWORD}@localhost/mlflow",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "s3cret-of-the-browsers",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "s3cret-of-the-admin",
}
MLFLOW = '#!/bin/bash\necho "$0 $*"; env\n'


@pytest.fixture
def run(tmp_path):
    """Run the script beside a `mlflow` that shows what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(DEPLOY / "mlflow-server", folder)
    for name, text in {"mlflow": MLFLOW, "python": "#!/bin/bash\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    def run(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": "/usr/bin:/bin",
            "RUNTIME_DIRECTORY": str(tmp_path),
            **FILLED,
            **changes,
        }
        return subprocess.run(
            [folder / "mlflow-server", *arguments],
            env={name: value for name, value in variables.items() if value is not None},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def given(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The environment that `mlflow` was given."""
    return dict(line.split("=", 1) for line in done.stdout.splitlines()[1:] if "=" in line)


@pytest.mark.parametrize("value", [None, "", "CHANGE-ME"])
@pytest.mark.parametrize(
    "name",
    [
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_ARTIFACTS_DESTINATION",
        "MLFLOW_FLASK_SERVER_SECRET_KEY",
        "MLFLOW_AUTH_ADMIN_PASSWORD",
    ],
)
def test_what_it_needs_has_to_be_set(run, name, value):
    refused(run(**{name: value}), name)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "password1234", "MLflow used to ship"),
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "x" * 11, "12 characters"),
        ("MLFLOW_FLASK_SERVER_SECRET_KEY", "x" * 15, "16 characters"),
        ("MLFLOW_BACKEND_STORE_URI", f"postgresql://mlflow:{PASSWORD}@localhost/mlflow", "pg8000"),
        ("MLFLOW_BACKEND_STORE_URI", "sqlite:///mlflow.db", "pg8000"),
        ("MLFLOW_ARTIFACTS_DESTINATION", "artifacts", "absolute"),
        ("MLFLOW_DEFAULT_PERMISSION", "WRITE", "EDIT"),
        ("RUNTIME_DIRECTORY", None, "only this user can read"),
        ("RUNTIME_DIRECTORY", "/nowhere", "only this user can read"),
    ],
)
def test_what_is_not_safe_is_refused(run, name, value, why):
    refused(run(**{name: value}), name, why)


def refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """It ends with a fault of the settings and one sentence, which gives nothing away."""
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.startswith("mlflow-server: ")
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in said)
    assert "s3cret" not in done.stderr


def test_an_unknown_command_is_refused(run):
    refused(run("downgrade"), "downgrade")


def test_packages_that_are_missing_are_named(run, tmp_path):
    (tmp_path / "bin" / "python").write_text("#!/bin/bash\nexit 1\n")
    refused(run(), "flask_wtf", "pg8000")
    (tmp_path / "bin" / "mlflow").unlink()
    refused(run(), "mlflow[auth]")


def test_it_listens_on_this_machine_unless_told_otherwise(run):
    quiet = run(MLFLOW_HOST=None)
    assert given(quiet)["MLFLOW_HOST"] == "127.0.0.1"
    assert quiet.stderr == ""
    open_ = run(MLFLOW_HOST="0.0.0.0")
    assert given(open_)["MLFLOW_HOST"] == "0.0.0.0"
    assert "0.0.0.0 without TLS" in open_.stderr


def test_no_secret_is_on_a_command_line(run):
    command = run().stdout.splitlines()[0]
    assert re.fullmatch(r"\S+/mlflow server --app-name basic-auth", command)


def test_the_users_live_in_the_same_database(run):
    path = Path(given(run())["MLFLOW_AUTH_CONFIG_PATH"])
    parser = configparser.ConfigParser()  # as MLflow reads it
    parser.read(path)
    assert parser["mlflow"]["database_uri"] == FILLED["MLFLOW_BACKEND_STORE_URI"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_ones_own_says_where_users_live(run, tmp_path):
    mine = tmp_path / "mine.ini"
    done = run(MLFLOW_AUTH_CONFIG_PATH=str(mine), RUNTIME_DIRECTORY=None)
    assert given(done)["MLFLOW_AUTH_CONFIG_PATH"] == str(mine)
    assert not mine.exists()


def test_nothing_is_told_to_others(run):
    assert given(run())["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_example_has_all_but_the_secrets():
    missing = {name for name, value in settings().items() if value == "CHANGE-ME"}
    assert missing == {"MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD"}


def test_every_variable_that_is_documented_is_one():
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (DEPLOY / "server.env.example", DEPLOY.parent / "docs" / "server.md")
    )
    known = (DEPLOY / "mlflow-server").read_text(encoding="utf-8")
    known += Path(environment_variables.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r"\bMLFLOW_[A-Z_]+", text))
    assert len(names) > 10
    assert names - set(re.findall(r"\bMLFLOW_[A-Z_]+", known)) == set()


def test_every_file_that_is_documented_is_there():
    docs = DEPLOY.parent / "docs"
    text = "".join(
        (docs / name).read_text(encoding="utf-8")
        for name in ("server.md", "service.md", "cluster.md")
    )
    names = set(re.findall(r"\bdeploy/([\w.-]*\w)", text))
    assert names == {path.name for path in DEPLOY.iterdir()}


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("mlflow", "/opt/mlflow/bin/mlflow-server"),
        ("slicewise-serve", "/opt/slicewise/bin/slicewise"),
        ("slicewise-listen", "/opt/slicewise/bin/slicewise"),
    ],
)
def test_systemd_takes_the_unit(tmp_path, name, program):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / f"{name}.service"
    text = (DEPLOY / f"{name}.service").read_text(encoding="utf-8")
    # it is checked that what it starts exists; and nothing of the system's is needed for that
    unit.write_text(text.replace(program, str(DEPLOY / "mlflow-server")))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", unit],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["slicewise-serve", "slicewise-listen"])
def test_what_a_unit_starts_is_understood(name, monkeypatch):
    text = (DEPLOY / f"{name}.service").read_text(encoding="utf-8").replace("\\\n", " ")
    (command,) = re.findall(r"^ExecStart=\S+ (.*)$", text, re.M)
    started = []
    monkeypatch.setitem(cli.COMMANDS, name.split("-")[1], lambda options: started.append(options))
    cli.main(command.split())
    assert started[0].model == "/srv/slicewise/model.onnx"
