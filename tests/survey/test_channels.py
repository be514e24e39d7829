"""Channels of an image, by what shares masks and what a dataset.json names."""

import json

import nibabel as nib
import numpy as np
import pytest

from slicewise.survey.arrangement import arranged
from slicewise.survey.channels import (
    choices_of,
    described_channels,
    is_sequence,
    safe_channels,
    same_grid,
)
from slicewise.survey.kinds import kinds_of
from slicewise.survey.known import known_layouts
from slicewise.survey.layout import layout_of
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from slicewise.survey.pairing import pairings
from slicewise.volumes.header import Header
from tests.imitated import BUILDERS, SPACING, scan, write


def choices(root):
    looker = Looker(root)
    entries = list_folder(root).entries
    return choices_of(arranged(pairings(kinds_of(entries, channels=True), looker)), looker)


def build(root, *names, cases=5, **kinds):
    """Write cases with an image of each name and a mask that all share."""
    for n in range(cases):
        folder = root / f"p{n}"
        for k, name in enumerate(names):
            array, mask = scan(n, kinds.get(name, "mr"))
            write(folder / f"{name}.nii.gz", array + k)
        write(folder / "seg.nii.gz", mask)


def layout(root):
    return layout_of(list_folder(root), Looker(root), "data")


def settings(found):
    return {one.path[-1]: one.value for one in found.said}


def test_sequences_of_one_grid_are_channels_and_one_of_them_alone_is_the_other_way(tmp_path):
    build(tmp_path, "t1", "FLAIR")
    first, *others = choices(tmp_path)
    assert (first.image, first.channels) == ("{case}/{channel}.nii.gz", ("FLAIR", "t1"))
    assert [other.image for other in others] == ["{case}/FLAIR.nii.gz", "{case}/t1.nii.gz"]


def test_nobody_knows_of_other_names_so_one_image_comes_first(tmp_path):
    build(tmp_path, "raw", "denoised")
    assert [bool(choice.channels) for choice in choices(tmp_path)] == [False, True, False]


def test_one_image_comes_first_where_one_is_ct_and_another_is_not(tmp_path):
    build(tmp_path, "t1", "t2", t1="ct")
    first, second, *_ = choices(tmp_path)
    assert (first.image, second.channels) == ("{case}/t1.nii.gz", ("t1", "t2"))
    assert "intensity arbitrary" in second.when


def test_images_on_other_voxels_are_no_channels(tmp_path):
    build(tmp_path, "t1", "t2")
    for n in range(5):
        write(tmp_path / f"p{n}" / "flair.nii.gz", scan(n, "mr", (20, 20, 6))[0], (2.4, 2.1, 5.3))
    assert choices(tmp_path)[0].channels == ("t1", "t2")
    build(tmp_path / "b", "t1")
    for n in range(5):
        array, _ = scan(n, "mr")
        affine = np.diag([*SPACING, 1.0])
        affine[0, 3] = 3
        nib.Nifti1Image(array, affine).to_filename(tmp_path / "b" / f"p{n}" / "t2.nii.gz")
    assert not any(choice.channels for choice in choices(tmp_path / "b"))


def test_a_grid_is_the_same_however_it_is_stored():
    one = Header((4, 5, 6), np.diag([1.0, 2, 3, 1]), False)
    turned = np.array([[0, -1.0, 0, 3], [2, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
    assert same_grid(one, Header((5, 4, 6), turned, False))
    assert not same_grid(one, Header((4, 5, 6), np.diag([1.1, 2, 3, 1]), False))
    assert not same_grid(one, Header((4, 5, 6, 2), np.diag([1.0, 2, 3, 1]), False))


def test_a_case_without_a_channel_is_left_out_and_may_be_taken_with_an_empty_one(tmp_path):
    build(tmp_path, "t1", "t2", cases=6)
    (tmp_path / "p1" / "t2.nii.gz").unlink()
    (tmp_path / "p5" / "seg.nii.gz").unlink()
    found = layout(tmp_path)
    said = settings(found)
    assert (said["channels"], said["exclude"]) == (["t1", "t2"], ["p1", "p5"])
    assert [case.name for case in found.cases] == ["p0", "p2", "p3", "p4"]
    (missing,) = [one for one in found.said if one.path[-1] == "missing_channels"]
    assert (missing.value, [other.value for other in missing.others]) == ("refuse", ["zero"])
    assert "['p5']" in missing.others[0].when


def test_what_few_cases_have_is_no_channel(tmp_path):
    build(tmp_path, "t1", "t2", cases=6)
    for n in (1, 2):
        (tmp_path / f"p{n}" / "t2.nii.gz").unlink()
    found = layout(tmp_path)
    assert "channels" not in settings(found)
    assert len(found.cases) == 6


def test_one_image_is_taken_with_the_cases_that_have_it(tmp_path):
    build(tmp_path, "raw", "smooth", cases=6)
    (tmp_path / "p1" / "smooth.nii.gz").unlink()
    found = layout(tmp_path)
    assert len(found.cases) == 6
    listing = list_folder(tmp_path)
    image = next(one for one in found.said if one.path[-1] == "image").others[0].value
    other = layout_of(listing, Looker(tmp_path), "data", image)
    assert settings(other)["channels"] == ["raw", "smooth"]
    assert settings(other)["exclude"] == ["p1"]


def test_channels_of_several_folders_of_cases(tmp_path):
    BUILDERS["BraTS"](tmp_path / "HGG")
    BUILDERS["BraTS"](tmp_path / "LGG")
    for path in sorted((tmp_path / "LGG").rglob("*.nii.gz")):
        place = tmp_path / "LGG" / path.parent.name.replace("_00", "_01")
        place.mkdir(exist_ok=True)
        path.rename(place / path.name.replace("_00", "_01"))
    found = layout(tmp_path)
    assert settings(found)["image"] == "*/{case}/{case}_{channel}.nii.gz"
    assert len(found.cases) == 10
    assert found.channels == 4


def test_channels_in_folders_of_their_own_get_a_map_or_a_pattern(tmp_path):
    for n in range(5):
        array, mask = scan(n, "mr")
        write(tmp_path / "FLAIR" / f"{n}_FLAIR.nii.gz", array)
        write(tmp_path / "T1" / f"{n}.nii.gz", array + 7)
        write(tmp_path / "masks" / f"{n}.nii.gz", mask)
    found = layout(tmp_path)
    assert settings(found)["image"] == {
        "FLAIR": "FLAIR/{case}_FLAIR.nii.gz",
        "T1": "T1/{case}.nii.gz",
    }
    assert len(found.cases) == 5


@pytest.mark.parametrize(
    ("names", "safe"),
    [
        (["T2", "ADC"], ("T2", "ADC")),
        (["T2 (b=0)", "t2 (B=0)"], ("T2_b_0", "t2_B_0_2")),
        (["0", "äöü"], ("channel_0", "channel_1")),
        (["MR"], ("channel_0", "channel_1")),
    ],
)
def test_names_of_channels_are_safe_and_each_is_there_once(tmp_path, names, safe):
    BUILDERS["nnUNet_channels"](tmp_path)
    described = json.loads((tmp_path / "dataset.json").read_text())
    described["channel_names"] = {str(n): name for n, name in enumerate(names)}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    listing = list_folder(tmp_path)
    (known,) = known_layouts(listing)
    assert described_channels(known, listing, Looker(tmp_path)).names == safe


def test_several_modalities_of_images_of_three_dimensions_are_no_channels(tmp_path):
    BUILDERS["AMOS"](tmp_path)
    described = json.loads((tmp_path / "dataset.json").read_text())
    described["modality"] = {"0": "CT", "1": "MR"}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    listing = list_folder(tmp_path)
    assert not described_channels(known_layouts(listing)[0], listing, Looker(tmp_path)).names
    assert layout(tmp_path).channels == 1


def test_names_that_are_sequences():
    names = ["t1ce", "T2w", "FLAIR", "t1-weighted", "3D T1", "T2_tse_tra", "t1c", "t2f", "ADC"]
    assert all(map(is_sequence, names))
    assert not any(map(is_sequence, ["CT", "raw", "", "SUV", "12", "portal", "tse"]))


def test_safe_names_are_never_empty():
    assert safe_channels(["", "-", "a", "A", "7"]) == [
        *("channel_0", "channel_1", "a", "A_2", "channel_7"),
    ]
