"""A mask belongs to one series, and says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from slicewise.volumes.dicom.imaged import (
    Imaged,
    Known,
    References,
    check_belongs,
    items_of,
    texts_of,
)
from slicewise.volumes.placing import VoxelGrid
from tests.volumes.dicom.written import SAGITTAL

GRID = VoxelGrid((12, 16, 5), np.eye(4), "its image")


def image_of(folder: Path) -> Imaged:
    return Imaged(GRID, tuple(sorted(p for p in folder.rglob("*") if p.is_file())))


def test_an_image_is_known_by_its_largest_series(tmp_path, write_series):
    def framed(header, k):
        header.FrameOfReferenceUID = "1.2.3.4.5.6"

    write_series(tmp_path / "ct", edit=framed)
    scout = "1.2.826.0.1.3680043.8.498.777000777.77"
    write_series(tmp_path / "ct" / "scout", 1, SAGITTAL, series=scout)
    known = image_of(tmp_path / "ct").known
    assert known.series == "1.2.826.0.1.3680043.8.498.777000777.2"
    assert known.frame_of_reference == "1.2.3.4.5.6"
    assert len(known.instances) == 5


def test_other_formats_are_known_by_nothing(tmp_path):
    (tmp_path / "ct.nii.gz").write_bytes(b"")
    (tmp_path / "ct.nrrd").write_bytes(b"")
    assert Imaged(GRID, (tmp_path / "ct.nii.gz",)).known == Known()
    assert Imaged(GRID, (tmp_path / "ct.nrrd",)).known == Known()
    assert Imaged(GRID).known == Known()


OWN = Known("1.2.3", "1.2.9", frozenset({"1.2.3.1", "1.2.3.2"}))
BELONGS = {
    "series": (References(frozenset({"1.2.3", "1.2.4"})), True),
    "other series": (References(frozenset({"1.2.4"}), OWN.instances, "1.2.9"), False),
    "slice": (References(instances=frozenset({"1.2.3.2", "1.2.4.4"})), True),
    "other slices": (
        References(instances=frozenset({"1.2.4.4"}), frame_of_reference="1.2.9"),
        False,
    ),
    "frame": (References(frame_of_reference="1.2.9"), True),
    "other frame": (References(frame_of_reference="1.2.8"), False),
}


@pytest.mark.parametrize("case", BELONGS)
def test_series_go_before_slices_and_these_before_the_frame_of_reference(
    case, refused, monkeypatch, caplog
):
    told, belongs = BELONGS[case]
    image = Imaged(GRID)
    monkeypatch.setitem(image.__dict__, "known", OWN)
    if belongs:
        check_belongs(told, image, "s.dcm", "SEG")
        assert not caplog.text
        return
    message = refused(check_belongs, told, image, "s.dcm", "SEG")
    assert "s.dcm: this SEG was drawn on another series than its image" in message
    assert "1.2." not in message


def test_what_nothing_is_said_of_is_said(monkeypatch, caplog):
    check_belongs(References(), Imaged(GRID), "s.dcm", "SEG")
    assert "s.dcm: its image is no DICOM" in caplog.text
    image = Imaged(GRID)
    monkeypatch.setitem(image.__dict__, "known", OWN)
    check_belongs(References(), image, "s.dcm", "SEG")
    assert "s.dcm: it does not say which series it was drawn on" in caplog.text


def test_items_of_sequences_in_sequences():
    inner = pydicom.Dataset()
    inner.SeriesInstanceUID = "1.2.3"
    outer = pydicom.Dataset()
    outer.ReferencedSeriesSequence = [inner, pydicom.Dataset()]
    header = pydicom.Dataset()
    header.ReferencedStudySequence = [outer, pydicom.Dataset()]
    found = items_of(header, "ReferencedStudySequence", "ReferencedSeriesSequence")
    assert texts_of(found, "SeriesInstanceUID") == {"1.2.3"}
    assert not list(items_of(header, "PatientName"))
