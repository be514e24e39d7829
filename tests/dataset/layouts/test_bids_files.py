"""Which mask was drawn on which image."""

import pytest

from slicewise.dataset.layouts.bids_files import image_of, in_space_of, places_of, volumes_of
from tests.layouts import touch


def volume(data, name, folder="anat"):
    touch(data, f"sub-1/{folder}/{name}.nii.gz")
    return next(one for one in volumes_of(data) if one.path.name == f"{name}.nii.gz")


def test_places_are_folders_of_subjects(data):
    touch(data, "sub-1/a", "derivatives/x/sub-1/a", "derivatives/y/z/sub-1/a", "derivatives/q/a")
    assert set(places_of(data)) == {"raw", "x", "y/z"}


def test_only_volumes_with_names_of_the_standard_count(data):
    volume(data, "sub-1_T1w")
    touch(
        data,
        "sub-1/anat/sub-1_T1w.json",
        "sub-1/anat/brain.nii.gz",
        "sub-1/anat/._sub-1_T1w.nii.gz",
    )
    touch(data, "sourcedata/sub-1/anat/sub-1_T1w.nii.gz")
    assert [one.name for one in volumes_of(data)] == ["sub-1"]


@pytest.mark.parametrize(
    ("images", "mask", "wanted"),
    [
        (["sub-1_T1w", "sub-1_run-2_T1w"], "sub-1_dseg", "sub-1_T1w"),
        (["sub-1_T1w", "sub-1_run-2_T1w"], "sub-1_run-2_desc-x_dseg", "sub-1_run-2_T1w"),
        (["sub-1_run-2_T1w"], "sub-1_dseg", "sub-1_run-2_T1w"),
        (["sub-1_run-2_T1w"], "sub-1_run-1_dseg", None),
        (["sub-1_T1w"], "sub-1_run-1_dseg", None),
        (["sub-1_T1w"], "sub-1_mod-FLAIR_mask", None),
        (["sub-1_T1w", "sub-1_FLAIR"], "sub-1_mod-FLAIR_mask", "sub-1_FLAIR"),
        (["sub-1_space-A_T1w", "sub-1_space-B_T1w"], "sub-1_space-B_dseg", "sub-1_space-B_T1w"),
    ],
)
def test_a_mask_is_of_the_image_whose_entities_it_has(data, images, mask, wanted):
    there = [volume(data, name) for name in images]
    image = image_of(volume(data, mask), there)
    assert (image and image.path.name) == (wanted and f"{wanted}.nii.gz")


@pytest.mark.parametrize(
    ("image", "mask", "same"),
    [
        ("sub-1_T1w", "sub-1_dseg", True),
        ("sub-1_T1w", "sub-1_space-orig_dseg", True),
        ("sub-1_T1w", "sub-1_space-T1w_dseg", True),
        ("sub-1_FLAIR", "sub-1_space-T1w_dseg", False),
        ("sub-1_T1w", "sub-1_space-MNI_dseg", False),
        ("sub-1_space-MNI_T1w", "sub-1_space-MNI_dseg", True),
        ("sub-1_space-MNI_T1w", "sub-1_dseg", False),
    ],
)
def test_a_space_is_the_images_own_or_another(data, image, mask, same):
    assert in_space_of(volume(data, image), volume(data, mask)) is same
