"""What a header tells of a file, and that it tells nothing of the patient."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from slicewise.volumes.dicom.entries import read_entry
from slicewise.volumes.dicom.index import DAMAGED, IMAGE, NONE
from tests.scans import SECRETS
from tests.volumes.dicom.archived import ORGAN, write_report, write_study
from tests.volumes.dicom.drawn import write_seg


def test_a_slice_its_mask_and_its_contours(tmp_path, write_series):
    uid = write_study(tmp_path, write_series, "ID-A")
    write_study(tmp_path, write_series, "ID-A", mask="RTSTRUCT")
    image = read_entry(next((tmp_path / f"{uid}.images").iterdir()), "p1")
    seg = read_entry(tmp_path / "1M", "p1")
    contours = read_entry(tmp_path / "1R", "p1")
    assert [one.kind for one in (image, seg, contours)] == [IMAGE, "SEG", "RTSTRUCT"]
    assert {one.patient for one in (image, seg, contours)} == {image.patient}
    assert {one.frame for one in (image, seg, contours)} == {image.frame}
    assert seg.on_series == contours.on_series == (image.series,)
    assert not image.telling


def test_a_mask_that_names_slices_only(tmp_path, write_series):
    uid = write_study(tmp_path, write_series, "ID-A", mask=None)

    def forget(header):
        del header.ReferencedSeriesSequence

    images = tmp_path / f"{uid}.images"
    seg = read_entry(write_seg(tmp_path / "s", images, {"Liver": ORGAN}, edit=forget), "")
    assert not seg.on_series
    instances = {read_entry(path, "").instance for path in images.iterdir()}
    assert len(seg.on_instances) == 3
    assert set(seg.on_instances) < instances


def test_other_files(tmp_path):
    write_report(tmp_path / "a")
    assert read_entry(tmp_path / "a", "").kind == "report"
    (tmp_path / "b").write_text("no DICOM")
    assert read_entry(tmp_path / "b", "").kind == NONE
    assert read_entry(tmp_path / "missing", "").kind == DAMAGED


@pytest.mark.parametrize(
    ("folder", "tells"),
    [
        ("p01", False),
        ("case_7", False),
        ("ID-A77", True),
        ("ida77", True),
        ("study of GRETE", True),
        ("x_20190417", True),
        ("1.2.840.113619.2.1", True),
        ("", False),
    ],
)
def test_folders_that_tell_who_the_patient_is(tmp_path, write_series, folder, tells):
    uid = write_study(tmp_path, write_series, "ID-A77", mask=None)
    assert read_entry(next((tmp_path / f"{uid}.images").iterdir()), folder).telling is tells


def test_nothing_of_the_patient_is_kept(tmp_path, write_series):
    uid = write_study(tmp_path, write_series, "PLANTED-ID-4711")
    for path in [tmp_path / "1M", *(tmp_path / f"{uid}.images").iterdir()]:
        kept = repr(astuple(read_entry(path, "p1")))
        assert not [secret for secret in SECRETS if secret in kept]
        assert "4711" not in kept
