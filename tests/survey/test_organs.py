"""Organ folders of IRCAD."""

import zipfile

import pytest

from slicewise.survey.organs import cases_of, organs_of, size_of
from tests.layouts import touch


def test_organs_are_those_of_all_cases_zipped_or_not(tmp_path):
    touch(tmp_path / "3Dircadb1.1/MASKS_DICOM", "liver/image_0", "bone/image_0", ".DS_Store")
    (tmp_path / "3Dircadb1.2").mkdir()
    with zipfile.ZipFile(tmp_path / "3Dircadb1.2" / "MASKS_DICOM.zip", "w") as archive:
        archive.writestr("MASKS_DICOM/liver/image_0", b"")
        archive.writestr("MASKS_DICOM/skin/image_0", b"")
    assert organs_of(tmp_path) == ["liver"]
    assert [path.name for path in cases_of(tmp_path)] == ["MASKS_DICOM", "MASKS_DICOM.zip"]
    assert organs_of(tmp_path / "x") == []
    assert size_of(cases_of(tmp_path)[0], "liver") is None


def test_sizes_are_those_of_the_masks(real_data):
    masks = real_data / "ircad" / "3Dircadb1.1" / "MASKS_DICOM.zip"
    assert size_of(masks, "liver") == pytest.approx(1490, rel=0.05)
