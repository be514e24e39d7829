"""Images get the masks of their own names, whatever the order of listings."""

import re
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
    # names that differ in case, separators or zeros may be one patient's, and are refused
    names = {re.sub(r"[-_0]", "", name.lower()): name for name in names}.values()
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


def test_a_mask_without_image_is_refused(data, refused):
    touch(data / "raw", "p1_orig.nii.gz", "p1_liver.nii.gz", "p2_liver.nii.gz")
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert message.startswith(f"{data / 'raw/p2_liver.nii.gz'}: mask without image")


def test_an_image_without_mask_lacks_it_unless_names_are_wrong(data, refused):
    touch(data / "raw", "p1_orig.nii.gz", "p1_liver.nii.gz", "p2_orig.nii.gz")
    settings = dataset("pairs", **ONE_FOLDER)
    whole, bad = find_cases(settings, data.parent)
    assert not whole.lacks
    assert bad.lacks.startswith(f"{data / 'raw/p2_orig.nii.gz'}: image without mask; add the mask")
    touch(data / "raw", "p-2_liver.nii.gz")
    assert "p2_orig.nii.gz: image without mask" in refused(find_cases, settings, data.parent)


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


@pytest.mark.parametrize("there", [[], ["p2_ct.nii.gz", "p2_seg.nii.gz"]], ids=["empty", "others"])
def test_a_test_folder_without_any_case_is_refused(data, refused, there):
    """Its training cases would be trained on, and nobody tested on."""
    touch(data / "raw/train", "p1_orig.nii.gz", "p1_liver.nii.gz")
    (data / "raw/test").mkdir()
    touch(data / "raw/test", *there)
    message = refused(find_cases, dataset("pairs"), data.parent)
    assert message.startswith(f"{data / 'raw/test'}: no case found in the test folder")
    assert "or set dataset.pairs.test to null" in message


def pairs(**keys):
    """The layout with patterns of paths."""
    return dataset("pairs", pairs=keys)


ARRANGED = {
    "a folder a case": (
        pairs(image="*/imaging.nii.gz", mask="*/segmentation.nii.gz"),
        ["case_1/imaging.nii.gz", "case_1/segmentation.nii.gz", "case_1/notes.txt"],
        {"case_1": ("case_1/imaging.nii.gz", "case_1/segmentation.nii.gz")},
    ),
    "the case in folder and file": (
        pairs(image="{case}/{case}.nii.gz", mask="{case}/GT.nii.gz"),
        ["p1/p1.nii.gz", "p1/GT.nii.gz", "p1/other.nii.gz"],
        {"p1": ("p1/p1.nii.gz", "p1/GT.nii.gz")},
    ),
    "images and masks in folders": (
        pairs(image="img/img{case}.nii.gz", mask="label/label{case}.nii.gz"),
        ["img/img0001.nii.gz", "label/label0001.nii.gz"],
        {"0001": ("img/img0001.nii.gz", "label/label0001.nii.gz")},
    ),
    "an image pattern that fits the masks": (
        pairs(image="*.mhd", mask="*_segmentation.mhd", train=None, test=None),
        ["c0.mhd", "c0.raw", "c0_segmentation.mhd", "c0_segmentation.raw"],
        {"c0": ("c0.mhd", "c0_segmentation.mhd")},
    ),
    "a mask pattern that fits the images": (
        pairs(image="*_ct.nii.gz", mask="*.nii.gz", train=None, test=None),
        ["c0_ct.nii.gz", "c0.nii.gz"],
        {"c0": ("c0_ct.nii.gz", "c0.nii.gz")},
    ),
    "frames of patients": (
        pairs(
            image="{patient}/{patient}_frame{frame}.nii.gz",
            mask="{patient}/{patient}_frame{frame}_gt.nii.gz",
        ),
        ["p1/p1_4d.nii.gz", "p1/p1_frame01.nii.gz", "p1/p1_frame01_gt.nii.gz"],
        {"p1_01": ("p1/p1_frame01.nii.gz", "p1/p1_frame01_gt.nii.gz")},
    ),
    "cases of patients": (
        pairs(image="{patient}/{case}/ct.nii.gz", mask="{patient}/{case}/seg.nii.gz"),
        ["p1/day1/ct.nii.gz", "p1/day1/seg.nii.gz", "p2/day1/ct.nii.gz", "p2/day1/seg.nii.gz"],
        {
            "p1_day1": ("p1/day1/ct.nii.gz", "p1/day1/seg.nii.gz"),
            "p2_day1": ("p2/day1/ct.nii.gz", "p2/day1/seg.nii.gz"),
        },
    ),
    "masks that tell the case alone": (
        pairs(image="{patient}/{case}.nii.gz", mask="labels/{case}_seg.nii.gz"),
        ["p1/p1_a.nii.gz", "labels/p1_a_seg.nii.gz"],
        {"p1_a": ("p1/p1_a.nii.gz", "labels/p1_a_seg.nii.gz")},
    ),
}


@pytest.mark.parametrize(("settings", "files", "cases"), ARRANGED.values(), ids=ARRANGED)
def test_patterns_of_paths_find_images_and_masks(data, settings, files, cases):
    touch(data, *files, "._c0.mhd", ".DS_Store")
    assert found(data, settings) == {name: (*both, None) for name, both in cases.items()}


def test_the_path_tells_the_patient_and_what_files_are_called(data):
    files = [f"{p}/{d}/{f}.nii.gz" for p in ("p1", "p2") for d in "ab" for f in ("ct", "seg")]
    touch(data, *files)
    settings = pairs(image="{patient}/{case}/ct.nii.gz", mask="{patient}/{case}/seg.nii.gz")
    cases = find_cases(settings, data.parent)
    assert [case.patient for case in cases] == ["p1", "p1", "p2", "p2"]
    assert not any(case.guessed for case in cases)
    assert dict(cases[0].named) == {"image": "p1/a/ct.nii.gz", "mask": "p1/a/seg.nii.gz"}


def test_a_folder_that_fits_is_a_series(data):
    touch(data, "1/DICOM/i2.dcm", "1/DICOM/i1.dcm", "1/mask.nii.gz")
    settings = pairs(image="{case}/DICOM", mask="{case}/mask.nii.gz")
    (case,) = find_cases(settings, data.parent)
    assert [path.name for path in case.image] == ["i1.dcm", "i2.dcm"]
    assert case.needs_conversion


def test_subsets_have_folders_there_as_well(data):
    files = [f"{s}/{c}/{f}.nii.gz" for s, c in (("tr", "a"), ("te", "b")) for f in ("ct", "seg")]
    touch(data, *files)
    keys = {"image": "*/ct.nii.gz", "mask": "*/seg.nii.gz", "train": "tr", "test": "te"}
    cases = found(data, pairs(**keys))
    assert {name: subset for name, (_, _, subset) in cases.items()} == {"a": "train", "b": "test"}


STRUCTURES = {"liver": "*/seg/liver.nii.gz", "kidneys": ["*/seg/left.nii.gz", "*/seg/right.nii.gz"]}


def structured(**keys):
    return dataset(
        "pairs",
        labels={"liver": 3, "kidneys": 1},
        pairs={"image": "*/ct.nii.gz", "masks": STRUCTURES},
        **keys,
    )


def test_each_label_may_have_files_of_its_own(data):
    touch(data, *(f"s1/{f}.nii.gz" for f in ("ct", "seg/liver", "seg/left", "seg/right", "seg/x")))
    (case,) = find_cases(structured(), data.parent)
    assert case.structures == (("liver", 1), ("kidneys", 1), ("kidneys", 1))
    assert [path.name for path in case.mask] == ["liver.nii.gz", "left.nii.gz", "right.nii.gz"]
    assert case.needs_conversion


def test_a_case_lacks_a_structure_that_is_not_there_or_is_excluded(data, refused):
    for case in ("s1", "s2"):
        touch(data, *(f"{case}/{f}.nii.gz" for f in ("ct", "seg/liver", "seg/left", "seg/right")))
    (data / "s2/seg/left.nii.gz").unlink()
    whole, bad = find_cases(structured(), data.parent)
    assert not whole.lacks
    assert bad.lacks.startswith("case s2: it has no mask of the label kidneys (pattern */seg/left")
    assert list(found(data, structured(exclude=["s2"]))) == ["s1"]
    (data / "s1/seg/right.nii.gz").unlink()
    assert "case s1: it has no mask" in refused(find_cases, structured(), data.parent)


def test_a_structure_of_no_image_is_refused(data, refused):
    touch(data, *(f"s1/{f}.nii.gz" for f in ("ct", "seg/liver", "seg/left", "seg/right")))
    touch(data, "s2/seg/liver.nii.gz")
    message = refused(find_cases, structured(), data.parent)
    assert message.startswith(f"{data}/s2/seg/liver.nii.gz: mask without image")


def test_a_case_without_mask_may_be_excluded(data):
    touch(data, "a/ct.nii.gz", "a/seg.nii.gz", "b/ct.nii.gz")
    keys = {"pairs": {"image": "*/ct.nii.gz", "mask": "*/seg.nii.gz"}}
    _, bad = find_cases(dataset("pairs", **keys), data.parent)
    assert "b/ct.nii.gz: image without mask" in bad.lacks
    assert list(found(data, dataset("pairs", exclude=["b"], **keys))) == ["a"]


def test_a_mask_of_two_cases_is_refused(data, refused):
    touch(data, "p1/a.nii.gz", "p1/b.nii.gz", "masks/p1.nii.gz")
    settings = pairs(image="{patient}/{case}.nii.gz", mask="masks/{patient}.nii.gz")
    message = refused(find_cases, settings, data.parent)
    assert "masks/p1.nii.gz: by the pattern masks/{patient}.nii.gz" in message
    assert "p1_a, p1_b" in message


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"pairs": {"mask": "{patient}/{case}.nii.gz"}}, "which the image pattern"),
        ({"pairs": {"mask": "*_x.nii", "masks": {"liver": "*_l.nii"}}}, "either mask or masks"),
        ({"pairs": {"masks": {"spleen": "*_s.nii"}}}, "pairs.masks gives files of each"),
        ({"pairs": {"masks": {"liver": "x.nii"}}}, "where the case's name is"),
        (
            {
                "pairs": {"image": "{patient}.nii", "mask": "{patient}_m.nii"},
                "patient_pattern": "(?P<patient>.)",
            },
            "both say whose a case is",
        ),
    ],
)
def test_patterns_that_contradict_are_refused(keys, why):
    with pytest.raises(ValueError, match=why):
        dataset("pairs", **keys)


CINE = {
    "image": "{patient}/{patient}_4d.nii.gz",
    "mask": "{patient}/{patient}_frame{frame}_gt.nii.gz",
}


def test_masks_of_frames_make_cases_of_a_4d_image(data):
    for patient, frames in (("p1", ("01", "12")), ("p2", ("01",))):
        touch(data, f"{patient}/{patient}_4d.nii.gz", f"{patient}/{patient}_frame01.nii.gz")
        touch(data, *(f"{patient}/{patient}_frame{frame}_gt.nii.gz" for frame in frames))
    cases = {case.name: case for case in find_cases(pairs(**CINE, first_frame=1), data.parent)}
    assert {name: case.frame for name, case in cases.items()} == {
        "p1_01": 0,
        "p1_12": 11,
        "p2_01": 0,
    }
    assert [case.patient for case in cases.values()] == ["p1", "p1", "p2"]
    assert all(case.needs_conversion for case in cases.values())
    assert dict(cases["p1_12"].named) == {
        "image": "p1/p1_4d.nii.gz (frame 11)",
        "mask": "p1/p1_frame12_gt.nii.gz",
    }
    counted = find_cases(pairs(**CINE, first_frame=0), data.parent)
    assert [case.frame for case in counted] == [1, 12, 1]


@pytest.mark.parametrize(
    ("files", "first", "says"),
    [
        (["p1/p1_4d.nii.gz", "p1/p1_frame00_gt.nii.gz"], 1, "its frame is '00'"),
        (["p1/p1_4d.nii.gz", "p1/p1_frameES_gt.nii.gz"], 0, "its frame is 'ES'"),
        (["p1/p1_frame01_gt.nii.gz"], 0, "mask without image"),
    ],
)
def test_frames_that_make_no_sense(data, refused, files, first, says):
    touch(data, "p2/p2_4d.nii.gz", "p2/p2_frame03_gt.nii.gz", *files)
    assert says in refused(find_cases, pairs(**CINE, first_frame=first), data.parent)


def test_a_4d_image_without_any_mask_lacks_it(data):
    touch(data, "p2/p2_4d.nii.gz", "p2/p2_frame03_gt.nii.gz", "p1/p1_4d.nii.gz")
    bad, whole = find_cases(pairs(**CINE, first_frame=0), data.parent)
    assert not whole.lacks
    assert "p1_4d.nii.gz: image without mask" in bad.lacks


@pytest.mark.parametrize("image", ["{case}_4d.nii.gz", "{case}_frame{frame}.nii.gz"])
def test_frames_of_a_case_are_of_one_patient(data, image):
    for case in ("p1_rest", "p1_stress", "p2_rest"):
        touch(data, f"{case}_4d.nii.gz")
        for frame in ("01", "12"):
            touch(data, f"{case}_frame{frame}.nii.gz", f"{case}_frame{frame}_gt.nii.gz")
    keys = {"image": image, "mask": "{case}_frame{frame}_gt.nii.gz", "train": "", "test": None}
    first = {"first_frame": 1} if "4d" in image else {}
    cases = find_cases(pairs(**keys, **first), data.parent)
    assert {case.name: case.patient for case in cases} == {
        f"{case}_{frame}": case
        for case in ("p1_rest", "p1_stress", "p2_rest")
        for frame in ("01", "12")
    }
    # that the two files of p1 are one's may still be looked for
    assert all(case.guessed for case in cases)


def test_frames_that_are_files_are_no_frames_of_a_4d_image(data):
    touch(data, "p1/p1_frame01.nii.gz", "p1/p1_frame01_gt.nii.gz")
    files = pairs(**CINE | {"image": "{patient}/{patient}_frame{frame}.nii.gz"})
    assert [case.frame for case in find_cases(files, data.parent)] == [None]


def test_a_folder_of_pictures_is_the_mask_of_a_series(data):
    for k in range(3):
        touch(data, f"MR/7/T1/DICOM_anon/IMG-{k}.dcm", f"MR/7/T1/Ground/IMG-{k}.png")
    touch(data, "MR/7/T1/Ground/Thumbs.db")
    chaos = pairs(image="MR/{case}/T1/DICOM_anon", mask="MR/{case}/T1/Ground")
    (case,) = find_cases(chaos, data.parent)
    assert [path.name for path in case.mask] == [f"IMG-{k}.png" for k in range(3)]
    assert case.needs_conversion
