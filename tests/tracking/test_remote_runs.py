"""A run is in the store once, and found again by its mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.tracking import Connection, Mirror, Run
from slicewise.tracking.answers import ForeignAnswerError
from slicewise.tracking.remote_runs import MARK, RemoteRuns
from tests.tracking.conftest import begin, run_of, tracker, tracking_folder


def test_a_run_made_by_a_request_whose_answer_was_lost_is_found(results: Path) -> None:
    with tracker(results, "lost-answer") as one:
        run = begin(one)
    (run.folder / "sent.json").unlink()
    mirror = Mirror(Connection(results))
    assert mirror.push(run.folder) == run_of(results, "lost-answer").info.run_id
    number = mirror.connection.experiments()["slicewise/tiny"]
    mark = f"tags.`slicewise.run` = '{run.record.id}'"
    assert len(mirror.connection.client.search_runs([number], mark)) == 1


def test_a_run_that_was_made_twice_is_there_once(results: Path) -> None:
    """As when a proxy asks again, as no answer came."""
    run = Run.create(tracking_folder(results, "twice") / "fold-0", "twice", "key", {}, {})
    runs = RemoteRuns(Connection(results))
    first = runs.find(run, "", verify=False)
    client = runs.connection.client
    made = first.info
    second = client.create_run(
        made.experiment_id, start_time=made.start_time + 1, tags={MARK: run.record.id}
    )
    assert runs.find(run, "", verify=False).info.run_id == made.run_id
    assert runs.get(second.info.run_id) is None, "it was deleted"
    assert runs.marked(run.record.id).info.run_id == made.run_id
    assert runs.marked("no id") is None


def test_an_id_of_another_run_is_not_believed(results: Path) -> None:
    fold = tracking_folder(results, "other") / "fold-0"
    runs = RemoteRuns(Connection(results))
    one = Run.create(fold, "other", "key", {}, {})
    remote = runs.find(one, "", verify=False)
    two = Run.create(fold, "other", "key", {}, {})
    with pytest.raises(ForeignAnswerError):
        runs.find(two, remote.info.run_id, verify=False)
    with pytest.raises(ForeignAnswerError):
        runs.own(None, one)
