"""Files of any age are parsed; damaged ones are said to be."""

import numpy as np
import pydicom

from slicewise import files
from slicewise.volumes.dicom.series import read_series


def test_old_file_without_preamble(tmp_path, write_series):
    stored = write_series(tmp_path / "ct")
    for path in (tmp_path / "ct").iterdir():
        header = pydicom.dcmread(path)
        del header.file_meta
        header.preamble = None
        header.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)


def test_damaged_slices_are_not_mistaken_for_other_files(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", name=lambda k: f"{k}.dcm")
    last = tmp_path / "ct" / "4.dcm"
    for content in (b"", b"garbage" * 100, last.read_bytes()[:300]):
        last.write_bytes(content)
        assert "4.dcm" in refused(read_series, tmp_path / "ct")


def test_a_deflated_file_that_unpacks_to_far_more_than_a_slice_is_refused(
    tmp_path, write_series, refused, monkeypatch
):
    def deflated(header, k):
        header.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian

    stored = write_series(tmp_path / "fine", count=2, edit=deflated)
    np.testing.assert_array_equal(read_series(tmp_path / "fine").array, stored - 1024)
    empty = np.zeros((1200, 1000, 1), np.int16)
    write_series(tmp_path / "bomb", count=1, stored=empty, edit=deflated)
    monkeypatch.setattr(files, "FREE", 1 << 20)
    refused(read_series, tmp_path / "bomb")
