"""Images of one channel, and masks by their names."""

from pathlib import Path

import pytest

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, found, touch


def test_nnunet_strips_the_channel_and_keeps_its_test_folder(data):
    touch(data, "imagesTr/a_1_0000.nii.gz", "labelsTr/a_1.nii.gz", "imagesTr/readme.txt")
    assert found(data, dataset("nnunet")) == {
        "a_1": ("imagesTr/a_1_0000.nii.gz", "labelsTr/a_1.nii.gz", None)
    }
    # images without labels are what nnU-Net predicts, not what one can test on
    touch(data, "imagesTs/b_0000.nii.gz")
    assert list(found(data, dataset("nnunet"))) == ["a_1"]
    # nor where somebody has made the folder, which is empty yet
    touch(data, "labelsTs/.DS_Store")
    assert [case[2] for case in found(data, dataset("nnunet")).values()] == [None]
    touch(data, "labelsTs/b.nii.gz")
    assert {name: case[2] for name, case in found(data, dataset("nnunet")).items()} == {
        "a_1": "train",
        "b": "test",
    }


@pytest.mark.parametrize("more", [[], ["imagesTs/.gitkeep", "labelsTs/.gitkeep"]])
def test_test_folders_without_any_case_leave_the_split_to_be_drawn(data, more):
    for folder in ("imagesTs", "labelsTs"):
        (data / folder).mkdir()
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", *more)
    assert [case[2] for case in found(data, dataset("nnunet")).values()] == [None]


def test_masks_that_cannot_be_told_leave_no_split_to_be_drawn(data, refused):
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    touch(data, "imagesTs/b_0000.nii.gz", "labelsTs/b.npz")
    assert "imagesTs/b_0000.nii.gz: image without" in refused(
        find_cases, dataset("nnunet"), data.parent
    )


def test_an_image_without_a_mask_lacks_it(data):
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTr/b_0000.nii.gz")
    whole, bad = find_cases(dataset("nnunet"), data.parent)
    assert not whole.lacks
    assert "imagesTr/b_0000.nii.gz: image without mask" in bad.lacks
    assert not bad.needs_conversion


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ("imagesTr/a_0001.nii.gz", "images of one channel"),
        ("imagesTr/b.nii.gz", "images of one channel"),
        ("imagesTr/a_0000.nii", "two candidates"),
        ("labelsTr/a.nrrd", "two candidates"),
        ("labelsTr/b.nii.gz", "mask without image"),
    ],
)
def test_nnunet_faults(data, refused, more, part):
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", more)
    message = refused(find_cases, dataset("nnunet"), data.parent)
    assert part in message
    assert Path(more).name in message
