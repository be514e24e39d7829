"""How a job fails: one sentence, in two places, and no traceback for a fault of the input."""

import errno
import logging
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import half_of
from slicewise.job import STOPS, asked_for, errors_in, job, script_job, warnings_said
from tests.signals import as_at_a_terminal, heed_ctrl_c

heed_ctrl_c()


def test_lines_go_to_standard_error_and_to_a_log_begun_anew(tmp_path, capsys):
    file = tmp_path / "logs" / "ingest" / "a.log"
    for _ in range(2):
        with job(str(file)) as log:
            log("two voxels were rounded")
    assert file.read_text() == "two voxels were rounded\n"
    captured = capsys.readouterr()
    assert captured.err == "two voxels were rounded\n" * 2
    assert captured.out == ""


def test_a_log_begins_with_what_was_asked_for(tmp_path, capsys):
    file = tmp_path / "a.log"
    with job(str(file), {"mem_mb": 8000, "_cores": 2, "tmpdir": "/tmp", "gpu": None}) as log:
        log("100 MB were read")
    assert file.read_text() == "asked for 8000 MB, 2 CPUs\n100 MB were read\n"
    assert asked_for(file) == {"mem_mb": 8000, "_cores": 2}
    assert capsys.readouterr().err == "100 MB were read\n"
    with job(str(file)) as log:
        log("100 MB were read")
    assert asked_for(file) == asked_for(tmp_path / "none.log") == {}


def test_a_fault_of_the_input_is_one_line_and_status_1(tmp_path, capsys):
    file = tmp_path / "a.log"
    with pytest.raises(SystemExit) as left, job(str(file)) as log:
        log("before")
        raise SlicewiseError("a.nii.gz: it is\n  cut short;\n  copy it again")
    assert left.value.code == 1
    sentence = "error: a.nii.gz: it is cut short; copy it again"
    assert capsys.readouterr().err.splitlines() == ["before", sentence]
    assert file.read_text().splitlines() == ["before", sentence]


def test_a_fault_of_a_file_whose_name_is_no_text_is_one_line(tmp_path):
    with pytest.raises(SystemExit), job(str(tmp_path / "a.log")):
        raise SlicewiseError("K\udcf6ln: it is cut short; copy it again")
    assert errors_in([tmp_path / "a.log"], 0) == [r"K\udcf6ln: it is cut short; copy it again"]


def test_faults_of_several_cases_are_said_once_and_kept_each(tmp_path, capsys):
    file = tmp_path / "a.log"
    faults = [SlicewiseError(f"d/{name}: it is\n  cut short; copy it again") for name in "ab"]
    with pytest.raises(SystemExit) as left, job(str(file)):
        raise SeveralErrors(faults)
    assert left.value.code == 1
    sentences = [f"error: {name}: it is cut short; copy it again" for name in ("d/a", "d/b")]
    said = capsys.readouterr().err.splitlines()
    assert said == ["error: d/a, b: it is cut short; copy it again"]
    assert errors_in([file], 0) == [line.removeprefix("error: ") for line in sentences]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EFBIG])
def test_what_users_can_mend_is_one_line_without_a_traceback(tmp_path, capsys, code):
    file = tmp_path / "a.log"
    with pytest.raises(SystemExit), job(str(file)):
        raise OSError(code, os.strerror(code), "results/image.npy")
    said = capsys.readouterr().err
    assert said.startswith("error: results/image.npy: ")
    assert said.count("\n") == 1
    assert file.read_text() == said


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


@pytest.mark.parametrize("fault", [KeyError("x"), OSError(errno.EIO, "no", "x")])
def test_a_fault_of_ours_keeps_its_traceback(tmp_path, fault):
    file = tmp_path / "a.log"
    with pytest.raises(type(fault)), job(str(file)):
        raise fault
    assert "Traceback" in file.read_text()
    assert errors_in([file], 0) == []


SWALLOWING = """
import gc, os, signal, sys, time, types
snakemake = types.SimpleNamespace(wildcards={{}})  # as in a script of a rule
from slicewise.job import job, stop_check

def callback(phase, info):  # of jax, for one: what is raised in it is lost
    if phase == "start":
        os.kill(os.getpid(), signal.{number})
        time.sleep(0.01)

def collect():
    gc.callbacks.append(callback)
    gc.collect()
    gc.callbacks.remove(callback)

{body}
"""
SWALLOWED = {
    "while it works": "with job('a.log'):\n    collect()\n    time.sleep(20)",
    "before it is asked why": (
        "with job('a.log'):\n    collect()\n    reason = stop_check()\n"
        "    until = time.monotonic() + 20\n"
        "    while reason() is None and time.monotonic() < until:\n        time.sleep(0.01)\n"
        "    print(reason())\n    sys.exit(1)"
    ),
}


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("when", SWALLOWED)
def test_a_stop_that_a_library_swallows_is_told_again(tmp_path, number, when):
    code = SWALLOWING.format(number=number, body=SWALLOWED[when])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1, "it went on to its end"
    assert "Traceback" not in done.stderr
    assert "it was told to stop" in done.stdout + done.stderr


def test_a_stop_while_libraries_are_imported_is_one_line(tmp_path):
    body = "collect()\ntime.sleep(20)"
    code = SWALLOWING.format(number="SIGINT", body=body)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: stopped, because it was told to stop")


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


def told(tmp_path, **wildcards):
    return SimpleNamespace(
        rule="convert", log=[str(tmp_path / "a.log")], resources={}, input=[], output=[],
        params={}, wildcards=wildcards,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_job_that_dies_by_a_signal_ends_with_a_sentence_that_names_the_case(tmp_path):
    for number, what in ((signal.SIGSEGV, "case c7"), (signal.SIGKILL, "convert, case c1")):
        child = os.fork()
        if child == 0:
            try:
                signal.signal(signal.SIGSEGV, signal.SIG_DFL)
                with script_job(told(tmp_path, case="c1")):
                    if number == signal.SIGSEGV:
                        logging.getLogger("slicewise.now").info("case c7")
                    os.kill(os.getpid(), number)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        (said,) = errors_in([tmp_path / "a.log"], 0)
        assert what in said
        assert said.startswith(f"{tmp_path / 'a.log'}: the job was killed, or crashed")


def test_a_job_that_ends_by_itself_was_not_killed(tmp_path):
    with script_job(told(tmp_path, case="c1")):
        logging.getLogger("slicewise.now").info("case c7")
    assert errors_in([tmp_path / "a.log"], 0) == []
    with pytest.raises(KeyError), script_job(told(tmp_path)):
        raise KeyError("a traceback says more")
    assert errors_in([tmp_path / "a.log"], 0) == []


def test_what_a_killed_job_left_of_its_outputs_is_gone(tmp_path):
    output = tmp_path / "fold-0" / "model.keras"
    beside = half_of(output.with_name("history.csv"))
    output.parent.mkdir()
    for left in (half_of(output), beside):
        left.touch()
    job_told = told(tmp_path)
    job_told.output = [str(output), str(tmp_path / "not there" / "a.json")]
    with script_job(job_told):
        output.touch()
    assert sorted(output.parent.glob(".*.*")) == [beside]
    assert output.exists()


def test_a_log_that_is_no_text_is_read_all_the_same(tmp_path):
    (tmp_path / "a.log").write_bytes(b"\xff\xfe\nerror: a is bad\n")
    assert errors_in([tmp_path / "a.log"], 0) == ["a is bad"]


def test_warnings_of_the_library_are_said(tmp_path, capsys):
    file = tmp_path / "a.log"
    with job(str(file)):
        logging.getLogger("slicewise.volumes.dicom.series").warning("%d files were left aside", 3)
    logging.getLogger("slicewise.volumes.dicom.series").warning("after the job")
    assert file.read_text() == "warning: 3 files were left aside\n"
    assert "warning: 3 files were left aside" in capsys.readouterr().err


@pytest.mark.parametrize("here", [True, False])
def test_warnings_while_rules_are_read_are_said_by_one_process(here, capsys):
    with warnings_said(here):
        logging.getLogger("slicewise.dataset.tables").warning("%s is odd", "a.tsv")
    said = capsys.readouterr().err
    assert said == ("warning: a.tsv is odd\n" if here else "")


def test_a_second_warning_ends_no_job():
    # scancel: slurmd tells every process of the job, and srun tells its own once more
    code = (
        "import os, signal; from slicewise.job import stop_check; reason = stop_check();"
        "print(reason()); [os.kill(os.getpid(), signal.SIGTERM) for _ in range(3)]; print(reason())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "None\nit was told to stop (SIGTERM)\n"), (
        done.stderr
    )


def test_where_a_warning_comes_from_is_for_the_log_alone(tmp_path, capsys):
    file = tmp_path / "a.log"
    with job(str(file)):
        try:
            raise KeyError("unseen")
        except KeyError:
            logging.getLogger("slicewise.evaluation").warning("no dots", exc_info=True)
    assert capsys.readouterr().err == "warning: no dots\n"
    assert "KeyError: 'unseen'" in file.read_text()
    assert errors_in([file], 0) == []


def run_until_ready(code: str, *arguments: str, **options) -> subprocess.Popen:
    """Start a program that says "ready" on standard output, and wait for that."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_at_a_terminal,
        **options,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_job_that_is_told_to_stop_is_one_line_without_traceback(tmp_path, number):
    code = (
        "import sys, time; from slicewise.job import job; from slicewise.files import atomic\n"
        "with job(sys.argv[1]), atomic(sys.argv[2]) as file:\n"
        "    file.write_text('half'); print('ready', flush=True); time.sleep(60)"
    )
    log, target = tmp_path / "a.log", tmp_path / "made" / "a.txt"
    process = run_until_ready(code, str(log), str(target))
    for _ in range(2):
        process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said == log.read_text()
    assert said.startswith("error: stopped, because it was told to stop; the same command goes on")
    assert said.count("\n") == 1
    assert list(target.parent.iterdir()) == [], "nothing half-written"


ORPHANED = """
import subprocess, sys, time
from types import SimpleNamespace
from slicewise.job import script_job, stop_check

if sys.argv[2:]:
    subprocess.run([sys.executable, sys.argv[0], sys.argv[1]])
told = SimpleNamespace(
    rule="predict", log=["a.log"], resources={}, input=[], output=[], params={}, wildcards={}
)
with script_job(told) as log:
    reason = stop_check() if sys.argv[1] == "saves" else lambda: None
    print("ready", flush=True)
    until = time.monotonic() + 60
    while reason() is None and time.monotonic() < until:
        time.sleep(0.01)
    log(f"saved, because {reason()}")
"""


@pytest.mark.parametrize("how", ["stops", "saves"])
def test_a_job_whose_snakemake_was_killed_stops(tmp_path, how):
    """Else it would write masks by settings of before among those of the next run."""
    script = tmp_path / "predict.py"
    script.write_text(ORPHANED)
    with subprocess.Popen(
        [sys.executable, str(script), how, "starts another"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as parent:
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        parent.communicate(timeout=50)  # what it started holds these pipes
    lines = (tmp_path / "a.log").read_text().splitlines()
    said = {
        "stops": "error: stopped, because what started it is gone; the same command goes on (after "
        "snakemake --unlock, if it asks for that)",
        "saves": "saved, because what started it is gone",
    }
    assert said[how] in lines


def test_ctrl_c_is_a_reason_to_stop_however_often_it_is_pressed(tmp_path):
    code = (
        "import sys, time; from slicewise.job import job, stop_check\n"
        "with job(sys.argv[1]):\n"
        "    reason = stop_check(); print('ready', flush=True)\n"
        "    while reason() is None: time.sleep(0.01)\n"
        "    time.sleep(0.5); print(reason())"
    )
    process = run_until_ready(code, str(tmp_path / "a.log"))
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said) == (0, "it was told to stop (Ctrl-C)\n", "")


def test_what_ctrl_c_shall_not_reach_it_does_not_reach(tmp_path):
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from slicewise.job import job, stop_check\n"
        "with job(sys.argv[1]):\n"
        "    reason = stop_check()\n"
        "    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.log")], check=True)


def test_handlers_are_as_before_when_a_job_has_ended(tmp_path):
    before = [signal.getsignal(number) for number in STOPS]
    with job(str(tmp_path / "a.log")):
        pass
    assert [signal.getsignal(number) for number in STOPS] == before


def test_a_job_whose_terminal_is_closed_saves_first(tmp_path):
    log, saved, begun = (tmp_path / name for name in ("a.log", "saved", "begun"))
    code = (
        "import pathlib, sys, time; from slicewise.job import job, stop_check\n"
        "with job(sys.argv[1]) as say:\n"
        "    reason = stop_check(); pathlib.Path(sys.argv[3]).touch()\n"
        "    while reason() is None: time.sleep(0.01)\n"
        "    for step in range(20): say(f'saving {step}'); time.sleep(0.01)\n"
        "    pathlib.Path(sys.argv[2]).write_text(reason())"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        as_at_a_terminal()
        os.execv(sys.executable, [sys.executable, "-c", code, str(log), str(saved), str(begun)])
    wait_for(begun)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    assert saved.read_text() == "it was told to stop (its terminal was closed)"
    assert "saving 19" in log.read_text()


def test_a_script_that_still_imports_is_stopped_in_one_line():
    code = (
        "class snakemake: wildcards = ()\n"
        "import time; import slicewise.job\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    process = run_until_ready(code)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert said.startswith("error: stopped, because it was told to stop; ")
    assert "Traceback" not in said


STOPPED = """
import signal, time
from slicewise.job import pass_on_stops, stopped_because
signal.signal(signal.SIGTERM, signal.default_int_handler)
assert stopped_because() is None
pass_on_stops()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print(stopped_because())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_knows_that_it_was_told_to_stop(number):
    process = run_until_ready(STOPPED)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert out.startswith("stopped, because it was told to stop; the same command goes on")


MAIN = """
import os, signal, subprocess, sys, time
from slicewise.job import pass_on_stops
# a line in one piece, as the job says one at the same moment
signal.signal(signal.SIGTERM, lambda *given: os.write(1, b"snakemake heard it\\n"))
pass_on_stops()
# one below a shell that does not give its place to the script, one beside
command = f"set -euo pipefail; {sys.executable} {sys.argv[1]}; echo the shell goes on"
shell = subprocess.Popen(["bash", "-c", command])
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
time.sleep(float(sys.argv[2]))
print("ready", flush=True)
shell.wait()
print("the other runs:", other.poll() is None)
other.kill()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_snakemake_is_told_reaches_its_jobs_and_no_other_process(tmp_path, number):
    script = tmp_path / ".snakemake" / "scripts" / "tmp1.train.py"
    script.parent.mkdir(parents=True)
    begun = tmp_path / "begun"
    script.write_text(
        "import os, pathlib, time; from slicewise.job import stop_check; reason = stop_check()\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        "while reason() is None: time.sleep(0.01)\n"
        "os.write(1, f'the job: {reason()}\\n'.encode())"
    )
    process = run_until_ready(MAIN, str(script), "0")
    wait_for(begun)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert sorted(out.splitlines()) == [
        "snakemake heard it",
        "the job: it was told to stop (SIGTERM)",
        "the other runs: True",
        "the shell goes on",
    ]
