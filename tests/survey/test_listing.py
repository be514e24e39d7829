"""Volumes, series and other files of a folder."""

import pytest

from slicewise.errors import SlicewiseError
from slicewise.survey.listing import SERIES, list_folder
from tests.imitated import dicom_seg
from tests.layouts import touch


def test_volumes_and_others_are_told_by_their_names(tmp_path):
    touch(
        tmp_path, "a/1.nii.gz", "a/2.Seg.nrrd", "a/notes.txt", "dataset.json", "a/3.mhd", "a/3.raw"
    )
    touch(tmp_path, "a/._1.nii.gz", ".git/x.nii", "@eaDir/1.nii")
    listing = list_folder(tmp_path)
    assert [entry.path for entry in listing.entries] == ["a/1.nii.gz", "a/2.Seg.nrrd", "a/3.mhd"]
    assert listing.entries[1].parts == ("a", "2")
    assert listing.named("Dataset.json") == ["dataset.json"]
    assert listing.others[".txt"] == ("a/notes.txt",)


def test_a_folder_of_dicom_is_one_series_whatever_its_files_are_called(tmp_path, write_series):
    write_series(tmp_path / "p1" / "ct")
    write_series(tmp_path / "p1" / "named", name=lambda k: f"{k}.dcm")
    touch(tmp_path, "p1/pictures/1.png", "p1/pictures/2.png", "p1/plain/a", "p1/plain/b")
    found = {entry.path: entry.suffix for entry in list_folder(tmp_path).entries}
    assert found == {"p1/ct": SERIES, "p1/named": SERIES}


def test_masks_of_dicom_are_files_of_their_own_beside_a_series_or_not(tmp_path):
    dicom_seg(tmp_path)
    (tmp_path / "P0" / "liver.dcm").rename(tmp_path / "P0" / "ct" / "SEG_liver.dcm")
    found = {entry.path: entry.drawn for entry in list_folder(tmp_path).entries}
    assert {path for path, drawn in found.items() if drawn} == {
        "P0/ct/SEG_liver.dcm",
        *(f"P{n}/liver.dcm" for n in (1, 2, 3)),
    }
    assert {path for path, drawn in found.items() if not drawn} == {f"P{n}/ct" for n in range(4)}


def test_archives_and_downloads_that_have_not_ended_are_known(tmp_path):
    touch(tmp_path, "a.ZIP", "b/c.tar.gz", "d.7z", "e.nii.gz", "f.csv.gz", "g.nii.gz.part")
    listing = list_folder(tmp_path)
    assert listing.packed == ["a.ZIP", "b/c.tar.gz", "d.7z"]
    assert listing.unfinished == ["g.nii.gz.part"]


def test_a_link_to_a_folder_above_does_not_lead_round(tmp_path):
    touch(tmp_path, "a/1.nii")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert [entry.path for entry in list_folder(tmp_path).entries] == ["a/1.nii"]


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(SlicewiseError, match="no such folder"):
        list_folder(tmp_path / "x")


def test_what_tells_of_other_volumes_is_told_from_what_tells_of_cases(tmp_path):
    touch(tmp_path, "A/img/1.nii", "A/labels.txt", "B/img/1.nii", "B/labels.txt", "B/img/1.txt")
    touch(tmp_path, "labels.txt", "lut/labels.txt")
    listing = list_folder(tmp_path)
    own = listing.of_cases([tmp_path / "A/img/1.nii"])
    assert sorted(own.ending([".txt"])) == ["A/labels.txt", "labels.txt", "lut/labels.txt"]
    assert own.entries == listing.entries
    assert listing.of_cases([tmp_path.parent / "1.nii"]) == listing
