from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from slicewise.phantom import patient as module
from slicewise.phantom.patient import phantom
from slicewise.phantom.tissues import LABELS
from slicewise.volumes.volume import Volume

SEED = 11
PATIENTS = range(12)


@cache
def small(index: int) -> tuple[Volume, Volume]:
    """A patient on a coarse grid, RAS+."""
    image, mask = phantom(index, seed=SEED, size=64, slices=(11, 16))
    return image.canonical(), mask.canonical()


def place(mask: Volume, organ: str) -> np.ndarray:
    """Centre of an organ in world mm, RAS+."""
    centre = np.argwhere(mask.array == LABELS[organ]).mean(axis=0)
    return mask.affine[:3, :3] @ centre + mask.affine[:3, 3]


def test_the_same_patient_to_the_bit():
    first, second = (phantom(3, seed=SEED, size=64, slices=(12, 20)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.array.tobytes() == b.array.tobytes()
        assert a.affine.tobytes() == b.affine.tobytes()


@pytest.mark.parametrize(("index", "seed"), [(4, SEED), (3, SEED + 1)])
def test_another_index_or_seed_is_another_patient(index, seed):
    ours = phantom(3, seed=SEED, size=64, slices=(14, 14))
    other = phantom(index, seed=seed, size=64, slices=(14, 14))
    assert (ours[1].canonical().array != other[1].canonical().array).mean() > 0.02


def test_a_patient_is_the_same_body_at_another_size():
    volumes = []
    for size in (48, 96):
        _, mask = phantom(2, seed=SEED, size=size, slices=(16, 16))
        volumes.append((mask.array == LABELS["liver"]).sum() * mask.voxel_ml)
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


def test_types_and_grid():
    image, mask = phantom(0, seed=SEED, size=64, slices=(12, 15))
    assert image.array.dtype == np.int16
    assert mask.array.dtype == np.uint8
    assert image.array.shape == mask.array.shape
    assert image.array.shape[:2] == (64, 64)
    assert 12 <= image.array.shape[2] <= 15
    np.testing.assert_array_equal(image.affine, mask.affine)
    assert (np.abs(image.affine[:3, 3]) > 1).all()


def test_slices_and_spacing_differ_between_patients():
    images = [small(index)[0] for index in PATIENTS]
    assert {image.array.shape[2] for image in images} <= set(range(11, 17))
    assert len({image.array.shape[2] for image in images}) > 3
    assert len({image.spacing for image in images}) == len(images)
    assert all(320 < image.spacing[0] * 64 < 460 for image in images)


@pytest.mark.parametrize("index", PATIENTS)
def test_anatomy(index):
    image, mask = small(index)
    hu, liver = image.array, mask.array == LABELS["liver"]
    assert set(np.unique(mask.array)) == {0, *LABELS.values()}
    assert 50 <= np.median(hu[liver]) <= 140
    assert 700 < liver.sum() * mask.voxel_ml < 2600
    # Air in front of the patient, on both sides.
    corner = hu[:6, -6:]
    assert abs(np.median(corner) + 1000) < 15
    assert (hu > 200).sum() > 300
    # In RAS+ world coordinates x grows to the patient's right.
    assert place(mask, "liver")[0] > place(mask, "stomach")[0] + 60
    assert place(mask, "liver")[0] > place(mask, "spleen")[0] + 100
    assert place(mask, "kidneys")[1] < place(mask, "stomach")[1]
    assert place(mask, "kidneys")[2] < place(mask, "liver")[2]


@pytest.mark.parametrize("index", PATIENTS)
def test_liver_is_one_piece_with_empty_slices_at_both_ends(index):
    _, mask = small(index)
    liver = mask.array == LABELS["liver"]
    pieces, _ = ndimage.label(liver, np.ones((3, 3, 3)))
    assert np.bincount(pieces[liver]).max() > 0.98 * liver.sum()
    found = np.flatnonzero(liver.any(axis=(0, 1)))
    assert found[0] >= 1
    assert found[-1] <= liver.shape[2] - 2


def test_bone_is_behind():
    image, _ = small(0)
    bone = np.argwhere(image.array[20:44] > 300)
    assert bone[:, 1].mean() < 0.45 * image.array.shape[1]


def test_orientations_vary():
    found = {phantom(i, seed=SEED, size=16, slices=(2, 2))[0].orientation for i in range(10)}
    assert found == set(module.ORIENTATIONS)


def test_no_window_of_intensities_gives_the_liver():
    bounds = np.arange(-50, 260, 5)
    for index in range(8):
        image, mask = small(index)
        liver = mask.array == LABELS["liver"]
        # Counts above each bound, so that every window is one subtraction.
        everywhere = np.array([(image.array >= b).sum() for b in bounds])
        inside = np.array([(image.array[liver] >= b).sum() for b in bounds])
        low, high = np.triu_indices(bounds.size, k=1)
        overlap, chosen = inside[low] - inside[high], everywhere[low] - everywhere[high]
        assert (2 * overlap / (chosen + liver.sum())).max() < 0.8
