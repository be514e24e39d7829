"""Series that others refer to."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom import dcmread

from slicewise.volumes.dicom.referred import referred
from slicewise.volumes.dicom.write_rtstruct import write_rtstruct
from slicewise.volumes.dicom.write_seg import write_seg
from tests.scans import PLANTED
from tests.volumes.dicom.test_write_seg import LABELS, painted


@pytest.mark.parametrize(("write", "kind"), [(write_seg, "SEG"), (write_rtstruct, "RTSTRUCT")])
def test_a_series_that_lacks_what_is_referred_to_is_refused(
    tmp_path, write_series, refused, write, kind
):
    def without(header: pydicom.Dataset, k: int) -> None:
        del header.StudyInstanceUID

    write_series(tmp_path / "ct", 5, edit=without)
    paths = sorted((tmp_path / "ct").iterdir())
    message = refused(write, tmp_path / "made.dcm", paths, painted(), LABELS)
    assert f"no DICOM {kind} can refer to this series (its slices lack StudyInstance" in message
    assert not (tmp_path / "made.dcm").exists()


def test_headers_are_in_the_order_of_positions(tmp_path, write_series):
    write_series(tmp_path / "ct", 5)
    series = referred(sorted((tmp_path / "ct").iterdir()), painted(), "SEG")
    places = [float(header.ImagePositionPatient[2]) for header in series.headers]
    assert places == sorted(places)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("write", [write_seg, write_rtstruct])
@pytest.mark.parametrize(
    ("keyword", "value", "told"),
    [
        ("PatientSex", "U", ""),
        ("PatientSex", "Male", ""),
        ("PatientSex", "f", ""),
        ("PatientSex", "F", "F"),
        ("PatientBirthDate", "unknown", ""),
        ("PatientBirthDate", "19991399", ""),
        ("PatientBirthDate", "1999", ""),
        ("PatientBirthDate", "1999.12.31", "1999.12.31"),
        ("StudyDate", "20190417-20190418", ""),
        ("StudyTime", "12:30:00", ""),
        ("StudyTime", "253000", ""),
        ("StudyTime", "123000.5", "123000.5"),
        ("StudyTime", "12", "12"),
    ],
)
def test_values_that_the_standard_does_not_know_are_left_empty(
    tmp_path, write_series, monkeypatch, write, keyword, value, told
):
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
    write_series(tmp_path / "ct", 5, edit=lambda header, k: setattr(header, keyword, value))
    monkeypatch.undo()
    write(tmp_path / "made.dcm", sorted((tmp_path / "ct").iterdir()), painted(), LABELS)
    made = dcmread(tmp_path / "made.dcm")
    assert made[keyword].value == told
    assert made.PatientID == PLANTED["PatientID"]


@pytest.mark.parametrize("write", [write_seg, write_rtstruct])
def test_what_differs_has_another_uid(tmp_path, write_series, write):
    write_series(tmp_path / "ct", 6)
    paths = sorted((tmp_path / "ct").iterdir(), key=lambda path: dcmread(path).InstanceNumber)

    def uid(sources, labels, shape=(12, 16, 5)):
        write(tmp_path / "made.dcm", sources, np.zeros(shape, np.uint8), labels)
        return dcmread(tmp_path / "made.dcm").SOPInstanceUID

    # nothing was found by any of them
    liver = {"liver": 1}
    uids = [uid(paths[:5], liver), uid(paths[1:], liver), uid(paths, liver, (12, 16, 6))]
    uids += [uid(paths[:5], {"spleen": 1}), uid(paths[:5], {"liver": 1, "spleen": 2})]
    assert len({*uids}) == 5
    assert uid(paths[:5], liver) == uids[0]


def test_a_mask_of_another_shape_is_a_fault_of_ours(tmp_path, write_series):
    write_series(tmp_path / "ct", 5)
    with pytest.raises(ValueError, match="does not lie on"):
        referred(sorted((tmp_path / "ct").iterdir()), np.zeros((3, 4, 5), np.uint8), "SEG")
