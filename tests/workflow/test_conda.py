"""`--sdm conda`: what Snakemake makes environments of is complete without the files beside it.

No channel of conda is to be had here, so a script stands in for `conda`: it makes the
environment that Snakemake asks for, in which `python` writes down what pip is told to install.
"""

import os
from pathlib import Path

import pytest

from tests.test_packaging import LOCK, locked
from tests.workflow.conftest import CONFIG, Workflow, checked_out

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
PYTHON = '#!/bin/sh\nprintf "%s " "$@" > {place}/arguments\ncat > {place}/installed\n'
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
    # the lock itself is not there, as it is not where Snakemake copies the files to
    assert not (workflow.root / "requirements.txt").exists()
    path = f"{conda / 'bin'}{os.pathsep}{os.environ['PATH']}"
    workflow.snakemake("--sdm", "conda", "--conda-create-envs-only", PATH=path)
    assert (conda / "asked.yml").read_text() == (workflow.root / "environment.yml").read_text()
    assert "install --no-input --require-hashes" in (conda / "arguments").read_text()
    assert locked((conda / "installed").read_text()) == locked(LOCK)
