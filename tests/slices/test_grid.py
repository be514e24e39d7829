"""Grid against independent implementations, and what must hold for any shape."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import downscale_local_mean

from slicewise.config import UNDRAWN, Recipe
from slicewise.slices.grid import Grid
from slicewise.slices.planes import PLANES
from slicewise.volumes.volume import Volume, from_canonical

PLANE = st.sampled_from(sorted(PLANES))
SIDE = st.integers(1, 40)
QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def grid_of(rows: int, columns: int, number: int = 2, **recipe) -> Grid:
    """Return a grid whose axial slices have this size."""
    return Grid((rows, columns, number), Recipe(plane="axial", **recipe))


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1024, 2000, shape).astype(np.int16)


@QUICK
@given(st.integers(2, 6), st.integers(16, 20), st.integers(16, 20), st.integers(0, 99))
def test_a_whole_factor_is_the_mean_of_blocks(factor, rows, columns, seed):
    rows = max(rows, columns)  # the longer side decides the scale
    stack = noise((2, rows * factor, columns * factor), seed)
    grid = grid_of(rows * factor, columns * factor, size=rows)
    small = grid.shrink(stack, pad=0)
    expected = downscale_local_mean(stack.astype(float), (1, factor, factor))
    place = (rows - columns) // 2
    np.testing.assert_allclose(small[:, :, place : place + columns], expected, atol=1e-2)


def test_every_nth_pixel_lies_where_its_voxel_does():
    matrix = Grid((30, 20, 4), Recipe(every=3)).matrix
    across, row, column = 2, 5, 6
    place = matrix @ [across, row, column, 1]
    assert sorted(place[:3]) == sorted([across, 3.0 * row, 3.0 * column])


@QUICK
@given(st.integers(16, 60), st.integers(16, 60), st.integers(16, 59), st.integers(0, 99))
def test_any_scale_is_the_integral_over_each_pixel(rows, columns, size, seed):
    assume(max(rows, columns) > size)
    stack = noise((1, rows, columns), seed)
    small = grid_of(rows, columns, size=size).shrink(stack, pad=0)[0]
    expected = stack[0].astype(float)
    place = []
    for axis, length in enumerate((rows, columns)):
        # The integral of a picture of squares is its running sum, linear between pixels.
        step = max(rows, columns) / size
        filled = math.ceil(length / step - 1e-9)
        edges = np.minimum(np.arange(filled + 1) * step, length)
        running = np.concatenate(
            [np.zeros_like(expected.take([0], axis)), expected.cumsum(axis)], axis
        )
        integral = np.apply_along_axis(
            lambda line, at=edges: np.interp(at, np.arange(len(line)), line), axis, running
        )
        widths = np.diff(edges).reshape([-1, 1] if axis == 0 else [1, -1])
        expected = np.diff(integral, axis=axis) / widths
        place.append(slice((size - filled) // 2, (size - filled) // 2 + filled))
    np.testing.assert_allclose(small[tuple(place)], expected, atol=0.05)


@QUICK
@given(SIDE, SIDE, st.integers(2, 5), st.integers(0, 99))
def test_every_nth_pixel_is_kept_as_it_is(rows, columns, every, seed):
    stack = noise((2, rows, columns), seed)
    grid = grid_of(rows, columns, every=every)
    np.testing.assert_array_equal(grid.shrink(stack, pad=0), stack[:, ::every, ::every])
    labels = (stack > 0).astype(np.uint8)
    np.testing.assert_array_equal(grid.shrink_mask(labels, 1), labels[:, ::every, ::every])
    assert grid.size == (math.ceil(rows / every), math.ceil(columns / every))


@QUICK
@given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 99))
def test_a_mask_pixel_takes_the_label_that_covers_most(factor, labels, seed):
    side = 16
    stack = np.random.default_rng(seed).integers(0, labels + 1, (1, side * factor, side * factor))
    small = grid_of(side * factor, side * factor, size=side).shrink_mask(
        stack.astype(np.uint8), labels
    )
    blocks = stack.reshape(side, factor, side, factor).transpose(0, 2, 1, 3).reshape(side, side, -1)
    for row, column in itertools.product(range(side), range(side)):
        counts = np.bincount(blocks[row, column], minlength=labels + 1)
        best = counts[1:].max()
        # the share of the label against the background; a tie goes to the label
        expected = 1 + counts[1:].argmax() if best and best >= counts[0] else 0
        assert small[0, row, column] == expected


@QUICK
@given(st.integers(1, 70), st.integers(1, 70), st.integers(16, 64), PLANE)
def test_padding_never_distorts(rows, columns, size, plane):
    shape = [3, 3, 3]
    shape[PLANES[plane][1]], shape[PLANES[plane][2]] = rows, columns
    grid = Grid(tuple(shape), Recipe(plane=plane, size=size))
    first, second = grid.axes
    assert first.scale == second.scale <= 1
    assert grid.size == (size, size)
    assert max(first.filled, second.filled) == min(size, max(rows, columns))
    for axis in grid.axes:
        # the picture lies in the middle, to a pixel
        assert 0 <= axis.out - axis.filled - 2 * axis.before <= 1
        assert axis.length * axis.scale - 1e-6 <= axis.filled < axis.length * axis.scale + 1
    padded = grid.shrink(np.zeros((1, rows, columns), np.int16), pad=-1024)
    assert np.count_nonzero(padded == -1024) == size * size - first.filled * second.filled


@QUICK
@given(st.integers(1, 16), st.integers(1, 16), st.integers(16, 20), PLANE, st.integers(0, 99))
def test_small_slices_are_only_padded(rows, columns, size, plane, seed):
    shape = [2, 2, 2]
    shape[PLANES[plane][1]], shape[PLANES[plane][2]] = rows, columns
    grid = Grid(tuple(shape), Recipe(plane=plane, size=size))
    stack = noise((2, rows, columns), seed)
    small = grid.shrink(stack, pad=-1024)
    np.testing.assert_array_equal(grid.enlarge(small), stack)
    labels = (stack > 0).astype(np.uint8)
    np.testing.assert_array_equal(grid.enlarge(grid.shrink_mask(labels, 1)), labels)
    assert small.sum(dtype=float) == stack.sum(dtype=float) - 1024.0 * (small.size - stack.size)


@QUICK
@given(
    st.integers(2, 80),
    st.integers(2, 80),
    st.one_of(st.builds(dict, size=st.integers(16, 64)), st.builds(dict, every=st.integers(1, 5))),
)
def test_a_constant_comes_back_exactly(rows, columns, recipe):
    grid = grid_of(rows, columns, **recipe)
    stack = np.full((1, rows, columns), 57, np.int16)
    back = grid.enlarge(grid.shrink(stack, pad=-1024))
    assert back.shape == stack.shape
    np.testing.assert_allclose(back, 57, rtol=1e-5)


@QUICK
@given(
    st.integers(24, 90),
    st.integers(24, 90),
    st.one_of(st.builds(dict, size=st.integers(16, 64)), st.builds(dict, every=st.integers(1, 4))),
)
def test_a_ramp_comes_back_but_at_its_ends(rows, columns, recipe):
    grid = grid_of(rows, columns, **recipe)
    i, j = np.mgrid[:rows, :columns]
    stack = (3.0 * i - 2.0 * j)[None].astype(np.float32)
    back = grid.enlarge(grid.shrink(stack, pad=-1024))
    # nothing is known beyond the last centres, so the outermost pixels may differ
    edge = math.ceil(1 / grid.axes[0].scale) + 1
    inner = (0, slice(edge, -edge), slice(edge, -edge))
    # within an eighth of a pixel: 3 a row and 2 a column
    np.testing.assert_allclose(back[inner], stack[inner], atol=(3 + 2) / 8)


@QUICK
@given(
    st.integers(40, 100),
    st.integers(40, 100),
    st.floats(0.35, 0.65),
    st.floats(0.35, 0.65),
    st.one_of(st.builds(dict, size=st.integers(20, 64)), st.builds(dict, every=st.integers(1, 3))),
)
def test_a_blob_stays_where_it_is(rows, columns, x, y, recipe):
    grid = grid_of(rows, columns, **recipe)
    centre = np.array([x * rows, y * columns])
    i, j = np.mgrid[:rows, :columns]
    blob = 100 * np.exp(-((i - centre[0]) ** 2 + (j - centre[1]) ** 2) / (2 * 5.0**2))
    small = grid.shrink(blob[None].astype(np.float32), pad=0)[0]
    back = grid.enlarge(small[None])[0]
    spacing = 0.8  # mm, so a tenth of a pixel is 0.08 mm
    moved = (np.array(ndimage.center_of_mass(back)) - ndimage.center_of_mass(blob)) * spacing
    assert np.abs(moved).max() < 0.1 * spacing
    # within the slice as well: the place of a pixel follows from scale and padding
    axes = grid.axes
    place = [
        (c - a.before + (0.0 if a.every > 1 else 0.5)) / a.scale - (0.0 if a.every > 1 else 0.5)
        for c, a in zip(ndimage.center_of_mass(small), axes, strict=True)
    ]
    assert np.abs(np.array(place) - ndimage.center_of_mass(blob)).max() < 0.1


@QUICK
@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    PLANE,
    st.tuples(*[st.integers(1, 9)] * 3),
    st.integers(0, 99),
)
def test_any_orientation_comes_back_exactly(order, signs, plane, shape, seed):
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (target, sign) in enumerate(zip(order, signs, strict=True)):
        affine[target, axis] = sign * (0.7 + axis)
    affine[:3, 3] = (5, -9, 40)
    labels = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    canonical = Volume(labels, affine).canonical().array
    grid = Grid(canonical.shape, Recipe(plane=plane, size=16))
    masks = grid.shrink_mask(grid.stack(canonical), 2)
    back = from_canonical(grid.unstack(grid.enlarge(masks)).astype(np.uint8), affine)
    np.testing.assert_array_equal(back, labels)


def test_all_48_orientations_and_planes_come_back_exactly():
    labels = np.random.default_rng(1).integers(0, 3, (5, 6, 7)).astype(np.uint8)
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((-1, 1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = np.eye(3)[list(order)] * np.array(signs) * (1, 2, 3)
            canonical = Volume(labels, affine).canonical().array
            for plane in PLANES:
                grid = Grid(canonical.shape, Recipe(plane=plane))
                stack = grid.shrink_mask(grid.stack(canonical), 2)
                back = from_canonical(grid.unstack(grid.enlarge(stack)).astype(np.uint8), affine)
                np.testing.assert_array_equal(back, labels)


@pytest.mark.parametrize(
    ("plane", "axes"), [("axial", "xy"), ("coronal", "xz"), ("sagittal", "yz")]
)
def test_each_plane_has_its_axes(plane, axes):
    array = np.zeros((4, 5, 6))
    grid = Grid(array.shape, Recipe(plane=plane))
    sizes = dict(zip("xyz", array.shape, strict=True))
    assert grid.size == tuple(sizes[a] for a in axes)
    assert grid.stack(array).shape == (grid.number, *grid.size)
    assert grid.unstack(grid.stack(array)).shape == array.shape


def test_channels_are_enlarged_one_by_one():
    grid = grid_of(40, 30, size=16)
    channels = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
    together = grid.enlarge(channels)
    for channel in range(3):
        np.testing.assert_allclose(
            together[..., channel], grid.enlarge(channels[..., channel]), atol=1e-6
        )
    assert together.shape == (2, 40, 30, 3)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_slices_of_a_few_pixels_come_back(columns):
    """As those of a short axis of a heart, cut across."""
    grid = grid_of(32, 2 * columns, size=16)
    ramp = np.arange(16, dtype=np.float32)[:, None] + np.zeros((16, columns), np.float32)
    small = np.zeros((1, *grid.size), np.float32)
    small[:, grid.axes[0].inside, grid.axes[1].inside] = ramp
    back = grid.enlarge(small)
    assert back.shape == (1, 32, 2 * columns)
    inner = np.arange(1, 31)
    expected = np.interp(inner, 2 * np.arange(16) + 0.5, np.arange(16))
    np.testing.assert_allclose(back[0, 1:31], np.tile(expected[:, None], 2 * columns), atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 64, 5), (50, 42, 4), (17, 40, 3)])
@pytest.mark.parametrize("labels", [1, 3])
def test_a_pixel_takes_what_its_drawn_voxels_are(shape, labels):
    random = np.random.default_rng(labels)
    array = random.integers(0, labels + 1, shape).astype(np.uint8)
    array[random.random(shape) < 0.6] = UNDRAWN
    array[:9, :11] = UNDRAWN
    grid = Grid(shape, Recipe(size=16))
    small = grid.shrink_mask(grid.stack(array), labels)
    rows, columns = grid.axes
    down = [axis.down.toarray() for axis in (rows, columns)]
    shares = {
        value: np.einsum("ri,cj,ijs->src", *down, (array == value).astype(float))
        for value in (*range(labels + 1), UNDRAWN)
    }
    inner = small[:, rows.inside, columns.inside]
    drawn = sum(shares[value] for value in range(labels + 1))
    np.testing.assert_array_equal(inner == UNDRAWN, drawn < 1e-5)
    best = np.max([shares[value] for value in range(1, labels + 1)], axis=0)
    for value in range(1, labels + 1):
        assert (shares[value][inner == value] >= best[inner == value] - 1e-5).all()
        assert (shares[value][inner == value] >= shares[0][inner == value] - 1e-5).all()
    assert (shares[0][inner == 0] >= best[inner == 0] - 1e-5).all()
    outside = np.ones(small.shape, bool)
    outside[:, rows.inside, columns.inside] = False
    assert not small[outside].any(), "padding is background"
