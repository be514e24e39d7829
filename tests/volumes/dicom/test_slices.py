"""What lies in a folder and is no slice."""

import logging

import numpy as np

from slicewise.volumes.dicom.series import read_series
from tests.volumes.dicom.written import drop_pixels


def test_other_files_in_the_folder_are_left_aside_with_a_line(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct")
    (tmp_path / "ct" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "ct" / "README.txt").write_text("scanned on a Monday")
    (tmp_path / "ct" / ".DS_Store").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        volume = read_series(tmp_path / "ct")
    np.testing.assert_array_equal(volume.array, stored - 1024)
    assert "1 of 6 files are no DICOM" in caplog.text


def test_the_one_file_at_fault_is_named(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", edit=drop_pixels, name=lambda k: f"slice{k}.dcm")
    assert "slice1.dcm" in refused(read_series, tmp_path / "ct")
