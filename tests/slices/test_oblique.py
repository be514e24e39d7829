"""Oblique cuts against planes in millimetres and against SimpleITK."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Recipe
from slicewise.slices.extract import AIR, SliceSource, extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.grid import Grid
from slicewise.slices.oblique import cut, turned_back
from slicewise.slices.planes import PLANES
from slicewise.volumes.volume import Volume

SHAPE, SPACING = (33, 40, 22), (1.0, 0.8, 2.5)
PLANE = st.sampled_from(sorted(PLANES))
ANGLE = st.floats(-89, 89).map(lambda angle: round(angle, 2) + 0.003)  # no ties between voxels
SOME = settings(max_examples=20, deadline=None, derandomize=True)


def about(axis: int, degrees: float) -> np.ndarray:
    """Return the rotation about x, y or z by the right-hand rule."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array(
        [
            [[1, 0, 0], [0, c, -s], [0, s, c]],
            [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        ][axis]
    )


def millimetres(shape=SHAPE, spacing=SPACING) -> np.ndarray:
    """Return where each voxel lies from the middle of the volume, shape (x, y, z, 3)."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    return (index - (np.array(shape) - 1) / 2) * spacing


def turned(array: np.ndarray, recipe: Recipe, order: int, outside: float = AIR) -> np.ndarray:
    """Cut a whole volume and put the slices back where straight ones were."""
    volume = Volume(array, np.diag([*SPACING, 1]))
    return Grid(array.shape, recipe).unstack(cut(volume, recipe, order, outside)[:])


@SOME
@given(PLANE, ANGLE, ANGLE)
def test_a_plane_at_that_angle_lies_along_the_slices(plane, a, b):
    across, rows, columns = PLANES[plane]
    normal = (about(columns, b) @ about(rows, a))[:, across]
    # grows by 10 a millimetre along the normal: linear interpolation is exact
    ramp = (10 * millimetres() @ normal).astype(np.float32)
    found = turned(ramp, Recipe(plane=plane, tilt=[a, b]), order=1)
    place = millimetres()
    near = np.linalg.norm(place, axis=-1) < 14  # a ball that the volume holds however it turns
    np.testing.assert_allclose(found[near], 10 * place[..., across][near], atol=1e-3)


def test_the_sense_of_the_turn():
    # about its row axis (left to right) an axial cut rises towards the front, that is
    # along y; about its column axis it falls towards the right
    x, y, z = np.moveaxis(millimetres(), -1, 0)
    near = np.linalg.norm(millimetres(), axis=-1) < 10
    rising = turned(z.astype(np.float32), Recipe(tilt=[30.0, 0.0]), order=1)
    np.testing.assert_allclose(rising[near], (z * np.sqrt(0.75) + y / 2)[near], atol=1e-4)
    falling = turned(z.astype(np.float32), Recipe(tilt=[0.0, 30.0]), order=1)
    np.testing.assert_allclose(falling[near], (z * np.sqrt(0.75) - x / 2)[near], atol=1e-4)


@SOME
@given(PLANE, ANGLE, ANGLE, st.integers(0, 99))
def test_simpleitk_resamples_the_same(plane, a, b, seed):
    random = np.random.default_rng(seed)
    image = random.integers(-1000, 1000, SHAPE).astype(np.int16)
    labels = random.integers(0, 4, SHAPE).astype(np.uint8)
    recipe = Recipe(plane=plane, tilt=[a, b])
    _, rows, columns = PLANES[plane]
    centre = [(n - 1) / 2 * s for n, s in zip(SHAPE, SPACING, strict=True)]

    def euler(axis, degrees):
        angles = np.zeros(3)
        angles[axis] = np.deg2rad(degrees)
        return sitk.Euler3DTransform(centre, *angles.tolist())

    # the transform that was added last is applied first
    both = sitk.CompositeTransform([euler(columns, b), euler(rows, a)])

    def resampled(array, interpolator):
        picture = sitk.GetImageFromArray(array.transpose(2, 1, 0))
        picture.SetSpacing(SPACING)
        done = sitk.Resample(picture, picture, both, interpolator, 0)
        return sitk.GetArrayFromImage(done).transpose(2, 1, 0)

    # programs differ within half a voxel of the border
    inner = np.zeros(SHAPE, np.float32)
    inner[1:-1, 1:-1, 1:-1] = 1
    inner = resampled(inner, sitk.sitkLinear) == 1
    assert np.count_nonzero(inner) > 1000
    linear = turned(image, recipe, order=1)
    assert linear.dtype == np.float32
    np.testing.assert_allclose(
        linear[inner], resampled(image.astype(np.float32), sitk.sitkLinear)[inner], atol=0.02
    )
    nearest = turned(labels, recipe, order=0, outside=0)
    assert nearest.dtype == np.uint8
    np.testing.assert_array_equal(
        nearest[inner], resampled(labels, sitk.sitkNearestNeighbor)[inner]
    )


@SOME
@given(PLANE, ANGLE, ANGLE, st.tuples(*[st.floats(-9, 9)] * 3))
def test_what_is_turned_back_lies_where_it_was(plane, a, b, slope):
    ramp = (millimetres() @ np.array(slope)).astype(np.float32)
    volume = Volume(ramp, np.diag([*SPACING, 1]))
    grid = Grid.of(volume, Recipe(plane=plane, tilt=[a, b]))
    found = grid.unstack(turned_back(cut(volume, grid.recipe, 1, np.nan)[:], grid)[:])
    near = np.linalg.norm(millimetres(), axis=-1) < 12  # a ball that both cuts hold
    np.testing.assert_allclose(found[near], ramp[near], atol=2e-3)
    there = ~np.isnan(found)
    np.testing.assert_allclose(found[there], ramp[there], atol=2e-3)


def test_turning_back_needs_millimetres():
    grid = Grid(SHAPE, Recipe(tilt=[10.0, 0.0]))
    with pytest.raises(ValueError, match="needs the spacing"):
        turned_back(np.zeros(SHAPE), grid)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("side", [16, 17])
def test_a_right_angle_moves_voxels_and_loses_none(order, side):
    cube = np.random.default_rng(0).integers(-900, 900, (side,) * 3).astype(np.int16)
    volume = Volume(cube, np.eye(4))
    axial = cut(volume, Recipe(tilt=[90.0, 0.0]), order, AIR)[:]
    # z of the patient along the columns, the back first
    wanted = cube.transpose(1, 0, 2)[::-1]
    np.testing.assert_allclose(axial, wanted, atol=1e-3)


@pytest.mark.parametrize("plane", sorted(PLANES))
def test_a_straight_cut_is_a_view(plane):
    array = np.zeros((5, 6, 7), np.int16)
    stack = cut(Volume(array, np.eye(4)), Recipe(plane=plane, tilt=[0.0, 0.0]), 1, AIR)
    assert np.shares_memory(stack, array)
    np.testing.assert_array_equal(stack.shape, [array.shape[axis] for axis in PLANES[plane]])


@pytest.mark.parametrize("intensity", ["hu", "arbitrary"])
def test_image_and_mask_are_turned_alike(tmp_path, intensity):
    shape, spacing = (48, 60, 40), np.array([1.5, 1.2, 2.0])
    place = millimetres(shape, spacing)
    ball = np.linalg.norm(place - [8, -12, 6], axis=-1) < 14
    image = Volume(np.where(ball, 1000, 0).astype(np.int16), np.diag([*-spacing, 1]))
    recipe = Recipe(plane="coronal", size=48, tilt=[25.0, -35.0])
    one = SliceFolder.below(tmp_path, "anna")
    labels = ball.astype(np.uint8) * 2
    geometry = extract(image, labels, ["a", "b"], recipe, one, intensity=intensity)
    images, masks = (np.load(path, allow_pickle=False) for path in (one.image, one.mask))
    assert geometry.recipe.tilt == [25.0, -35.0]
    json.dumps(geometry.model_dump())
    assert images.dtype == (np.int16 if intensity == "hu" else np.float16)
    assert set(np.unique(masks)) == {0, 2}
    values = images.astype(float) * geometry.scale + geometry.shift
    bright = values > 500
    both = 2 * np.count_nonzero(bright & (masks == 2))
    assert both / (np.count_nonzero(bright) + np.count_nonzero(masks)) > 0.95
    # rigid: as large as it was (pixels are 60 / 48 as large in the plane, that is 1.5625)
    counts = np.sum(geometry.counts, axis=0)
    assert counts[0] == 0
    voxels = counts[1] * np.prod(geometry.pixel_spacing) * geometry.slice_spacing
    assert voxels == pytest.approx(np.count_nonzero(ball) * spacing.prod(), rel=0.03)
    # what lies outside of the volume
    assert values[0, 0, 0] == pytest.approx(geometry.pad, abs=1)
    assert not masks[0, 0, 0]


def test_a_slice_does_not_depend_on_its_block():
    image = Volume(
        np.random.default_rng(1).integers(-999, 999, SHAPE).astype(np.int16),
        np.diag([*SPACING, 1]),
    )
    source = SliceSource(image, Recipe(plane="sagittal", tilt=[12.0, 31.0]), "hu")
    together = np.concatenate(list(source.blocks()))
    assert len(together) == SHAPE[0]
    for number in range(len(together)):
        np.testing.assert_array_equal(source.read(number, number + 1)[0], together[number])
