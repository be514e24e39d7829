"""A run's record: as it was stored, also by earlier versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import digest
from slicewise.tracking.run_record import NotedFile, NotedNumber, RunRecord, fold_weights

STORED = {
    "id": "i",
    "name": "baseline",
    "key": "k",
    "begun": 1,
    "ended": 2,
    "status": "FINISHED",
    "process": {"host": "h", "pid": 3},
    "params": {"a": "1"},
    "tags": {"fold": "0", "weights_digest": "w"},
    "data": {"train": "d"},
    "metrics": {"test/dice_mean": [0.5, 4], "test/gone": [None, 5]},
    "files": {"a.txt": ["tiny/a.txt", "s"]},
    "models": {},
    "labels": ["liver"],
    "children": ["fold-0/001"],
    "register": {"name": "slicewise-tiny", "patients": "p", "since": 6},
    "superseded_by": "002",
}


def stored(folder: Path, **other: object) -> Path:
    path = folder / "run.json"
    path.write_text(json.dumps(STORED | other))
    return path


def test_it_is_stored_as_it_was_read(tmp_path: Path) -> None:
    path = stored(tmp_path)
    record = RunRecord.read(path, "restore it")
    assert record.files == {"a.txt": NotedFile("tiny/a.txt", "s")}
    assert record.metrics["test/dice_mean"] == NotedNumber(0.5, 4)
    assert record.number("test/dice_mean") == 0.5
    assert record.number("test/gone") is record.number("unknown") is None
    assert (record.is_running, record.is_superseded) == (False, True)
    record.write(path)
    assert json.loads(path.read_text()) == STORED
    # what was sent is known by this digest, also when an earlier version wrote it
    assert digest(record.dumped()) == digest(STORED)


def test_keys_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    record = RunRecord.read(stored(tmp_path), "restore it")
    assert record.register_ is not None
    swept = record.updated(register_=record.register_.updated(chosen="a sweep chose it"))
    assert swept.dumped()["register"]["chosen"] == "a sweep chose it"
    plain = record.updated(children=None, register_=None, superseded_by=None, ended=None)
    assert "ended" in plain.dumped()
    assert not {"children", "register", "superseded_by"} & set(plain.dumped())


def test_keys_of_other_versions_are_kept(tmp_path: Path) -> None:
    record = RunRecord.read(stored(tmp_path, later={"a": [1]}), "restore it")
    assert record.updated(status="FAILED").dumped()["later"] == {"a": [1]}


@pytest.mark.parametrize(
    "damage",
    [
        {"id": ""},
        {"status": "DONE"},
        {"process": {"host": "h", "pid": 2**31}},
        {"metrics": {"a": [1.0]}},
        {"metrics": {"a": [True, 1]}},
        {"metrics": {"a": ["1", 1]}},
        {"metrics": {"a": [1.0, 1.5]}},
        {"files": {"a": ["", "s"]}},
        {"files": {"a": ["x", "s", "t"]}},
        {"begun": -1},
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, damage: dict[str, object]) -> None:
    with pytest.raises(SlicewiseError, match=r"run\.json: the file is damaged.*; restore it"):
        RunRecord.read(stored(tmp_path, **damage), "restore it")


def test_weights_are_of_a_fold() -> None:
    assert fold_weights(STORED["tags"]) == {"0": "w"}
    assert fold_weights({"fold": "0"}) == {}
