"""A folder of a process alone, of which nothing is left."""

from __future__ import annotations

import os
import tempfile

import pytest

from slicewise.errors import SlicewiseError
from slicewise.services.private import alone_in, keep_private, private_folder, sweep_left


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_nobody_else_can_read_it_and_nothing_is_left(temporary):
    with pytest.raises(KeyError), private_folder("test") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "scan").mkdir()
        raise KeyError
    assert list(temporary.iterdir()) == []


def test_what_was_cleaned_up_is_made_again_unless_somebody_else_did(temporary, monkeypatch):
    folder = temporary / "slicewise-test-1"
    for _ in range(2):
        keep_private(folder)
        assert folder.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(FileExistsError):
        keep_private(folder)


def test_what_is_in_use_and_what_is_of_others_stays(temporary):
    other = temporary / "slicewise-other-1"
    other.mkdir()
    (other / "lock").touch()
    unlocked = temporary / "slicewise-test-left"
    unlocked.mkdir()
    (unlocked / "lock").touch()
    without = temporary / "slicewise-test-new"  # that is just being made
    without.mkdir()
    with private_folder("test") as folder:
        sweep_left(temporary, "slicewise-test-")
        assert set(temporary.iterdir()) == {folder, other, without}


def test_a_folder_has_one_process(tmp_path):
    busy = pytest.raises(SlicewiseError, match="another process works in it")
    with alone_in(tmp_path), busy, alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass
