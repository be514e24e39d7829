"""The plane of each volume: its two finest axes, whatever way it is stored and lies."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Recipe
from slicewise.slices.bound import recipe_bound
from slicewise.slices.extract import SliceSource, extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import read_geometry
from slicewise.slices.grid import Grid
from slicewise.slices.oblique import cut
from slicewise.slices.planes import PLANES, acquired, coarsest, plane_of
from slicewise.volumes.volume import Volume, from_canonical

ACQUIRED = Recipe(plane="acquired")
QUICK = settings(max_examples=60, deadline=None, derandomize=True)
MM = st.floats(0.2, 10).map(lambda size: round(size, 3))


def stored(spacing, order=(0, 1, 2), signs=(1, 1, 1)) -> np.ndarray:
    """Return the affine of an array whose axes run along other ones of the patient."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (target, sign) in enumerate(zip(order, signs, strict=True)):
        affine[target, axis] = sign * spacing[target]
    affine[:3, 3] = (5, -9, 40)
    return affine


@pytest.mark.parametrize(
    ("spacing", "plane"),
    [
        ((0.7, 0.7, 5.0), "axial"),
        ((0.4, 3.0, 0.4), "coronal"),
        ((3.3, 0.6, 0.6), "sagittal"),
        ((1.0, 1.0, 1.0), "axial"),
        ((1.0, 1.004, 1.0), "axial"),  # rounded
        ((0.7, 0.7, 0.5), "axial"),  # a thin CT: no axis is coarser than both others
        ((0.7, 0.5, 0.7), "axial"),
        ((1.0, 1.2, 0.9), "coronal"),
    ],
)
def test_the_plane_is_that_of_the_two_finest_axes(spacing, plane):
    assert acquired(spacing) == plane
    assert plane in coarsest(spacing) or plane == "axial"


@QUICK
@given(st.tuples(MM, MM, MM))
def test_one_coarsest_axis_is_cut_and_no_other(spacing):
    low, middle, high = sorted(spacing)
    across, rows, columns = PLANES[acquired(spacing)]
    if high > 1.011 * middle:
        assert spacing[across] == high
        assert sorted((spacing[rows], spacing[columns])) == [low, middle]
    elif high < 1.009 * middle:
        assert across == 2
    assert rows < columns


@QUICK
@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    st.tuples(MM, MM, MM),
    st.integers(0, 99),
)
def test_how_it_is_stored_changes_nothing_and_all_comes_back(order, signs, spacing, seed):
    """Rows and columns are in the order left to right, back to front, foot to head."""
    patient = np.random.default_rng(seed).integers(-99, 99, (4, 5, 6)).astype(np.int16)
    affine = stored(spacing, order, signs)
    volume = Volume(from_canonical(patient, affine), affine)
    source = SliceSource(volume, ACQUIRED, "hu")
    expected = SliceSource(Volume(patient, stored(spacing)), ACQUIRED, "hu")
    np.testing.assert_array_equal(source.read(0, 99), expected.read(0, 99))
    assert source.spacing == round(volume.canonical().spacing[source.grid.order[0]], 6)
    grid = source.grid
    back = from_canonical(grid.unstack(grid.enlarge(source.read(0, 99))), affine)
    np.testing.assert_array_equal(back, volume.array)
    np.testing.assert_array_equal(
        cut(volume.canonical(), ACQUIRED, 1, 0.0), grid.stack(volume.canonical().array)
    )


@pytest.mark.parametrize("plane", sorted(PLANES))
def test_an_acquired_stack_is_what_its_plane_by_name_gives(tmp_path, plane):
    spacing = [0.5, 0.5, 0.5]
    spacing[PLANES[plane][0]] = 4.0
    array = np.random.default_rng(2).integers(-900, 900, (24, 20, 18)).astype(np.int16)
    labels = (array > 300).astype(np.uint8)
    made = {}
    for name in ("acquired", plane):
        recipe = Recipe(plane=name, size=16)
        folder = SliceFolder.below(tmp_path, name)
        geometry = extract(
            Volume(array, stored(spacing)), labels, ["l"], recipe, folder, intensity="hu"
        )
        geometry.write(folder.geometry)
        read = read_geometry(folder.geometry)
        assert read == geometry
        made[name] = geometry
        bound = recipe_bound(Volume(labels, stored(spacing)), recipe, ["l"])
        assert bound == geometry.recipe_bound
    assert made["acquired"].image_sha256 == made[plane].image_sha256
    assert made["acquired"].mask_sha256 == made[plane].mask_sha256
    assert made["acquired"].slice_spacing == 4.0
    assert made["acquired"].grid == Grid(
        (24, 20, 18), Recipe(plane="acquired", size=16), (*spacing,)
    )
    assert made["acquired"].grid.order == made[plane].grid.order
    assert "voxel_spacing" not in made[plane].dump()


def test_slices_are_those_that_simpleitk_finds():
    """A short-axis stack that lies obliquely, stored with its slices along another axis."""
    turned = sitk.Euler3DTransform((0, 0, 0), 0.5, -0.3, 0.2)
    for order in itertools.permutations(range(3)):
        image = sitk.GetImageFromArray(np.random.default_rng(1).normal(size=(9, 30, 32)))
        image.SetSpacing((1.4, 1.4, 9.6))
        image.SetDirection(turned.GetMatrix())
        image = sitk.PermuteAxes(image, order)
        matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        affine = np.eye(4)
        affine[:3, :3] = np.diag([-1, -1, 1]) @ matrix  # LPS to RAS
        array = np.transpose(sitk.GetArrayFromImage(image), (2, 1, 0)).astype(np.float32)
        source = SliceSource(Volume(array, affine), ACQUIRED, "arbitrary")
        assert len(source) == 9
        assert sorted(source.grid.size) == [30, 32]
        across = int(np.argmax(image.GetSpacing()))
        assert array.shape[across] == 9


def test_a_volume_that_does_not_say_its_spacing_has_no_acquired_plane():
    assert plane_of(Recipe(plane="sagittal"), None) == "sagittal"
    with pytest.raises(ValueError, match="not known"):
        plane_of(ACQUIRED, None)
