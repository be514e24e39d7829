"""Masks on their image's grid, compared with SimpleITK."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import UNDRAWN, Masks
from slicewise.errors import SlicewiseError
from slicewise.volumes.placing import Stored, VoxelGrid, on_image, say_stored

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
SHAPE = (7, 6, 5)
AFFINE = np.array([[-0.8, 0, 0, 8], [0, -0.7, 0, 9], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])


def turned(angles: tuple[float, float, float]) -> np.ndarray:
    """Return an oblique affine with three sizes of voxels."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix(), (3, 3))
    affine[:3, :3] *= (0.8, 0.7, 2.5)
    affine[:3, 3] = (-30.5, 12.25, 400.125)
    return affine


def itk(array: np.ndarray, affine: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    lps = FLIP @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    return image


def by_itk(array: np.ndarray, affine: np.ndarray, where: np.ndarray, how: int) -> np.ndarray:
    like = itk(np.zeros(SHAPE, array.dtype), where)
    moved = sitk.Resample(itk(array, affine), like, sitk.Transform(), how, 0.0)
    return sitk.GetArrayFromImage(moved).transpose(2, 1, 0)


def stored(
    labels: np.ndarray, affine: np.ndarray, axes: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Store voxels with other axes, at the same places."""
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, old in enumerate(axes):
        turn[old, new] = -1 if flips[new] else 1
        turn[old, 3] += labels.shape[old] - 1 if flips[new] else 0
    array = labels.transpose(axes)
    array = array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    return np.ascontiguousarray(array), affine @ turn


def placed_on(
    labels: np.ndarray,
    affine: np.ndarray,
    shape: tuple[int, ...],
    image_affine: np.ndarray,
    own: str,
    other: str,
    masks: Masks,
    *,
    lost: bool = False,
) -> tuple[np.ndarray, Stored | None]:
    """Bring labels onto an image that has lost its geometry, or not."""
    return on_image(
        labels,
        VoxelGrid(labels.shape, affine, own),
        VoxelGrid(shape, image_affine, other, lost),
        masks,
    )


# ITK cannot invert directions whose parts are 1e-308
angle = st.floats(-1.2, 1.2).map(lambda each: round(each, 6))
ends = st.tuples(st.integers(-2, 2), st.integers(-2, 1))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(angle, angle, angle),
    st.permutations((0, 1, 2)).map(tuple),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.tuples(ends, ends, ends),
    st.integers(0, 1000),
)
def test_what_lies_on_the_voxels_is_brought_there_as_itk_does(angles, axes, flips, rims, seed):
    affine = turned(angles)
    random = np.random.default_rng(seed)
    # a border that cuts or a rim that is empty, on either side of each axis
    labels = random.integers(0, 4, SHAPE, np.uint8)
    kept = np.zeros_like(labels)
    inside = tuple(slice(max(a, 0), n - max(b, 0)) for (a, b), n in zip(rims, SHAPE, strict=True))
    kept[inside] = labels[inside]
    mask = np.pad(kept, [(max(-a, 0), max(-b, 0)) for a, b in rims])
    mask = mask[
        tuple(slice(max(a, 0), n - max(b, 0)) for (a, b), n in zip(rims, mask.shape, strict=True))
    ]
    where = affine.copy()
    where[:3, 3] += affine[:3, :3] @ [a for a, _ in rims]
    array, place = stored(mask, where, axes, flips)
    # headers hold single precision
    place = place.astype(np.float32).astype(np.float64)
    placed, how = placed_on(array, place, SHAPE, affine, "mask", "image", "exact")
    np.testing.assert_array_equal(placed, kept)
    np.testing.assert_array_equal(placed, by_itk(array, place, affine, sitk.sitkNearestNeighbor))
    words = "" if how is None else how.how
    assert ("flipped" in words) == any(flips)
    assert ("permuted" in words) == (axes != (0, 1, 2))
    assert ("cropped" in words) == any(end > 0 for rim in rims for end in rim)
    assert ("larger" in words) == any(end < 0 for rim in rims for end in rim)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(angle, angle, angle),
    st.tuples(*[st.floats(0.6, 1.7)] * 3),
    st.tuples(*[st.floats(-1, 1)] * 3),
    st.permutations((0, 1, 2)).map(tuple),
    st.integers(0, 1000),
)
def test_labels_are_resampled_as_itk_interpolates_them(angles, sizes, shift, axes, seed):
    affine = turned((0.3, -0.2, 0.1))
    other = turned(angles)
    other[:3, :3] *= sizes
    # around the same middle, so that they meet
    middle = affine @ [3, 2.5, 2, 1]
    other[:3, 3] = middle[:3] - other[:3, :3] @ (4, 4, 4) + shift
    labels = np.zeros((9, 9, 9), np.uint8)
    # beyond the border ITK repeats the last voxel: here it is background
    labels[2:7, 2:7, 2:7] = np.random.default_rng(seed).choice([0, 1, 3], (5, 5, 5))
    array, place = stored(labels, other, axes, (True, False, False))
    placed, how = placed_on(array, place, SHAPE, affine, "mask", "image", "resample")
    shares = np.stack(
        [by_itk((array == k).astype(np.float64), place, affine, sitk.sitkLinear) for k in range(4)]
    )
    shares[0] = 1 - shares[1:].sum(axis=0)
    ordered = np.sort(shares, axis=0)
    clear = ordered[-1] - ordered[-2] > 0.01
    np.testing.assert_array_equal(placed[clear], shares.argmax(axis=0)[clear])
    assert how is not None
    assert how.how == "resampled"


def box() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:4, 1:4] = 1
    return labels


def beside(voxels: float, axis: int = 2) -> np.ndarray:
    affine = AFFINE.copy()
    affine[:3, 3] += voxels * AFFINE[:3, axis]
    return affine


def test_a_hundredth_of_a_voxel_is_what_headers_may_round():
    labels = box()
    for affine in (AFFINE, AFFINE.astype(np.float32), beside(0.009)):
        placed, how = placed_on(labels, affine, SHAPE, AFFINE, "m", "i", "exact")
        assert placed is labels
        assert how is None


@pytest.mark.parametrize(
    ("labels", "affine", "fault"),
    [
        (box(), beside(0.011), "it lies up to 0.03 mm away"),
        (box(), beside(0.5), "it lies up to 1.25 mm away"),
        (box()[1:], beside(0.5), "lie up to 1.25 mm (0.50 voxels) off"),
        (box(), AFFINE @ np.diag([1, 1, 1.2, 1]), "0.8 × 0.7 × 3 mm instead of 0.8 × 0.7 × 2.5"),
        (box(), AFFINE @ np.diag([1, 1, 2, 1]), "0.8 × 0.7 × 5 mm instead of"),
    ],
)
def test_what_is_off_the_voxels_is_refused_with_the_way_out(refused, labels, affine, fault):
    message = refused(placed_on, labels, affine, SHAPE, AFFINE, "m.nii", "i.nii", "exact")
    assert message.startswith("m.nii: it is not on the grid of its image i.nii: ")
    assert fault in message
    assert "dataset.masks to resample" in message
    placed, how = placed_on(labels, affine, SHAPE, AFFINE, "m.nii", "i.nii", "resample")
    assert placed.any()
    assert how.how == "resampled"


def test_labels_outside_of_the_image_are_refused_or_counted(refused):
    away = beside(3)
    message = refused(placed_on, box(), away, SHAPE, AFFINE, "m.nii", "i.nii", "exact")
    assert "12 of its voxels with a label lie outside" in message
    placed, how = placed_on(box(), away, SHAPE, AFFINE, "m.nii", "i.nii", "resample")
    assert placed.sum() == 6
    assert (how.how, how.outside) == ("cropped, larger than the image", 12)
    _, how = placed_on(box(), beside(2.6), SHAPE, AFFINE, "m.nii", "i.nii", "resample")
    assert how.outside == 12
    for voxels in (20, 20.5):
        with pytest.raises(SlicewiseError, match="no voxel of its labels"):
            placed_on(box(), beside(voxels), SHAPE, AFFINE, "m", "i", "resample")


def test_how_far_a_mask_is_off_is_measured():
    _, how = placed_on(box(), beside(0.25), SHAPE, AFFINE, "m", "i", "resample")
    assert (how.off_mm, how.off_voxels) == pytest.approx((0.625, 0.25), abs=1e-3)
    # a finer mask has a voxel wherever the image has one
    fine = np.kron(box(), np.ones((1, 1, 3), np.uint8))
    place = AFFINE @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1 / 3, -1 / 3], [0, 0, 0, 1]])
    placed, how = placed_on(fine, place, SHAPE, AFFINE, "m", "i", "resample")
    assert how.off_mm == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(placed, box())


def test_the_last_bit_of_an_affine_does_not_decide():
    """Halves of a voxel make ties, and stages read affines of more or fewer digits."""
    labels = np.random.default_rng(0).integers(0, 3, SHAPE, np.uint8)
    found = []
    for digits in (16, 6, 5):
        where = turned((0.3, 0.2, 0.1)).round(digits)
        mask = turned((0.3, 0.2, 0.1))
        mask[:3, 3] += 0.5 * mask[:3, 0]
        found.append(placed_on(labels, mask, SHAPE, where, "m", "i", "resample")[0])
    for one, other in itertools.pairwise(found):
        np.testing.assert_array_equal(one, other)


def test_a_header_that_lost_its_geometry_is_no_reason_to_turn_a_mask(refused):
    array, place = stored(box(), np.eye(4), (0, 1, 2), (True, False, False))
    message = refused(placed_on, array, place, SHAPE, np.eye(4), "m", "i", "resample", lost=True)
    assert "lost its geometry" in message
    assert "resample" not in message


@pytest.mark.parametrize("masks", ["exact", "resample"])
@pytest.mark.parametrize("silent", ["mask", "image"])
def test_a_header_without_a_place_is_no_reason_to_move_a_mask(refused, masks, silent):
    """Sizes alone, as MATLAB's programs write them: nibabel and ITK make up different places."""
    told = VoxelGrid(SHAPE, AFFINE, "i")
    made_up = VoxelGrid(SHAPE, AFFINE @ np.diag([-1, 1, 1, 1.0]), "m", placed=False)
    mask, image = (made_up, told) if silent == "mask" else (told, made_up)
    message = refused(on_image, box(), mask, image, masks)
    assert f"the header of the {silent} does not say where voxels lie" in message
    assert "give it the header of its image" in message
    assert "resample" not in message
    # two that are alike were written alike
    placed, stored = on_image(box(), made_up, replace(made_up, shown="i"), masks)
    np.testing.assert_array_equal(placed, box())
    assert stored is None


def test_a_mask_of_as_many_voxels_elsewhere_may_have_a_wrong_header(refused, caplog):
    """Its nearest voxels are a fraction of one off, and those of the same indices much more."""
    off = AFFINE.copy()
    off[:3, 3] += [2.3, 0, 0]
    message = refused(placed_on, box(), off, SHAPE, AFFINE, "m", "i", "exact")
    assert "it lies up to 2.30 mm away" in message
    assert "give it the header of its image if it was drawn on the same voxels" in message
    assert "resample if its place is right" in message
    placed, stored = placed_on(box(), off, SHAPE, AFFINE, "m", "i", "resample")
    assert stored.off_mm < stored.apart_mm == pytest.approx(2.3)
    counts = [np.bincount(array.ravel(), minlength=2) for array in (box(), placed)]
    say_stored(stored, "m", *counts, ["a"])
    assert "those of the same indices up to 2.30 mm apart" in caplog.text
    smaller = placed_on(box()[1:], off, SHAPE, AFFINE, "m", "i", "resample")[1]
    assert "apart_mm" not in smaller.record()


def test_one_slice_lies_where_it_lies_whatever_its_thickness():
    thick = beside(2) @ np.diag([1, 1, 7, 1.0])
    placed, how = placed_on(box()[:, :, 2:3], thick, SHAPE, AFFINE, "m", "i", "exact")
    np.testing.assert_array_equal(placed[:, :, 2], box()[:, :, 2])
    assert placed.sum() == box()[:, :, 2].sum()
    assert how.how == "cropped"


@pytest.mark.parametrize("masks", ["exact", "resample"])
def test_undrawn_voxels_come_along_and_count_as_no_label(masks):
    labels = np.full((6, 6, 6), UNDRAWN, np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    mask = VoxelGrid(labels.shape, np.diag([-1.0, 1, 1, 1]) @ np.eye(4), "mask")
    image_affine = np.eye(4)
    image_affine[:3, 3] = [-4, 1, 1]
    image = VoxelGrid((5, 5, 5), image_affine, "image")
    placed, stored = on_image(labels, mask, image, masks)
    # undrawn voxels beyond the image are nothing that was lost
    assert stored.outside == 0
    wanted = labels[::-1][1:6, 1:6, 1:6]
    np.testing.assert_array_equal(placed, wanted)


def test_nothing_between_a_label_and_what_nobody_drew():
    """A resampled voxel is one or the other, and of equal shares the label."""
    labels = np.full((8, 4, 4), UNDRAWN, np.uint8)
    labels[:4] = 3
    affine = np.eye(4)
    affine[0, 3] = 0.5
    mask = VoxelGrid(labels.shape, affine, "mask")
    placed, _ = on_image(labels, mask, VoxelGrid((8, 4, 4), np.eye(4), "image"), "resample")
    assert set(np.unique(placed[1:])) == {3, UNDRAWN}
    assert (placed[1:5] == 3).all()
    assert (placed[5:] == UNDRAWN).all()
