"""The runs of a store: each is found again by a mark, made where it is missing, and there once."""

from __future__ import annotations

import getpass
import re
from typing import Any

from slicewise.tracking.answers import ForeignAnswerError, known_id
from slicewise.tracking.connection import Connection
from slicewise.tracking.journal import Run
from slicewise.tracking.provenance import UNKNOWN

MARK = "slicewise.run"
"""Tag of a run with slicewise's own id of it."""


class RemoteRuns:
    """Finds the runs of a store.

    An id counts only if the store knows it, and knows it as that of the run.

    Parameters
    ----------
    connection : Connection
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def find(self, run: Run, known: str, verify: bool) -> Any:
        """Return the store's run, made where it is missing or was deleted.

        Parameters
        ----------
        run : Run
        known : str
            The id that the store gave it once; empty where it gave none.
        verify : bool
            Look for others that have its mark, too.
        """
        experiment = self.connection.experiment(run.dataset)
        remote = self.get(known) if known else None
        if remote is not None and not verify:
            return self.own(remote, run)
        # a request whose answer was lost may have made it
        remote = self._only(run, experiment, remote)
        if remote is not None:
            return remote
        made = self.own(self.get(known_id(self._make(run, experiment).info.run_id)), run)
        # a client or a proxy that got no answer may have asked twice
        return self._only(run, experiment, made)

    def get(self, run_id: str) -> Any:
        """Return a run by the store's id; None where there is none, or a deleted one."""
        from mlflow.exceptions import MlflowException

        try:
            remote = self.connection.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        if known_id(remote.info.run_id) != run_id:
            raise ForeignAnswerError("another run than the one that was asked for")
        return remote if remote.info.lifecycle_stage == "active" else None

    def own(self, remote: Any, run: Run) -> Any:
        """Return a run of the store, if it is this one.

        Raises
        ------
        ForeignAnswerError
            When it is none, or another one.
        """
        if remote is None or remote.data.tags.get(MARK) != run.record.id:
            raise ForeignAnswerError("an id of a run that the store does not know")
        return remote

    def marked(self, number: str) -> Any:
        """Return the run that has an id of slicewise's own, if there is one."""
        if not re.fullmatch(r"[0-9a-f]{32}", number):
            return None
        places = list(self.connection.experiments().values())
        client = self.connection.client
        return next(iter(client.search_runs(places, _mark(number), max_results=1)), None)

    def _make(self, run: Run, experiment: str) -> Any:
        tags = run.record.tags
        shown = {  # the columns Source, Version and User of the MLflow UI
            "mlflow.source.name": "snakemake",
            "mlflow.source.type": "JOB",
            "mlflow.source.git.commit": tags.get("git_commit", "").replace(UNKNOWN, ""),
            "mlflow.user": getpass.getuser(),
        }
        return self.connection.client.create_run(
            experiment,
            start_time=run.record.begun,
            run_name=run.record.name,
            tags={MARK: run.record.id, **shown},
        )

    def _only(self, run: Run, experiment: str, known: Any) -> Any:
        """Return the one run of the store that has the mark of this one, and delete others."""
        client = self.connection.client
        same = list(client.search_runs([experiment], _mark(run.record.id)))
        if known is None and same:
            known = min(same, key=lambda remote: (remote.info.start_time, remote.info.run_id))
        for other in same:
            if self.own(other, run).info.run_id != known.info.run_id:
                client.delete_run(other.info.run_id)
        return None if known is None else self.own(known, run)


def _mark(number: str) -> str:
    return f"tags.`{MARK}` = '{number}'"
