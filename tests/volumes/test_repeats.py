"""A scan that was appended to itself is found, and nothing else is."""

from functools import cache

import numpy as np
import pytest

from slicewise.dataset.marking import all_marks
from slicewise.phantom.patient import phantom
from slicewise.volumes.read import read_volume
from slicewise.volumes.repeats import check_repeats
from slicewise.volumes.volume import Volume


@cache
def scan(index: int = 0) -> tuple[Volume, np.ndarray]:
    image, mask = phantom(index, seed=7, size=64, slices=(16, 20))
    return image, (mask.array == 1).astype(np.uint8)


def checked(array: np.ndarray, labels: np.ndarray, affine: np.ndarray) -> None:
    image = Volume(array, affine)
    check_repeats(image, all_marks(image), labels, "scan")


def twice(array: np.ndarray, part: float = 1.0, axis: int = 2) -> np.ndarray:
    stop = round(part * array.shape[axis])
    return np.concatenate([array, array.take(range(stop), axis)], axis)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("part", [1.0, 0.6])
@pytest.mark.parametrize("labelled", [True, False])
def test_the_same_voxels_are_found(refused, index, part, labelled):
    image, labels = scan(index)
    second = labels[:, :, : round(part * labels.shape[2])] * labelled
    number = labels.shape[2]
    said = refused(
        checked, twice(image.array, part), np.concatenate([labels, second], 2), image.affine
    )
    assert f"and slices 1 to {number + second.shape[2] - number}" in said
    assert f"slices {number + 1} to {number + second.shape[2]}" in said
    assert "exclude the case" in said


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_any_axis(refused, axis):
    image, labels = scan()
    said = refused(checked, twice(image.array, 1, axis), twice(labels, 1, axis), image.affine)
    assert f"along axis {axis + 1}" in said


def test_a_copy_that_only_looks_the_same_is_refused_where_it_has_no_labels(refused, caplog):
    image, labels = scan()
    noise = np.random.default_rng(0).normal(0, 4, (*image.array.shape[:2], 2 * labels.shape[2]))
    array = (twice(image.array) * 0.98 + noise).astype(np.float32)
    half = np.concatenate([labels, 0 * labels], 2)
    assert "only the latter have labels" in refused(checked, array, half, image.affine)
    assert "only the former have" in refused(checked, array, half[:, :, ::-1], image.affine)
    assert caplog.records == []
    checked(array, twice(labels), image.affine)
    assert "look the same" in caplog.records[0].getMessage()


def test_padding_air_and_mirrors_are_no_copies(caplog):
    image, labels = scan()
    low = image.array.min()
    padded = np.pad(image.array, ((0, 0), (0, 0), (20, 20)), constant_values=low)
    checked(padded, np.pad(labels, ((0, 0), (0, 0), (20, 20))), image.affine)
    mirrored = np.concatenate([image.array, image.array[:, :, ::-1]], 2)
    checked(mirrored, np.concatenate([labels, labels[:, :, ::-1]], 2), image.affine)
    x, y, _ = np.mgrid[:40, :40, :24]
    cylinder = np.where((x - 20) ** 2 + (y - 18) ** 2 < 150, 40, -1000).astype(np.int16)
    checked(cylinder, (cylinder > 0).astype(np.uint8), np.eye(4))
    noisy = cylinder + np.random.default_rng(0).normal(0, 20, cylinder.shape)
    checked(noisy.astype(np.float32), (cylinder > 0).astype(np.uint8), np.eye(4))
    few = np.random.default_rng(0).integers(-1000, 300, (8, 8, 2)).astype(np.int16)
    checked(few, (few > 0).astype(np.uint8), np.eye(4))
    assert caplog.records == []


@pytest.mark.slow
def test_real_scans_are_no_copies_of_themselves(real_data, caplog, refused):
    paths = sorted(real_data.glob("msd_hippocampus/imagesTr/*.nii.gz"))[::4]
    paths.append(real_data / "odd" / "totalsegmentator_torso" / "ct.nii.gz")
    paths.append(real_data / "ircad" / "3Dircadb1.17" / "PATIENT_DICOM.zip")
    for path in paths:
        image = read_volume(path)
        labels = np.zeros(image.array.shape, np.uint8)
        checked(image.array, labels, image.affine)
        assert "appended to itself" in refused(
            checked, twice(image.array), twice(labels), image.affine
        )
    assert caplog.records == []
