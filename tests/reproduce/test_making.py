"""Running `snakemake` for a run that is made again."""

import fcntl
import sys

import pytest

from slicewise.errors import SlicewiseError
from slicewise.reproduce.making import making


def test_ctrl_c_counts_where_snakemake_was_done_all_the_same(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "snakemake"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ntrap '' INT\nsleep 1\nkill -INT $PPID\nsleep 0.5\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program.parent / "python"))
    folder = tmp_path / "again"
    folder.mkdir()
    with (
        making(tmp_path, folder, folder / "settings.yaml", "1", tmp_path) as make,
        pytest.raises(SlicewiseError, match="making the run again stopped"),
    ):
        make(folder / "cases.tsv")


def test_two_at_once_are_one_sentence(tmp_path):
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(SlicewiseError, match="another process is making this run again"),
            making(tmp_path, tmp_path, tmp_path / "settings.yaml", "1", tmp_path),
        ):
            pass
