"""Choices of images and masks of a BIDS data set."""

from slicewise.survey.bids import blocks_of, root_of
from slicewise.survey.layout import layout_of
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from tests.imitated import bids, pair, scan, write
from tests.layouts import touch


def test_a_data_set_is_found_below_the_folder(tmp_path):
    touch(tmp_path, "a/sub-01/anat/sub-01_T1w.nii", "a/derivatives/m/sub-01/anat/sub-01_dseg.nii")
    assert root_of(list_folder(tmp_path)) == "a"
    assert root_of(list_folder(tmp_path / "a")) == ""
    assert root_of(list_folder(tmp_path / "a" / "sub-01")) is None


def test_subjects_in_a_folder_each_are_no_data_set_of_one(tmp_path):
    for n in (1, 2, 3):
        touch(tmp_path, f"R{n}/sub-{n}/anat/sub-{n}_T1w.nii", f"R{n}/sub-{n}/anat/sub-{n}_mask.nii")
    assert root_of(list_folder(tmp_path)) is None
    assert root_of(list_folder(tmp_path / "R1")) == ""


def test_choices_are_all_of_those_that_there_are(tmp_path):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii", "sub-1/anat/sub-1_T2w.nii")
    touch(tmp_path, "sub-1/func/sub-1_bold.nii", "derivatives/a/sub-1/sub-1_desc-x_dseg.nii")
    touch(tmp_path, "derivatives/b/sub-1/sub-1_label-y_mask.nii")
    blocks = list(blocks_of(list_folder(tmp_path), ""))
    assert blocks[0] == ({}, {"y": 1})
    assert blocks[1] == ({}, {})
    assert ({"image": "T2w", "mask_from": "a", "mask": "desc-x_dseg"}, {}) in blocks
    assert not [block for block, _ in blocks if block.get("image") == "bold"]


def test_the_images_on_whose_voxels_the_masks_lie_are_taken(tmp_path):
    bids(tmp_path)
    for path in tmp_path.glob("sub-*/anat/*_T2w.nii.gz"):
        first = path.with_name(path.name.replace("T2w", "T1w"))
        first.rename(path.with_name("x"))
        path.rename(first)
        path.with_name("x").rename(path)
    found = layout_of(list_folder(tmp_path), Looker(tmp_path), "x")
    assert {one.path: one.value for one in found.said}["dataset", "bids", "image"] == "T2w"


def test_what_only_looks_like_it_is_paired_by_its_paths(tmp_path):
    for n in range(3):
        folder = tmp_path / f"sub-{n}"
        pair(folder / "scan.nii.gz", folder / "drawn.nii.gz", n)
    assert layout_of(list_folder(tmp_path), Looker(tmp_path), "x").name == "pairs"
    write(tmp_path / "sub-9" / "scan.nii.gz", scan(9)[0])
    assert layout_of(list_folder(tmp_path), Looker(tmp_path), "x").name == "pairs"
