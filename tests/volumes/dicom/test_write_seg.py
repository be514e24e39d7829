"""Masks as DICOM SEG: read by others, every voxel is where it was, and refers to its slice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedCTImageStorage

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.dicom.write_seg import write_seg
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.read import read_mask
from slicewise.volumes.volume import Volume
from tests.scans import OBLIQUE, UPRIGHT
from tests.volumes.dicom.archived import of_patient
from tests.volumes.dicom.drawn import by_highdicom, headers_of

LABELS = {"liver": 7, "tumour of liver": 300}
ORIENTATIONS = [
    UPRIGHT,
    OBLIQUE,
    (-1, 0, 0, 0, 1, 0),
    (1, 0, 0, 0, -1, 0),
    (-1, 0, 0, 0, -1, 0),
    (0, 1, 0, 1, 0, 0),
    (0, 1, 0, 0, 0, -1),
    (1, 0, 0, 0, 0, -1),
    (0, -1, 0, 0, 0, 1),
]


def painted(seed: int = 1) -> np.ndarray:
    """Return a mask without symmetry, with an empty slice."""
    mask = np.random.default_rng(seed).choice(
        np.array([0, 7, 300], np.uint16), (12, 16, 5), p=[0.7, 0.2, 0.1]
    )
    mask[..., 2] = 0
    return mask


def by_pydicom(path: Path, series: Path) -> np.ndarray:
    """Read frames by pydicom alone, each at the slice that it refers to."""
    seg = pydicom.dcmread(path)
    places = {header.SOPInstanceUID: k for k, header in enumerate(headers_of(series))}
    read = np.zeros((seg.Columns, seg.Rows, len(places)), np.uint16)
    for frame, groups in zip(
        np.atleast_3d(seg.pixel_array), seg.PerFrameFunctionalGroupsSequence, strict=True
    ):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        place = places[source.ReferencedSOPInstanceUID]
        read[..., place][frame.T > 0] = list(LABELS.values())[number - 1]
    return read


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_voxel_comes_back(tmp_path: Path, write_series, orientation) -> None:
    folder = tmp_path / "ct"
    write_series(folder, 5, orientation, edit=of_patient("PLANTED-1"))
    paths = sorted(folder.iterdir())
    image = read_series(paths)
    mask = painted()
    write_seg(tmp_path / "seg.dcm", paths, mask, LABELS)
    np.testing.assert_array_equal(by_pydicom(tmp_path / "seg.dcm", folder), mask)
    segments = by_highdicom(tmp_path / "seg.dcm", folder)
    np.testing.assert_array_equal(segments[..., 0] > 0, mask == 7)
    np.testing.assert_array_equal(segments[..., 1] > 0, mask == 300)
    imaged = Imaged(VoxelGrid.of(image, "ct"), tuple(paths))
    ours = read_mask([tmp_path / "seg.dcm"], {"liver": "liver", "t": "tumour of liver"}, imaged)
    np.testing.assert_allclose(ours.affine, image.affine, atol=1e-4)
    np.testing.assert_array_equal(ours.array, np.array([0] * 7 + [1] + [0] * 292 + [2])[mask])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_dcmqi_reads_every_voxel_where_it_is(tmp_path: Path, write_series, orientation) -> None:
    folder = tmp_path / "ct"
    write_series(folder, 5, orientation, edit=of_patient("PLANTED-1"))
    paths = sorted(folder.iterdir())
    mask = painted()
    write_seg(tmp_path / "seg.dcm", paths, mask, LABELS)
    image = read_series(paths)
    for number, value in enumerate(LABELS.values(), start=1):
        read = by_dcmqi(tmp_path / "seg.dcm", tmp_path / "read", number)
        np.testing.assert_array_equal(on_grid(read, image), mask == value)


def by_dcmqi(path: Path, folder: Path, segment: int) -> Volume:
    """Read a segment by the programs of dcmqi (Herz et al., Cancer Research 2017)."""
    program = Path(sys.executable).with_name("segimage2itkimage")
    if not program.is_file():
        pytest.skip("dcmqi is not installed")
    folder.mkdir(exist_ok=True)
    command = [program, "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nii"]
    subprocess.run(command, check=True, capture_output=True)
    return read_nifti(folder / f"{segment}.nii.gz")[0]


def on_grid(part: Volume, image: Volume) -> np.ndarray:
    """Return where a part of a grid is set, on the whole grid; all its voxels are of the grid."""
    set_there = np.argwhere(part.array > 0)
    points = set_there @ part.affine[:3, :3].T + part.affine[:3, 3]
    back = np.linalg.inv(image.affine)
    places = points @ back[:3, :3].T + back[:3, 3]
    np.testing.assert_allclose(places, places.round(), atol=1e-2)
    whole = np.zeros(image.array.shape, bool)
    whole[tuple(places.round().astype(int).T)] = True
    return whole


def test_it_belongs_to_patient_and_series(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "ct"
    write_series(folder, 5, edit=of_patient("PLANTED-1"))
    paths = sorted(folder.iterdir())
    for name in ("one", "two"):
        write_seg(tmp_path / name, paths, painted(), LABELS)
    write_seg(tmp_path / "other", paths, painted(2), LABELS)
    one, two, other = (pydicom.dcmread(tmp_path / name) for name in ("one", "two", "other"))
    source = pydicom.dcmread(paths[0])
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert one[keyword].value == source[keyword].value
    (referred,) = one.ReferencedSeriesSequence
    assert referred.SeriesInstanceUID == source.SeriesInstanceUID
    assert one.SeriesInstanceUID != source.SeriesInstanceUID
    assert one.SOPInstanceUID == two.SOPInstanceUID != other.SOPInstanceUID
    first, second = one.SegmentSequence
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Liver"
    assert (second.SegmentLabel, first.SegmentAlgorithmType) == ("tumour of liver", "AUTOMATIC")


@pytest.mark.parametrize(
    ("label", "kind", "meaning"),
    [
        ("hippocampus", "Anatomical Structure", "Hippocampus"),
        ("tumor", "Morphologically Abnormal Structure", "Tumor"),
        # a direction and a side, which are codes, too; and what nobody knows
        *((each, "Anatomical Structure", "Anatomical Structure") for each in ("anterior", "left")),
        ("kidney_2", "Anatomical Structure", "Kidney"),
        ("unheard of", "Anatomical Structure", "Anatomical Structure"),
    ],
)
def test_a_label_has_the_code_of_a_structure_alone(
    tmp_path: Path, write_series, label: str, kind: str, meaning: str
) -> None:
    write_series(tmp_path / "ct", 5)
    paths = sorted((tmp_path / "ct").iterdir())
    write_seg(tmp_path / "seg", paths, painted(), {label: 1})
    (segment,) = pydicom.dcmread(tmp_path / "seg").SegmentSequence
    assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == kind
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == meaning


def test_nothing_found_is_a_segmentation_too(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "ct"
    write_series(folder, 5, edit=of_patient("PLANTED-1"))
    write_seg(tmp_path / "seg.dcm", sorted(folder.iterdir()), painted() * 0, LABELS)
    assert not pydicom.dcmread(tmp_path / "seg.dcm").pixel_array.any()


def test_a_header_that_lacks_what_is_needed_is_one_sentence(
    tmp_path: Path,
    write_series,
    refused,
) -> None:
    folder = tmp_path / "ct"

    def without(header: pydicom.Dataset, k: int) -> None:
        del header.StudyInstanceUID

    write_series(folder, 5, edit=without)
    paths = sorted(folder.iterdir())
    said = refused(write_seg, tmp_path / "seg.dcm", paths, painted(), LABELS)
    assert "StudyInstanceUID" in said and "NIfTI" in said
    assert [path.name for path in tmp_path.iterdir()] == ["ct"]


def enhanced(folder: Path, path: Path, order: list[int]) -> None:
    """Put the slices of a series into one file, in some order."""
    slices = headers_of(folder)
    many = pydicom.dcmread(sorted(folder.iterdir())[0])
    many.SOPClassUID = many.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    many.NumberOfFrames = len(order)
    many.PixelData = b"".join(slices[k].PixelData for k in order)
    shared = pydicom.Dataset()
    measures = pydicom.Dataset()
    measures.PixelSpacing = slices[0].PixelSpacing
    measures.SliceThickness = slices[0].SliceThickness
    shared.PixelMeasuresSequence = [measures]
    turned = pydicom.Dataset()
    turned.ImageOrientationPatient = slices[0].ImageOrientationPatient
    shared.PlaneOrientationSequence = [turned]
    many.SharedFunctionalGroupsSequence = [shared]
    many.PerFrameFunctionalGroupsSequence = []
    for k in order:
        frame = pydicom.Dataset()
        position = pydicom.Dataset()
        position.ImagePositionPatient = slices[k].ImagePositionPatient
        frame.PlanePositionSequence = [position]
        many.PerFrameFunctionalGroupsSequence.append(frame)
    many.save_as(path, enforce_file_format=True)


def test_frames_of_one_file(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "ct"
    write_series(folder, 5, edit=of_patient("PLANTED-1"))
    order = [3, 0, 4, 1, 2]
    enhanced(folder, tmp_path / "many.dcm", order)
    image = read_series([tmp_path / "many.dcm"])
    np.testing.assert_array_equal(image.array, read_series(folder).array)
    mask = painted()
    write_seg(tmp_path / "seg.dcm", [tmp_path / "many.dcm"], mask, LABELS)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    read = np.zeros_like(mask)
    frames = zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True)
    for frame, groups in frames:
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        place = order[int(source.ReferencedFrameNumber) - 1]
        read[..., place][frame.T > 0] = list(LABELS.values())[number - 1]
    np.testing.assert_array_equal(read, mask)


def test_a_mask_of_another_shape_is_a_fault_of_ours(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "ct"
    write_series(folder, 5, edit=of_patient("PLANTED-1"))
    with pytest.raises((ValueError, SlicewiseError)):
        write_seg(tmp_path / "s", sorted(folder.iterdir()), painted().transpose(1, 0, 2), LABELS)
