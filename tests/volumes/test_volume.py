"""A volume's place in space, whatever the order and direction of its axes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.volumes.volume import Volume, from_canonical, slabs_of_both

TILT = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]])
ORDERS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product([1, -1], repeat=3))
)


def laid(order, signs) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = TILT @ (np.eye(3)[:, list(order)] * signs) * (0.7, 0.8, 2.5)
    affine[:3, 3] = (10, -20, 30)
    return Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine)


def test_spacing_and_size_are_those_of_the_affine():
    volume = laid((2, 0, 1), (1, -1, 1))
    assert volume.spacing == pytest.approx((0.7, 0.8, 2.5))
    assert volume.voxel_ml == pytest.approx(0.7 * 0.8 * 2.5 / 1000)
    assert volume.orientation == "SLA"


@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_canonical_voxels_stay_where_they_are(order, signs):
    volume = laid(order, signs)
    canonical = volume.canonical()
    assert canonical.orientation == "RAS"
    for value in (0, 5, 23):
        index, other = (np.argwhere(each.array == value)[0] for each in (volume, canonical))
        np.testing.assert_allclose(
            volume.affine @ [*index, 1], canonical.affine @ [*other, 1], atol=1e-9
        )
    np.testing.assert_array_equal(from_canonical(canonical.array, volume.affine), volume.array)


def test_what_was_lost_stays_lost():
    assert Volume(np.zeros((2, 2, 2)), np.eye(4), lost=True).canonical().lost


@pytest.mark.parametrize(
    ("dtype", "values", "offset", "expected"),
    [
        ("uint8", [0, 255], -1024, "int16"),
        ("int16", [-1024, 3071], 1024, "int16"),
        ("int16", [0, 32767], 1, "int32"),
        ("int16", [-32768, 0], -1, "int32"),
        ("uint16", [0, 65535], -1, "int32"),
        ("int64", [0, 2**31], 0, "int64"),
        ("int64", [0, 2**31 - 1], 1, "int64"),
        ("float32", [0.5, 1.5], -1024, "float32"),
    ],
)
def test_an_offset_never_wraps(dtype, values, offset, expected):
    array = np.array(values, dtype).reshape(2, 1, 1)
    moved = Volume(array, np.eye(4)).plus(offset).array
    assert moved.dtype == expected
    assert moved.ravel().tolist() == [value + offset for value in values]
    # what was given stays as it was
    assert array.ravel().tolist() == values


@given(
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    order=st.permutations(range(3)),
    turned=st.integers(0, 2),
    other=st.permutations(range(3)),
)
def test_layers_of_both_are_the_same_layers_however_they_lie_in_memory(
    shape: tuple[int, ...], order: list[int], turned: int, other: list[int]
) -> None:
    one = np.flip(np.arange(np.prod(shape)).reshape(shape).transpose(order), turned)
    same = np.empty([one.shape[axis] for axis in other]).transpose(np.argsort(other))
    for part, target in slabs_of_both(one, same):
        target[...] = part
    np.testing.assert_array_equal(same, one)


def test_a_single_slice_lies_in_memory_in_more_than_one_way() -> None:
    one = np.lib.stride_tricks.as_strided(np.arange(12), (4, 3, 1), (24, 8, 1000))
    same = np.empty((4, 3, 1))
    for part, target in slabs_of_both(one, same):
        target[...] = part
    np.testing.assert_array_equal(same, one)
