"""All settings of a folder."""

import itertools
import json
import re
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.survey import organs, proposal
from slicewise.survey.looking import Looker
from slicewise.survey.proposal import propose
from tests.imitated import BUILDERS, pair
from tests.layouts import entry


def values(said):
    return {one.path: one.value for one in said}


def test_blocks_stand_together_and_values_before_blocks(tmp_path):
    BUILDERS["SegTHOR"](tmp_path)
    said = propose(tmp_path, "x", "x").said
    paths = [one.path for one in said]
    assert len(set(paths)) == len(paths)
    blocks = [path[:-1] for path in paths]
    assert [b for n, b in enumerate(blocks) if b not in blocks[:n]] == list(dict.fromkeys(blocks))
    changes = sum(one != other for one, other in itertools.pairwise(blocks))
    assert changes == len(set(blocks)) - 1


def drawn_elsewhere(folder, cases, change):
    """Write pairs, of which some masks are on another grid."""
    for n in range(6):
        pair(folder / f"{n}_i.nii.gz", folder / f"{n}_m.nii.gz", n)
    for n in cases:
        path = folder / f"{n}_m.nii.gz"
        change(nib.load(path)).to_filename(path)


def shifted(mask):
    affine = mask.affine.copy()
    affine[:3, 3] += 0.6
    return nib.Nifti1Image(np.asarray(mask.dataobj), affine)


def finer(mask):
    array = np.asarray(mask.dataobj).repeat(3, axis=0)
    affine = mask.affine @ np.diag([1 / 3, 1, 1, 1])
    affine[:3, 3] -= mask.affine[:3, 0] / 4
    return nib.Nifti1Image(array, affine)


def unplaced(mask):
    """As MATLAB writes it: the size of the voxels, and not where they lie."""
    header = mask.header.copy()
    written = nib.Nifti1Image(np.asarray(mask.dataobj), None, header)
    written.set_sform(None, 0)
    written.set_qform(None, 0)
    return written


@pytest.mark.parametrize(
    ("change", "cases", "proposed"),
    [
        (finer, range(6), "resample"),
        # one is more likely of another image
        (finer, [2], "exact"),
        # drawn on the same voxels, most likely
        (shifted, range(6), "exact"),
        (unplaced, range(6), "exact"),
    ],
)
def test_masks_beside_the_voxels_of_their_images_are_asked_for(tmp_path, change, cases, proposed):
    drawn_elsewhere(tmp_path, cases, change)
    (masks,) = (one for one in propose(tmp_path, "x", "x").said if one.path[-1] == "masks")
    assert masks.value == proposed
    assert "in the right place" in masks.question
    assert {masks.value, *(other.value for other in masks.others)} == {"exact", "resample"}


def test_nothing_is_asked_of_masks_on_the_voxels_of_their_images(tmp_path):
    drawn_elsewhere(tmp_path, [], finer)
    assert ("dataset", "masks") not in values(propose(tmp_path, "x", "x").said)


@pytest.mark.parametrize(("name", "test"), [("BTCV", True), ("ACDC", False)])
def test_the_split_is_drawn_unless_folders_say_it(tmp_path, name, test):
    BUILDERS[name](tmp_path)
    assert (("split", "test") in values(propose(tmp_path, "x", "x").said)) == test


def test_a_name_that_is_no_text_is_refused(tmp_path):
    pair(tmp_path / "K\udcf6ln" / "p1.nii", tmp_path / "K\udcf6ln" / "p1_mask.nii", 1)
    with pytest.raises(SlicewiseError, match=r"^K\\xf6ln/p1.*: a name in it is no text in UTF-8; "):
        propose(tmp_path, "x", ".")


def test_nothing_is_written_into_the_data(tmp_path):
    BUILDERS["autoPET"](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    propose(tmp_path, "x", "x")
    assert sorted(tmp_path.rglob("*")) == before


def test_organs_in_the_body_are_named_after_it_however_slow_the_disk(tmp_path, monkeypatch):
    """Where masks share voxels, the later label has them: by name, the skin would hide all."""
    sizes = {"artery": 60.0, "liver": 1500.0, "skin": 9000.0}
    monkeypatch.setattr(organs, "cases_of", lambda root: ["without liver", "all"])
    without = {"artery": 60.0, "skin": 9000.0}
    monkeypatch.setattr(
        organs, "size_of", lambda case, organ: (sizes if case == "all" else without).get(organ)
    )
    image = tmp_path / "3Dircadb1.1" / "PATIENT_DICOM.zip"
    layout = SimpleNamespace(
        name="ircad", structures=sorted(sizes), cases=[SimpleNamespace(image=[image])]
    )
    late = Looker(tmp_path, patience=-1.0)
    assert late.is_late
    said = proposal._labels(layout, SimpleNamespace(root=tmp_path), late, None)
    assert [one.path[-1] for one in said] == ["skin", "liver", "artery"]


def lost_in_test(folder):
    for n in range(1, 13):
        scan = f"{'test' if n > 9 else 'train'}/p{n:02}_{'b' if n == 12 else 'a'}"
        pair(folder / f"{scan}_orig.nii.gz", folder / f"{scan}_liver.nii.gz", n)


def a_visit_of_few(folder):
    for n in range(9):
        for visit in ("baseline", "followup") if n % 3 == 0 else ("baseline",):
            place = folder / f"P{n:02}" / visit
            pair(place / "ct.nii.gz", place / "liver.nii.gz", n)


def two_annotators(folder):
    for n in range(1, 13):
        who = "AB" if n < 8 else "CD"
        pair(folder / f"images/p{n:02}.nii.gz", folder / f"masks/p{n:02}_seg_{who}.nii.gz", n)


def mixed_capitals(folder):
    for n in range(1, 9):
        image = f"{'Case' if n % 3 else 'CASE'}{n:02}.nii.gz"
        mask = f"{'case' if n % 2 else 'Case'}{n:02}_{'Seg' if n % 2 else 'seg'}.nii.gz"
        pair(folder / "Images" / image, folder / "Labels" / mask, n)


@pytest.mark.parametrize("make", [lost_in_test, a_visit_of_few, two_annotators, mixed_capitals])
def test_a_mask_that_no_case_has_is_named(tmp_path, make):
    """So that no scan is lost without a word, however its files are called."""
    make(tmp_path)
    made = propose(tmp_path, "x", "x")
    (line,) = [one for one in made.aside if "by its name no case has it" in one]
    named = int(re.search(r"another one: (\d+) mask", line)[1])
    cases = re.search(r"(\d+) (?:images|pairs)", " ".join(one.why for one in made.said))
    # a mask a scan
    assert int(cases[1]) + named == len([*tmp_path.rglob("*.nii.gz")]) / 2


def test_letters_are_compared_as_they_are_shown(tmp_path):
    """macOS parts an ü into u and its dots, and programs differ in which they write."""
    for n, name in enumerate(("Anna", "Bo", "Müller", "José")):
        parted = unicodedata.normalize("NFD", name)
        pair(tmp_path / f"{name}_ct.nii.gz", tmp_path / f"{parted}_seg.nii.gz", n)
    made = propose(tmp_path, "x", "x")
    assert len(made.table.splitlines()) == 5
    assert made.aside == ()


def test_a_folder_may_be_called_by_a_relative_path(tmp_path, monkeypatch):
    """Though a table of its cases has whole ones."""
    mixed_capitals(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    made = propose(Path("data"), "x", "x")
    assert made.table
    assert made.aside == propose(tmp_path / "data", "x", "x").aside


def test_masks_in_which_nothing_is_drawn_are_named(tmp_path):
    """A structure may be there in few of many scans."""
    for n in range(20):
        place = tmp_path / f"s{n:02}"
        pair(place / "ct.nii.gz", place / "segmentations/liver.nii.gz", n, values=(1, 1))
        liver = nib.load(place / "segmentations/liver.nii.gz")
        empty = nib.Nifti1Image(np.zeros(liver.shape, np.uint8), liver.affine)
        empty.to_filename(place / "segmentations/aorta.nii.gz")
    (line,) = propose(tmp_path, "x", "x").aside
    assert "nothing is drawn in those that were looked at: */segmentations/aorta.nii.gz" in line


@pytest.mark.parametrize("form", ["{}_{}", "{}_X_{}"])
def test_whose_scans_are_is_asked_where_some_people_have_one(tmp_path, form):
    scans = ("anna", 1), ("anna", 2), ("bert", 1), ("carla", 1), ("dora", 1), ("dora", 2)
    for n, scan in enumerate(scans):
        name = form.format(*scan)
        pair(tmp_path / f"{name}_ct.nii.gz", tmp_path / f"{name}_liver.nii.gz", n)
    found = propose(tmp_path, "x", "x")
    assert "patient" not in found.table.split("\n")[0]
    (asked,) = (one for one in found.said if one.path == ("dataset", "patient_pattern"))
    assert asked.question
    whose = [re.search(asked.value, form.format(*scan))["patient"] for scan in scans]
    assert len({*whose}) == 4


def test_the_split_is_drawn_where_all_lie_in_the_folder_of_training(tmp_path):
    for n, name in enumerate(("CHUM-1", "CHUM-2", "CHUS-1", "CHUS-2", "MDA-1")):
        pair(tmp_path / f"imagesTr/{name}__CT.nii.gz", tmp_path / f"labelsTr/{name}.nii.gz", n)
    found = propose(tmp_path, "x", "x")
    assert ("split", "test") in values(found.said)
    assert "subset" not in found.table


def test_a_test_folder_of_another_form_is_tested_on(tmp_path):
    for n in range(6):
        name = f"train/P{n}/T1/P{n}_T1" if n < 4 else f"test/P{n}/P{n}"
        pair(tmp_path / f"{name}_FLAIR.nii.gz", tmp_path / f"{name}_MASK.nii.gz", n, "mr")
    found = propose(tmp_path, "x", "x")
    assert ("split", "test") not in values(found.said)
    assert found.table.count("\ttest") == 2


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (["0", "1", "2"], ["3", "4", "5"], False),
        (["0", "1", "2"], ["0", "1", "2"], True),
        (["0", "1", "2"], ["7", "8"], True),
        (["pre", "post"], ["pre", "post"], False),
    ],
)
def test_words_that_may_be_places_are_named_where_they_are_taken_for_patients(
    tmp_path, first, second, said
):
    cases = [("Utrecht", each) for each in first] + [("Singapore", each) for each in second]
    for n, case in enumerate(cases):
        folder = tmp_path.joinpath(*case)
        pair(folder / "ct.nii.gz", folder / "seg.nii.gz", n)
    found = propose(tmp_path, "x", "x")
    assert any("Singapore, Utrecht; if these are places" in line for line in found.aside) == said


@pytest.mark.parametrize(
    ("first", "second", "subsets"),
    [
        ("trainset", "testset", {"train", "test"}),
        ("development", "hold-out", {"train", "test"}),
        ("Training", "Testdaten", {"train", "test"}),
        ("internal", "external", None),
        ("Task03_Liver", "Task09_Spleen", None),
        ("subset0", "subset1", {None}),
    ],
)
def test_folders_are_to_test_on_by_their_names_or_named_where_taken_together(
    tmp_path, first, second, subsets
):
    for n in range(8):
        place = tmp_path / (first if n < 5 else second)
        pair(place / "Bilder" / f"{n}.nii.gz", place / "Masken" / f"{n}.nii.gz", n)
    found = propose(tmp_path, "x", "x")
    together = [line for line in found.aside if line.startswith("Taken together")]
    if subsets is None:
        counted = ", ".join(
            f"{name} ({number} cases)" for name, number in sorted([(first, 5), (second, 3)])
        )
        assert together[0].startswith(f"Taken together, as one data set: {counted}; ")
    else:
        assert not together
        tested = ("dataset", "pairs", "test")
        assert values(found.said)[tested] == (second if "test" in subsets else None)


@pytest.mark.parametrize("named", [True, False])
def test_names_are_those_of_the_data_set_that_is_taken(tmp_path, named):
    """Another one in the same folder may give them the other way round."""
    for name, (one, other) in (("Dataset1", ("liver", "tumor")), ("Dataset2", ("tumor", "liver"))):
        for n in range(3):
            image = tmp_path / name / "imagesTr" / f"{n}_0000.nii.gz"
            pair(image, tmp_path / name / "labelsTr" / f"{n}.nii.gz", n)
        labels = f'{{"labels": {{"background": 0, "{one}": 1, "{other}": 2}}}}'
        if named or name == "Dataset2":
            (tmp_path / name / "dataset.json").write_text(labels)
    said = propose(tmp_path, "x", "x").said
    labels = [one for one in said if one.path[:2] == ("dataset", "labels")]
    names = ["liver", "tumor"] if named else ["label_1", "label_2"]
    assert [one.path[-1] for one in labels] == names
    assert not any(one.question for one in labels)


def decathlon(root, *, listed):
    """Write cases to train on and, with masks in labelsTs, others to test on."""
    for n in range(1, 8):
        kind = "Tr" if n < 5 else "Ts"
        pair(root / f"images{kind}/liver_{n}.nii.gz", root / f"labels{kind}/liver_{n}.nii.gz", n)
    lists = {
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "training": [entry(f"liver_{n}") for n in range(1, 5)],
        "test": [f"./imagesTs/liver_{n}.nii.gz" for n in range(5, 8) if listed],
    }
    (root / "dataset.json").write_text(json.dumps(lists))


@pytest.mark.parametrize("listed", [True, False])
def test_masks_of_a_given_test_set_are_tested_on(tmp_path, listed):
    """They were left out without a word, and patients of the others were tested on instead."""
    decathlon(tmp_path, listed=listed)
    made = propose(tmp_path, "x", "x")
    said = values(made.said)
    assert ("split", "test") not in said
    assert made.aside == ()
    if listed:
        assert said["dataset", "msd", "test"] == ["test"]
    else:
        assert sum(row.endswith("\ttest") for row in made.table.splitlines()) == 3
    assert (said["dataset", "labels", "liver"], said["dataset", "labels", "cancer"]) == (1, 2)


def test_masks_that_a_known_layout_does_not_find_are_named(tmp_path):
    decathlon(tmp_path, listed=False)
    (tmp_path / "imagesTs").rename(tmp_path.with_name("elsewhere"))
    made = propose(tmp_path, "x", "x")
    assert values(made.said)["dataset", "layout"] == "msd"
    (line,) = made.aside
    assert "layout msd finds no case of it: 3 masks, labelsTs/liver_5.nii.gz" in line
    assert line in made.head
    (why,) = (one.why for one in made.said if one.path == ("split", "test"))
    assert "as no folder says" not in why
    assert "labelsTs/liver_7.nii.gz are of no case" in why


def test_images_without_a_mask_are_left_out_of_known_layouts(tmp_path):
    BUILDERS["BIDS"](tmp_path / "bids")
    BUILDERS["nnUNet"](tmp_path / "nnunet")
    folder = tmp_path / "bids" / "derivatives" / "manual" / "sub-01" / "anat"
    (folder / "sub-01_desc-knee_dseg.nii.gz").unlink()
    (tmp_path / "nnunet" / "Dataset007_Organ" / "labelsTr" / "o_002.nii.gz").unlink()
    for name, case in (("bids", "sub-01"), ("nnunet", "o_002")):
        found = propose(tmp_path / name, "x", "x")
        excluded = next(one for one in found.said if one.path == ("dataset", "exclude"))
        assert excluded.value == [case]
        assert excluded.why == "1 image has no mask, or lacks one of them"


def test_archives_and_downloads_beside_are_named(tmp_path):
    for n in range(3):
        pair(tmp_path / f"p{n}" / "ct.nii.gz", tmp_path / f"p{n}" / "seg.nii.gz", n)
    for name in ("part2.zip", "part3.tar.gz", "p3/ct.nii.gz.crdownload"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    packed, unfinished = propose(tmp_path, "x", "x").aside
    assert packed.startswith("Not looked into: part2.zip, part3.tar.gz; where scans or masks")
    assert unfinished.startswith(
        "Left aside, as a download has not ended: p3/ct.nii.gz.crdownload; "
    )


@pytest.mark.parametrize("name", ["test-{}-{}.nii.gz", "Test/{}-{}.nii.gz"])
def test_masks_to_test_on_that_are_not_taken_are_not_denied(tmp_path, name):
    for n in range(4):
        pair(tmp_path / f"volume-{n}.nii.gz", tmp_path / f"segmentation-{n}.nii.gz", n)
    for n in range(2):
        image = tmp_path / name.format("volume", n)
        pair(image, tmp_path / name.format("segmentation", n), n + 4, values=(3, 3))
        if name.startswith("test"):
            image.unlink()
    (why,) = (one.why for one in propose(tmp_path, "x", "x").said if one.path == ("split", "test"))
    assert "though names may say who is tested on" in why


def test_data_sets_beside_the_one_that_is_taken_are_named(tmp_path):
    for name in ("Dataset1", "Dataset2"):
        for n in range(3):
            image = tmp_path / name / "imagesTr" / f"{n}_0000.nii.gz"
            pair(image, tmp_path / name / "labelsTr" / f"{n}.nii.gz", n)
    (line,) = propose(tmp_path, "x", "x").aside
    assert "Left aside, as a configuration is of one data set: Dataset2 (layout nnunet" in line
