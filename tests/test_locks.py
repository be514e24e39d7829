"""Locks keep a second process out, and where none are known all goes on all the same."""

import errno
import fcntl
import os
from contextlib import ExitStack

import pytest

from slicewise.clean import delete, parts_of
from slicewise.dataset.corrections import changing
from slicewise.errors import SlicewiseError
from slicewise.locks import UNKNOWN, lock
from slicewise.reproduce.making import making
from slicewise.services.private import alone_in, private_folder, sweep_left
from slicewise.tracking.store import locked
from slicewise.training.checkpoints import Checkpoints, delete_checkpoints


@pytest.fixture
def answers(monkeypatch):
    """Let each lock that is asked for end with an error of the system."""

    def answer(code: int) -> None:
        def refused(file: object, how: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(fcntl, "flock", refused)

    return answer


def test_it_is_had_once(tmp_path):
    with (tmp_path / "lock").open("w") as one, (tmp_path / "lock").open("w") as other:
        assert lock(one, tmp_path)
        assert not lock(other, tmp_path, wait=False)
        one.close()
        assert lock(other.fileno(), tmp_path, wait=False)


@pytest.mark.parametrize("code", UNKNOWN)
def test_where_none_are_known_one_warning_says_so(tmp_path, answers, caplog, code):
    answers(code)
    with (tmp_path / "lock").open("w") as file:
        assert lock(file, tmp_path)
        assert lock(file, tmp_path, wait=False)
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: its file system knows no locks (flock), so no second process is kept out; "
        "start nothing twice here, or work on another disk"
    ]


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EACCES])
def test_what_another_process_has_is_refused(tmp_path, answers, code):
    answers(code)
    with pytest.raises(SlicewiseError, match="this training already runs"), Checkpoints(tmp_path):
        pass
    with pytest.raises(SlicewiseError, match="another process works in it"), alone_in(tmp_path):
        pass


def test_a_fault_of_the_disk_is_no_other_process(tmp_path, answers):
    answers(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"), Checkpoints(tmp_path):
        pass


def test_all_that_locks_goes_on_where_no_locks_are_known(tmp_path, answers, caplog):
    answers(errno.ENOSYS)
    begun = [
        Checkpoints(tmp_path),
        changing(tmp_path / "corrections.tsv"),
        making(tmp_path, tmp_path, tmp_path / "settings.yaml", "1", tmp_path),
        alone_in(tmp_path),
        locked(tmp_path / ".mlflow.lock", lambda seconds: None),
    ]
    with ExitStack() as stack:
        for each in begun:
            stack.enter_context(each)
    assert len(caplog.records) == 1


def test_nothing_that_may_be_in_use_is_deleted_where_no_locks_are_known(tmp_path, answers):
    place = tmp_path / "ct" / "one" / "checkpoints"
    state = place / "fold-0" / "key" / "step-000000001.npz"
    left = tmp_path / "slicewise-test-1" / "lock"
    for path in (state, left):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"0123456789")
    answers(errno.ENOSYS)
    delete_checkpoints(place)
    sweep_left(tmp_path, "slicewise-test-")
    with private_folder("test") as folder:
        assert folder.is_dir()
    assert state.exists() and left.exists()
    # and nobody is told that it is gone
    assert delete([part for part in parts_of(tmp_path / "ct") if part.kind == "checkpoints"]) == 10
