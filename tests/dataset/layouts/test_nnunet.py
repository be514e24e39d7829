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
    touch(data, "labelsTs/b.nii.gz")
    assert {name: case[2] for name, case in found(data, dataset("nnunet")).items()} == {
        "a_1": "train",
        "b": "test",
    }


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
