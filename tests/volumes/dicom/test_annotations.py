"""Labels of DICOM segmentations: by name or number, several files, and overlaps."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from slicewise.config import Dataset
from slicewise.jobs import Convert
from slicewise.volumes.dicom.annotations import annotation_kind, read_annotations
from slicewise.volumes.read import read_mask
from slicewise.volumes.structures import read_structures
from tests.volumes.dicom.drawn import write_seg
from tests.volumes.dicom.test_segmentation import LIVER, SPLEEN, TUMOUR, imaged, read

OTHER = "1.2.826.0.1.3680043.8.498.777000777.8"


def test_segmentations_are_told_by_their_headers(tmp_path, write_series):
    write_series(tmp_path / "ct")
    seg = write_seg(tmp_path / "IM0001", tmp_path / "ct", {"Liver": LIVER})
    assert annotation_kind(seg) == "SEG"
    label_map = write_seg(tmp_path / "m.dcm", tmp_path / "ct", {"Liver": LIVER}, "LABELMAP")
    assert annotation_kind(label_map) == "SEG"
    assert annotation_kind(next((tmp_path / "ct").iterdir())) is None
    assert annotation_kind(tmp_path / "ct") is None
    (tmp_path / "a.dcm").write_bytes(b"no DICOM")
    assert annotation_kind(tmp_path / "a.dcm") is None
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), tmp_path / "a.nii.gz")
    assert annotation_kind(tmp_path / "a.nii.gz") is None


def test_the_later_label_has_what_two_share(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER, "GTV 1": TUMOUR})
    mask = read(path, tmp_path / "ct", {"liver": "Liver", "tumour": "gtv1"}).array
    np.testing.assert_array_equal(mask, np.where(TUMOUR, 2, LIVER.astype(int)))
    shared = int((LIVER & TUMOUR).sum())
    assert f"{shared} voxels are in two labels, such as liver and tumour" in caplog.text
    mask = read(path, tmp_path / "ct", {"tumour": 2, "liver": 1}).array
    np.testing.assert_array_equal(mask, np.where(LIVER, 1, 2 * TUMOUR.astype(int)))


def test_shared_voxels_may_be_a_fault(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER, "GTV": TUMOUR})
    labels = {"liver": "Liver", "tumour": "GTV"}
    message = refused(read, path, tmp_path / "ct", labels, overlaps="refuse")
    assert "voxels belong to several labels, such as liver and tumour" in message
    one = read(path, tmp_path / "ct", {"liver": [1, 2]}, overlaps="refuse").array
    np.testing.assert_array_equal(one != 0, LIVER | TUMOUR)


def test_other_segments_get_numbers_of_their_own_and_give_way(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER, "GTV": TUMOUR})
    mask = read(path, tmp_path / "ct", {"liver": "Liver"}, overlaps="refuse").array
    np.testing.assert_array_equal(mask, np.where(LIVER, 1, 2 * TUMOUR.astype(int)))
    assert "segments that dataset.labels does not name, and the values they get: GTV (2)" in (
        caplog.text
    )


def test_a_segment_that_is_not_there_is_said(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    empty = np.zeros_like(LIVER)
    masks = {"Liver": LIVER, "Spleen": empty}
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", masks, omit_empty_frames=False)
    read(path, tmp_path / "ct", {"liver": "Liver", "spleen": "Spleen", "kidney": "Kidney"})
    assert "it has no segment called Kidney, so nothing of the label kidney; it has Liver" in (
        caplog.text
    )
    assert "s.dcm: no voxel of its segment Spleen" in caplog.text
    read(path, tmp_path / "ct", {"liver": 1, "kidney": [4, 5]})
    assert "no segment number 4, 5, so nothing of that in the label kidney; it has Liver (1)" in (
        caplog.text
    )


def test_a_name_with_another_number_is_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER, "Spleen": SPLEEN})
    message = refused(read, path, tmp_path / "ct", {"spleen": 1})
    assert "spleen is 1, but there 2" in message


def test_the_segmentation_of_another_series_is_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "late", series=OTHER)
    path = write_seg(tmp_path / "s.dcm", tmp_path / "late", {"Liver": LIVER})
    message = refused(read, path, tmp_path / "ct", {"liver": 1})
    assert "s.dcm: this DICOM segmentation (SEG) was drawn on another series" in message


def test_several_files_make_one_mask(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    paths = [
        write_seg(tmp_path / "a.dcm", tmp_path / "ct", {"Liver": LIVER}),
        write_seg(tmp_path / "b.dcm", tmp_path / "ct", {"Spleen": SPLEEN}),
    ]
    image = imaged(tmp_path / "ct")
    mask = read_annotations(paths, {"spleen": "Spleen", "liver": "Liver"}, image).array
    np.testing.assert_array_equal(mask, np.where(LIVER, 2, SPLEEN.astype(int)))
    message = refused(read_annotations, paths, {"liver": 1}, image)
    assert "a.dcm and " in message
    assert "each has a segment number 1; keep one of these files for this case, or name" in message


def test_two_files_with_the_same_label_are_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    paths = [
        write_seg(tmp_path / "a.dcm", tmp_path / "ct", {"Liver": LIVER}),
        write_seg(tmp_path / "b.dcm", tmp_path / "ct", {"liver": SPLEEN}),
    ]
    message = refused(read_annotations, paths, {"liver": "Liver"}, imaged(tmp_path / "ct"))
    assert "each has a segment Liver; keep one of these files" in message


def test_a_file_beside_that_is_none_is_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    seg = write_seg(tmp_path / "a.dcm", tmp_path / "ct", {"Liver": LIVER})
    slices = sorted((tmp_path / "ct").iterdir())[:1]
    message = refused(read_annotations, [seg, *slices], {"liver": 1}, imaged(tmp_path / "ct"))
    assert "this is no DICOM segmentation" in message


def test_a_segmentation_may_be_the_file_of_one_label(tmp_path, write_series):
    write_series(tmp_path / "ct")
    image = imaged(tmp_path / "ct")
    groups = [
        ("liver", [write_seg(tmp_path / "a.dcm", tmp_path / "ct", {"Leber": LIVER})]),
        ("spleen", [write_seg(tmp_path / "b.dcm", tmp_path / "ct", {"Milz": SPLEEN})]),
    ]
    labels = {"liver": 3, "spleen": 5}
    mask, shared = read_structures(groups, labels, image.grid, imaged=image)
    np.testing.assert_array_equal(mask.array, np.where(SPLEEN, 5, 3 * LIVER.astype(int)))
    assert shared == 0


def test_names_that_differ_by_no_letter(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    masks = {"GTV 1": LIVER, "GTV-1": SPLEEN}
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", masks)
    assert "both fit the segment gtv1" in refused(read, path, tmp_path / "ct", {"t": "gtv1"})
    mask = read(path, tmp_path / "ct", {"t": "GTV-1", "other": "GTV 1"}).array
    np.testing.assert_array_equal(mask == 1, SPLEEN)


def test_without_its_image_it_is_no_mask(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER})
    assert "is a mask and no image" in refused(read_mask, [path])


def of(layout: str, **more) -> Convert:
    given = {"name": "a", "layout": layout, "root": "a", "labels": {"liver": "Liver"}, **more}
    dataset = Dataset.model_validate(given)
    overlaps = {"overlaps": dataset.pairs.overlaps} if dataset.pairs else {}
    return Convert(layout=layout, labels=dataset.labels, **overlaps)


def test_only_pairs_may_refuse_what_labels_share(tmp_path: Path):
    assert of("pairs").overlaps_of_labels == "refuse"
    assert of("pairs", pairs={"overlaps": "later"}).overlaps_of_labels == "later"
    assert of("table").overlaps_of_labels == "later"
