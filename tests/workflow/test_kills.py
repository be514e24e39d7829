"""A chain of kills at random moments, after which all is as if nothing had happened.

`SLICEWISE_KILLS` says how many (``make kill``: many), `SLICEWISE_SEED` which.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Workflow
from test_resume import REPORT, same_weights, wait_until_idle

from slicewise.files import HALF
from tests.signals import as_at_a_terminal

KILLS = int(os.environ.get("SLICEWISE_KILLS", "2"))
SEED = int(os.environ.get("SLICEWISE_SEED", "1"))
SHORTEST, LONGEST = 1.0, 25.0
"""Seconds after which a run is killed."""
EQUAL = ("cases.tsv", "split.tsv", "rich/metrics.tsv", "rich/summary.json")


def kill_all(process: subprocess.Popen) -> None:
    """Do what a crash of the machine does."""
    os.killpg(process.pid, signal.SIGKILL)


def kill_snakemake(process: subprocess.Popen) -> None:
    """Leave the jobs alone without their parent."""
    process.kill()


def kill_a_job(process: subprocess.Popen) -> None:
    """Do what the system does when memory runs out."""
    children = psutil.Process(process.pid).children(recursive=True)
    if children:
        # the last one started is the job itself; the others are shells and Snakemake's own
        max(children, key=lambda child: child.pid).kill()


def terminate(process: subprocess.Popen) -> None:
    """Do what a cluster does before it kills."""
    process.terminate()


def interrupt(process: subprocess.Popen) -> None:
    """Do what Ctrl-C does."""
    os.killpg(process.pid, signal.SIGINT)


WAYS = (kill_all, kill_snakemake, kill_a_job, terminate, interrupt)


def killed_run(workflow: Workflow, draw: random.Random, way: Any) -> str:
    """Start `snakemake`, and kill it at some moment; return what that was."""
    with (workflow.root / "killed.txt").open("w") as said:
        process = subprocess.Popen(
            workflow.command("--rerun-incomplete", REPORT),
            cwd=workflow.root,
            env=workflow.environment(),
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=as_at_a_terminal,
        )
    seconds = draw.uniform(SHORTEST, LONGEST)
    try:
        process.wait(seconds)
        return f"it had ended before {seconds:.1f} s, with {process.returncode}"
    except subprocess.TimeoutExpired:
        way(process)
    try:
        process.wait(120)
    finally:
        left = wait_until_idle(workflow, 60)
        if left:
            kill_all(process)
    assert not left, f"{way.__name__}: {len(left)} processes went on for a minute"
    said = (workflow.root / "killed.txt").read_text()
    assert "Traceback" not in said, said[-4000:]
    return f"{way.__name__} after {seconds:.1f} s"


@pytest.mark.slow
def test_after_a_chain_of_kills_all_is_as_if_nothing_had_happened(finished, workflow, capsys):
    shutil.rmtree(workflow.root / "results")
    shutil.rmtree(workflow.root / ".snakemake")
    draw = random.Random(SEED)
    # each way in turn, in an order of its own, so that a short chain has several of them
    ways = [way for _ in range(-(-KILLS // len(WAYS))) for way in draw.sample(WAYS, len(WAYS))]
    for number, way in enumerate(ways[:KILLS]):
        done = killed_run(workflow, draw, way)
        with capsys.disabled():
            print(f"\nkill {number + 1} of {KILLS}: {done}", end="")
        workflow.snakemake("--unlock")
    begun = time.monotonic()
    workflow.snakemake("--rerun-incomplete", REPORT)
    with capsys.disabled():
        print(f"\nfinished {time.monotonic() - begun:.0f} s after the last", end=" ")
    as_undisturbed(workflow, finished)
    assert workflow.due(REPORT) == {}


def as_undisturbed(workflow: Workflow, finished: Workflow) -> None:
    """Compare results to the byte, and count what MLflow holds."""
    same_weights(workflow, finished)
    predictions = sorted((finished.results / "rich" / "predictions").glob("*.nii.gz"))
    assert predictions
    for path in (*(finished.results / name for name in EQUAL), *predictions):
        own = workflow.results / path.relative_to(finished.results)
        assert own.read_bytes() == path.read_bytes(), own.relative_to(workflow.root)
    halves = [path for path in (workflow.root / "results").rglob("*") if HALF.match(path.name)]
    assert not halves

    workflow.slicewise("sync")
    assert held(workflow) == held(finished)


def held(workflow: Workflow) -> dict[str, Any]:
    """What the store holds of the experiment: runs, points, artifacts and models, counted."""
    client = workflow.client()
    experiment = client.get_experiment_by_name("slicewise/tiny").experiment_id
    (run,) = [
        r for r in client.search_runs([experiment]) if r.data.tags.get("experiment") == "rich"
    ]
    number = run.info.run_id
    history = {key: client.get_metric_history(number, key) for key in ("train/loss", "val/dice")}
    models = client.search_logged_models([experiment], f"source_run_id = '{number}'")
    return {
        "status": run.info.status,
        "steps": {key: sorted(p.step for p in points) for key, points in history.items()},
        "values": {key: sorted(p.value for p in points) for key, points in history.items()},
        "test": {k: v for k, v in run.data.metrics.items() if k.startswith("test/")},
        "files": sorted(_files(client, number)),
        "models": Counter(str(model.status) for model in models),
    }


def _files(client: Any, number: str, folder: str | None = None) -> list[str]:
    found = []
    for each in client.list_artifacts(number, folder):
        if each.is_dir:
            found += _files(client, number, each.path)
        # what shows an image is named by chance
        elif not each.path.startswith("images/") and Path(each.path).name != "uncommitted.diff":
            found.append(each.path)
    return found
