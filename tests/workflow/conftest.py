"""A copy of the workflow with tiny data of its own, in which tests run the real `snakemake`."""

import copy
import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from slicewise.files import read_json
from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti
from tests import forked
from tests.signals import heed_ctrl_c

heed_ctrl_c()

CHECKOUT = Path(__file__).parents[2]
COPIED = (
    *("Snakefile", "rules", "scripts", "src", "profiles", "config"),
    *("environment.yml", "environment.post-deploy.sh", "requirements.txt"),
)
# What a user's shell may hold and what would lead a test astray.
FOREIGN = (
    *("MLFLOW_", "SNAKEMAKE_", "SLICEWISE_", "SLURM_", "GIT_", "PYTHONPATH", "KERAS_BACKEND"),
    "PYTHONDONTWRITEBYTECODE",  # with it each job would compile the library again
)
DATASET = "tiny"
TRAINING = [f"p{k:02d}" for k in range(1, 7)]
TEST = ["p08", "p09"]
LARGE = "p02"  # over 1 MB: Snakemake's own limit for checksums, which the profile raises
CONFIG: dict[str, Any] = {
    "dataset": {
        "name": DATASET,
        "layout": "pairs",
        "root": "livers",
        "labels": {"liver": 1},
        "other_labels": "background",
    },
    "split": {"validation": 1},
    "slices": {"axial48": {"plane": "axial", "size": 48}},
    "experiments": {
        # All that a resumed training could get wrong: dropout, augmentation, the moments of
        # AdamW, the moving average, a schedule, the best epoch; long enough to be killed.
        "rich": {
            "slices": "axial48",
            "network": {"filters": [4, 8], "dropout": 0.2},
            "optimizer": {"name": "adamw", "learning_rate": 0.005, "ema": 0.9},
            "training": {
                "epochs": 6,
                "batch": 4,
                "steps_per_epoch": 25,
                "precision": "float32",
                "threads": 1,
            },
        },
        "plain": {
            "preset": "tutorial",
            "slices": "axial48",
            "network": {"filters": [4, 8]},
            "training": {"epochs": 2, "threads": 1},
        },
    },
    "run": ["rich", "plain"],
}


@dataclass
class Workflow:
    """A copy of the workflow in which a test may do what it likes."""

    root: Path
    backend: bool = True
    """Whether TensorFlow may be there already when a command starts that runs to its end."""

    @property
    def results(self) -> Path:
        return self.root / "results" / DATASET

    @property
    def mlflow_uri(self) -> str:
        return f"sqlite:///{self.root / 'results' / 'mlflow.db'}"

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command: this copy's library comes before the installed one."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        # tests look at what Snakemake says of its jobs, and at what these say
        said = {"SLICEWISE_OUTPUT": "full"}
        return {**kept, "PYTHONPATH": str(self.root / "src"), **said, **more}

    def command(self, *arguments: str) -> list[str]:
        # beside the interpreter, as `make demo` calls it: the environment need not be active;
        # processes of their own, which can be killed as those of a user can
        return [str(Path(sys.executable).parent / "snakemake"), "--cores", "2", *arguments]

    def snakemake(self, *arguments: str, fails: bool = False, **environment: str) -> str:
        """Run `snakemake` to its end; return all it said."""
        done = subprocess.run(
            [forked.python(self.backend), *self.command(*arguments)],
            cwd=self.root,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        assert (done.returncode != 0) == fails, done.stdout[-6000:]
        return done.stdout

    def due(self, *arguments: str, **environment: str) -> dict[str, int]:
        """What `snakemake` would run: how many jobs of each rule."""
        said = self.snakemake("--dry-run", *arguments, **environment)
        if "Nothing to be done" in said:
            return {}
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total +\d+$", said, re.M | re.S)
        assert table, said[-3000:]
        rows = (line.split() for line in table[1].splitlines())
        return {rule: int(count) for rule, count in rows}

    def settings(self) -> dict[str, Any]:
        return yaml.safe_load((self.root / "config" / "config.yaml").read_text())

    def change(self, path: str, value: Any) -> None:
        """Change one setting, named by keys with dots."""
        settings = self.settings()
        *above, last = path.split(".")
        block = settings
        for key in above:
            block = block.setdefault(key, {})
        block[last] = value
        self.write_settings(settings)

    def write_settings(self, settings: dict[str, Any]) -> None:
        text = yaml.safe_dump(settings, sort_keys=False)
        (self.root / "config" / "config.yaml").write_text(text)

    def add_patient(self, name: str, subset: str, size: int = 48) -> None:
        """Put one more synthetic patient into the data set."""
        image, mask = phantom(int(name[1:]), seed=7, size=size, slices=(8, 10))
        folder = self.root / "data" / "livers" / "raw" / subset
        folder.mkdir(parents=True, exist_ok=True)
        write_nifti(folder / f"{name}_orig.nii.gz", image, dtype=np.int16)
        write_nifti(folder / f"{name}_liver.nii.gz", mask, dtype=np.uint8)

    def image(self, name: str) -> Path:
        (path,) = (self.root / "data").rglob(f"{name}_orig.nii.gz")
        return path

    def used(self, experiment: str, fold: int = 0) -> dict[str, Any]:
        """The settings and facts that a training wrote beside its model."""
        path = self.results / experiment / f"fold-{fold}" / "config.yaml"
        return yaml.safe_load(path.read_text())

    def slicewise(self, *arguments: str, **environment: str) -> str:
        """Run the command `slicewise` to its end; return what it printed."""
        return subprocess.run(
            [forked.python(), "-m", "slicewise.cli", *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        ).stdout

    def run_id(self, experiment: str, run: str = "fold-0", store: str = "results/mlflow.db") -> str:
        sent = max((self.results / experiment / "tracking" / run).glob("*/sent.json"))
        return read_json(sent)[store]["run_id"]

    def forget(self, *experiments: str) -> None:
        """Remove what was made of experiments, and all that MLflow knows."""
        for name in experiments:
            shutil.rmtree(self.results / name)
        shutil.rmtree(self.root / "results" / "mlartifacts")
        (self.root / "results" / "mlflow.db").unlink()

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.mlflow_uri)


def started(jobs: str) -> list[str]:
    """The rules of the jobs that a run of `snakemake` started, in their order."""
    return re.findall(r"^(?:local)?rule (\w+):$", jobs, re.M)


def copied(source: Path, target: Path) -> Workflow:
    """Copy a workflow with its results, times of change and what Snakemake noted of it."""
    shutil.copytree(source, target, symlinks=True)
    store = target / "results" / "mlflow.db"
    if store.exists():
        # MLflow notes where artifacts lie: a copy must not write into its original
        with closing(sqlite3.connect(store)) as database, database:
            for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
                database.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                    (str(source), str(target)),
                )
    return Workflow(target)


# the trigger code, which our profile leaves out, breaks files of a repository in Snakemake itself
TRIGGERS = ("--rerun-triggers", "mtime", "params", "input", "software-env")


def committed(place: Path) -> str:
    """Make a repository of this checkout; return what a module calls its tag."""
    place.mkdir()
    for name in (*COPIED, "workflow"):
        source = CHECKOUT / name
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=ignored)
        else:
            shutil.copy2(source, place / name)
    git = ("git", "-C", str(place), "-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([*git[:3], "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "all"], check=True)
    subprocess.run([*git, "tag", "v9"], check=True)
    return f"git+file://{place}/workflow/Snakefile@v9"


def checked_out(target: Path) -> Workflow:
    """Copy the workflow's own files, as a fresh clone has them, with one commit."""
    target.mkdir()
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy2(source, target / name)
    (target / ".gitignore").write_text("__pycache__/\n.snakemake/\ndata/\nresults/\n")
    workflow = Workflow(target)
    environment = workflow.environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    me = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (["init", "--quiet"], ["add", "."], [*me, "commit", "--quiet", "-m", "All"]):
        subprocess.run(["git", *command], cwd=target, env=environment, check=True)
    # The tests edit this copy's library: it has to be the one that runs.
    where = subprocess.run(
        [sys.executable, "-c", "import slicewise; print(slicewise.__file__)"],
        cwd=target,
        env=workflow.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(target)
    return workflow


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Workflow:
    """The workflow as it is cloned; not to be changed."""
    return checked_out(tmp_path_factory.mktemp("clone") / "slicewise")


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Workflow:
    """Return a workflow that the first worker who wants it makes, and all share."""
    own = factory.getbasetemp()
    target = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / name / "slicewise"
    done = target.with_name("done")
    target.parent.mkdir(exist_ok=True)
    with target.with_name("lock").open("w") as lock:
        # one worker makes it, and the others wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(target, ignore_errors=True)
            make(target)
            done.touch()
    return Workflow(target)


@pytest.fixture(scope="session")
def finished(clone, tmp_path_factory) -> Workflow:
    """A finished run of two experiments; not to be changed."""
    return shared(tmp_path_factory, "finished", lambda target: finish(copied(clone.root, target)))


@pytest.fixture(scope="session")
def folded(finished, tmp_path_factory) -> Workflow:
    """One of the experiments in two folds instead, up to its report; not to be changed."""
    return shared(tmp_path_factory, "folded", lambda target: fold(copied(finished.root, target)))


def finish(workflow: Workflow) -> None:
    """Give a fresh workflow its data and settings, and run it."""
    for name in TRAINING:
        workflow.add_patient(name, "train", size=352 if name == LARGE else 48)
    for name in TEST:
        workflow.add_patient(name, "test")
    workflow.write_settings(copy.deepcopy(CONFIG))
    # what a training takes is measured of its own processes, and a fork is none of them
    said = workflow.snakemake(FRESH_PYTHON="train")
    (workflow.root / "said.txt").write_text(said)


def fold(workflow: Workflow) -> None:
    """Train one experiment of a finished run in two folds, and forget the others."""
    workflow.forget("plain", "rich")
    workflow.change("split", {"folds": 2})
    workflow.snakemake("results/tiny/plain/report.html")


@pytest.fixture
def workflow(finished, tmp_path) -> Workflow:
    """A copy of the finished run, to be changed."""
    return copied(finished.root, tmp_path / "slicewise")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave runs of `snakemake` out of `make quick`: each takes seconds before it does anything."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
