"""A folder, a zip and a list of files are the same series."""

import logging
import zipfile
from pathlib import Path

import numpy as np

from slicewise.volumes.dicom.series import read_series
from tests.volumes.dicom.written import drop_pixels, zipped


def test_folder_zip_and_list_of_files_are_the_same(tmp_path, write_series):
    write_series(tmp_path / "case" / "ct")
    archive = zipped(tmp_path / "case", tmp_path / "case.zip", "PATIENT_DICOM/")
    files = list((tmp_path / "case" / "ct").iterdir())
    expected = read_series(tmp_path / "case")
    for source in (archive, files):
        np.testing.assert_array_equal(read_series(source).array, expected.array)
        np.testing.assert_array_equal(read_series(source).affine, expected.affine)


def test_prefix_chooses_a_series_of_a_zip(tmp_path, write_series):
    wanted = write_series(tmp_path / "both" / "a")
    write_series(tmp_path / "both" / "b", count=3, series="1.2.3.4")
    archive = zipped(tmp_path / "both", tmp_path / "both.zip")
    np.testing.assert_array_equal(read_series(archive, "a/").array, wanted - 1024)


def test_a_list_of_one_zip_is_the_zip(write_series, tmp_path):
    write_series(tmp_path / "series")
    with zipfile.ZipFile(tmp_path / "series.zip", "w") as archive:
        for path in sorted((tmp_path / "series").iterdir()):
            archive.write(path, path.name)
    one = read_series([tmp_path / "series.zip"])
    np.testing.assert_array_equal(one.array, read_series(tmp_path / "series").array)


def test_litter_of_file_managers_is_no_file_of_the_series(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct")
    one = next(path for path in sorted((tmp_path / "ct").iterdir()))
    litter = ("Thumbs.db", "desktop.ini", ".DS_Store", f"._{one.name}", f"@eaDir/{one.name}/x.jpg")
    for name in (*litter, f"__MACOSX/{one.name}"):
        path = tmp_path / "ct" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # the same slice again, where it were read
        path.write_bytes(one.read_bytes())
    (tmp_path / "ct" / "empty").mkdir()
    with caplog.at_level(logging.WARNING):
        for source in (tmp_path / "ct", zipped(tmp_path / "ct", tmp_path / "ct.zip")):
            np.testing.assert_array_equal(read_series(source).array, stored - 1024)
    assert not caplog.text


def test_a_file_named_after_its_uid_is_counted_instead(tmp_path, write_series, refused):
    names = [f"1.2.826.0.1.3680043.8.498.777000777.{k}.dcm" for k in range(5)]
    write_series(tmp_path / "ct", edit=drop_pixels, name=lambda k: names[k])
    assert "file 2 of 5 in order of names" in refused(read_series, tmp_path / "ct")


def test_files_that_may_not_be_opened(tmp_path, write_series, refused, monkeypatch):
    write_series(tmp_path / "ct", name=lambda k: f"{k}.dcm")
    archive = zipped(tmp_path / "ct", tmp_path / "ct.zip")

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", denied)
    assert "ct.zip: the zip cannot be opened" in refused(read_series, archive)
    monkeypatch.setattr(Path, "open", denied)
    assert "0.dcm cannot be opened" in refused(read_series, tmp_path / "ct")


def test_no_dicom_at_all(tmp_path, refused):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "no DICOM image" in refused(read_series, tmp_path)
    assert "no such file, folder or zip" in refused(read_series, tmp_path / "absent")
    assert "no such file" in refused(read_series, [tmp_path / "absent"])
    assert "list of its files is empty" in refused(read_series, [])
