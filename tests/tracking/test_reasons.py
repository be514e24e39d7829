"""What people are told when MLflow takes nothing: of real servers, real databases, real faults."""

from __future__ import annotations

import errno
import http.server
import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from slicewise.tracking import Connection
from slicewise.tracking.reasons import LOGIN, why
from slicewise.tracking.said import is_news, note_recovery
from tests.test_surroundings import as_nobody
from tests.tracking.conftest import begin, row, tracker
from tests.tracking.outage import free_port, silent
from tests.tracking.proxy import Answer, proxied
from tests.tracking.test_answers import JSON, PAGE

FIX = "MLFLOW_TRACKING_URI"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")


def told(uri: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is said at a first contact."""
    monkeypatch.setenv(FIX, uri)
    connection = Connection(results)
    with pytest.raises(Exception) as found:
        connection.connect("tiny")
    said = connection.why(found.value)
    assert "\n" not in said
    assert len(said) < 400
    return said


def error(status: int, code: str, message: str) -> Answer:
    return (status, JSON, f'{{"error_code": "{code}", "message": "{message}"}}'.encode())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(401, "UNAUTHENTICATED", "no"), f"refuses the user name or password; set {LOGIN}"),
        (
            error(403, "PERMISSION_DENIED", "no right to experiment 5"),
            "does not let this user write here (403); ask whoever runs it for the permission EDIT "
            "(it says: no right to experiment 5)",
        ),
        ((403, {"Content-Type": "text/html"}, b"<html>x</html>"), "does not let this user write"),
        ((404, {"Content-Type": "text/html"}, b"no"), f"(404); check the path in {FIX}"),
        ((405, {"Content-Type": "text/html"}, b"no"), "answers, but not to such requests (405)"),
        ((413, {"Content-Type": "text/html"}, b"no"), "refuses files of this size (413)"),
        ((429, {"Retry-After": "0"}, b"no"), "wants fewer requests (429); try later"),
        (
            error(500, "INTERNAL_ERROR", "its disk is full"),
            "has a fault of its own (500); look into its log, or tell whoever runs it",
        ),
        ((502, {}, b"<html>bad gateway</html>"), "is down behind its proxy (502); start it"),
        ((503, {}, b""), "is not ready (503); try later"),
        ((507, {}, b""), "has no space left (507); tell whoever runs it"),
        (
            PAGE,
            f"answers, but not as MLflow does: a page to log in, or another service; check {FIX}",
        ),
        ((200, JSON, b"[]"), "answers, but not as MLflow does"),
        ((418, {}, b"tea"), "refuses it (418): "),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_a_server_that_answers_is_not_said_to_be_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, expected: str
) -> None:
    with proxied("http://127.0.0.1:9") as proxy:
        proxy.odd = lambda method, path: answer
        said = told(proxy.uri, tmp_path / "results", monkeypatch)
        assert said.startswith(f"MLflow at {proxy.uri} ")
    assert expected in said
    assert "does not answer" not in said
    assert "<html" not in said


def test_a_redirect_says_where_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = "https://me:hunter22@sso.example.org/login?token=x"
    with proxied("http://127.0.0.1:9") as proxy:
        proxy.odd = lambda method, path: (
            PAGE if path == "/login" else (302, {"Location": place.replace("/login", "/in")}, b"")
        )
        monkeypatch.setenv(FIX, proxy.uri)
        connection = Connection(tmp_path / "results")
        connection.probe()
        said = connection.why(RuntimeError("anything"))
    assert said.startswith(f"MLflow at {proxy.uri} redirects to https://sso.example.org/in")
    assert "log in there first" in said
    assert "hunter22" not in said


@contextmanager
def encrypted(folder: Path) -> Iterator[int]:
    """Serve HTTPS with a certificate that nobody knows."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_http_for_https_and_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with encrypted(tmp_path) as port:
        said = told(f"https://127.0.0.1:{port}", tmp_path / "results", monkeypatch)
        assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in said
        said = told(f"http://127.0.0.1:{port}", tmp_path / "results", monkeypatch)
        assert "does not answer" in said or "speaks HTTPS" in said
    with proxied("http://127.0.0.1:9") as proxy:
        said = told(f"https://127.0.0.1:{proxy.port}", tmp_path / "results", monkeypatch)
        assert f"speaks HTTP without TLS; begin {FIX} with http://" in said


def test_what_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, results = free_port(), tmp_path / "results"
    said = told(f"http://127.0.0.1:{port}", results, monkeypatch)
    assert f"does not answer (connection refused); start it, or check {FIX}" in said
    said = told("http://nobody.invalid:80", results, monkeypatch)
    assert "does not answer (nobody knows this name)" in said
    monkeypatch.setattr("slicewise.tracking.connection.PROBE", 0.2)
    with silent(port):
        said = told(f"http://127.0.0.1:{port}", results, monkeypatch)
    assert "does not answer (in time); try later" in said


@pytest.mark.parametrize("uri", ["nonsense://x", "sqlite+x:///a", "postgresqll://h/db"])
def test_an_address_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    said = told(uri, tmp_path / "results", monkeypatch)
    assert "is no address of a store; set MLFLOW_TRACKING_URI to http://" in said


# -- databases ---------------------------------------------------------------------

JOB = """
import os, resource, sys
from pathlib import Path
from slicewise.tracking import Tracker

kind = sys.argv[1]
if kind == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for number in range(2):
    with Tracker(Path("results/tiny/one/tracking"), print) as t:
        run = t.begin("fold-0", "one", f"key {number}", params={}, tags={}, contents={})
        run.epoch({"epoch": 1, "timestamp": 1_700_000_000_000, "train/loss": 0.5})
        run.finish()
"""


def job(kind: str, folder: Path, *before: str, uri: str | None = None) -> str:
    known = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
    known |= {"SLICEWISE_RUN": "1"} | ({} if uri is None else {FIX: uri})
    done = subprocess.run(
        [*before, sys.executable, "-c", JOB, kind],
        cwd=folder,
        env=known,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("uri", ["sqlite:///results/mlflow.db", "http://127.0.0.1:9"])
def test_a_full_disk_of_temporary_files_is_not_that_of_the_store(code: int, uri: str) -> None:
    said = why(OSError(code, os.strerror(code)), uri)
    assert "a disk is full: its own, or that of temporary files" in said
    assert "set TMPDIR" in said


@pytest.mark.slow
def test_a_limit_of_the_file_size_is_said_once(tmp_path: Path) -> None:
    said = job("limit", tmp_path)
    assert said.count("\n") == 1, "once a run, not once a job"
    assert "cannot be written, as its disk is full or a limit of the file size is reached" in said
    assert not (tmp_path / "results" / "mlflow.db").exists()


@pytest.mark.slow
def test_a_locked_database_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker(tmp_path / "results", "zero") as one:
        begin(one).epoch(row(1, 0.5))
    with closing(sqlite3.connect(tmp_path / "results" / "mlflow.db")) as database:
        database.execute("BEGIN EXCLUSIVE")
        said = job("locked", tmp_path)
    assert said.count("\n") == 1
    assert "locked by another process" in said or "takes too long to answer" in said


@pytest.mark.slow
def test_another_users_database_is_said_once(tmp_path: Path) -> None:
    before = as_nobody()
    tmp_path.chmod(0o777)
    results = tmp_path / "results"
    with tracker(results, "zero") as one:
        begin(one).epoch(row(1, 0.5))
    (results / "tiny").chmod(0o777)
    said = job("other", tmp_path, *before)
    assert said.count("\n") == 2, "what was said cannot be noted there, so by each job"
    assert "cannot be written by this user; get the right to write" in said


@pytest.mark.slow
def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mlflow.db").write_text("Lorem ipsum " * 1000)
    said = job("none", tmp_path)
    assert "is damaged or no store of MLflow; move it away" in said
    said = job("folder", tmp_path, uri="sqlite:////proc/none/mlflow.db")
    assert "MLflow at sqlite:////proc/none/mlflow.db c" in said


# -- once ----------------------------------------------------------------------------


def test_what_was_said_is_news_once_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = "MLflow at x does not answer (no answer within 61 s); try later"
    monkeypatch.delenv("SLICEWISE_RUN", raising=False)
    assert [is_news(tmp_path, first) for _ in range(2)] == [True, True], "outside of a workflow"
    monkeypatch.setenv("SLICEWISE_RUN", "1")
    assert [is_news(tmp_path, first) for _ in range(2)] == [True, False]
    assert not is_news(tmp_path, first.replace("61", "62"))
    assert is_news(tmp_path, "MLflow at x has no space left (507); tell whoever runs it")
    note_recovery(tmp_path)
    assert is_news(tmp_path, first)
    monkeypatch.setenv("SLICEWISE_RUN", "2")
    assert is_news(tmp_path, first), "another run of snakemake"
    (tmp_path / ".mlflow.said").write_text("no JSON")
    assert is_news(tmp_path, first)
    assert is_news(tmp_path / "missing", first)


def test_the_cause_at_the_end_of_a_long_text_is_not_cut_off() -> None:
    text = "HTTPConnectionPool(host='h', port=1): " + "x" * 5000 + " the cause"
    assert "the cause" in why(RuntimeError(text), "http://h:1")
    raised = RuntimeError("general words")
    raised.__cause__ = OSError("Connection refused")
    assert "does not answer (connection refused)" in why(raised, "http://h:1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '(psycopg2.OperationalError) connection to server at "h", port 5432 failed: FATAL:  '
            'password authentication failed for user "me"',
            "refuses the user name or password that MLFLOW_TRACKING_URI has",
        ),
        ('FATAL:  database "runs" does not exist', "has no database of that name"),
        ('connection to server at "h" failed: Connection refused', "does not answer (connection"),
        ("No module named 'psycopg2'", "needs a driver that is not installed"),
    ],
)
def test_databases_on_servers(text: str, expected: str) -> None:
    said = why(RuntimeError(text), "postgresql://me:hunter22@h/runs")
    assert expected in said
    assert "hunter22" not in said
