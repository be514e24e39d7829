"""The connection to an MLflow store: its address, how long an answer may take, its experiments.

Nobody else asks the store for anything, so that all that is said of time is said
here: before each request `Connection.beat` is told how long it should take at
most. A job gives up on a request that takes longer (`slicewise.tracking.sender`);
somebody who called ``slicewise sync`` is told that an answer is waited for
(`slicewise.tracking.patience`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from slicewise.surroundings import give_names
from slicewise.tracking.answers import ForeignAnswerError, known_id
from slicewise.tracking.reasons import why
from slicewise.tracking.secrets import without_user
from slicewise.tracking.store import (
    SQLITE,
    address_of,
    file_of,
    fitting,
    locked,
    make_store,
    take_along,
)

ADDRESS = "MLFLOW_TRACKING_URI"
DEFAULT = "results/mlflow.db"
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
ONCE = ("log_outputs", "create_model_version")
"""Requests that add something at each repetition, and nothing takes it away again."""
ABOUT = "Trainings of slicewise on the data set {}: docs/mlflow.md says what a run holds."
PROBE = 2.0
"""Seconds in which a server has to say to a job that it is there."""
SLOW = 60.0
"""Seconds in which it has to say so to somebody who waits."""
ANSWER = 4.0
"""Seconds that a request should take at most."""
SPEED = 1e6
"""Bytes that a file should move in a second at least."""
FIRST = 60.0
"""Seconds that the first contact should take at most: MLflow is imported, a database made."""


class Connection:
    """A connection to the MLflow store, made when it is first needed.

    Parameters
    ----------
    results : Path
        The folder ``results``: the default store and its artifacts are below it.
    beat : callable
        Called before each request with the seconds that it should take at most.
    patient : bool
        Whether to wait for a slow server, as a user does who asked for it; a
        job does not.

    Attributes
    ----------
    uri : str
        Address of the store, which may hold a password.
    store : str
        Name of the store for people and files, without what logs in.
    """

    def __init__(
        self,
        results: Path,
        beat: Callable[[float], None] = lambda seconds: None,
        *,
        patient: bool = False,
    ) -> None:
        self.results = results
        self.beat = beat
        self.uri = tracking_uri(results)
        self.store = DEFAULT if self.uri == default_uri(results) else without_user(self.uri)
        self.patience = SLOW if patient else PROBE
        self.leads_to: str | None = None
        self._experiments: dict[str, str] = {}
        _prepare(patient)

    @property
    def is_file(self) -> bool:
        """Whether the store is a database file."""
        return self.uri.startswith(SQLITE)

    def probe(self) -> None:
        """Raise unless something answers at the address of the server, whatever it says."""
        if not self.uri.startswith(("http://", "https://")):
            return
        import requests

        self.beat(self.patience + 0.5)
        answer = requests.get(
            f"{without_user(self.uri).rstrip('/')}/health",
            timeout=self.patience,
            allow_redirects=False,
        )
        self.leads_to = answer.headers.get("Location") if answer.is_redirect else None

    def why(self, error: BaseException) -> str:
        """Return what an error means for a user."""
        return why(error, self.uri, self.leads_to)

    def connect(self, dataset: str) -> None:
        """Make the connection and a data set's experiment, so that a later request need not."""
        self.probe()
        self.experiment(dataset)

    def locked(self, path: Path, wait: bool = True) -> AbstractContextManager[bool]:
        """Keep other processes out, see `slicewise.tracking.store.locked`."""
        return locked(path, self.beat, wait)

    @cached_property
    def client(self) -> Any:
        """The MLflow client, which says when each of its requests begins.

        Its methods take ``seconds``, where one should take longer than `ANSWER`.
        """
        self.beat(FIRST)
        import mlflow

        # that it tries again, and tracebacks of what it raises anyway
        for name in ("mlflow", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        mlflow.set_tracking_uri(self.uri)
        if self.is_file:
            make_store(file_of(self.uri), self._artifacts, self.beat)
        if self.store == DEFAULT:
            take_along(file_of(self.uri), self._artifacts)
        return _Beating(mlflow.MlflowClient(tracking_uri=self.uri), self.beat)

    @property
    def _artifacts(self) -> str:
        return (self.results / "mlartifacts").resolve().as_uri()

    # -- experiments ------------------------------------------------------------

    def experiments(self) -> dict[str, str]:
        """Return the id of each data set's experiment, by the experiment's name."""
        known = self.client.search_experiments(filter_string="name LIKE 'slicewise/%'")
        return {experiment.name: experiment.experiment_id for experiment in known}

    def experiment(self, dataset: str) -> str:
        """Return the id of a data set's experiment, made where it is missing."""
        name = f"slicewise/{dataset}"
        if name not in self._experiments:
            # Several jobs that meet a fresh database would all migrate it and
            # most would die, so the first contact is made one at a time.
            with self.locked(self.results / ".mlflow.lock"):
                self._experiments[name] = self._known(name) or self._made(name, dataset)
        return self._experiments[name]

    def _known(self, name: str) -> str | None:
        """Return the id of an experiment that the store has, brought back where it was deleted."""
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            return None
        if experiment.name != name:
            raise ForeignAnswerError("another experiment than the one that was asked for")
        if experiment.lifecycle_stage == "deleted":
            self.client.restore_experiment(experiment.experiment_id)
        return known_id(experiment.experiment_id)

    def _made(self, name: str, dataset: str) -> str:
        from mlflow.exceptions import MlflowException

        try:
            made = self.client.create_experiment(
                name,
                artifact_location=self._artifacts if self.is_file else None,
                tags={"mlflow.note.content": ABOUT.format(dataset)},
            )
        except MlflowException:
            # from another folder of results, which shares the store
            made = self._known(name)
            if made is None:
                raise
        return known_id(made)


class _Beating:
    """A client that says when each of its requests begins."""

    def __init__(self, client: Any, beat: Callable[[float], None]) -> None:
        self._client = client
        self._beat = beat

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def request(*arguments: Any, seconds: float = ANSWER, **named: Any) -> Any:
            self._beat(seconds)
            with _asking_once() if name in ONCE else nullcontext():
                return method(*arguments, **named)

        return request


@contextmanager
def _asking_once() -> Iterator[None]:
    """Have MLflow not repeat a request that was not answered, as it may have been taken."""
    before = os.environ.get(RETRIES)
    os.environ[RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[RETRIES]
        else:
            os.environ[RETRIES] = before


def _prepare(patient: bool) -> None:
    """Set what MLflow reads when it is imported, unless the user has set it."""
    wanted = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{SLOW:.0f}" if patient else "5",
        RETRIES: "3" if patient else "1",
        # a job asks again by itself
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": str(patient).lower(),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    for key, value in wanted.items():
        os.environ.setdefault(key, value)
    give_names()


def tracking_uri(results: Path) -> str:
    """Return the tracking server: from the environment, else SQLite under results."""
    uri = os.environ.get(ADDRESS) or default_uri(results)
    if uri.startswith(SQLITE):
        # a relative path would mean another file in another folder
        return fitting(uri)
    return uri


def default_uri(results: Path) -> str:
    """Return the address of the SQLite store under results."""
    return address_of(results / "mlflow.db")
