"""Slices in millimetres against brute force, closed formulas and SimpleITK."""

import itertools
import logging
import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slicewise.config import Context, Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.batches import SliceSet
from slicewise.slices.bound import recipe_bound
from slicewise.slices.extract import SliceSource, extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import read_geometry
from slicewise.slices.grid import Grid, roomy
from slicewise.slices.planes import PLANES
from slicewise.volumes.volume import Volume, from_canonical

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
MM = st.floats(0.4, 3.0).map(lambda size: round(size, 2))
SIDE = st.integers(2, 40)
PLANE = st.sampled_from(sorted(PLANES))


def grid_of(shape, voxel, spacing=1.0, **recipe) -> Grid:
    return Grid(tuple(shape), Recipe(spacing=spacing, **recipe), tuple(voxel))


def inside(grid: Grid) -> tuple[slice, slice, slice]:
    return (slice(None), *(axis.inside for axis in grid.axes))


def test_a_recipe_of_a_spacing_takes_no_every_and_others_say_nothing_of_it():
    with pytest.raises(ValueError, match="either spacing or every"):
        Recipe(spacing=1.0, every=2)
    assert "spacing" not in Recipe(size=16).model_dump()
    assert "spacing" not in Recipe(size=16).model_dump(mode="json")
    assert Recipe(**Recipe(size=16, spacing=0.8).model_dump()) == Recipe(size=16, spacing=0.8)
    assert Recipe(size=16).crop is None
    assert Recipe(size=16, spacing=2.0).crop == 16


def test_the_largest_slices_that_are_cut_have_just_so_many_pixels():
    assert grid_of((4096, 8, 2), (1.0, 1.0, 1.0)).size[0] == 4096
    with pytest.raises(SlicewiseError, match="slices of 4097 pixels"):
        assert grid_of((4097, 8, 2), (1.0, 1.0, 1.0)).size


@QUICK
@given(st.tuples(SIDE, SIDE, st.integers(1, 4)), st.tuples(MM, MM, MM), MM, PLANE)
def test_pixels_have_the_spacing_and_cover_the_volume(shape, voxel, spacing, plane):
    grid = grid_of(shape, voxel, spacing, plane=plane)
    for target, axis in zip(grid.order[1:], grid.axes, strict=True):
        extent = shape[target] * voxel[target]
        assert extent <= axis.filled * spacing + 1.1e-3 * spacing
        assert (axis.filled - 1) * spacing < extent
        pixel = voxel[target] / axis.scale
        # a sliver at most, over the whole slice
        assert abs(axis.length * axis.scale - extent / spacing) < 1e-3 + 1e-9
        assert pixel == pytest.approx(spacing, rel=2e-2)
        assert axis.out % 32 == 0
        assert axis.filled <= axis.out


@QUICK
@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    st.tuples(SIDE, SIDE, st.integers(2, 5)),
    st.tuples(MM, MM, MM),
    st.tuples(PLANE, MM),
)
def test_places_in_the_patient_come_back(order, signs, shape, voxel, cut):
    """A picture of the place of each pixel in mm, cut, is where the matrix says that it is."""
    plane, spacing = cut
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (target, sign) in enumerate(zip(order, signs, strict=True)):
        affine[target, axis] = sign * voxel[target]
    affine[:3, 3] = (5, -9, 40)
    stored = from_canonical(np.zeros(shape, np.float32), affine)
    volume = Volume(stored, affine)
    grid = Grid.of(volume, Recipe(plane=plane, spacing=spacing))
    canonical = volume.canonical()
    world = canonical.affine @ grid.matrix
    # from pixels to the patient and back: to the voxel that the pixel came from
    pixels = np.stack(np.meshgrid(*map(np.arange, (grid.number, *grid.size)), indexing="ij"))
    places = np.einsum("ij,j...->i...", world, np.concatenate([pixels, np.ones_like(pixels[:1])]))
    again = np.einsum("ij,j...->i...", np.linalg.inv(world), places)
    np.testing.assert_allclose(again[:3], pixels, atol=1e-6)
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    # the outermost voxels are repeated, and the last pixels may lie half outside
    margins = [math.ceil(max(axis.scale, 1)) + 1 for axis in grid.axes]
    inner = [slice(margin, -margin) for margin in margins]
    for axis in range(3):
        millimetres = (canonical.affine[:3, :3] @ voxels.reshape(3, -1)).reshape(voxels.shape)[axis]
        picture = (millimetres + canonical.affine[axis, 3]).astype(np.float32)
        small = grid.shrink(grid.stack(picture), pad=0)[inside(grid)]
        expected = places[axis][inside(grid)]
        off = np.abs(small - expected)[:, *inner]
        # pixels begin and end within voxels: an eighth of one at most
        assert (off <= 0.126 * max(voxel)).all()


@QUICK
@given(st.tuples(SIDE, SIDE), st.tuples(MM, MM), st.integers(0, 99))
def test_an_area_average_preserves_the_mean(shape, voxel, seed):
    """Where pixels are coarser than voxels: the integral over the slice stays."""
    spacing = max(voxel) * 1.3
    grid = grid_of((*shape, 2), (*voxel, 1.0), spacing)
    stack = np.random.default_rng(seed).normal(50, 20, (2, *shape)).astype(np.float32)
    small = grid.shrink(stack, pad=-1024)[inside(grid)].astype(float)
    # the last pixel of a row may lie half outside: it weighs what is inside
    weights = []
    for axis in grid.axes:
        edges = np.minimum(np.arange(axis.filled + 1) / axis.scale, axis.length)
        weights.append(np.diff(edges))
    area = weights[0][:, None] * weights[1]
    assert (small * area).sum() == pytest.approx(stack.sum(dtype=float), rel=1e-4)


@QUICK
@given(st.tuples(SIDE, SIDE), MM, PLANE, st.integers(0, 99))
def test_the_spacing_that_a_volume_has_changes_nothing(shape, spacing, plane, seed):
    full = [3, 3, 3]
    _, rows, columns = PLANES[plane]
    full[rows], full[columns] = shape
    voxel = np.float32(spacing)  # as a header stores it
    grid = grid_of(full, [float(voxel)] * 3, spacing, plane=plane)
    assert not grid.scaled
    stack = np.random.default_rng(seed).integers(-1024, 2000, (3, *shape)).astype(np.int16)
    small = grid.shrink(stack, pad=-1024)
    np.testing.assert_array_equal(small[inside(grid)], stack)
    np.testing.assert_array_equal(grid.enlarge(small), stack)
    labels = (stack > 0).astype(np.uint8)
    np.testing.assert_array_equal(grid.enlarge(grid.shrink_mask(labels, 1)), labels)


@QUICK
@given(
    st.tuples(st.integers(2, 14), st.integers(2, 14)),
    st.tuples(MM, MM),
    MM,
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_a_mask_pixel_takes_the_label_of_the_largest_share(shape, voxel, spacing, labels, seed):
    """Counted on a grid so fine that each voxel and each pixel is a whole number of its cells."""
    grid = grid_of((*shape, 1), (*voxel, 1.0), spacing)
    mask = np.random.default_rng(seed).integers(0, labels + 1, (1, *shape)).astype(np.uint8)
    small = grid.shrink_mask(mask, labels)[inside(grid)][0]
    # hundredths of a millimetre: what both spacings are whole numbers of
    cells = [np.repeat(np.arange(n), round(mm * 100)) for n, mm in zip(shape, voxel, strict=True)]
    step = round(spacing * 100)
    for row, column in itertools.product(*map(range, small.shape)):
        rows = np.bincount(cells[0][row * step : (row + 1) * step], minlength=shape[0])
        columns = np.bincount(cells[1][column * step : (column + 1) * step], minlength=shape[1])
        area = rows[:, None] * columns
        shares = np.array([area[mask[0] == label].sum() for label in range(labels + 1)])
        found = small[row, column]
        # what is within a hundredth of the pixel of the best may win: rounding, slivers, ties
        assert shares[found] >= shares.max() - 0.01 * step * step
        if found == 0:
            assert shares[0] >= shares[1:].max() - 0.01 * step * step


@QUICK
@given(st.tuples(SIDE, SIDE), st.tuples(MM, MM), MM)
def test_a_constant_comes_back_exactly_and_padding_does_not(shape, voxel, spacing):
    grid = grid_of((*shape, 1), (*voxel, 1.0), spacing)
    small = grid.shrink(np.full((1, *shape), 57, np.int16), pad=-1024)
    assert np.count_nonzero(small == -1024) == small.size - small[inside(grid)].size
    back = grid.enlarge(small)
    assert back.shape == (1, *shape)
    np.testing.assert_allclose(back, 57, rtol=1e-5)


@QUICK
@given(
    st.tuples(st.integers(40, 90), st.integers(40, 90)),
    st.tuples(MM, MM),
    MM,
    st.floats(0.4, 0.6),
)
def test_a_blob_stays_where_it_is(shape, voxel, spacing, x):
    """To a tenth of a voxel or pixel, there and back, however their sizes differ."""
    grid = grid_of((*shape, 1), (*voxel, 1.0), spacing)
    extent = np.array(shape) * voxel
    centre = extent * x
    width = 2.0 * max(*voxel, spacing)
    assume(extent.min() * 0.4 > 2.6 * width)  # all of it is inside
    i, j = ((np.arange(n) + 0.5) * mm for n, mm in zip(shape, voxel, strict=True))
    distance = (i[:, None] - centre[0]) ** 2 + (j[None] - centre[1]) ** 2
    blob = (100 * np.exp(-distance / (2 * width**2))).astype(np.float32)
    blob *= blob > 5
    small = grid.shrink(blob[None], pad=0)
    back = grid.enlarge(small)[0]

    def middle(picture: np.ndarray) -> np.ndarray:
        places = np.indices(picture.shape)
        return (places * picture).sum(axis=(1, 2)) / picture.sum(dtype=float)

    assert np.abs(middle(back) - middle(blob)).max() * max(voxel) < 0.12 * max(*voxel, spacing)
    row, column = middle(small[0])
    matrix = grid.matrix @ (0, row, column, 1)
    off = (matrix[:2] - middle(blob)) * voxel
    assert np.abs(off).max() < 0.12 * max(*voxel, spacing)


@pytest.mark.parametrize("voxel", [(0.7, 0.7), (1.6, 1.6), (0.57, 0.83), (3.1, 1.4)])
def test_intensities_are_those_of_simpleitk(voxel):
    """Up: its linear interpolation. Down: its values on a fine grid, averaged."""
    random = np.random.default_rng(4)
    array = random.normal(0, 300, (30, 26)).astype(np.float32)
    spacing = 1.0
    grid = grid_of((30, 26, 1), (*voxel, 1.0), spacing)
    small = grid.shrink(array[None], pad=0)[inside(grid)][0]
    fine = 100  # parts of a pixel, hundredths of mm as all spacings here: each is of one voxel
    image = sitk.GetImageFromArray(array.T)
    image.SetSpacing(voxel)
    upward = [mm > spacing for mm in voxel]
    steps = [spacing if up else spacing / fine for up in upward]
    count = [n * (1 if up else fine) for n, up in zip(small.shape, upward, strict=True)]
    frame = sitk.Image(count, sitk.sitkFloat32)
    frame.SetSpacing(steps)
    frame.SetOrigin([(step - mm) / 2 for step, mm in zip(steps, voxel, strict=True)])
    method = sitk.sitkLinear if upward[0] else sitk.sitkNearestNeighbor
    resampled = sitk.Resample(image, frame, sitk.Transform(), method, -9999.0)
    expected = sitk.GetArrayFromImage(resampled).T
    if not upward[0]:
        blocks = expected.reshape(small.shape[0], fine, small.shape[1], fine)
        expected = blocks.mean(axis=(1, 3))
    known = slice(1, -2)  # SimpleITK knows nothing beyond the outermost centres
    np.testing.assert_allclose(small[known, known], expected[known, known], atol=0.05)


def test_sizes_of_whole_slices_are_few_and_little_larger():
    sides = {pixels: roomy(pixels) for pixels in range(1, 2049)}
    assert all(pixels <= side and side % 32 == 0 for pixels, side in sides.items())
    assert all(side <= max(32 + pixels, 1.25 * pixels) for pixels, side in sides.items())
    assert len({sides[pixels] for pixels in range(100, 1025)}) <= 14
    assert [*sides.values()] == sorted(sides.values())


def test_a_spacing_of_a_wrong_unit_is_refused():
    with pytest.raises(SlicewiseError, match=r"slices of 8000 pixels.*larger spacing"):
        grid_of((400, 400, 3), (1.0, 1.0, 1.0), 0.05).axes  # noqa: B018
    with pytest.raises(ValueError, match="spacing of their volume"):
        Grid((4, 4, 4), Recipe(spacing=1.0)).axes  # noqa: B018


def ball(mm: float, size: int = 0, side: float = 60.0) -> Volume:
    """A ball of 20 mm across in a body of a side in mm, whatever the voxels."""
    n = size or round(side / mm)
    place = (np.arange(n) + 0.5) * mm - n * mm / 2
    distance = place[:, None] ** 2 + place[None] ** 2
    array = np.where(distance < 100, 100, -50).astype(np.int16)
    return Volume(np.repeat(array[..., None], 4, axis=2), np.diag([mm, mm, 3.0, 1.0]))


def written(folder, name: str, volume: Volume, recipe: Recipe) -> SliceFolder:
    one = SliceFolder.below(folder, name)
    labels = (volume.array > 0).astype(np.uint8)
    geometry = extract(volume, labels, ["l"], recipe, one, intensity="hu")
    geometry.write(one.geometry)
    assert read_geometry(one.geometry) == geometry
    assert geometry.grid == Grid.of(volume, recipe)
    return one


def test_organs_are_as_large_in_all_slices(tmp_path):
    recipe = Recipe(spacing=1.0, size=48)
    folders = [written(tmp_path, f"p{mm}", ball(mm), recipe) for mm in (0.5, 0.8, 1.0, 1.6)]
    slices = SliceSet(folders)
    assert slices.size == (48, 48)
    assert slices.cropped
    np.testing.assert_allclose(slices.counts, 314, rtol=0.05)
    np.testing.assert_array_equal(slices.aspect, 1)
    images, masks = slices.read(np.arange(16))
    assert images.shape == (16, 48, 48, 1)
    # crops of the middle hold the ball whole, at one place in all
    np.testing.assert_array_equal(masks.sum(axis=(1, 2)), slices.counts[:, 0])
    middles = [np.argwhere(mask).mean(axis=0) for mask in masks]
    assert np.ptp(middles, axis=0).max() <= 1


def test_whole_slices_are_read_where_they_are_predicted(tmp_path):
    recipe = Recipe(spacing=1.0, size=16)
    folders = [written(tmp_path, f"p{mm}", ball(mm), recipe) for mm in (0.5, 1.6)]
    slices = SliceSet(folders)
    assert slices.size == (16, 16)
    for case, mm in zip(slices.each(), (0.5, 1.6), strict=True):
        assert case.size == (64, 64)
        source = SliceSource(ball(mm), recipe, "hu")
        np.testing.assert_array_equal(case.images(range(4)), source.around(np.arange(4), Context()))
        assert case.masks(range(4)).sum() == case.counts.sum()
        assert not case.cropped


@pytest.mark.parametrize("context", [Context(), Context(slices=3, mm=4.0)])
def test_crops_are_parts_of_whole_slices(tmp_path, context):
    recipe = Recipe(spacing=1.0, size=24)
    folders = [
        written(tmp_path, "large", ball(0.7), recipe),
        written(tmp_path, "small", ball(0.5, size=30), recipe),
    ]
    slices = SliceSet(folders, context=context)
    random = np.random.default_rng(3)
    chosen = np.array([5, 0, 3, 7, 1])
    corners = slices.corners(chosen, random, least=2)
    images, masks = slices.read(chosen, corners)
    wholes = slices.each()
    for k, index in enumerate(chosen):
        case = wholes[index // 4]
        image, mask = case.images([index % 4])[0], case.masks([index % 4])[0]
        row, column = corners[k] + 100
        padded = np.pad(image, ((100, 100), (100, 100), (0, 0)), constant_values=-1024)
        np.testing.assert_array_equal(images[k], padded[row : row + 24, column : column + 24])
        expected = np.pad(mask, 100)[row : row + 24, column : column + 24]
        np.testing.assert_array_equal(masks[k], expected)
    assert (masks[:2].sum(axis=(1, 2)) > 0).all()  # the first that show a label have to


def test_the_crop_is_part_of_what_a_training_is_known_by(tmp_path):
    digests = set()
    for size in (None, 16, 32):
        recipe = Recipe(spacing=1.0, size=size)
        digests.add(SliceSet([written(tmp_path, "p", ball(0.8), recipe)]).digest)
    assert len(digests) == 3


def test_without_a_size_slices_are_read_whole_and_padded_alike(tmp_path):
    recipe = Recipe(spacing=1.0)
    folders = [written(tmp_path, f"p{side}", ball(0.8, side=side), recipe) for side in (30, 90)]
    slices = SliceSet(folders)
    assert slices.size == (96, 96)
    assert not slices.cropped
    assert slices.masks(np.arange(8)).sum() == slices.counts.sum()


def test_the_bound_is_what_slices_bring_back(caplog):
    volume = ball(0.8)
    labels = Volume((volume.array > 0).astype(np.uint8), volume.affine)
    dice = [
        recipe_bound(labels, Recipe(spacing=mm), ["l"])["l"].dice for mm in (0.8, 0.4, 1.0, 4.0)
    ]
    assert dice[0] == 1
    assert dice[1] == 1  # each voxel is four pixels
    assert 0.97 < dice[2] < 1
    assert 0.8 < dice[3] < 0.985
    grid = Grid.of(labels, Recipe(spacing=4.0))
    small = grid.shrink_mask(grid.stack(labels.array), 1)
    back = grid.unstack(grid.enlarge(small == 1)) > 0.5
    both = (back & (labels.array == 1)).sum()
    assert dice[3] == pytest.approx(2 * both / (back.sum() + labels.array.sum()), abs=1e-6)


def test_what_is_lost_is_said_in_millimetres(tmp_path, caplog):
    from slicewise.slices.cases import _say_lost

    volume = Volume(np.zeros((60, 60, 2), np.int16), np.diag([0.5, 0.5, 3, 1]))
    volume.array[20:23, 20:23] = 100
    one = SliceFolder.below(tmp_path, "p")
    recipe = Recipe(spacing=4.0)
    labels = (volume.array > 0).astype(np.uint8)
    geometry = extract(volume, labels, ["l"], recipe, one, intensity="hu")
    with caplog.at_level(logging.WARNING):
        _say_lost("p", recipe, geometry)
    (record,) = caplog.records
    assert "cut to pixels of 4 mm" in record.getMessage()
    assert "a smaller spacing keeps more" in record.getMessage()
