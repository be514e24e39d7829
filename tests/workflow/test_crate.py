"""A published result is made again on another machine, from its crate and the data alone."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from conftest import CHECKOUT, DATASET, TEST, TRAINING, Workflow, copied

from slicewise.files import read_json
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.write import write_nifti
from tests import forked

pytestmark = pytest.mark.slow


def said_by(workflow: Workflow, *arguments: str, status: int = 0) -> str:
    """Run the command to its end; return all it said."""
    done = subprocess.run(
        [forked.python(), "-m", "slicewise.cli", *arguments],
        cwd=workflow.root,
        env=workflow.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == status, done.stdout[-6000:]
    assert "Traceback" not in done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def crate(finished, tmp_path_factory):
    output = tmp_path_factory.mktemp("published")
    folder = f"results/{DATASET}/plain"
    said_by(finished, "publish", folder, "--output", str(output))
    return output / "crate.zip"


def test_a_crate_holds_no_image_and_nothing_of_machine_and_patients(crate, finished):
    with zipfile.ZipFile(crate) as archive:
        names = archive.namelist()
        texts = [archive.read(name) for name in names if not name.endswith(".keras")]
    assert not [name for name in names if name.endswith((".nii.gz", ".npy", ".jpg", ".html"))]
    assert "experiments/plain/fold-0/model.keras" in names
    for trace in (str(finished.root), str(CHECKOUT), "mlflow.db", "_orig.nii.gz", *TRAINING, *TEST):
        # how files of any case are called is a setting
        found = [text for text in texts if trace.encode() in text]
        assert len(found) <= (trace == "_orig.nii.gz"), trace


def test_on_another_machine_it_comes_out_the_same(crate, clone, finished, tmp_path):
    other = copied(clone.root, tmp_path / "other")
    data = tmp_path / "my data"
    shutil.copytree(finished.root / "data" / "livers", data)
    there = ("reproduce", str(crate), "--data", str(data), "--cores", "2")
    said = said_by(other, *there, "--tolerance", "0")
    assert "weights: the same to the bit" in said
    assert "the difference in mean Dice is within the tolerance of 0" in said
    (place,) = (other.root / "results" / "reproduced").iterdir()
    made = read_json(place / "reproduction.json")
    # a clone of its own has commits of its own
    assert all("of the same code" in each for each in made["differences"])
    assert made["patients"].keys() == {"p08", "p09"}
    assert all(then == now for then, now in made["patients"].values())

    mask = data / "raw" / "test" / "p09_liver.nii.gz"
    volume, _ = read_nifti(mask)
    array = volume.array.copy()
    array[:24] = 0
    write_nifti(mask, replace(volume, array=array), dtype=np.uint8)
    said = said_by(other, *there, status=1)
    assert "these are not the data that were published: the mask of p09 is another file" in said
    mask.unlink()
    said_by(other, *there, status=1)


def test_with_its_images_a_crate_is_all_that_is_needed(clone, finished, tmp_path):
    output = tmp_path / "published"
    folder = f"results/{DATASET}/plain"
    said_by(finished, "publish", folder, "--output", str(output), "--names", "--images")
    with zipfile.ZipFile(output / "crate.zip") as archive:
        held = {name for name in archive.namelist() if name.startswith("images/")}
    files = sorted((finished.root / "data" / "livers").rglob("*.nii.gz"))
    assert len(held) == len(files) == 2 * len([*TRAINING, *TEST])
    other = copied(clone.root, tmp_path / "other")
    assert not (other.root / "data").exists()
    said = said_by(other, "reproduce", str(output / "crate.zip"), "--check", "--cores", "2")
    assert "images: those of the crate, in results/reproduced/images-" in said
    (place,) = (other.root / "results" / "reproduced").glob("images-*")
    for path in files:
        own = place / path.relative_to(finished.root / "data" / "livers")
        assert own.read_bytes() == path.read_bytes()
