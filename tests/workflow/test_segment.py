"""New scans, by the real command, with a model of a real run."""

from __future__ import annotations

import subprocess

import nibabel as nib
import numpy as np

from tests import forked


def test_masks_equal_the_predictions_of_the_workflow(finished, tmp_path):
    images = [finished.image(name) for name in ("p08", "p09")]
    command = ["segment", *map(str, images), str(tmp_path / "absent.nii")]
    options = ["--model", "results/tiny/plain", "--output", str(tmp_path / "new")]
    done = subprocess.run(
        [forked.python(), "-m", "slicewise.cli", *command, *options],
        cwd=finished.root,
        env=finished.environment(XDG_CACHE_HOME=str(tmp_path / "caches")),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip() == str(tmp_path / "new" / "gallery.html")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"slicewise: {tmp_path / 'absent.nii'}: there is no such file")
    for name, image in zip(("p08", "p09"), images, strict=True):
        own = nib.load(tmp_path / "new" / "masks" / f"{image.name.removesuffix('.nii.gz')}.nii.gz")
        wanted = nib.load(finished.results / "plain" / "predictions" / f"{name}.nii.gz")
        np.testing.assert_array_equal(np.asarray(own.dataobj), np.asarray(wanted.dataobj))
        np.testing.assert_array_equal(own.affine, wanted.affine)
        assert own.get_data_dtype() == wanted.get_data_dtype()


def test_a_model_says_what_it_is(finished):
    said = finished.slicewise("inspect", "results/tiny/plain")
    lines = dict(line.split(maxsplit=1) for line in said.splitlines() if line[:1].strip())
    assert lines["finds"].startswith("liver (1)")
    assert "95 % interval" in said and "of 2 test patients" in said
    weights = finished.used("plain")["resolved"]["weights_sha256"]
    assert weights[:16] in lines["weights"]


def test_a_model_of_the_store(finished, tmp_path):
    run = finished.run_id("plain")
    said = finished.slicewise("inspect", f"runs:/{run}/model")
    assert run in said and "test Dice" in said
