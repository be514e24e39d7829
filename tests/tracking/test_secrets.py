"""Secrets as people have them: words, numbers, odd signs, addresses typed as they are."""

from __future__ import annotations

import base64
import html
import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import read_json
from slicewise.tracking import Connection, sync
from slicewise.tracking.secrets import redact, redact_value, without_user
from tests.tracking.conftest import begin, row, run_of, tracker

WORDS = ("mlflow", "baseline", "metrics", "results", "status", "987654", "mixed_bfloat16", "README")
ODD = ['hun"ter22ü', r"back\slash\n1", "it's<&>22", "two  blanks22", "tab\there22", "%41percent"]


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if "TOKEN" in name or "SECRET" in name:
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://user:p@ss99word@host/x", "https://***@host/x"),
        ("postgresql://u:pa/ss99word@h/db", "postgresql://***@h/db"),
        ("postgresql+pg8000://u:p?a#ss@h:5432/db", "postgresql+pg8000://***@h:5432/db"),
        ("https://tok_abc99WORD@github.com/x", "https://***@github.com/x"),
        ("https://:only-password@host", "https://***@host"),
        ("http://user:12/34@host/x", "http://***@host/x"),
        ("http://user:p%40ss@[::1]:5000/x", "http://***@[::1]:5000/x"),
        ("postgresql://h/db?sslpassword=abc&user=x", "postgresql://h/db?sslpassword=***&user=x"),
        ("s3://b/k?X-Amz-Signature=ab%2F;v=1", "s3://b/k?X-Amz-Signature=***;v=1"),
        ("https://h/x?pass%77ord=abc", "https://h/x?pass%77ord=***"),
        ("git+https://tok@h/r and ftp://a:b@c", "git+https://***@h/r and ftp://***@c"),
        ("url='https://u:p@ss@h/x', then me@h", "url='https://***@h/x', then me@h"),
        ('{"uri":"https://u:p@h","mail":"a@b"}', '{"uri":"https://***@h","mail":"a@b"}'),
    ],
)
def test_what_logs_in_within_an_address_is_hidden(text: str, left: str) -> None:
    for function in (redact, redact_value):
        assert function(text) == left
        assert function(left) == left, "once more changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/org/repo@v1.0",
        "https://host/x?mail=me@example.org&page=2",
        "http://[::1]:5000/runs@x",
        "sqlite:////srv/a:b/c@d/mlflow.db",
        "file:///data/a@b.nii.gz",
        "me@example.org wrote 3:4@5",
        "no address://",
    ],
)
def test_an_address_without_a_login_stays(text: str) -> None:
    assert redact(text) == text


def test_the_name_of_a_store_has_no_login() -> None:
    assert without_user("postgresql://u:pa/ss@h:1/db?sslmode=x") == "postgresql://h:1/db"
    assert without_user("https://u:p@ss@host/x") == "https://host/x"
    assert without_user("http://host:5000") == "http://host:5000"
    assert without_user("sqlite:////a@b/mlflow.db") == "sqlite:////a@b/mlflow.db"


@pytest.mark.parametrize("secret", ODD)
def test_a_secret_is_found_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anna")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret)
    login = base64.b64encode(f"anna:{secret}".encode()).decode()
    written = {
        secret: secret,
        json.dumps(secret): '""',
        json.dumps(secret, ensure_ascii=False): '""',
        repr(secret): "''",
        html.escape(secret): "",
        quote(secret): "",
        f"Authorization: Basic {login}": "Authorization: Basic ",
    }
    for text in written:
        assert "***" in redact(f"before {text} after")
        for form in (secret, json.dumps(secret)[1:-1], quote(secret), login):
            assert form not in redact(f"before {text} after"), text


def test_each_line_of_a_key_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_SECRET", "-----BEGIN KEY-----\nMIIEpAIBAAKC\n-----END KEY-----\n")
    assert "MIIEpAIBAAKC" not in redact("+-----BEGIN KEY-----\n+MIIEpAIBAAKC\n")


def test_the_password_of_an_address_of_the_environment_is_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://anna:pa%2Fss99@h/db")
    assert redact("not let in with pa/ss99 or pa%2Fss99") == "not let in with *** or ***"


def test_digits_of_a_longer_number_are_that_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "987654")
    assert redact("0.9876543, 0.987654, 1987654") == "0.9876543, 0.987654, 1987654"
    assert redact("with 987654.") == "with ***."


@pytest.mark.parametrize("secret", WORDS)
def test_values_stay_as_they_are_where_a_secret_is_a_word(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("DB_PASSWORD", secret)
    text = f"name: {secret}\nroot: /data/{secret}/x\nnumber: 0.{secret}3\n"
    assert redact_value(text) == text
    assert redact(f"cannot log in with {secret}") == "cannot log in with ***"


def test_a_run_is_whole_whatever_word_is_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    words = (*WORDS, "tiny", "fold-0", "001", "begun", "RUNNING", "files", "train/loss", "a.b")
    for number, word in enumerate(words):
        monkeypatch.setenv(f"SECRET_{number}", word.ljust(6, "0") if word == "001" else word)
    said: list[str] = []
    with tracker(results, "baseline", said) as one:
        run = one.begin(
            "fold-0",
            "baseline",
            "key",
            params={"dropout": 0.9876543, "precision": "mixed_bfloat16"},
            tags={"experiment": "baseline", "status": "metrics"},
            contents={"settings.yaml": "dataset: {name: mlflow, root: results}\n"},
        )
        run.epoch(row(1, 0.987654))
    assert said == []
    found = run_of(results, "baseline")
    assert found.info.run_name == "baseline"
    assert found.data.params == {"dropout": "0.9876543", "precision": "mixed_bfloat16"}
    assert found.data.tags["experiment"] == "baseline"
    assert found.data.metrics["train/loss"] == 0.987654
    text = (run.folder / "files" / "settings.yaml").read_text()
    assert text == "dataset: {name: mlflow, root: results}\n"
    client = Connection(results).client
    files = {entry.path for entry in client.list_artifacts(found.info.run_id)}
    assert {"settings.yaml", "environment.txt"} <= files
    assert "mlflow==" in (run.folder / "files" / "environment.txt").read_text()


@pytest.mark.parametrize("secret", [*ODD, "line\nbreak22", "phantom"])
def test_a_reason_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("SOME_PASSWORD", secret)
    with pytest.raises(SlicewiseError), tracker(tmp_path / "results", "x") as one:
        run = begin(one)
        with run.ending_with_errors():
            raise SlicewiseError(f"cannot log in\nwith {secret}")
    tags = read_json(run.folder / "run.json")["tags"]
    assert tags["stopped_because"] == "cannot log in with ***"


def test_a_diff_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("SOME_PASSWORD", 'hunter"22')
    diff = '+password = "hunter\\"22"\n+url = "https://u:p@ss@h"\n'
    monkeypatch.setattr("slicewise.tracking.live.git_diff", lambda folder: diff)
    with tracker(tmp_path / "results", "x") as one:
        run = begin(one)
    kept = (run.folder / "files" / "uncommitted.diff").read_text()
    assert kept == '+password = "***"\n+url = "https://***@h"\n'


def test_sync_names_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker(tmp_path / "results", "x") as one:
        begin(one)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://u:pa/ss99word@h/db")
    with pytest.raises(SlicewiseError) as caught:
        sync(tmp_path / "results", "*", lambda a, b: (True, ""), print)
    assert "ss99word" not in str(caught.value)
