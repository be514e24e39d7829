"""An MLflow server as docs/server.md sets one up, on a PostgreSQL of its own, for tests.

``mlflow_server`` starts once in a session, by ``deploy/mlflow-server`` and with the settings of
``deploy/server.env.example``. Tests share it: give experiments and models names of their own, and
begin with ``start()``, for the test before may have stopped or paused it.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import requests

DEPLOY = Path(__file__).parents[2] / "deploy"
TOOLS = ("initdb", "postgres", "createuser", "createdb", "dropdb", "pg_dump", "pg_restore")
PATIENCE = 120
"""Seconds that a start or a stop may take on a busy machine."""

# Waits for the end of pytest, whatever ends it, so that nothing is left running.
WATCHMAN = """
tail --pid="$1" -f /dev/null
for file in "$2"/*.pid; do kill -KILL -- "-$(cat "$file")"; done
rm -rf "$2"
"""


def postgres_tools() -> Path | None:
    """Return the folder of PostgreSQL's programs: from PATH, or where Debian has them."""
    found = [Path(initdb).resolve().parent] if (initdb := shutil.which("initdb")) else []
    versions = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    found += sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
    return next((f for f in found if all((f / tool).exists() for tool in TOOLS)), None)


def free_port() -> int:
    """Return a port that nobody listens on, below those that outgoing connections are given."""
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def settings() -> dict[str, str]:
    """Return the variables of the example, which systemd reads as an `EnvironmentFile`."""
    lines = (DEPLOY / "server.env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Daemon:
    """A process with children: its log, its number in a file for the watchman."""

    def __init__(self, name: str, root: Path):
        self.name = name
        self.log = root / f"{name}.log"
        self._number = root / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Return the process and all below it, the topmost first."""
        assert self._process is not None, f"{self.name} is not running"
        top = psutil.Process(self._process.pid)
        return [top, *top.children(recursive=True)]

    def _launch(self, command: list[str], ready: Callable[[], bool], **options: Any) -> None:
        """Start it and return once it is ready; fails with its log."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        self._number.write_text(str(self._process.pid))
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                said = self.log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"{self.name} did not start:\n{said}")
            time.sleep(0.1)

    def _end(self, number: signal.Signals) -> None:
        if self.running:
            self._process.send_signal(number)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.running:
            for process in reversed(self.processes()):
                process.kill()
            self._process.wait(PATIENCE)
        self._forget()

    def _forget(self) -> None:
        self._process = None
        self._number.unlink(missing_ok=True)


class PostgreSQL(Daemon):
    """A private cluster, on a free port of this machine and a socket in its folder.

    As on Debian, who comes over the socket is known by the system user (the one that runs the
    tests is the role ``mlflow``), and who comes over the network needs a password.
    """

    def __init__(self, tools: Path, root: Path):
        super().__init__("postgres", root)
        self.port = free_port()
        self.socket = root / "postgres" / f".s.PGSQL.{self.port}"
        self._tools = tools
        self._folder = self.socket.parent
        self._folder.mkdir()
        # it refuses to run as root
        self._owner = "postgres" if os.geteuid() == 0 else getpass.getuser()
        shutil.chown(self._folder, self._owner)
        data = self._folder / "data"
        fresh = ("--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.run("initdb", f"--pgdata={data}", *fresh)
        (data / "pg_hba.conf").write_text(
            "local all all peer map=tests\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        roles = {(self._owner, "postgres"), (getpass.getuser(), "mlflow")}
        (data / "pg_ident.conf").write_text("".join(f"tests {who} {as_}\n" for who, as_ in roles))

    def start(self) -> None:
        """Start it with the same data again."""
        if not self.running:
            options = [f"-cport={self.port}", f"-cunix_socket_directories={self._folder}"]
            # what a log could give away; and no waiting for disks
            options += ["-clisten_addresses=127.0.0.1", "-clog_statement=ddl", "-cfsync=off"]
            command = [str(self._tools / "postgres"), "-D", str(self._folder / "data"), *options]
            self._launch(command, self._ready, **self._as_owner())

    def stop(self) -> None:
        """End it, and the connections to it."""
        self._end(signal.SIGINT)

    def run(self, tool: str, *arguments: str, given: bytes = b"") -> bytes:
        """Run one of PostgreSQL's programs as its administrator; return what it wrote."""
        done = subprocess.run(
            [self._tools / tool, *arguments],
            input=given,
            capture_output=True,
            # without a terminal it takes passwords from its input
            start_new_session=True,
            check=False,
            **self._as_owner(),
        )
        assert done.returncode == 0, f"{tool}: {done.stderr.decode()}"
        return done.stdout

    def _ready(self) -> bool:
        done = subprocess.run(
            [self._tools / "pg_isready", "--quiet"], check=False, **self._as_owner()
        )
        return done.returncode == 0

    def _as_owner(self) -> dict[str, Any]:
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PGHOST": str(self._folder),
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
        }
        options: dict[str, Any] = {"env": environment, "cwd": self._folder}
        if os.geteuid() == 0:
            options |= {"user": self._owner, "group": self._owner, "extra_groups": []}
        return options


class Server(Daemon):
    """An MLflow server with a database, a folder of artifacts and two users."""

    def __init__(self, postgres: PostgreSQL, root: Path):
        super().__init__("mlflow-server", root)
        self.postgres = postgres
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.folder = root / "mlflow"
        self.folder.mkdir(mode=0o700)
        self.artifacts = self.folder / "artifacts"
        self.admin = ("admin", secrets.token_urlsafe(24))
        self.user = ("engineer", secrets.token_urlsafe(24))
        # each of these would break an address, or the file that it is written into
        self.database_password = f"%d/@:#{secrets.token_urlsafe(24)}"
        self.signing_key = secrets.token_hex(32)
        self._session = requests.Session()
        self._session.trust_env = False
        twice = f"{self.database_password}\n" * 2
        postgres.run("createuser", "--pwprompt", "mlflow", given=twice.encode())
        postgres.run("createdb", "--owner=mlflow", "mlflow")

    def settings(self) -> dict[str, str]:
        """Return the environment of the server: the example, filled in."""
        password = quote(self.database_password, safe="")
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "RUNTIME_DIRECTORY": str(self.folder),
            **settings(),
            "MLFLOW_BACKEND_STORE_URI": (
                f"postgresql+pg8000://mlflow:{password}@127.0.0.1:{self.postgres.port}/mlflow"
            ),
            "MLFLOW_ARTIFACTS_DESTINATION": str(self.artifacts),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": self.signing_key,
            "MLFLOW_AUTH_ADMIN_USERNAME": self.admin[0],
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.admin[1],
            "MLFLOW_PORT": str(self.port),
            "MLFLOW_WORKERS": "1",
        }

    def environment(self) -> dict[str, str]:
        """Return the variables with which a client, who is no administrator, logs in."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": self.user[0],
            "MLFLOW_TRACKING_PASSWORD": self.user[1],
        }

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request as nobody, or as `auth` says."""
        return self._session.request(method, self.uri + path, timeout=PATIENCE, **options)

    def start(self) -> None:
        """See that it runs: with the same data again where it was stopped, and not paused."""
        self.postgres.start()
        if self.running:
            self.resume()
            return
        environment = self.settings()
        command = [str(DEPLOY / "mlflow-server")]
        self._launch(command, self._ready, env=environment, cwd=self.folder)
        me = self.request("GET", "/api/2.0/mlflow/users/current", auth=self.user)
        if me.status_code == 401:
            names = dict(zip(("username", "password"), self.user, strict=True))
            path = "/api/2.0/mlflow/users/create"
            self.request("POST", path, json=names, auth=self.admin).raise_for_status()

    def stop(self) -> None:
        """End it as `systemctl stop` does; the data stay, and PostgreSQL runs on."""
        self.resume()
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it hang: connections are taken and never answered."""
        for process in self.processes():
            process.suspend()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if self.running:
            for process in self.processes():
                process.resume()

    def wipe(self) -> None:
        """Stop it and forget all runs and users; `start` makes both users again."""
        self.stop()
        self.postgres.start()
        self.postgres.run("dropdb", "mlflow")
        self.postgres.run("createdb", "--owner=mlflow", "mlflow")
        shutil.rmtree(self.artifacts, ignore_errors=True)

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/health").ok
        except requests.ConnectionError:
            return False


@contextmanager
def running_server(tools: Path) -> Iterator[Server]:
    """Start a cluster and a server in a new folder; stop them and remove it at the end."""
    # not pytest's own folder: the user `postgres` could not enter that
    root = Path(tempfile.mkdtemp(prefix="slicewise-server-", dir="/tmp"))
    root.chmod(0o755)
    watchman = subprocess.Popen(
        ["bash", "-c", WATCHMAN, "watchman", str(os.getpid()), str(root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    daemons: list[PostgreSQL | Server] = []
    try:
        daemons.append(PostgreSQL(tools, root))
        daemons[0].start()
        daemons.append(Server(daemons[0], root))
        daemons[1].start()
        yield daemons[1]
    finally:
        for daemon in reversed(daemons):
            daemon.stop()
        os.killpg(watchman.pid, signal.SIGKILL)
        watchman.wait()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[Server]:
    """A server that all tests share."""
    tools = postgres_tools()
    if tools is None:
        reason = "PostgreSQL is not installed (Debian: apt install postgresql)"
        if os.environ.get("SLICEWISE_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_server(tools) as server:
        yield server
