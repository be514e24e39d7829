"""`--sdm apptainer`: every job runs in the image that SLICEWISE_IMAGE names.

A script stands in for `apptainer`: it notes the image, and runs the command without it.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.surroundings import check_image
from tests.workflow.conftest import CONFIG, Workflow, checked_out

ROOT = Path(__file__).parents[2]
APPTAINER = """#!/bin/sh
[ "$1" = --version ] && echo apptainer version 1.3.4 && exit
for last; do :; done
case "$*" in *" {image} "*) echo "$last" >> {image}.ran ;; esac
# the interpreter of the image
PATH={python}:"$PATH" exec bash -c "$last"
"""


@pytest.fixture
def workflow(tmp_path) -> Workflow:
    workflow = checked_out(tmp_path / "slicewise")
    workflow.add_patient("p01", "train")
    workflow.add_patient("p08", "test")
    workflow.write_settings({**CONFIG, "split": {"validation": 0}})
    # nothing is trained
    workflow.backend = False
    return workflow


def test_jobs_run_in_the_image(workflow, tmp_path):
    image = tmp_path / "slicewise.sif"
    image.touch()
    (tmp_path / "bin").mkdir()
    python = Path(sys.executable).parent
    stand_in = APPTAINER.format(image=image, python=python)
    (tmp_path / "bin" / "apptainer").write_text(stand_in)
    (tmp_path / "bin" / "apptainer").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    workflow.snakemake("split", "--sdm", "apptainer", PATH=path, SLICEWISE_IMAGE=str(image))
    assert (workflow.results / "split.tsv").exists()
    ran = image.with_name("slicewise.sif.ran").read_text()
    assert re.search(r"\.snakemake/scripts/\S+split\.py", ran)


def test_without_an_image_no_job_runs_outside_of_one(workflow):
    said = workflow.snakemake("split", "--sdm", "apptainer", fails=True)
    assert "error: --sdm apptainer: no image is named; build one" in said
    assert not workflow.results.exists()


def test_an_image_is_a_file_or_an_address(tmp_path):
    check_image("docker://registry.example.org/slicewise:latest")
    (tmp_path / "a.sif").touch()
    check_image(str(tmp_path / "a.sif"))
    with pytest.raises(SlicewiseError, match=r"b\.sif: SLICEWISE_IMAGE names"):
        check_image(str(tmp_path / "b.sif"))


def test_both_recipes_make_the_same_image():
    docker = (ROOT / "Dockerfile").read_text()
    apptainer = (ROOT / "deploy" / "slicewise.def").read_text()
    (base,) = re.findall(r"^FROM (\S+)", docker, re.M)
    assert f"From: {base}\n" in apptainer
    for line in ("--require-hashes --requirement requirements.txt", "--constraint installed.txt"):
        assert line in docker
        assert line in apptainer
    copied = re.findall(r"^ {4}(\S+) /opt/slicewise/(\S+)$", apptainer, re.M)
    assert {"src", "requirements.txt", "pyproject.toml"} <= {name for name, _ in copied}
    assert all((ROOT / name).exists() and name == there for name, there in copied)
