"""`--sdm conda`: what Snakemake makes environments of needs no file beside it.

No channel of conda is to be had here, so a script stands in for `conda`: it makes the
environment that Snakemake asks for, in which `python` writes down what pip is told to install.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.test_packaging import LOCK, locked
from tests.workflow.conftest import CONFIG, TRIGGERS, Workflow, checked_out, committed

CONDA = """#!/bin/sh
case "$*" in
    "info --json") echo '{{"conda_prefix": "{place}", "platform": "linux-64"}}' ;;
    --version) echo conda 26.7.0 ;;
    clean*) ;;
    config*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
    "env create --quiet --no-default-packages --file "*)
        cp "$6" {place}/asked.yml && mkdir -p "$8/bin" && cp {place}/python "$8/bin/python" ;;
    *) echo "conda: $*" >&2; exit 1 ;;
esac
"""
PYTHON = """#!/bin/sh
printf "%s " "$@" > {place}/arguments
for lock; do :; done
cat "$lock" > {place}/installed
"""
ACTIVATE = 'PATH="$1/bin:$PATH"\n'


@pytest.fixture
def conda(tmp_path) -> Path:
    place = tmp_path / "conda"
    (place / "bin").mkdir(parents=True)
    for path, text in {"bin/conda": CONDA, "python": PYTHON, "bin/activate": ACTIVATE}.items():
        (place / path).write_text(text.format(place=place) if "place" in text else text)
        (place / path).chmod(0o755)
    return place


@pytest.fixture
def workflow(tmp_path) -> Workflow:
    workflow = checked_out(tmp_path / "slicewise")
    workflow.add_patient("p01", "train")
    workflow.add_patient("p08", "test")
    workflow.write_settings({**CONFIG, "split": {"validation": 0}})
    # nothing is computed
    workflow.backend = False
    return workflow


def test_the_whole_lock_is_installed_into_what_snakemake_makes(conda, workflow):
    # the lock is neither where Snakemake copies the script to, nor where it runs
    elsewhere = conda.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data").symlink_to(workflow.root / "data")
    path = f"{conda / 'bin'}{os.pathsep}{os.environ['PATH']}"
    asked = ["--sdm", "conda", "--conda-create-envs-only", "--directory", str(elsewhere)]
    workflow.snakemake(*asked, PATH=path)
    assert not list(elsewhere.rglob("requirements.txt"))
    assert (conda / "asked.yml").read_text() == (workflow.root / "environment.yml").read_text()
    assert "install --no-input --require-hashes" in (conda / "arguments").read_text()
    assert locked((conda / "installed").read_text()) == locked(LOCK)


def test_a_module_of_a_repository_brings_its_lock(conda, workflow, tmp_path):
    (workflow.root / "requirements.txt").unlink()
    (workflow.root / "Snakefile").write_text(
        f'module organ:\n    snakefile: "{committed(tmp_path / "repository")}"\n'
        "    config: config\n\n\nuse rule * from organ\n"
    )
    path = f"{conda / 'bin'}{os.pathsep}{os.environ['PATH']}"
    asked = ["--sdm", "conda", "--conda-create-envs-only", *TRIGGERS]
    workflow.snakemake(*asked, PATH=path)
    assert locked((conda / "installed").read_text()) == locked(LOCK)


def test_another_lock_is_refused(workflow, conda):
    with (workflow.root / "requirements.txt").open("a") as lock:
        lock.write("surprise==1.0\n")
    path = f"{conda}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(workflow.root / "environment.post-deploy.sh")],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "it is not the lock that this script was written for" in done.stderr
    assert not (conda / "installed").exists()
