"""Slices are stacked by their position, evenly."""

import numpy as np
import pytest

from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.dicom.stack import position_tolerance
from tests.volumes.dicom.written import OBLIQUE, UPRIGHT


def test_order_follows_position_and_neither_name_nor_number(tmp_path, write_series):
    write_series(tmp_path / "up")
    write_series(tmp_path / "shuffled", name=lambda k: f"{(3 * k) % 5}.dcm")
    one, two = read_series(tmp_path / "up"), read_series(tmp_path / "shuffled")
    np.testing.assert_array_equal(one.array, two.array)
    np.testing.assert_array_equal(one.affine, two.affine)


def test_single_slice_takes_its_thickness(tmp_path, write_series):
    write_series(tmp_path / "ct", count=1)
    volume = read_series(tmp_path / "ct")
    assert volume.array.shape == (12, 16, 1)
    assert volume.spacing[2] == pytest.approx(3)


def test_single_slice_without_thickness(tmp_path, write_series, refused):
    def edit(header, k):
        del header.SliceThickness

    write_series(tmp_path / "ct", count=1, edit=edit)
    assert "SliceThickness" in refused(read_series, tmp_path / "ct")


@pytest.mark.parametrize("step", [0.625, 1.0, 2.5])
def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even(tmp_path, write_series, step):
    def edit(header, k):
        x, y, z = header.ImagePositionPatient
        header.ImagePositionPatient = [x, y, round(float(z), 1)]

    write_series(tmp_path / "ct", count=9, step=step, edit=edit)
    assert read_series(tmp_path / "ct").spacing[2] == pytest.approx(step, abs=0.02)


def test_tolerance():
    assert position_tolerance(1.0) == 0.06
    assert position_tolerance(10.0) == pytest.approx(0.1)
    assert position_tolerance(0.2) == pytest.approx(0.02)


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE])
def test_missing_slice(tmp_path, write_series, refused, orientation):
    write_series(tmp_path / "ct", count=8, orientation=orientation, name=lambda k: f"{k}.dcm")
    (tmp_path / "ct" / "3.dcm").unlink()
    message = refused(read_series, tmp_path / "ct")
    assert "1 of its slices are missing" in message
    if orientation == UPRIGHT:
        assert "between -25.00 and -20.00 mm" in message


def test_duplicate_positions(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "ct", name=lambda k: f"again{k}")
    assert "share a position" in refused(read_series, tmp_path / "ct")
