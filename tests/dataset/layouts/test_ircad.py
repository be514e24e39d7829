"""Folders of a DICOM series and of organs."""

import shutil

import pytest

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, found, touch

ORGANS = {"liver": "liver", "kidney": "leftkidney"}


def test_ircad_folders_give_their_files_and_zips_themselves(data):
    touch(data / "3Dircadb1.1/PATIENT_DICOM", "image_10", "image_2")
    touch(data / "3Dircadb1.1/MASKS_DICOM", "liver/image_2", "leftkidney/image_2", "bone/image_2")
    touch(data / "3Dircadb1.2", "PATIENT_DICOM.zip", "MASKS_DICOM.zip", "LABELLED_DICOM.zip")
    touch(data, "LICENSE.txt")
    first, second = find_cases(dataset("ircad", ORGANS), data.parent)
    assert [p.name for p in first.image] == ["image_10", "image_2"]
    # in the order of the labels, and nothing of other organs: their edits rerun nothing
    assert [p.parent.name for p in first.mask] == ["liver", "leftkidney"]
    assert [p.name for p in (*second.image, *second.mask)] == [
        "PATIENT_DICOM.zip",
        "MASKS_DICOM.zip",
    ]
    assert first.needs_conversion
    assert second.needs_conversion


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda f: (f / "PATIENT_DICOM.zip").touch(), ["two candidates", "PATIENT_DICOM.zip"]),
        (lambda f: shutil.rmtree(f / "MASKS_DICOM"), ["image without mask", "PATIENT_DICOM"]),
        (lambda f: shutil.rmtree(f / "MASKS_DICOM/leftkidney"), ["leftkidney", "liver"]),
        (lambda f: (f / "PATIENT_DICOM/image_1").unlink(), ["PATIENT_DICOM", "empty"]),
        (lambda f: (f / "MASKS_DICOM/liver/image_1").unlink(), ["liver", "empty"]),
    ],
)
def test_ircad_faults(data, refused, change, parts):
    folder = data / "3Dircadb1.1"
    touch(folder, "PATIENT_DICOM/image_1", "MASKS_DICOM/liver/image_1")
    touch(folder, "MASKS_DICOM/leftkidney/image_1")
    change(folder)
    message = refused(find_cases, dataset("ircad", ORGANS), data.parent)
    for part in parts:
        assert part in message


def test_excluding_a_case_helps_where_the_sentence_says_so(data, refused):
    for name in ("3Dircadb1.1", "3Dircadb1.2"):
        touch(data / name, "PATIENT_DICOM/image_1", "MASKS_DICOM/liver/image_1")
    touch(data / "3Dircadb1.1", "MASKS_DICOM/leftkidney/image_1")
    message = refused(find_cases, dataset("ircad", ORGANS), data.parent)
    assert "3Dircadb1.2" in message
    assert "exclude the case" in message
    assert list(found(data, dataset("ircad", ORGANS, exclude=["3Dircadb1.2"]))) == ["3Dircadb1.1"]
