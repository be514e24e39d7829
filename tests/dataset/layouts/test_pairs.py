"""Images get the masks of their own names, whatever the order of listings."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.dataset.finding import find_cases
from tests.layouts import ONE_FOLDER, dataset, found, touch


def test_pairs_are_made_by_name_and_the_folder_says_the_subset(data):
    touch(data / "raw/train", "p2_orig.nii.gz", "p2_liver.nii.gz", "p10_orig.nii.gz")
    touch(data / "raw/train", "p10_liver.nii.gz", "notes.txt")
    touch(data / "raw/test", "p1_orig.nii.gz", "p1_liver.nii.gz")
    assert found(data, dataset("pairs")) == {
        "p1": ("raw/test/p1_orig.nii.gz", "raw/test/p1_liver.nii.gz", "test"),
        "p10": ("raw/train/p10_orig.nii.gz", "raw/train/p10_liver.nii.gz", "train"),
        "p2": ("raw/train/p2_orig.nii.gz", "raw/train/p2_liver.nii.gz", "train"),
    }
    assert list(found(data, dataset("pairs"))) == ["p1", "p10", "p2"]


@settings(max_examples=30, deadline=None)
@given(st.sets(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,6}", fullmatch=True), min_size=1))
def test_no_image_ever_gets_the_mask_of_another(tmp_path_factory, names):
    # The original tutorial paired files by the order of listings, where `a10` < `a1_` < `a_`.
    names = {name.lower(): name for name in names}.values()
    data = tmp_path_factory.mktemp("pairs") / "data"
    for name in names:
        touch(data / "raw", f"{name}_orig.nii.gz", f"liver_of_{name}.nii.gz")
    pairs = {"train": "raw", "test": None, "mask": "liver_of_*.nii.gz"}
    cases = found(data, dataset("pairs", pairs=pairs))
    shutil.rmtree(data)
    assert list(cases) == sorted(names)
    for name, (image, mask, subset) in cases.items():
        assert (image, mask) == (f"raw/{name}_orig.nii.gz", f"raw/liver_of_{name}.nii.gz")
        assert subset is None


@pytest.mark.parametrize(
    ("present", "missing"), [("orig", "image without mask"), ("liver", "mask without image")]
)
def test_what_has_no_partner_is_refused(data, refused, present, missing):
    touch(data / "raw", "p1_orig.nii.gz", "p1_liver.nii.gz", f"p2_{present}.nii.gz")
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert message.startswith(str(data / f"raw/p2_{present}.nii.gz"))
    assert missing in message


def test_many_without_a_partner_are_listed_briefly(data, refused):
    touch(data / "raw", *(f"p{k:03d}_orig.nii.gz" for k in range(40)))
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert "and 32 more" in message


def test_a_case_in_both_folders_is_refused(data, refused):
    for place in ("raw/train", "raw/test"):
        touch(data / place, "p1_orig.nii.gz", "p1_liver.nii.gz")
    message = refused(find_cases, dataset("pairs"), data.parent)
    assert "case p1: two candidates" in message


def test_a_folder_that_is_missing_is_named(data, refused):
    touch(data / "raw/train", "p1_orig.nii.gz", "p1_liver.nii.gz")
    assert str(data / "raw/test") in refused(find_cases, dataset("pairs"), data.parent)
