"""How a job fails: one sentence, in two places, and no traceback for a fault of the input."""

import errno
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.job import asked_for, errors_in, job, warnings_said


def test_lines_go_to_standard_error_and_to_a_log_begun_anew(tmp_path, capsys):
    log = tmp_path / "logs" / "ingest" / "a.log"
    for _ in range(2):
        with job(str(log)) as say:
            say("two voxels were rounded")
    assert log.read_text() == "two voxels were rounded\n"
    captured = capsys.readouterr()
    assert captured.err == "two voxels were rounded\n" * 2
    assert captured.out == ""


def test_a_log_begins_with_what_was_asked_for(tmp_path, capsys):
    log = tmp_path / "a.log"
    with job(str(log), {"mem_mb": 8000, "_cores": 2, "tmpdir": "/tmp", "gpu": None}) as say:
        say("100 MB were read")
    assert log.read_text() == "asked for 8000 MB, 2 CPUs\n100 MB were read\n"
    assert asked_for(log) == {"mem_mb": 8000, "_cores": 2}
    assert capsys.readouterr().err == "100 MB were read\n"
    with job(str(log)) as say:
        say("100 MB were read")
    assert asked_for(log) == asked_for(tmp_path / "none.log") == {}


def test_a_fault_of_the_input_is_one_line_and_status_1(tmp_path, capsys):
    log = tmp_path / "a.log"
    with pytest.raises(SystemExit) as left, job(str(log)) as say:
        say("before")
        raise SlicewiseError("a.nii.gz: it is\n  cut short;\n  copy it again")
    assert left.value.code == 1
    sentence = "error: a.nii.gz: it is cut short; copy it again"
    assert capsys.readouterr().err.splitlines() == ["before", sentence]
    assert log.read_text().splitlines() == ["before", sentence]


def test_faults_of_several_cases_are_a_line_each(tmp_path, capsys):
    log = tmp_path / "a.log"
    faults = [SlicewiseError(f"{name}: it is\n  cut short; copy it again") for name in "ab"]
    with pytest.raises(SystemExit) as left, job(str(log)):
        raise SeveralErrors(faults)
    assert left.value.code == 1
    sentences = [f"error: {name}: it is cut short; copy it again" for name in "ab"]
    assert capsys.readouterr().err.splitlines() == sentences
    assert errors_in([log], 0) == [line.removeprefix("error: ") for line in sentences]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line(tmp_path, capsys, code):
    with pytest.raises(SystemExit) as left, job(str(tmp_path / "a.log")):
        raise OSError(code, os.strerror(code), "results/image.npy")
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: results/image.npy: no space left on the disk; free some")
    assert said.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_too_full_for_the_log_does_not_hide_the_sentence(capsys):
    with pytest.raises(SystemExit) as left, job("/dev/full"):
        raise SlicewiseError("image.npy: no space left on the disk; free some")
    assert left.value.code == 1
    assert capsys.readouterr().err == "error: image.npy: no space left on the disk; free some\n"


@pytest.mark.parametrize("fault", [KeyError("x"), PermissionError(errno.EACCES, "no", "x")])
def test_a_fault_of_ours_keeps_its_traceback(tmp_path, fault):
    log = tmp_path / "a.log"
    with pytest.raises(type(fault)), job(str(log)):
        raise fault
    assert "Traceback" in log.read_text()
    assert errors_in([log], 0) == []


def test_errors_are_found_once_in_their_order_and_only_of_this_run(tmp_path):
    for name, text in {
        "b.log": "error: b is bad\nsome line\n",
        "a.log": "some line\nerror: a is bad\n",
        "c.log": "error: b is bad\n",  # the same file stopped two jobs
        "fine.log": "no error: this is none\n",
        "old.log": "error: mended long ago\n",
    }.items():
        (tmp_path / name).write_text(text)
    started = time.time() - 60
    os.utime(tmp_path / "old.log", (started - 1, started - 1))
    found = errors_in(tmp_path.glob("*.log"), started)
    assert found == ["a is bad", "b is bad"]


def test_a_log_that_is_no_text_is_read_all_the_same(tmp_path):
    (tmp_path / "a.log").write_bytes(b"\xff\xfe\nerror: a is bad\n")
    assert errors_in([tmp_path / "a.log"], 0) == ["a is bad"]


def test_warnings_of_the_library_are_said(tmp_path, capsys):
    log = tmp_path / "a.log"
    with job(str(log)):
        logging.getLogger("slicewise.volumes.dicom").warning("%d files were left aside", 3)
    logging.getLogger("slicewise.volumes.dicom").warning("after the job")
    assert log.read_text() == "warning: 3 files were left aside\n"
    assert "warning: 3 files were left aside" in capsys.readouterr().err


@pytest.mark.parametrize("here", [True, False])
def test_warnings_while_rules_are_read_are_said_by_one_process(here, capsys):
    with warnings_said(here):
        logging.getLogger("slicewise.volumes.tables").warning("%s is odd", "a.tsv")
    said = capsys.readouterr().err
    assert said == ("warning: a.tsv is odd\n" if here else "")


def test_a_second_warning_ends_no_job():
    # scancel: slurmd tells every process of the job, and srun tells its own once more
    code = (
        "import os, signal; from slicewise.job import stop_check; reason = stop_check();"
        "print(reason()); [os.kill(os.getpid(), signal.SIGTERM) for _ in range(3)]; print(reason())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "None\nit was told to (SIGTERM)\n"), done.stderr


def test_where_a_warning_comes_from_is_for_the_log_alone(tmp_path, capsys):
    log = tmp_path / "a.log"
    with job(str(log)):
        try:
            raise KeyError("unseen")
        except KeyError:
            logging.getLogger("slicewise.evaluation").warning("no dots", exc_info=True)
    assert capsys.readouterr().err == "warning: no dots\n"
    assert "KeyError: 'unseen'" in log.read_text()
    assert errors_in([log], 0) == []
