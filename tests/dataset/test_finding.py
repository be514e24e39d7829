"""Layouts: cases follow from file names alone, and what does not pair up is refused."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Dataset
from slicewise.dataset.layouts import find_cases


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def dataset(layout: str, labels=None, **keys) -> Dataset:
    keys = {"name": "x", "root": "data", "labels": labels or {"liver": 1}, **keys}
    return Dataset(layout=layout, **keys)


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def found(data: Path, settings: Dataset) -> dict[str, tuple]:
    """Image, mask and subset of each case, relative to the data."""
    return {
        case.name: (
            *(str(files[0].relative_to(data)) for files in (case.image, case.mask)),
            case.subset,
        )
        for case in find_cases(settings, data.parent)
    }


ONE_FOLDER = {"pairs": {"train": "raw", "test": None}}

# --- pairs ---------------------------------------------------------------------------------


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


def test_names_that_differ_in_case_only_are_refused(data, refused):
    # macOS and Windows would write the results of one over those of the other
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in ("p1", "P1") for kind in ("orig", "liver")))
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert "p1_orig.nii.gz" in message
    assert "P1_orig.nii.gz" in message


@pytest.mark.parametrize(
    "name", ["with space", "née", "a;b", "$(x)", "-dash", ".hidden", "{w}", "a'b"]
)
def test_unsafe_names_are_refused(data, refused, name):
    touch(data / "raw", f"{name}_orig.nii.gz", f"{name}_liver.nii.gz")
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert repr(name) in message
    assert "layout: table" in message


def test_a_folder_that_is_missing_is_named(data, refused):
    touch(data / "raw/train", "p1_orig.nii.gz", "p1_liver.nii.gz")
    assert str(data / "raw/test") in refused(find_cases, dataset("pairs"), data.parent)


@pytest.mark.parametrize("layout", ["pairs", "ircad", "nnunet"])
def test_an_empty_folder_is_no_data_set(data, refused, layout):
    (data / "raw").mkdir()
    labels = {"liver": "liver"} if layout == "ircad" else None
    keys = ONE_FOLDER if layout == "pairs" else {}
    message = refused(find_cases, dataset(layout, labels, **keys), data.parent)
    assert str(data) in message
    assert "no case found" in message


def test_no_data_at_the_root_names_the_way_out(tmp_path, refused):
    message = refused(find_cases, dataset("pairs", root="nowhere"), tmp_path)
    assert message.startswith(str(tmp_path / "nowhere"))
    assert "SLICEWISE_DATA" in message
    assert "dataset.root" in message


# --- exclude and patients ------------------------------------------------------------------


def test_excluded_cases_are_left_out(data, refused):
    touch(data / "raw", *(f"p{k}_{kind}.nii.gz" for k in "123" for kind in ("orig", "liver")))
    assert list(found(data, dataset("pairs", exclude=["p2"], **ONE_FOLDER))) == ["p1", "p3"]
    message = refused(find_cases, dataset("pairs", exclude=["p9"], **ONE_FOLDER), data.parent)
    assert message.startswith("dataset.exclude: no case is called p9")
    nobody = dataset("pairs", exclude=["p1", "p2", "p3"], **ONE_FOLDER)
    assert "leaves no case" in refused(find_cases, nobody, data.parent)


def test_a_pattern_says_whose_a_volume_is(data, refused):
    names = ["p1-ct1", "p1-ct2", "p2-ct1"]
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in names for kind in ("orig", "liver")))
    pattern = "^(?P<patient>p[0-9]+)-"
    cases = find_cases(dataset("pairs", patient_pattern=pattern, **ONE_FOLDER), data.parent)
    assert [case.patient for case in cases] == ["p1", "p1", "p2"]
    cases = find_cases(dataset("pairs", **ONE_FOLDER), data.parent)
    assert [case.patient for case in cases] == names
    settings = dataset("pairs", patient_pattern="^(?P<patient>q[0-9]+)-", **ONE_FOLDER)
    assert "dataset.patient_pattern" in refused(find_cases, settings, data.parent)


def test_a_pattern_whose_group_is_empty_or_missing_is_refused(data, refused):
    touch(
        data / "raw", *(f"{n}_{kind}.nii.gz" for n in ("p1-a", "b") for kind in ("orig", "liver"))
    )
    for pattern in ("^(?P<patient>p[0-9]*)?", "^(?P<patient>p?)", "(?P<patient>p)|b"):
        settings = dataset("pairs", patient_pattern=pattern, **ONE_FOLDER)
        message = refused(find_cases, settings, data.parent)
        assert "dataset.patient_pattern" in message
        assert "'b'" in message


def test_patients_that_differ_in_spelling_only_are_refused_in_every_layout(data, refused):
    names = ["p1", "p01", "q2"]
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in names for kind in ("orig", "liver")))
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert "'p01' (case p01) and 'p1' (case p1) differ in leading zeros only" in message
    assert "dataset.different_patients, as [[p01, p1]]" in message
    for known in ([["p1", "p01"]], "all"):
        settings = dataset("pairs", different_patients=known, **ONE_FOLDER)
        assert len(find_cases(settings, data.parent)) == 3
    wrong = dataset("pairs", different_patients=[["p1", "p2"]], **ONE_FOLDER)
    assert "no patient is called p2" in refused(find_cases, wrong, data.parent)
    # one that is left out stands in no one's way, and may still be named
    for known in ([], [["p1", "p01"]]):
        left = dataset("pairs", exclude=["p01"], different_patients=known, **ONE_FOLDER)
        assert len(find_cases(left, data.parent)) == 2


def test_patients_of_a_pattern_that_differ_in_spelling_only_are_refused(data, refused):
    names = ["P1-a", "p1-b"]
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in names for kind in ("orig", "liver")))
    settings = dataset("pairs", patient_pattern="^(?P<patient>[Pp][0-9]+)", **ONE_FOLDER)
    assert "upper and lower case" in refused(find_cases, settings, data.parent)


def test_only_a_case_of_which_nothing_says_whose_it_is_is_guessed(data):
    touch(data / "raw", *(f"p1_{kind}.nii.gz" for kind in ("orig", "liver")))
    for keys, guessed in (({}, True), ({"patient_pattern": None}, False)):
        (case,) = find_cases(dataset("pairs", **keys, **ONE_FOLDER), data.parent)
        assert case.guessed == guessed


# --- ircad ---------------------------------------------------------------------------------

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


# --- msd and nnunet ------------------------------------------------------------------------


def describe(data: Path, entries) -> None:
    (data / "dataset.json").write_text(json.dumps({"training": entries}))


def entry(name: str) -> dict:
    return {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}


def test_msd_takes_what_the_description_lists(data):
    names = ["liver_10", "liver_2", "liver_3"]
    touch(data, *(f"{d}/{n}.nii.gz" for n in names for d in ("imagesTr", "labelsTr")))
    touch(data, "imagesTr/._liver_2.nii.gz", "imagesTs/liver_4.nii.gz")
    describe(data, [entry("liver_2"), entry("liver_10")])
    assert found(data, dataset("msd")) == {
        "liver_10": ("imagesTr/liver_10.nii.gz", "labelsTr/liver_10.nii.gz", None),
        "liver_2": ("imagesTr/liver_2.nii.gz", "labelsTr/liver_2.nii.gz", None),
    }


def test_msd_faults(data, refused):
    assert "dataset.json" in refused(find_cases, dataset("msd"), data.parent)
    describe(data, [entry("liver_1")])
    message = refused(find_cases, dataset("msd"), data.parent)
    assert "imagesTr/liver_1.nii.gz" in message
    for wrong in ([{"image": "a"}], ["a.nii.gz"], 3):
        describe(data, wrong)
        assert "Decathlon" in refused(find_cases, dataset("msd"), data.parent)
    (data / "dataset.json").write_text("{not json")
    assert "dataset.json" in refused(find_cases, dataset("msd"), data.parent)
    (data / "dataset.json").write_text("[1]")
    assert "Decathlon" in refused(find_cases, dataset("msd"), data.parent)


def test_labels_are_those_of_the_description(data, refused):
    touch(data, "imagesTr/a_0000.nii.gz", "imagesTr/a.nii.gz", "labelsTr/a.nii.gz")
    described = {"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}}
    entries = {"training": [entry("a")]}
    (data / "dataset.json").write_text(json.dumps({**described, **entries}))
    swapped = {"anterior": 2, "posterior": 1}
    assert "dataset.labels" in refused(find_cases, dataset("msd", swapped), data.parent)
    assert len(find_cases(dataset("msd", {"anterior": 1, "posterior": 2}), data.parent)) == 1
    (data / "imagesTr/a.nii.gz").unlink()
    (data / "dataset.json").write_text(json.dumps({"labels": {"anterior": 1, "posterior": 2}}))
    assert "dataset.labels" in refused(find_cases, dataset("nnunet", swapped), data.parent)
    (data / "dataset.json").unlink()
    assert len(find_cases(dataset("nnunet", swapped), data.parent)) == 1


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


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ("imagesTr/a_0001.nii.gz", "only one channel"),
        ("imagesTr/b.nii.gz", "only one channel"),
        ("imagesTr/a_0000.nii", "two candidates"),
        ("labelsTr/a.nrrd", "two candidates"),
        ("imagesTr/b_0000.nii.gz", "image without mask"),
        ("labelsTr/b.nii.gz", "mask without image"),
    ],
)
def test_nnunet_faults(data, refused, more, part):
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", more)
    message = refused(find_cases, dataset("nnunet"), data.parent)
    assert part in message
    assert Path(more).name in message


def test_labels_may_be_names_where_masks_name_their_segments(data, refused):
    named = dataset("nnunet", labels={"liver": "Liver"})
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.seg.nrrd")
    assert found(data, named) == {"a": ("imagesTr/a_0000.nii.gz", "labelsTr/a.seg.nrrd", None)}
    touch(data, "imagesTr/b_0000.nii.gz", "labelsTr/b.nii.gz")
    message = refused(find_cases, named, data.parent)
    assert "b.nii.gz" in message
    assert "names of segments" in message


# --- table ---------------------------------------------------------------------------------


def write_table(data: Path, *rows: tuple[str, ...]) -> Dataset:
    (data / "cases.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return dataset("table", root="data/cases.tsv")


def test_a_table_names_anything(data, tmp_path):
    touch(data, "a.nii.gz", "m.nii.gz", "series/2", "series/1", "ct.zip", "m.nrrd")
    elsewhere = tmp_path / "elsewhere.nii.gz"
    elsewhere.touch()
    settings = write_table(
        data,
        ("case", "patient", "image", "mask", "subset", "remark"),
        ("one", "p1", "a.nii.gz", "m.nii.gz", "train", "x"),
        ("two", "p1", "series", "m.nii.gz", "train", ""),
        ("003", "", "ct.zip", "m.nrrd", "test", ""),
        ("NA", "p4", str(elsewhere), "m.nii.gz", "test", ""),
    )
    cases = {case.name: case for case in find_cases(settings, data.parent)}
    assert list(cases) == ["003", "NA", "one", "two"]
    assert [p.name for p in cases["two"].image] == ["1", "2"]
    assert cases["NA"].image == (elsewhere,)
    assert {name: case.patient for name, case in cases.items()} == {
        "003": "003",
        "NA": "p4",
        "one": "p1",
        "two": "p1",
    }
    assert [case.needs_conversion for case in cases.values()] == [True, False, False, True]
    assert [case.subset for case in cases.values()] == ["test", "test", "train", "train"]


@pytest.mark.parametrize("other", ["{} ", " {}", "{}\u00a0", "\u200b{}", "{}\t", "\ufeff{}"])
def test_a_blank_in_a_cell_makes_no_other_patient(data, other, caplog):
    touch(data, "i.nii.gz", "m.nii.gz")
    other = other.replace("\t", "\u2003")
    rows = [("case", "patient", "image", "mask")]
    for name in "ABCD":
        rows.append((f"{name}1", name, "i.nii.gz", "m.nii.gz"))
        rows.append((f"{name}2 ", other.format(name), " i.nii.gz", "m.nii.gz"))
    cases = find_cases(write_table(data, *rows), data.parent)
    assert [case.patient for case in cases] == list("AABBCCDD")
    assert [case.name for case in cases] == [f"{p}{k}" for p in "ABCD" for k in (1, 2)]
    assert "blanks" in caplog.text


def test_a_table_names_the_rows_of_patients_in_two_spellings(data, refused):
    touch(data, "i.nii.gz", "m.nii.gz")
    rows = [
        ("case", "patient", "image", "mask"),
        ("c1", "A", "i.nii.gz", "m.nii.gz"),
        ("c2", "b", "i.nii.gz", "m.nii.gz"),
        ("c3", "a", "i.nii.gz", "m.nii.gz"),
    ]
    message = refused(find_cases, write_table(data, *rows), data.parent)
    assert (
        "cases.tsv: patients 'A' (row 2) and 'a' (row 4) differ in upper and lower case" in message
    )
    # cases that look alike are no matter where the table says whose they are
    rows = [rows[0], ("c1", "A", *rows[1][2:]), ("c01", "B", *rows[1][2:])]
    assert len(find_cases(write_table(data, *rows), data.parent)) == 2


@pytest.mark.parametrize(
    ("column", "meant"), [("Patient_ID", "patient"), ("subject", "patient"), ("split", "subset")]
)
def test_a_column_that_seems_to_be_meant_for_another_is_said(data, caplog, column, meant):
    touch(data, "i.nii.gz", "m.nii.gz")
    rows = [("case", "image", "mask", column), ("c1", "i.nii.gz", "m.nii.gz", "x")]
    find_cases(write_table(data, *rows), data.parent)
    assert f"the column '{column}' is not read; call it {meant}" in caplog.text
    caplog.clear()
    rows = [(*rows[0], meant), (*rows[1], "train")]
    find_cases(write_table(data, *rows), data.parent)
    assert not caplog.records


def test_a_table_without_some_patients_is_said_and_further_columns_are_kept(data, caplog):
    touch(data, "i.nii.gz", "m.nii.gz")
    rows = [
        ("Case", "Patient", "Image", "Mask", "centre"),
        ("c1", "A", "i.nii.gz", "m.nii.gz", "Bern"),
        ("c2", "", "i.nii.gz", "m.nii.gz", "Basel "),
    ]
    cases = find_cases(write_table(data, *rows), data.parent)
    assert [(c.patient, c.columns, c.guessed) for c in cases] == [
        ("A", (("centre", "Bern"),), False),
        ("c2", (("centre", "Basel"),), True),
    ]
    assert "no patient is given for c2" in caplog.text


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([("case", "image"), ("a", "a.nii.gz")], "no column mask"),
        ([("case", "image", "mask")], "no case found"),
        ([("case", "image", "mask"), ("a", "none.nii.gz", "m.nii.gz")], "none.nii.gz"),
        (
            [("case", "image", "mask"), ("a", "a.nii.gz", "")],
            "row 2 (case a): the cell of mask is empty",
        ),
        ([("case", "image", "mask"), ("", "a.nii.gz", "m.nii.gz")], "row 2: the cell of case"),
        ([("case", "image", "mask"), ("../up", "a.nii.gz", "m.nii.gz")], "'../up'"),
        (
            [
                ("case", "image", "mask"),
                ("a", "a.nii.gz", "m.nii.gz"),
                ("a", "b.nii.gz", "m.nii.gz"),
            ],
            "case a: two candidates",
        ),
        (
            [("case", "image", "mask", "subset"), ("a", "a.nii.gz", "m.nii.gz", "tset")],
            "subset is 'tset'",
        ),
        (
            [
                ("case", "image", "mask", "subset"),
                ("a", "a.nii.gz", "m.nii.gz", "test"),
                ("b", "b.nii.gz", "m.nii.gz", ""),
            ],
            "subset is given for some cases only",
        ),
        ([("case|image|mask",), ("a|a.nii.gz|m.nii.gz",)], "tabs, semicolons or commas"),
    ],
)
def test_table_faults(data, refused, rows, part):
    touch(data, "a.nii.gz", "b.nii.gz", "m.nii.gz")
    assert part in refused(find_cases, write_table(data, *rows), data.parent)


def test_a_root_that_is_a_folder_is_no_table(data, refused):
    message = refused(find_cases, dataset("table"), data.parent)
    assert str(data) in message


# --- phantoms ------------------------------------------------------------------------------


def test_phantoms_have_no_source_and_more_of_them_rename_none(tmp_path):
    def names(count: int) -> list[str]:
        settings = dataset("phantom", root=None, phantom={"cases": count})
        return [case.name for case in find_cases(settings, tmp_path)]

    assert names(3) == ["phantom_001", "phantom_002", "phantom_003"]
    assert names(12)[:3] == names(3)
    cases = find_cases(dataset("phantom", root=None), tmp_path)
    assert not any(case.image or case.needs_conversion for case in cases)


# --- the real data -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "root", "labels", "count", "tested"),
    [
        ("ircad", "ircad", {"liver": "liver"}, 3, 0),
        ("pairs", "msd_liver_2d", {"liver": 1}, 102, 21),
        ("msd", "msd_hippocampus", {"anterior": 1, "posterior": 2}, 130, 0),
    ],
)
def test_the_real_data_are_found(real_data, layout, root, labels, count, tested):
    cases = find_cases(dataset(layout, labels, root=root), real_data)
    assert len(cases) == count
    assert sum(case.subset == "test" for case in cases) == tested
    assert all(path.is_file() for case in cases for path in (*case.image, *case.mask))


# --- folders of real life --------------------------------------------------------------------

LITTER = [
    *(".DS_Store", "._.DS_Store", "Thumbs.db", "thumbs.DB", "desktop.ini", "Desktop.ini"),
    *("@eaDir/a/SYNOFILE_THUMB_M.jpg", "#recycle/p1_orig.nii.gz", "__MACOSX/._p1_orig.nii.gz"),
]


def litter(folder: Path) -> None:
    """Leave what macOS, Windows and a Synology leave: also beside each file, under its name."""
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        touch(path.parent, f"._{path.name}", f"@eaDir/{path.name}/SYNOINDEX_{path.name}")
    for place in [
        folder,
        *(p for p in folder.rglob("*") if p.is_dir() and "@eaDir" not in p.parts),
    ]:
        touch(place, *LITTER)
        (place / "empty").mkdir(exist_ok=True)


def test_litter_changes_no_case_of_any_layout(data, tmp_path):
    touch(data / "pairs/raw", "p1_orig.nii.gz", "p1_liver.nii.gz")
    touch(data / "ircad/3Dircadb1.1", "PATIENT_DICOM/i1", "MASKS_DICOM/liver/i1")
    touch(data / "msd", "imagesTr/a.nii.gz", "labelsTr/a.nii.gz")
    describe(data / "msd", [entry("a")])
    touch(data / "nnunet", "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    touch(data / "nnunet", "imagesTs/b_0000.nii.gz", "labelsTs/b.nii.gz")
    touch(data / "table", "ct/1", "ct/2", "m.nii.gz")
    (data / "table/cases.tsv").write_text("case\timage\tmask\na\tct\tm.nii.gz\n")
    every = [
        dataset("pairs", root="data/pairs", **ONE_FOLDER),
        dataset("ircad", {"liver": "liver"}, root="data/ircad"),
        dataset("msd", root="data/msd"),
        dataset("nnunet", root="data/nnunet"),
        dataset("table", root="data/table/cases.tsv"),
    ]
    before = [find_cases(settings, tmp_path) for settings in every]
    litter(data)
    for name in ("3Dircadb1.2", "3Dircadb1.3"):
        (data / "ircad" / name / "PATIENT_DICOM").mkdir(parents=True)
    touch(data / "ircad" / "3Dircadb1.3", "PATIENT_DICOM/Thumbs.db", ".DS_Store")
    # a folder may have any name
    (data / "pairs/raw/p2_orig.nii.gz").mkdir()
    (data / "nnunet/imagesTr/c_0001.nii.gz").mkdir()
    touch(data / "nnunet/labelsTs/c.nrrd", "@eaDir/c.nrrd")
    described = json.loads((data / "msd/dataset.json").read_text())["training"]
    describe(data / "msd", [*described, entry("._a")])
    assert [find_cases(settings, tmp_path) for settings in every] == before
    assert all(before)


def test_a_folder_of_nothing_but_litter_is_empty(data, refused):
    touch(data, "ct/.DS_Store", "ct/Thumbs.db", "m.nii.gz")
    settings = write_table(data, ("case", "image", "mask"), ("a", "ct", "m.nii.gz"))
    message = refused(find_cases, settings, data.parent)
    assert f"{data / 'ct'}: the folder is empty" in message


def test_root_may_hold_variables_and_a_home(data, tmp_path, monkeypatch, refused):
    touch(data / "raw", "p1_orig.nii.gz", "p1_liver.nii.gz")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STUDY", "data")
    for root in ("~/data", "$HOME/data", "${STUDY}", "$STUDY"):
        (case,) = find_cases(dataset("pairs", root=root, **ONE_FOLDER), tmp_path)
        assert case.image == (data / "raw/p1_orig.nii.gz",)
    message = refused(find_cases, dataset("pairs", root="$STUDIES/x", **ONE_FOLDER), tmp_path)
    assert message.startswith("dataset.root: $STUDIES/x: the variable $STUDIES is not set")
    literal = tmp_path / "$STUDIES"
    data.rename(literal)
    (case,) = find_cases(dataset("pairs", root="$STUDIES", **ONE_FOLDER), tmp_path)
    assert case.image[0].is_relative_to(literal)
