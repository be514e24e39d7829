"""Arrangements that have a name."""

import json

import pytest

from slicewise.survey.known import known_layouts, looks_like
from slicewise.survey.listing import list_folder
from tests.layouts import entry, touch


def found(root):
    return [(known.layout, known.root) for known in known_layouts(list_folder(root))]


def test_each_named_layout_is_known_wherever_it_lies(tmp_path):
    touch(tmp_path, "n/imagesTr/a_0000.nii", "n/labelsTr/a.nii")
    touch(tmp_path, "i/3Dircadb1.1/PATIENT_DICOM.zip", "i/3Dircadb1.1/MASKS_DICOM.zip")
    touch(tmp_path, "m/imagesTr/a.nii.gz", "m/labelsTr/a.nii.gz")
    (tmp_path / "m" / "dataset.json").write_text(json.dumps({"training": [entry("a")]}))
    (tmp_path / "list.csv").write_text('Case;"image";Mask;age\n')
    (tmp_path / "other.csv").write_text("case;age\n")
    assert found(tmp_path) == [("table", "list.csv"), ("msd", "m"), ("nnunet", "n"), ("ircad", "i")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_table_is_known_however_a_spreadsheet_stored_it(tmp_path, encoding):
    (tmp_path / "list.csv").write_text("case;image;mask\n", encoding=encoding)
    (tmp_path / "odd.csv").write_bytes(b"case;image;mask;caf\xe9\n")
    assert found(tmp_path) == [("table", "list.csv")]


@pytest.mark.parametrize("content", ["", "[]", '{"training": 5}', '{"training": ["a"]}', "{"])
def test_another_dataset_json_is_none_of_msd(tmp_path, content):
    (tmp_path / "dataset.json").write_text(content)
    assert found(tmp_path) == []


def test_a_list_of_files_that_are_not_there_is_no_layout(tmp_path):
    touch(tmp_path, "imagesTr/a.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"training": [entry("a")]}))
    assert found(tmp_path) == []


def test_channels_of_nnunet_are_numbered_without_a_gap(tmp_path):
    touch(tmp_path, "n/imagesTr/a_0000.nii", "n/imagesTr/a_0001.nii", "n/labelsTr/a.nii")
    touch(tmp_path, "n/imagesTr/b_0000.nii", "n/imagesTs/c_0000.nii")
    (known,) = known_layouts(list_folder(tmp_path))
    assert (known.layout, known.files) == ("nnunet", (("a", (0, 1)), ("b", (0,))))
    assert known.masked == {"a"}
    touch(tmp_path, "n/imagesTr/b_2019.nii")
    assert found(tmp_path) == []


def test_what_a_folder_looks_like_is_said(tmp_path):
    assert "no volume in it (no file)" in looks_like(list_folder(tmp_path))
    touch(tmp_path, "a/1.png", "a/2.png")
    assert "no volume in it (2 files with .png)" in looks_like(list_folder(tmp_path))
    touch(tmp_path, "x/imagesTr/a_0000.nii", "x/labelsTr/a.nii")
    assert "layout nnunet in x" in looks_like(list_folder(tmp_path))
    said = looks_like(list_folder(tmp_path), tried=["nnunet"])
    assert "2 .nii such as x/imagesTr/a_0000.nii" in said


def test_a_labelled_list_that_validates_is_told_from_one_to_test_on(tmp_path):
    touch(tmp_path, *(f"{kind}/{n}.nii.gz" for kind in ("imagesTr", "labelsTr") for n in "abc"))
    lists = {"training": [entry("a")], "validation": [entry("b")]}
    (tmp_path / "dataset.json").write_text(json.dumps(lists))
    (known,) = known_layouts(list_folder(tmp_path))
    assert known.lists == {"test": ("validation",)}
    (tmp_path / "dataset.json").write_text(json.dumps({**lists, "test": [entry("c")]}))
    (known,) = known_layouts(list_folder(tmp_path))
    assert known.lists == {"validation": ("validation",), "test": ("test",)}


def test_a_list_of_images_is_one_to_test_on_where_all_have_masks(tmp_path):
    kinds = ("imagesTr", "labelsTr", "imagesTs", "labelsTs")
    touch(tmp_path, *(f"{kind}/{n}.nii.gz" for kind in kinds for n in "abc"))
    tested = [f"./imagesTs/{n}.nii.gz" for n in "bc"]
    lists = {"training": [entry("a")], "validation": [entry("b")], "test": tested}
    (tmp_path / "dataset.json").write_text(json.dumps(lists))
    (known,) = known_layouts(list_folder(tmp_path))
    assert known.lists == {"validation": ("validation",), "test": ("test",)}
    (tmp_path / "labelsTs" / "c.nii.gz").unlink()
    (known,) = known_layouts(list_folder(tmp_path))
    assert known.lists == {"test": ("validation",)}
    assert not known.unlisted
    (tmp_path / "dataset.json").write_text(json.dumps({"training": [entry("a")], "test": tested}))
    (known,) = known_layouts(list_folder(tmp_path))
    assert (known.lists, known.unlisted) == ({}, True)
