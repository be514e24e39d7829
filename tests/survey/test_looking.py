"""Files are looked at once, and no longer when time is over."""

import numpy as np

from slicewise.survey.looking import Looker
from tests.imitated import scan, write


def test_what_is_late_is_not_read_and_headers_still_are(tmp_path):
    image, _ = scan(1)
    write(tmp_path / "a.nii.gz", image)
    write(tmp_path / "b.nrrd", image)
    late = Looker(tmp_path, patience=0)
    assert late.glance("a.nii.gz") is None
    assert late.header("a.nii.gz").shape == image.shape
    assert late.header("b.nrrd") is None
    assert Looker(tmp_path).header("b.nrrd").shape == image.shape


def test_a_file_is_read_once(tmp_path):
    image, _ = scan(1)
    write(tmp_path / "a.nii.gz", image)
    looker = Looker(tmp_path)
    first = looker.glance("a.nii.gz")
    (tmp_path / "a.nii.gz").unlink()
    assert looker.glance("a.nii.gz") is first
    assert looker.header("a.nii.gz").shape == image.shape


def test_what_cannot_be_read_is_kept_as_a_fault(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"x")
    looker = Looker(tmp_path)
    assert looker.glance("a.nii.gz") is None
    assert "a.nii.gz" in looker.faults["a.nii.gz"]


def test_grids_are_compared(tmp_path):
    image, mask = scan(1)
    write(tmp_path / "i.nii.gz", image)
    write(tmp_path / "same.nii.gz", mask)
    write(tmp_path / "cropped.nii.gz", mask[:, :, :5])
    write(tmp_path / "other.nii.gz", mask, (1.4, 1.5, 4.0))
    looker = Looker(tmp_path)
    answers = [looker.on_grid("i.nii.gz", f"{n}.nii.gz") for n in ("same", "cropped", "other", "x")]
    assert answers == [True, True, False, None]
    assert np.asarray(looker.header("i.nii.gz").shape).tolist() == list(image.shape)
