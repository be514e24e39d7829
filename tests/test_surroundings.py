"""Users without a name, and places where they may not write."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from slicewise.errors import SlicewiseError
from slicewise.surroundings import (
    SLOTS,
    available_threads,
    check_writable,
    folders_of,
    give_names,
    gpus_asked,
)

NOBODY = "4242"
NAMES = ("USER", "LOGNAME", "LNAME", "USERNAME", "HOME")


def as_nobody() -> list[str]:
    """Return what runs a command as a user without a name, who may read all and write nothing."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can run something as somebody else")
    capability = "+dac_read_search"  # the interpreter may lie in root's home
    return [
        *("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"),
        *("--inh-caps", capability, "--ambient-caps", capability),
    ]


def run_as_nobody(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k not in NAMES and not k.startswith("MLFLOW")}
    return subprocess.run(
        [*as_nobody(), sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=known,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("told", "threads"),
    [
        ({}, 8),
        ({"NSLOTS": "1"}, 1),
        ({"LSB_DJOB_NUMPROC": "2"}, 2),
        ({"NSLOTS": "4", "SLURM_CPUS_PER_TASK": "3"}, 3),
        ({"SLURM_CPUS_PER_TASK": "64"}, 8),  # it may not use more than it is bound to
        ({"NSLOTS": "", "SLURM_CPUS_PER_TASK": "x", "LSB_DJOB_NUMPROC": "0"}, 8),
    ],
)
def test_a_job_has_the_processors_that_its_scheduler_gave_it(monkeypatch, told, threads):
    """Also where the scheduler binds it to none of them, so that it could use the whole node."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {*range(8)})
    for name in SLOTS:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert available_threads() == threads


def test_a_number_without_a_name_gets_one(tmp_path):
    code = (
        "import getpass; from pathlib import Path\n"
        "from slicewise.surroundings import give_names\n"
        "give_names(); print(getpass.getuser(), Path.home())"
    )
    done = run_as_nobody(code, cwd=tmp_path)
    assert done.stdout.startswith(f"uid-{NOBODY} /"), done.stderr


def test_who_has_a_name_keeps_it(monkeypatch):
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("HOME", "/somewhere")
    give_names()
    assert (os.environ["USER"], os.environ["HOME"]) == ("somebody", "/somewhere")


@pytest.mark.parametrize("number", ["", "none", "-1", "1.5"])
def test_what_is_no_number_of_gpus_is_refused(number):
    with pytest.raises(SlicewiseError, match=f"SLICEWISE_GPUS: '{number}' is no number of GPUs"):
        gpus_asked(number)


@pytest.mark.slow
def test_what_a_user_without_a_name_tracks_reaches_mlflow(tmp_path):
    job = (
        "import sys; from pathlib import Path\n"
        "from slicewise.tracking import Tracker\n"
        "with Tracker(Path('results/tiny/one/tracking'), print) as t:\n"
        "    t.begin('fold-0', 'one', 'key', params={}, tags={}, contents={}).finish()\n"
    )
    tmp_path.chmod(0o777)
    done = run_as_nobody(job, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    code = "from mlflow import MlflowClient as C; c = C('sqlite:///results/mlflow.db')\n"
    code += "(e,) = [e for e in c.search_experiments() if e.name == 'slicewise/tiny']\n"
    code += "print([r.data.tags['mlflow.user'] for r in c.search_runs([e.experiment_id])])"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == f"['uid-{NOBODY}']"


@pytest.mark.parametrize("place", ["folder", "folder/tiny/fold-0", "folder/new/one"])
def test_another_users_folder_is_said(tmp_path, place):
    """Also where only a folder of it is another user's, or a new one cannot be made."""
    tmp_path.chmod(0o777)
    folder = tmp_path / "folder"
    (folder / "tiny" / "fold-0").mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path\n"
        "from slicewise.surroundings import check_writable, folders_of\n"
        "try: check_writable([*folders_of(Path('folder'), 'tiny'), Path(sys.argv[1])])\n"
        "except Exception as error: print(error)"
    )
    mine = Path(place).parent
    for path in (folder, folder / "tiny", folder / "tiny" / "fold-0"):
        path.chmod(0o777 if path.relative_to(tmp_path) in (mine, *mine.parents) else 0o755)
    done = run_as_nobody(code, place, cwd=tmp_path)
    refused = "folder/tiny" if place == "folder/new/one" else place
    assert done.stdout.splitlines() == [
        f"{refused}: this user may not read or write it; ask its owner for that right, or work in "
        "a folder of your own"
    ], done.stderr


def test_what_is_writable_is_fine(tmp_path):
    (tmp_path / "tiny" / "one" / "fold-0").mkdir(parents=True)
    check_writable([*folders_of(tmp_path, "tiny"), tmp_path / "new" / "other"])
    assert [path.name for path in folders_of(tmp_path, "tiny")][2:] == ["one", "fold-0"]


def test_a_read_only_file_system_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(SlicewiseError, match="the file system is read-only; work in a folder"):
        check_writable([tmp_path / "new"])


def test_a_limit_of_the_file_size_names_the_file(tmp_path):
    code = (
        "import resource; from slicewise.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes('image.npy', bytes(5000))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("SlicewiseError image.npy: larger than files may be here; raise")
    assert not list(tmp_path.iterdir())
