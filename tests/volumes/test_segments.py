"""Segmentations of 3D Slicer."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.volumes.read import read_mask, read_volume

SHAPE = (6, 5, 4)
Given = list[tuple[str, int | None, int | None]]


def saved(path: Path, layers: list[np.ndarray], segments: Given) -> list[Path]:
    """Write a file as 3D Slicer does: name, value and layer of each segment."""
    sizes = " ".join(map(str, layers[0].shape))
    several = len(layers) > 1
    lines = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {3 + several}",
        "space: left-posterior-superior",
        f"sizes: {len(layers)} {sizes}" if several else f"sizes: {sizes}",
        f"space directions: {'none ' * several}(0.8,0,0) (0,0.7,0) (0,0,2.5)",
        f"kinds: {'list ' * several}domain domain domain",
        "encoding: gzip",
        "space origin: (-10,20,-30)",
    ]
    for number, (name, value, layer) in enumerate(segments):
        lines += [f"Segment{number}_Name:={name}", f"Segment{number}_Color:=0.5 0.7 0.3"]
        lines += [] if value is None else [f"Segment{number}_LabelValue:={value}"]
        lines += [] if layer is None else [f"Segment{number}_Layer:={layer}"]
    packer = zlib.compressobj(wbits=31)
    voxels = np.stack(layers).astype(np.uint8).tobytes(order="F")
    header = "\n".join(lines).encode() + b"\n\n"
    path.write_bytes(header + packer.compress(voxels) + packer.flush())
    return [path]


def block(*where: tuple[int, int]) -> np.ndarray:
    array = np.zeros(SHAPE, np.uint8)
    array[tuple(slice(*ends) for ends in where)] = 1
    return array


LIVER = block((1, 4), (1, 4), (1, 3))
TUMOUR = block((3, 5), (2, 4), (1, 3))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "p1.seg.nrrd"


def test_labels_are_taken_by_name_whatever_the_values(path):
    two = np.where(TUMOUR == 1, 9, LIVER * 4)
    files = saved(path, [two], [("Liver", 4, 0), ("Tumour 1", 9, 0)])
    mask = read_mask(files, {"tumour": "tumour_1", "liver": "Liver"})
    np.testing.assert_array_equal(mask.array, np.select([two == 9, two == 4], [1, 2]))
    # and they lie where ITK says
    image = sitk.ReadImage(str(path))
    where = np.array(image.TransformIndexToPhysicalPoint((1, 2, 3))) * (-1, -1, 1)
    np.testing.assert_allclose((mask.affine @ [1, 2, 3, 1])[:3], where)
    by_value = read_mask(files, {"liver": 4, "tumour1": 9})
    np.testing.assert_array_equal(by_value.array, two)
    np.testing.assert_array_equal(by_value.array, read_volume(path).array)


@pytest.mark.parametrize("order", [["Liver", "Tumour"], ["Tumour", "Liver"]])
@pytest.mark.parametrize(
    "segments",
    [
        [("Liver", 1, 0), ("Tumour", 1, 1)],
        [("Tumour", 1, 1), ("Liver", 1, 0)],
        [("Liver", None, None), ("Tumour", None, None)],  # old versions say neither
    ],
)
def test_overlapping_segments_come_from_their_own_layers(path, order, segments, caplog):
    files = saved(path, [LIVER, TUMOUR], segments)
    mask = read_mask(files, {name.lower(): name for name in order}).array
    own = {"Liver": LIVER == 1, "Tumour": TUMOUR == 1}
    expected = np.where(own[order[1]], 2, np.where(own[order[0]], 1, 0))
    np.testing.assert_array_equal(mask, expected)
    both = int((own["Liver"] & own["Tumour"]).sum())
    assert f"{both} voxels are in two labels; the later one" in caplog.text


def test_layers_with_values_of_their_own_are_read_by_value(path):
    files = saved(path, [LIVER * 3, TUMOUR * 5], [("Liver", 3, 0), ("Tumour", 5, 1)])
    mask = read_mask(files, {"liver": 3, "tumour": 5}).array
    np.testing.assert_array_equal(mask, np.where(TUMOUR, 5, LIVER * 3))
    mask = read_mask(files, {"tumour": 5, "liver": 3}).array
    np.testing.assert_array_equal(mask, np.where(LIVER, 3, TUMOUR * 5))


def test_values_that_several_segments_share_need_names(path, refused):
    files = saved(path, [LIVER, TUMOUR], [("Liver", 1, 0), ("Tumour", 1, 1)])
    message = refused(read_mask, files, {"liver": 1})
    assert "Liver, Tumour are in several layers with the same value 1" in message
    assert "name segments" in message


def test_values_of_other_names_are_refused(path, refused):
    files = saved(path, [LIVER + TUMOUR], [("Tumour", 1, 0), ("Liver", 2, 0)])
    message = refused(read_mask, files, {"liver": 1})
    assert "liver is 1, but there 2" in message
    assert "p1.seg.nrrd" in message
    assert "dataset.json" not in message


def test_segments_of_no_label_keep_numbers_of_their_own(path, caplog):
    """So that dataset.other_labels decides on them; a label goes before them."""
    files = saved(path, [LIVER, TUMOUR], [("Liver", 1, 0), ("Tumour", 1, 1)])
    mask = read_mask(files, {"liver": "Liver"}).array
    np.testing.assert_array_equal(mask, np.where(LIVER, 1, TUMOUR * 2))
    assert "does not name, and the values they get: Tumour (2)" in caplog.text
    assert "two labels" not in caplog.text


def test_a_segment_that_is_not_there_is_said(path, caplog):
    files = saved(path, [LIVER], [("Liver", 1, 0)])
    mask = read_mask(files, {"liver": "Liver", "tumour": "Tumor"}).array
    np.testing.assert_array_equal(mask, LIVER)
    assert "no segment called Tumor, so nothing of the label tumour; it has Liver" in caplog.text


@pytest.mark.parametrize(
    ("segments", "labels", "fault"),
    [
        ([("Liver", 1, 0), ("liver", 2, 0)], {"a": "LIVER"}, "Liver, liver both fit"),
        ([("Liver", 1, 0)], {"a": "Liver", "b": "liver"}, "fits several labels"),
        ([("Liver", 0, 0)], {"a": "Liver"}, "the value 0 in layer 0"),
        ([("Liver", 1, 7)], {"a": "Liver"}, "in layer 7 of 1"),
        ([], {"a": "Liver"}, "this file names none"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(path, refused, segments, labels, fault):
    assert fault in refused(read_mask, saved(path, [LIVER], segments), labels)
