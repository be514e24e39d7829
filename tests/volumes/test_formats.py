"""Formats, and what no format is, are told by name."""

import pytest

from slicewise.volumes.formats import is_litter, is_nifti


def test_names():
    assert is_nifti("a/b.nii") and is_nifti("b.NII.GZ")
    assert not is_nifti("b.gz") and not is_nifti("nii") and not is_nifti("b.nrrd")


@pytest.mark.parametrize(
    "name", ["._p01.nii.gz", "a/._b/c.nii", "THUMBS.DB", "x/__MACOSX/p.nii", "@eaDir/p.nii.gz"]
)
def test_litter_is_told_anywhere_in_a_path(name):
    assert is_litter(name)


@pytest.mark.parametrize("name", ["p01.nii.gz", "a_.b/c.nii", "thumbs.db.nii", ".p01.nii"])
def test_nothing_else_is_litter(name):
    assert not is_litter(name)
