"""`slicewise.segment` in a notebook: what the command writes, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import slicewise
from slicewise.errors import SlicewiseError
from slicewise.segmenting.models import choose
from slicewise.volumes.nifti import read_nifti
from tests.segmenting.made import ct, experiment, segmented, stored


@pytest.mark.parametrize(
    "planes", [[], pytest.param(["axial", "sagittal"], marks=pytest.mark.slow)]
)
def test_files_and_arrays_give_what_the_command_writes(tmp_path: Path, planes: list[str]) -> None:
    inference = {"flip": "one", "shift": 0, "planes": planes}
    model = experiment(tmp_path / "e", inference=inference)
    path = stored(tmp_path / "a.nii.gz", ct(1, 2))
    _, output = segmented([path], model, tmp_path / "out")
    wanted = read_nifti(output.mask("a"))[0].array
    got = slicewise.segment(path, model, probabilities=True)
    np.testing.assert_array_equal(got.mask, wanted)
    image = read_nifti(path)[0]
    chosen = choose(str(model))
    other = slicewise.segment(image.array, chosen, affine=image.affine)
    np.testing.assert_array_equal(other.mask, wanted)
    assert other.probabilities is None and other.ml == got.ml
    assert got.ml["organ1"] == pytest.approx(np.count_nonzero(wanted == 6) * 0.7 * 0.9 * 2.5 / 1000)
    likely = np.stack([got.probabilities[name] for name in ("organ0", "organ1")])
    assert likely.shape == (2, *wanted.shape) and likely.dtype == np.float32
    background = 1 - likely.sum(axis=0)
    decided = np.array([0, 5, 6])[np.concatenate([background[None], likely]).argmax(axis=0)]
    assert np.mean(decided != wanted) < 1e-3, "but for ties within rounding"
    assert {flag.kind for flag in got.flags} >= {"models disagree"}


def test_what_is_no_single_scan_is_refused(tmp_path: Path) -> None:
    model = choose(str(experiment(tmp_path / "e")))
    for name in ("a", "b"):
        stored(tmp_path / "s" / f"{name}.nii.gz", ct(1))
    with pytest.raises(SlicewiseError, match="it holds 2 scans; name one"):
        slicewise.segment(tmp_path / "s", model)
    with pytest.raises(SlicewiseError, match="no such file"):
        slicewise.segment(tmp_path / "absent.nii", model)
    with pytest.raises(SlicewiseError, match="nothing says how large its voxels are"):
        slicewise.segment(ct(1).array, model)
    shifted = ct(1).array + 1024
    with pytest.raises(SlicewiseError, match="give offset=-1024"):
        slicewise.segment(shifted, model, affine=np.eye(4))


def test_the_library_is_loaded_without_networks() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segmint'"):
        _ = slicewise.segmint
