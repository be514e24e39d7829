"""Elements of a header make sense, or are none."""

import numpy as np
import pydicom
import pytest

from slicewise.volumes.dicom.headers import is_filled, numbers, value_of, whole


def raw(keyword: str, vr: str, value: bytes) -> pydicom.Dataset:
    """A header with one element as a file has it, whatever it says."""
    tag = pydicom.tag.Tag(pydicom.datadict.tag_for_keyword(keyword))
    header = pydicom.Dataset()
    header[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(value), value, 0, False, True, True)
    return header


def test_values_are_those_of_the_file():
    header = raw("Rows", "US", b"\x00\x02")
    assert value_of(header, "Rows") == 512
    assert value_of(header, "Columns") is None


def test_a_value_that_cannot_be_converted_is_none_but_filled():
    header = raw("Rows", "US", b"\x01")  # half a number
    assert value_of(header, "Rows") is None
    assert is_filled(header, "Rows")


def test_an_empty_or_missing_value_is_not_filled():
    header = raw("SliceThickness", "DS", b"")
    assert not is_filled(header, "SliceThickness")
    assert not is_filled(header, "SpacingBetweenSlices")


@pytest.mark.parametrize(
    ("value", "count", "expected"),
    [
        (b"0.7\\0.8 ", 2, [0.7, 0.8]),
        (b"3 ", 1, [3.0]),
        (b"3 ", 2, None),
        (b"1\\2\\3 ", 2, None),
        (b"inf\\1 ", 2, None),
        (b"nan ", 1, None),
        (b"x ", 1, None),
        (b"", 1, None),
    ],
)
def test_numbers_are_finite_and_as_many_as_asked_for(value, count, expected):
    found = numbers(raw("PixelSpacing", "DS", value), "PixelSpacing", count)
    if expected is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, expected)


def test_a_whole_number_has_a_default():
    assert whole(raw("NumberOfFrames", "IS", b"12"), "NumberOfFrames", 1) == 12
    assert whole(raw("NumberOfFrames", "IS", b"x "), "NumberOfFrames", 1) == 1
    assert whole(pydicom.Dataset(), "NumberOfFrames", 7) == 7
