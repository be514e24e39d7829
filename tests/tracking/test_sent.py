"""What each store was sent is kept beside what others were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slicewise.tracking import Connection, Mirror, Run, sync
from slicewise.tracking.sent import SentModel, SentRecord, SentRecords
from tests.tracking.conftest import no_judge, row, run_of
from tests.tracking.test_journal import fold_of


@pytest.mark.parametrize("damage", ["cut", "list", "utf-16", "number for an id"])
def test_what_was_sent_is_found_again_by_its_mark(results, caplog, damage):
    run = Run.create(fold_of(results, "sent"), "sent", "key", {"epochs": 3}, {})
    run.epoch(row(1, 0.5))
    run.finish()
    sync(results, "*", no_judge, lambda line: None)
    before = run_of(results, "sent", run.folder.name).info.run_id
    path = run.folder / "sent.json"
    text = path.read_text()
    content = {
        "cut": text[:-5],
        "list": "[1]",
        "utf-16": text.encode("utf-16"),
        "number for an id": text.replace(f'"{before}"', "7"),
    }[damage]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert Mirror(Connection(results)).is_pending(run.folder)
    sync(results, "*", no_judge, lambda line: None)
    lines = [record.getMessage() for record in caplog.records]
    assert any("sent.json: the file is damaged" in line for line in lines)
    found = run_of(results, "sent", run.folder.name)
    assert found.info.run_id == before
    mirror = Mirror(Connection(results))
    assert not mirror.is_pending(run.folder)
    mark = f"tags.`slicewise.run` = '{run.record.id}'"
    number = mirror.connection.experiments()["slicewise/tiny"]
    assert len(mirror.connection.client.search_runs([number], mark)) == 1


def test_stores_are_kept_apart(tmp_path: Path) -> None:
    one = SentRecords("one")
    other = SentRecords("other")
    first = SentRecord(run_id="1", files={"a": "b"}, model=SentModel(digest="d", id="m"))
    one.keep(tmp_path, first)
    other.keep(tmp_path, SentRecord(run_id="2"))
    assert one.of(tmp_path) == first
    assert other.of(tmp_path).run_id == "2"
    assert SentRecords("third").of(tmp_path) == SentRecord()


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    stored = {"run_id": "1", "files": {}, "state": None, "later": [1]}
    (tmp_path / "sent.json").write_text(json.dumps({"one": stored}))
    records = SentRecords("one")
    sent = records.of(tmp_path)
    assert (sent.run_id, sent.state, sent.model, sent.registered) == ("1", None, None, None)
    records.keep(tmp_path, sent.updated(state="s"))
    kept = json.loads((tmp_path / "sent.json").read_text())
    assert kept == {"one": {"run_id": "1", "files": {}, "state": "s", "later": [1]}}
