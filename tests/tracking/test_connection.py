"""Where the store is, and that each request says how long it may take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slicewise.tracking.answers import ForeignAnswerError
from slicewise.tracking.connection import ADDRESS, ANSWER, FIRST, RETRIES, Connection, _Beating


class Client:
    """Stands in for MLflow's."""

    def get_run(self, run_id: str) -> str:
        return f"{run_id}, {os.environ.get(RETRIES)} more tries"

    log_outputs = get_run


def test_the_store_is_below_results_unless_the_environment_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    own = Connection(results)
    assert (own.uri, own.store) == (f"sqlite:///{results}/mlflow.db", "results/mlflow.db")
    assert own.is_file
    monkeypatch.setenv(ADDRESS, "http://me:hunter22@mlflow.example.org")
    other = Connection(results)
    assert other.store == "http://mlflow.example.org"
    assert not other.is_file


def test_each_request_says_how_long_it_may_take() -> None:
    beats: list[float] = []
    client = _Beating(Client(), beats.append)
    client.get_run("a")
    client.get_run("a", seconds=9.0)
    assert beats == [ANSWER, 9.0]


def test_what_would_be_stored_twice_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RETRIES, "3")
    client = _Beating(Client(), lambda seconds: None)
    assert client.get_run("a") == "a, 3 more tries"
    assert client.log_outputs("a") == "a, 0 more tries"
    assert os.environ[RETRIES] == "3"


def test_a_deleted_experiment_is_brought_back(tmp_path: Path) -> None:
    beats: list[float] = []
    connection = Connection(tmp_path / "results", beats.append)
    number = connection.experiment("tiny")
    assert beats[0] == FIRST
    connection.client.delete_experiment(number)
    again = Connection(tmp_path / "results")
    assert again.experiment("tiny") == number
    assert again.experiments() == {"slicewise/tiny": number}
    connection.client.rename_experiment(number, "slicewise/other")
    assert Connection(tmp_path / "results").experiment("tiny") != number


def test_another_experiment_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(tmp_path / "results")
    other = connection.client.get_experiment(connection.experiment("other"))
    fresh = Connection(tmp_path / "results")
    monkeypatch.setattr(fresh.client._client, "get_experiment_by_name", lambda name: other)
    with pytest.raises(ForeignAnswerError):
        fresh.experiment("tiny")
