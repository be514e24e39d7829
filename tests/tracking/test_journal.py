"""Files of runs that were damaged: found again, left aside, or refused by who needs them."""

import shutil
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Mirror, sync
from slicewise.tracking.journal import Run, all_runs, current_run
from tests.tracking.conftest import row, run_of, tracking_folder
from tests.tracking.test_tracker import no_judge


def fold_of(results: Path, experiment: str) -> Path:
    return tracking_folder(results, experiment) / "fold-0"


def test_a_damaged_run_is_left_aside_and_refused_where_it_counts(tmp_path, caplog):
    results = tmp_path / "results"
    whole = Run.create(fold_of(results, "a"), "a", "key", {}, {})
    broken = Run.create(fold_of(results, "b"), "b", "key", {}, {})
    note = broken.folder / "run.json"
    note.write_text(note.read_text()[:-40])
    assert all_runs(results) == [whole.folder]
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{note}: the file is damaged or was edited (")
    assert record.getMessage().endswith("this run is left aside")
    with pytest.raises(SlicewiseError, match=r"run\.json: the file is damaged.*or delete "):
        current_run(fold_of(results, "b"))
    shutil.rmtree(broken.folder)  # the remedy
    assert current_run(fold_of(results, "b")) is None


def test_a_run_never_takes_the_folder_of_one_whose_note_is_gone(tmp_path):
    fold = fold_of(tmp_path / "results", "a")
    old = Run.create(fold, "a", "key", {}, {})
    old.epoch(row(1, 0.5))
    (old.folder / "run.json").unlink()
    fresh = Run.create(fold, "a", "key", {}, {})
    assert (fresh.folder.name, fresh.rows) == ("002", {})


def test_an_older_run_takes_no_scores_of_one_that_was_deleted(tmp_path):
    fold = fold_of(tmp_path / "results", "a")
    old = Run.create(fold, "a", "key", {}, {})
    fresh = Run.create(fold, "a", "other", {}, {})
    old.supersede(fresh)
    assert current_run(fold).folder == fresh.folder
    shutil.rmtree(fresh.folder)
    assert current_run(fold) is None


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
    assert Mirror(results).is_pending(run.folder)
    sync(results, "*", no_judge, lambda line: None)
    lines = [record.getMessage() for record in caplog.records]
    assert any("sent.json: the file is damaged" in line for line in lines)
    found = run_of(results, "sent", run.folder.name)
    assert found.info.run_id == before
    mirror = Mirror(results)
    assert not mirror.is_pending(run.folder)
    mark = f"tags.`slicewise.run` = '{run.note['id']}'"
    number = mirror.experiments()["slicewise/tiny"]
    assert len(mirror.client.search_runs([number], mark)) == 1
