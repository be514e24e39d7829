"""What lies beside a series is left aside with a line; two series are refused."""

import logging

import numpy as np
import pydicom
import pytest

from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.dicom.series import read_series
from tests.scans import SECRETS, UID

SAGITTAL, CORONAL = (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1)
OTHER = UID + ".9"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
DOSE_REPORT = "1.2.840.10008.5.1.4.1.1.88.67"
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"


def marked(header, k):
    header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def scout(header, k):
    header.ImageType = ["DERIVED", "SECONDARY", "SCOUT", "CT_SOM5"]
    del header.PixelSpacing


def saved_screen(header, k):
    header.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    del header.PixelSpacing


def report(header, k):
    header.SOPClassUID, header.Modality = DOSE_REPORT, "SR"
    del header.Rows, header.Columns, header.PixelData


def structures(header, k):
    report(header, k)
    header.SOPClassUID, header.Modality = STRUCTURES, "RTSTRUCT"


def screenshot(header, k):
    header.SOPClassUID, header.Modality = CAPTURE, "OT"
    header.SamplesPerPixel, header.PhotometricInterpretation = 3, "RGB"
    header.PlanarConfiguration = 0
    del header.PixelSpacing, header.ImagePositionPatient, header.ImageOrientationPatient


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("1 × localizer", {"edit": marked}),
        ("1 × localizer", {"edit": marked, "series": OTHER}),
        ("2 × localizer", {"edit": marked, "count": 2, "orientation": SAGITTAL}),
        ("1 × localizer", {"edit": scout, "series": OTHER}),
        ("1 × localizer", {"orientation": CORONAL}),
        ("1 × localizer", {"orientation": SAGITTAL, "series": OTHER}),
        ("2 × localizer", {"orientation": SAGITTAL, "series": OTHER, "count": 2}),
        ("1 × localizer", {"series": OTHER, "stored": np.zeros((30, 40, 1), np.int16)}),
        ("1 × report", {"edit": report, "series": OTHER}),
        ("1 × radiotherapy object", {"edit": structures, "series": OTHER}),
        ("1 × screenshot", {"edit": screenshot, "series": OTHER}),
        ("1 × screenshot", {"edit": saved_screen, "series": OTHER}),
        ("3 × localizer", {"orientation": SAGITTAL, "count": 3}),
    ],
)
def test_what_lies_beside_a_series(tmp_path, write_series, caplog, what, options):
    stored = write_series(tmp_path / "ct", count=9, name=lambda k: f"ct{k}.dcm")
    options = {"count": 1, **options}
    write_series(tmp_path / "ct" / "beside", **options, name=lambda k: f"{UID}.{k}.dcm")
    with caplog.at_level(logging.WARNING):
        volume = read_series(tmp_path / "ct")
    np.testing.assert_array_equal(volume.array, stored - 1024)
    assert f"were left aside: {what} (as file 1 of" in caplog.text
    assert caplog.text.count("left aside") == 1
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_an_image_without_pixel_size_beside_a_long_series(tmp_path, write_series, caplog):
    def edit(header, k):
        del header.PixelSpacing

    stored = write_series(tmp_path / "ct", count=10, name=lambda k: f"ct{k}.dcm")
    write_series(tmp_path / "ct", count=1, series=OTHER, edit=edit, name=lambda k: "radiograph")
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)
    assert "1 × image that is no slice (as radiograph)" in caplog.text


def test_three_planes_of_a_localizer_that_does_not_say_so(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct", count=12, name=lambda k: f"ct{k}.dcm")
    for n, orientation in enumerate([SAGITTAL, CORONAL, (1, 0, 0, 0, 1, 0)]):
        name = [f"scout{n}{k}.dcm" for k in range(3)]
        write_series(
            tmp_path / "ct",
            count=3,
            orientation=orientation,
            series=OTHER,
            name=name.__getitem__,
        )
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)
    assert "9 × localizer" in caplog.text


def test_several_kinds_at_once_and_masks_of_that_image(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct", count=9, name=lambda k: f"ct{k}.dcm")
    for n, edit in enumerate([marked, report, screenshot]):
        series = f"{OTHER}.{n}"
        write_series(tmp_path / "ct", 1, edit=edit, series=series, name=f"beside{n}{{}}".format)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)
    assert "3 of its files" in caplog.text
    inside = np.zeros(stored.shape, np.uint8)
    inside[2:4, 2:4, 2:4] = 1
    write_series(tmp_path / "masks" / "liver", stored=inside, count=9)
    masks, _ = read_organ_masks(tmp_path / "masks", {"liver": "liver"}, tmp_path / "ct")
    np.testing.assert_array_equal(masks.array, inside)


def test_localizers_alone_are_read(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct", edit=marked)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)
    assert "left aside" not in caplog.text


def test_slices_that_are_screenshots_by_their_class_are_read(tmp_path, write_series):
    # as programs write them that do not know what they write
    def edit(header, k):
        header.SOPClassUID = CAPTURE

    stored = write_series(tmp_path / "ct", edit=edit)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)


@pytest.mark.parametrize(
    "options",
    [
        {"count": 9},
        {"count": 4},
        {"count": 2},
        {"count": 8, "orientation": SAGITTAL},
        {"count": 3},
        {"count": 4, "orientation": (0.99, 0.14, 0, -0.14, 0.99, 0)},
    ],
)
def test_two_series_are_named_and_refused(tmp_path, write_series, refused, options):
    def number(n):
        def edit(header, k):
            header.SeriesNumber = n

        return edit

    write_series(tmp_path / "ct", count=9, name=lambda k: f"portal{k}.dcm", edit=number(3))
    write_series(
        tmp_path / "ct", series=OTHER, name=lambda k: f"late{k}.dcm", edit=number(4), **options
    )
    message = refused(read_series, tmp_path / "ct")
    assert f"2 DICOM series (of 9, {options['count']} slices)" in message
    assert "number 3, 9 slices of CT as in portal0.dcm" in message
    assert f"number 4, {options['count']} slices of CT as in late0.dcm" in message


def test_a_localizer_hides_no_second_series(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", count=9, name=lambda k: f"a{k}")
    write_series(tmp_path / "ct", count=7, series=OTHER, name=lambda k: f"b{k}")
    write_series(
        tmp_path / "ct", count=1, series=OTHER + ".1", orientation=SAGITTAL, name=lambda k: "c"
    )
    assert "2 DICOM series (of 9, 7 slices)" in refused(read_series, tmp_path / "ct")


def test_a_turned_slice_that_leaves_a_gap_is_no_localizer(tmp_path, write_series, refused):
    def edit(header, k):
        if k == 4:
            header.ImageOrientationPatient = list(SAGITTAL)

    write_series(tmp_path / "ct", count=9, edit=edit)
    assert "another orientation" in refused(read_series, tmp_path / "ct")


def test_an_image_that_lost_its_pixels_is_no_report(tmp_path, write_series, refused):
    def edit(header, k):
        if k == 8:
            del header.Rows, header.Columns, header.PixelData

    write_series(tmp_path / "ct", count=9, edit=edit)
    assert "has no pixel data" in refused(read_series, tmp_path / "ct")


def test_a_report_alone_is_no_image(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", count=1, edit=report)
    assert "has no pixel data" in refused(read_series, tmp_path / "ct")
    assert pydicom.dcmread(next((tmp_path / "ct").iterdir())).Modality == "SR"
