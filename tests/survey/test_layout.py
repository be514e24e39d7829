"""The layout of a folder, tried."""

import csv
import io
import zipfile

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.survey.arrangement import Row
from slicewise.survey.layout import layout_of, table_text, told_of, without_templates
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from tests.imitated import BUILDERS, pair, scan, write


def layout(root):
    return layout_of(list_folder(root), Looker(root), "data")


def test_patterns_are_taken_where_they_find_all_and_a_table_where_not(tmp_path):
    for n in range(3):
        pair(tmp_path / "a" / f"{n}_i.nii.gz", tmp_path / "a" / f"{n}_m.nii.gz", n)
    found = layout(tmp_path / "a")
    assert (found.name, len(found.cases), found.table) == ("pairs", 3, "")
    for n, name in enumerate(("Müller, Jörg", "Öz, Ali")):
        pair(tmp_path / "b" / name / "i.nii.gz", tmp_path / "b" / name / "m.nii.gz", n)
    found = layout(tmp_path / "b")
    assert (found.name, len(found.cases)) == ("table", 2)
    rows = list(csv.DictReader(io.StringIO(found.table), delimiter="\t"))
    assert [row["case"] for row in rows] == ["M_ller_J_rg", "z_Ali"]


def test_patients_in_two_spellings_are_asked_for(tmp_path):
    for n, name in enumerate(("p1", "p01", "p2")):
        pair(tmp_path / name / "i.nii.gz", tmp_path / name / "m.nii.gz", n)
    (asked,) = [one for one in layout(tmp_path).said if one.question]
    assert (asked.path[-1], asked.value) == ("different_patients", [])
    assert [other.value for other in asked.others] == ["all"]


def test_names_that_differ_in_case_only_are_asked_for_where_a_table_numbers_them(tmp_path):
    for n, name in enumerate(("Anna M", "anna m", "Bert")):
        pair(tmp_path / name / "i.nii.gz", tmp_path / name / "m.nii.gz", n)
    found = layout(tmp_path)
    rows = list(csv.DictReader(io.StringIO(found.table), delimiter="\t"))
    assert [(row["case"], row["patient"]) for row in rows] == [
        ("Anna_M", "Anna M"),
        ("Bert", "Bert"),
        ("anna_m_2", "anna m"),
    ]
    assert ("dataset", "different_patients") in [one.path for one in found.said if one.question]


@pytest.mark.parametrize("number", [2, 4, 6])
def test_two_folders_pair_up_whatever_they_are_called_and_however_few_files_they_hold(
    tmp_path, number
):
    for n in range(number):
        pair(tmp_path / "im" / f"s_{n:03d}.nii.gz", tmp_path / "lb" / f"s_{n:03d}.nii.gz", n)
    found = layout(tmp_path)
    assert (found.name, len(found.cases)) == ("pairs", number)


def test_images_without_a_mask_are_named_beside_a_table(tmp_path):
    # numbered from 0 and from 1: who reads both lines sees it
    for n in range(6):
        image, mask = scan(n)
        write(tmp_path / "images" / f"{n}.nii.gz", image)
        write(tmp_path / "masks" / f"{n + 1}.nii.gz", mask)
    found = layout(tmp_path)
    assert (found.name, len(found.cases)) == ("table", 5)
    assert found.notes == ("Left aside: 1 image has no mask, 0.",)


def test_masks_of_no_whole_numbers_are_told_of(tmp_path):
    for n in range(3):
        image, mask = scan(n)
        write(tmp_path / f"p{n}" / "ct.nii.gz", image)
        write(tmp_path / f"p{n}" / "liver.nii.gz", (mask > 0) * np.float32(0.9999))
    said = r"masks are to hold whole numbers, unlike p0/liver\.nii\.gz \(0 and 0\.9999\)"
    with pytest.raises(SlicewiseError, match=said):
        layout(tmp_path)


def test_what_is_packed_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.writestr("p1/ct.nii.gz", "x")
    said = "they may be packed in all.zip, to be unpacked first; give each image a mask"
    with pytest.raises(SlicewiseError, match=said) as caught:
        layout(tmp_path)
    assert "it holds no DICOM image" not in str(caught.value)


def test_the_average_subject_of_freesurfer_is_no_patient(tmp_path):
    for n, name in enumerate(("bert", "ernie", "fsaverage")):
        pair(tmp_path / name / "T1.nii.gz", tmp_path / name / "aseg.nii.gz", n, "mr")
    write(tmp_path / "oscar" / "T1.nii.gz", scan(4, "mr")[0])
    found = without_templates(layout(tmp_path))
    assert [case.name for case in found.cases] == ["bert", "ernie"]
    (said,) = [one for one in found.said if one.path == ("dataset", "exclude")]
    assert said.value == ["oscar", "fsaverage"]
    assert said.why.startswith("1 images have no mask, or lack one of them; fsaverage: an average")
    same = without_templates(found)
    assert same is found


def test_images_alone_are_refused_and_what_there_is_is_said(tmp_path):
    for n in range(3):
        write(tmp_path / f"ct_{n}.nii.gz", scan(n)[0])
    with pytest.raises(SlicewiseError, match=r"no images with masks.*3 \.nii\.gz such as ct_0"):
        layout(tmp_path)


def test_names_in_a_table_are_safe_and_each_is_there_once(tmp_path):
    rows = [Row("a b", "x", "1", ("2",), "train"), Row("a_b", "y", "3", ("4",), "test")]
    table = list(csv.DictReader(io.StringIO(table_text(rows, tmp_path)), delimiter="\t"))
    assert [row["case"] for row in table] == ["a_b", "a_b_2"]
    assert [row["subset"] for row in table] == ["train", "test"]
    assert [row["patient"] for row in table] == ["x", "y"]
    assert table[0]["mask"] == str(tmp_path / "2")


def test_a_validation_folder_is_tested_on_only_where_there_is_no_other(tmp_path):
    names = ("train", "validation", "test")
    rows = [Row(name, "", name, (name,), name) for name in names]
    table = list(csv.DictReader(io.StringIO(table_text(rows, tmp_path)), delimiter="\t"))
    assert [row["subset"] for row in table] == ["train", "validation", "test"]
    table = list(csv.DictReader(io.StringIO(table_text(rows[:2], tmp_path)), delimiter="\t"))
    assert [row["subset"] for row in table] == ["train", "test"]


def test_modalities_are_taken_from_names(tmp_path):
    assert told_of(list_folder(tmp_path), ["a/x_CT.nii", "b/T1_mr.nii"]) == {"ct", "mr"}


def test_pictures_are_masks_and_frames_need_a_table(tmp_path):
    BUILDERS["CHAOS"](tmp_path / "chaos")
    found = layout(tmp_path / "chaos")
    assert (found.name, len(found.cases)) == ("pairs", 4)
    BUILDERS["MMs"](tmp_path / "mms")
    rows = list(csv.DictReader(io.StringIO(layout(tmp_path / "mms").table), delimiter="\t"))
    assert [row["frame"] for row in rows] == ["0", "3"] * 5
    assert rows[0]["case"] == "A0S9V9_frame00"


def test_frames_of_one_persons_scans_are_one_patients(tmp_path):
    for n, name in enumerate(("anna_1", "anna_2", "bert_1", "carl_1")):
        image, mask = scan(n, "mr")
        write(tmp_path / f"{name}.nii.gz", np.stack([image, image + 20], -1))
        write(tmp_path / f"{name}_gt.nii.gz", np.stack([mask, 0 * mask], -1))
    cases = layout(tmp_path).cases
    assert [(case.name, case.patient) for case in cases[:2]] == [
        *(("anna_1_frame00", "anna"), ("anna_2_frame00", "anna"))
    ]


def test_two_sequences_with_masks_and_a_third_that_shares_one_of_them(tmp_path):
    # as CHAOS has its MR
    for n in range(1, 4):
        place = tmp_path / "MR" / str(n)
        image, mask = scan(n, "mr")
        for name in ("T1/InPhase", "T1/OutPhase", "T2"):
            write(place / name / "image.nii.gz", image)
        for name in ("T1/Ground", "T2/Ground"):
            write(place / name / "mask.nii.gz", mask * 63)
    found = layout(tmp_path)
    assert (found.name, len(found.cases)) == ("table", 6)
    assert len({case.patient for case in found.cases}) == 3
    assert "the same masks fit them: MR/*/T1/OutPhase/image.nii.gz" in " ".join(found.notes)


def test_images_that_are_pictures_are_refused_with_what_would_fit(tmp_path):
    for place in ("p1/images", "p1/masks"):
        (tmp_path / place).mkdir(parents=True)
        for n in range(5):
            (tmp_path / place / f"{n}.png").write_bytes(b"")
    with pytest.raises(SlicewiseError, match=r"are pictures, such as p1/images, .*NIfTI"):
        layout(tmp_path)
    (tmp_path / "p2.jpg").write_bytes(b"")
    with pytest.raises(SlicewiseError, match=r"are pictures, such as p2\.jpg, .*DICOM"):
        layout(tmp_path)


def test_names_that_only_share_words_are_matched_in_a_table(tmp_path):
    for n, name in enumerate(("k3x", "zz9", "q1r")):
        image = tmp_path / "ct" / f"{name}-CT-{2010 + n}.nii.gz"
        pair(image, tmp_path / "drawn" / f"{2010 + n}_{name}_mk_final.nii.gz", n)
    found = layout(tmp_path)
    rows = list(csv.DictReader(io.StringIO(found.table), delimiter="\t"))
    assert [row["case"] for row in rows] == ["k3x_2010", "q1r_2012", "zz9_2011"]
    assert [row["mask"].rsplit("/", 1)[1][5:8] for row in rows] == ["k3x", "q1r", "zz9"]
    assert "look through" in found.said[0].why


def test_one_of_several_readings_is_asked_for_and_structures_that_lack_are_named(tmp_path):
    for n in range(5):
        folder = tmp_path / "a" / f"c{n}"
        array, mask = scan(n)
        write(folder / "image.nii.gz", array)
        for reader in ("AND", "MAJ", "OR"):
            write(folder / f"{reader}_seg.nii.gz", mask)
    root = tmp_path / "a"
    (asked,) = [one for one in layout(root).said if one.question]
    assert (asked.path[-1], asked.value) == ("mask", "{case}/MAJ_seg.nii.gz")
    assert [other.value for other in asked.others] == [
        "{case}/AND_seg.nii.gz",
        "{case}/OR_seg.nii.gz",
    ]
    other = layout_of(list_folder(root), Looker(root), "data", None, "{case}/OR_seg.nii.gz")
    assert {path.name for case in other.cases for path in case.mask} == {"OR_seg.nii.gz"}


def test_who_validates_stays_apart_in_a_table(tmp_path):
    BUILDERS["subsets"](tmp_path)
    rows = list(csv.DictReader(io.StringIO(layout(tmp_path).table), delimiter="\t"))
    assert [row["subset"] for row in rows if row["case"] in ("knee_04", "knee_05")] == [
        "validation"
    ] * 2


def test_channels_of_cases_in_a_table_have_a_column_each(tmp_path):
    for subset, numbers in {"train": range(4), "val": (4, 5), "test": (6, 7)}.items():
        for n in numbers:
            image = tmp_path / subset / f"k{n:02d}" / "t1.nii.gz"
            pair(image, image.with_name("seg.nii.gz"), n, "mr")
            if n != 3:
                write(image.with_name("flair.nii.gz"), scan(n, "mr")[0] + 40)
    found = layout(tmp_path)
    reader = csv.DictReader(io.StringIO(found.table), delimiter="\t")
    rows = {row["case"]: row for row in reader}
    assert found.channels == 2
    assert sorted(rows) == ["k00", "k01", "k02", "k04", "k05", "k06", "k07"]
    assert rows["k04"]["image_flair"] == str(tmp_path / "val/k04/flair.nii.gz")
    assert rows["k04"]["image_t1"] == str(tmp_path / "val/k04/t1.nii.gz")
    assert rows["k04"]["subset"] == "validation"
    assert any("a channel is missing: k03" in note for note in found.notes)
