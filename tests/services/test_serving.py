"""`slicewise serve` as a process: what a kill leaves."""

from __future__ import annotations

import shutil
import signal

from tests.services.test_http import light, model, scan, started

__all__ = ["light", "model", "scan"]


def test_scans_of_a_killed_server_are_deleted_by_the_next(light, scan, tmp_path):
    first = started(light, tmp_path / "temporary")
    (left,) = first.temporary.glob("slicewise-serve-*")
    (left / "7").mkdir()
    (left / "7" / "scan.nii.gz").write_bytes(scan.read_bytes())
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    assert left.is_dir()
    second = started(light, tmp_path / "temporary")
    third = started(light, tmp_path / "temporary")  # which leaves the second alone
    assert not left.exists()
    assert len(list(second.temporary.glob("slicewise-serve-*"))) == 2
    for each in (second, third):
        each.process.send_signal(signal.SIGINT)
        assert each.process.wait(60) == 0
    assert not list(second.temporary.glob("slicewise-serve-*"))


def test_a_folder_that_was_cleaned_up_costs_no_answer(light, scan, tmp_path):
    """`/tmp` is cleaned of what is old, and nobody may have sent anything for weeks."""
    server = started(light, tmp_path / "temporary")
    (folder,) = server.temporary.glob("slicewise-serve-*")
    shutil.rmtree(folder)
    assert server.send(scan.read_bytes()).status_code == 200
    shutil.rmtree(folder)
    folder.touch()  # as where nothing can be written
    answer = server.send(scan.read_bytes())
    assert answer.status_code == 507
    assert "the disk of this machine does not take the scan (Not a directory)" in answer.text
    folder.unlink()
    assert server.send(scan.read_bytes()).status_code == 200
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0
    assert not list(server.temporary.glob("slicewise-serve-*"))
    assert not [line for line in server.said if "Traceback" in line]
