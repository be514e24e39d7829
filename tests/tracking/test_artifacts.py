"""Files of a run: those that are its own, and only what the store holds counts as sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.tracking import Connection, Mirror, Run, sync
from slicewise.tracking.answers import NotTakenError
from slicewise.tracking.artifacts import Artifacts
from slicewise.tracking.sent import SentRecord, SentRecords
from tests.tracking.conftest import begin, no_judge, run_of, tracker, tracking_folder


def test_a_file_that_was_made_anew_belongs_to_another_run(results: Path) -> None:
    report = results / "report.html"
    with tracker(results, "files") as one:
        run = begin(one)
        report.write_text("of this run")
        run.files({"report.html": report})
    client = Connection(results).client
    run_id = run_of(results, "files").info.run_id
    report.write_text("of the next run")
    client.delete_run(run_id)
    sync(results, "tiny", no_judge, lambda line: None)
    again = run_of(results, "files").info.run_id
    assert again != run_id
    assert "report.html" not in {file.path for file in client.list_artifacts(again)}


def test_what_the_store_lost_is_sent_again(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(tracking_folder(results, "lost") / "fold-0", "lost", "key", {}, {})
    run.contents({"a.txt": "first", "b/c.txt": "second"})
    mirror = Mirror(Connection(results))
    run_id = mirror.push(run.folder)
    assert run_id is not None
    client = mirror.connection.client
    client._client._tracking_client._get_artifact_repo(run_id).delete_artifacts("a.txt")
    artifacts = Artifacts(mirror.connection, mirror.sent)
    before = mirror.sent.of(run.folder)
    assert artifacts.send(run, before, verify=False) is before, "as it was sent once"
    artifacts.send(run, before, verify=True)
    assert {entry.path for entry in client.list_artifacts(run_id)} == {"a.txt", "b"}


def test_what_is_not_held_is_not_noted_as_sent(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tracking_folder(results, "refused") / "fold-0", "refused", "key", {}, {})
    run.contents({"a.txt": "first"})
    connection = Connection(results)
    records = SentRecords(connection.store)
    artifacts = Artifacts(connection, records)
    monkeypatch.setattr(artifacts, "_held", lambda run_id: {})
    run_id = Mirror(connection).runs.find(run, "", verify=False).info.run_id
    with pytest.raises(NotTakenError, match=r"a\.txt"):
        artifacts.send(run, SentRecord(run_id=run_id), verify=False)
    assert records.of(run.folder).files == {}
