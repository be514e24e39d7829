"""A run is sent as a whole, and what is left to do is known by its files."""

from __future__ import annotations

from pathlib import Path

from slicewise.tracking import Connection, Mirror, Run, pending_runs
from slicewise.tracking.fetch import PARENT
from tests.tracking.conftest import FACTS, row, tracking_folder


def made(results: Path, experiment: str, fold: str = "fold-0") -> Run:
    run = Run.create(tracking_folder(results, experiment) / fold, experiment, fold, {}, {})
    run.epoch(row(1, 0.5))
    return run


def test_what_was_sent_is_pending_only_after_a_change(results: Path) -> None:
    run = made(results, "pending")
    mirror = Mirror(Connection(results))
    assert mirror.is_pending(run.folder)
    assert mirror.run_id(run.folder) is None
    run_id = mirror.push(run.folder)
    assert mirror.run_id(run.folder) == run_id
    assert not mirror.is_pending(run.folder)
    run.epoch(row(2, 0.4))
    assert mirror.is_pending(run.folder)
    assert pending_runs(results, "tiny") == 1
    mirror.push(run.folder)
    assert pending_runs(results, "tiny") == 0


def test_data_are_named_once(results: Path) -> None:
    run = made(results, "data")
    run.data({"train": "0" * 64})
    mirror = Mirror(Connection(results))
    for _ in range(2):
        run_id = mirror.push(run.folder)
    (found,) = mirror.connection.client.get_run(run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("tiny/train", "0" * 36)


def test_a_run_that_another_process_sends_is_left_to_it(results: Path) -> None:
    run = made(results, "locked")
    mirror = Mirror(Connection(results))
    with mirror.connection.locked(run.folder / ".lock"):
        assert Mirror(Connection(results)).push(run.folder, wait=False) is None


def test_a_parent_is_complete_once_its_children_are_sent(results: Path) -> None:
    child = made(results, "children")
    parent = Run.create(
        child.folder.parents[1] / "parent", "children", "", {}, {}, children=["fold-0/001"]
    )
    mirror = Mirror(Connection(results))
    mirror.push(parent.folder)
    assert mirror.is_pending(parent.folder)
    run_id = mirror.push(child.folder)
    assert run_id is not None
    above = mirror.push(parent.folder)
    assert not mirror.is_pending(parent.folder)
    assert mirror.connection.client.get_run(run_id).data.tags[PARENT] == above


def test_a_model_that_was_made_anew_is_not_sent(results: Path) -> None:
    run = made(results, "models")
    model = results / "tiny" / "model.keras"
    model.write_bytes(b"weights")
    run.trained(FACTS, {}, model, ["liver"])
    model.write_bytes(b"of the next run")
    mirror = Mirror(Connection(results))
    mirror.push(run.folder)
    assert not mirror.has_sent_model(run)
    model.write_bytes(b"weights")
    run.tag({"again": "yes"})
    mirror.push(run.folder)
    assert mirror.has_sent_model(run)


def test_runs_that_have_ended_are_sent_as_long_as_it_is_wanted(tmp_path: Path) -> None:
    results = tmp_path / "results"
    runs = [made(results, name) for name in ("a", "b", "c")]
    for run in runs[:2]:
        run.finish()
    mirror = Mirror(Connection(results))
    answers = iter([True, False])
    mirror.push_pending("tiny", lambda: next(answers))
    assert sum(mirror.is_pending(run.folder) for run in runs[:2]) == 1
    mirror.push_pending("tiny", lambda: True)
    assert [mirror.is_pending(run.folder) for run in runs] == [False, False, True]
