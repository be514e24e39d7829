"""Each script runs alone, with the `snakemake` object that `mock_snakemake` builds."""

import os
import subprocess
import sys

import pytest
from conftest import CHECKOUT, Workflow

from slicewise.files import sha256

EXPERIMENT = {"experiment": "plain"}
FOLD = {**EXPERIMENT, "fold": 0}
SHARD = {"shard": "train-0"}
# in the order of stages: each reads what those before it have just made again
JOBS: list[tuple[str, dict[str, object]]] = [
    ("ingest", SHARD),
    ("cases", {}),
    ("split", {}),
    ("leakage", {}),
    ("slices", {**SHARD, "recipe": "axial48"}),
    ("plan", FOLD),
    ("train", FOLD),
    ("predict", {**EXPERIMENT, "shard": "0"}),
    ("prediction", {**EXPERIMENT, "case": "p08"}),
    ("evaluate", EXPERIMENT),
    ("report", EXPERIMENT),
    ("compare", {}),
]
# made where the data set has none of its own, or none that are NIfTI
OTHERS = {"phantom", "convert"}


def run_scripts(workflow: Workflow, jobs: list[tuple[str, dict[str, object]]]) -> None:
    """Run scripts one after the other, in a process of their own without `snakemake`."""
    lines = ["from pathlib import Path", "from tests.mock_snakemake import run_script"]
    lines += [f"run_script({rule!r}, Path.cwd(), **{wildcards!r})" for rule, wildcards in jobs]
    path = os.pathsep.join([str(workflow.root / "src"), str(CHECKOUT)])
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=workflow.root,
        env=workflow.environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_every_script_is_run_by_a_test():
    scripts = {path.stem for path in (CHECKOUT / "scripts").glob("*.py")}
    assert {rule for rule, _ in JOBS} | OTHERS == scripts


@pytest.mark.slow
def test_scripts_run_one_by_one_make_what_a_run_makes(workflow):
    names = ("plain/metrics.tsv", "plain/summary.json", "cases.tsv", "split.tsv")
    before = {name: sha256(workflow.results / name) for name in names}
    run_scripts(workflow, JOBS)
    assert {name: sha256(workflow.results / name) for name in names} == before
