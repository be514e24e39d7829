"""Masks and images are told apart by their voxels."""

import numpy as np
import pytest

from slicewise.survey.glance import glance_at
from slicewise.volumes.volume import Volume
from tests.imitated import scan

AFFINE = np.diag([1.5, 1.5, 4, 1.0])


@pytest.mark.parametrize("kind", ["ct", "mr", "pet"])
@pytest.mark.parametrize("number", range(3))
def test_scans_are_images_and_their_labels_masks(kind, number):
    image, mask = scan(number, kind)
    assert not glance_at(Volume(image, AFFINE)).is_mask
    for stored in (
        mask,
        mask.astype(np.float64),
        (mask > 0) * np.uint8(255),
        mask * np.uint16(205),
    ):
        assert glance_at(Volume(stored, AFFINE)).is_mask


def test_values_are_counted_exactly():
    mask = np.zeros((40, 30, 20), np.uint16)
    mask[5:9, 5:9, 5:9] = 850
    mask[0, 0, 0] = 3
    glance = glance_at(Volume(mask, AFFINE))
    assert glance.counts == {0: 24000 - 65, 3: 1, 850: 64}
    assert glance.values == (3, 850)


def test_a_parcellation_of_many_values_is_a_mask_and_a_grey_image_is_none():
    blocks = np.kron(np.arange(180).reshape(6, 6, 5), np.ones((6, 6, 6))).astype(np.int16)
    assert len(glance_at(Volume(blocks, AFFINE)).values) == 179
    grey = np.random.default_rng(1).integers(0, 180, blocks.shape).astype(np.uint8)
    assert not glance_at(Volume(grey, AFFINE)).is_mask


@pytest.mark.parametrize("array", [[-1, 0, 1], [0, 0.5, 1], [0, 1, 70000]])
def test_what_no_mask_holds_makes_an_image(array):
    volume = Volume(np.array(array, float).reshape(3, 1, 1), AFFINE)
    assert not glance_at(volume).is_mask


def test_intensities_are_judged_by_the_checks_of_ingest():
    image, _ = scan(1)
    fits = {
        "hu": image,
        "offset": image + 1024,
        "clipped_hu": image.clip(-100, 300),
    }
    for kind, array in fits.items():
        assert kind in glance_at(Volume(array, AFFINE)).fits
    assert glance_at(Volume(image / 1000.0, AFFINE)).fits == ()


@pytest.mark.parametrize("high", [900, 1400, 4000])
def test_mr_is_no_ct_with_1024_added_however_large_its_values_are(high):
    """As much of it as of CT may be of the values of soft tissue, but not most of the body."""
    image = np.random.default_rng(1).gamma(4, high / 12, (40, 30, 12)).clip(0, high)
    image[:8] = 0
    assert "offset" not in glance_at(Volume(image.astype(np.int16), AFFINE)).fits


def test_slices_that_are_no_neighbours_are_unlike():
    image, _ = scan(1, shape=(32, 32, 12))
    mixed = np.stack([scan(n, shape=(32, 32, 3))[0].T[1] * (-1) ** n for n in range(12)], axis=-1)
    assert glance_at(Volume(image, AFFINE)).likeness > 0.9
    assert glance_at(Volume(mixed.astype(np.int16), AFFINE)).likeness < 0
    assert glance_at(Volume(image[..., :1], AFFINE)).likeness is None
