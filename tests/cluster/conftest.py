"""A Slurm of one node for the tests of this folder, and runs of the workflow on it."""

import copy
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import forked
from tests.workflow.conftest import CONFIG, TEST, TRAINING, Workflow, checked_out, copied, shared

SCRIPT = Path(__file__).parent / "slurm"
# as docs/cluster.md has it
COMMAND = "snakemake --workflow-profile profiles/slurm --configfile config/mydata.yaml"
# a test cannot wait as long as a cluster wants it
OFTEN = (
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2", "--latency-wait", "10"),
)
FOLDS = range(3)
EPOCHS = 4
# Of a run of which no training is looked at.
FORKED = {"FRESH_PYTHON": ""}
# What is measured, not computed.
BY_THE_CLOCK = ["timestamp", "images_per_second"]
# Waits for the end of pytest, whatever ends it, so that nothing is left running.
WATCHMAN = 'tail --pid="$1" -f /dev/null; "$2" stop "$3"; rm -rf "$3"'


def path_to(*folders: str) -> dict[str, str]:
    """Variables with which programs are found, in some folders first, and trainings looked at."""
    programs = [str(Path(python).parent) for python in (forked.python(), sys.executable)]
    return {
        # as after `source .venv/bin/activate`; forks are no processes of a cluster's jobs, and
        # those of trainings are looked at
        "PATH": os.pathsep.join([*folders, *programs, os.environ["PATH"]]),
        "FRESH_PYTHON": "train",
    }


@dataclass
class Slurm:
    """A running Slurm: its environment, and what it knows of jobs."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            **path_to(str(self.folder / "bin")),
        }

    def run(self, command: str, workflow: Workflow | None = None) -> str:
        """Run a command as one types it, if need be in a workflow; return what it said."""
        environment = workflow.environment if workflow else lambda **more: {**os.environ, **more}
        done = subprocess.run(
            shlex.split(command),
            cwd=workflow.root if workflow else None,
            env=environment(**self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def jobs(self) -> dict[str, dict[str, str]]:
        """What `scontrol show job` says of each job that it knows."""
        lines = self.run("scontrol --oneliner show job").splitlines()
        found = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines]
        return {job["JobId"]: job for job in found if "JobId" in job}

    def drain(self) -> None:
        """Let the node finish the jobs that it has, and begin no other."""
        self.run("scontrol update NodeName=one State=DRAIN Reason=test")

    def resume(self) -> None:
        """Let it begin jobs again."""
        if "drain" in self.run("sinfo --noheader --Node --format=%T"):
            self.run("scontrol update NodeName=one State=RESUME")

    def processes(self, job: str) -> list[int]:
        """The processes of a job that are training."""
        done = subprocess.run(
            ["scontrol", "listpids", job],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,  # gone meanwhile
        )
        numbers = {int(n) for n in re.findall(r"^(\d+) ", done.stdout, re.M)}
        return [n for n in numbers if b".snakemake/scripts" in command_of(n)]


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def running(script: Path) -> Iterator[Path]:
    """Start a scheduler in a new folder; stop it and remove the folder at the end."""
    # not pytest's own folder, whose path is too long for a socket
    folder = Path(tempfile.mkdtemp(prefix=f"slicewise-{script.name}-", dir="/tmp"))
    watchman = subprocess.Popen(
        ["bash", "-c", WATCHMAN, "watchman", str(os.getpid()), str(script), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        subprocess.run([script, "start", folder], check=True)
        yield folder
    finally:
        subprocess.run([script, "stop", folder], check=True)
        os.killpg(watchman.pid, signal.SIGKILL)
        watchman.wait()
        shutil.rmtree(folder, ignore_errors=True)


def need(script: Path, *programs: str) -> None:
    """Skip, or fail before a merge, where a scheduler is not installed."""
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    if not all(shutil.which(program, path=path) for program in programs):
        reason = f"it is not installed (Debian: tests/cluster/{script.name} install)"
        if os.environ.get("SLICEWISE_CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A Slurm that all tests share."""
    need(SCRIPT, "munged", "slurmctld", "slurmd", "sbatch")
    with running(SCRIPT) as folder:
        yield Slurm(folder)


@dataclass
class Run:
    """A run of `snakemake` that sends jobs to a cluster."""

    workflow: Workflow
    more: str = ""
    command: str = ""
    often: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._said = self.workflow.root / "said.txt"
        snakemake, *arguments = shlex.split(self.command)
        with self._said.open("w") as stream:
            self.process = subprocess.Popen(
                [
                    # a shell may have started the tests with Ctrl-C ignored
                    *("env", "--default-signal=INT", snakemake),
                    # before `--configfile`, which swallows what follows it
                    *(*shlex.split(self.more), *self.often, *arguments),
                ],
                cwd=self.workflow.root,
                env=self.workflow.environment(**self.environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def environment(self) -> dict[str, str]:
        return {**path_to(), **self.variables}

    @property
    def said(self) -> str:
        return self._said.read_text()

    def look(self) -> Any:
        """Note what is seen of its jobs now."""

    def until(self, condition: Callable[[], bool], seconds: float = 300) -> None:
        """Look again and again until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            self.look()
            assert time.monotonic() < end, self.said[-4000:]
            time.sleep(0.3)

    def finish(self) -> str:
        """Wait for its end, which is to be a good one; return all that it said."""
        self.until(lambda: self.process.poll() is not None, 600)
        assert self.process.returncode == 0, self.said[-6000:]
        return self.said

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class SlurmRun(Run):
    """A run that sends jobs to Slurm, and what was seen of these."""

    slurm: Slurm = field(kw_only=True)
    command: str = COMMAND
    often: tuple[str, ...] = OFTEN
    jobs: dict[str, dict[str, str]] = field(default_factory=dict)
    together: set[frozenset[str]] = field(default_factory=set)
    waiting: list[dict[str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.slurm.environment, **self.variables}

    def look(self) -> dict[str, dict[str, str]]:
        """The jobs of this run, as they are now; the last that was seen of each is kept."""
        here = str(self.workflow.root)
        jobs = {k: v for k, v in self.slurm.jobs().items() if v.get("WorkDir") == here}
        self.jobs |= jobs
        running = [v["Comment"] for v in jobs.values() if v["JobState"] == "RUNNING"]
        self.together.add(frozenset(running))
        return jobs

    def of(self, comment: str) -> list[dict[str, str]]:
        """The jobs of a rule, or of a group, in the order in which they were sent."""
        found = [job for job in self.jobs.values() if job["Comment"].startswith(f"rule_{comment}")]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def stop(self) -> None:
        """End it, if it has not ended, and its jobs."""
        if self.process.poll() is None:
            self.kill()
            jobs = [k for k, v in self.look().items() if v["JobState"] in ("RUNNING", "PENDING")]
            if jobs:
                self.slurm.run(f"scancel {' '.join(jobs)}")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> Workflow:
    """A data set and one experiment with three folds, nothing of which is made yet."""
    workflow = checked_out(tmp_path_factory.mktemp("cluster") / "fresh")
    for name in TRAINING[:4]:
        workflow.add_patient(name, "train")
    workflow.add_patient(TEST[0], "test")
    settings = copy.deepcopy(CONFIG)
    settings["split"] = {"folds": 3}
    settings["experiments"] = {"rich": settings["experiments"]["rich"]}
    settings["run"] = ["rich"]
    # long enough that a machine that is busy catches it in its midst
    settings["experiments"]["rich"]["training"] |= {"epochs": EPOCHS, "steps_per_epoch": 75}
    write(workflow, settings)
    return workflow


def write(workflow: Workflow, settings: dict[str, Any]) -> None:
    """Write the settings to where docs/cluster.md has them, and for a run without Slurm."""
    workflow.write_settings(settings)
    shutil.copy(workflow.root / "config" / "config.yaml", workflow.root / "config" / "mydata.yaml")


@pytest.fixture(scope="session")
def local(fresh, tmp_path_factory) -> Workflow:
    """The same, made on this machine without a cluster; not to be changed."""

    def make(target: Path) -> None:
        copied(fresh.root, target).snakemake()

    return shared(tmp_path_factory, "cluster-local", make)


def same_results(there: Workflow, here: Workflow) -> None:
    """Hold tables, slices, predictions and weights of two runs against each other."""
    same = ["split.tsv", "cases.tsv", "rich/metrics.tsv", "rich/summary.json", "comparison.tsv"]
    for pattern, least in {
        "slices/*/p*/*": 4 * 3,
        "cases/_slices/*/*.json": 2,
        "rich/predictions/*": 5,
    }.items():
        paths = [path for path in here.results.glob(pattern) if path.is_file()]
        found = [str(path.relative_to(here.results)) for path in paths]
        assert len(found) >= least
        same += found
    for name in same:
        digests = [hashlib.sha256((w.results / name).read_bytes()) for w in (there, here)]
        assert digests[0].digest() == digests[1].digest(), name
    for fold in FOLDS:
        facts = [w.used("rich", fold)["resolved"] for w in (there, here)]
        for key in ("weights_sha256", "slices_sha256", "steps", "selected_epoch"):
            assert facts[0][key] == facts[1][key], (fold, key)
        histories = [
            pd.read_csv(w.results / "rich" / f"fold-{fold}" / "history.csv").drop(
                columns=BY_THE_CLOCK
            )
            for w in (there, here)
        ]
        pd.testing.assert_frame_equal(*histories, check_exact=True)
