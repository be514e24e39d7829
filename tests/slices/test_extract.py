"""What extract writes, and that it needs little memory."""

import hashlib
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slicewise.config import Context, Recipe
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import AIR, SliceSource, extract, source_of
from slicewise.slices.folder import SliceFolder
from slicewise.slices.grid import Grid
from slicewise.slices.planes import PLANES
from slicewise.volumes.volume import Volume, from_canonical

ORIENTATIONS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((-1, 1), repeat=3))
)


def affine_of(order, signs, spacing=(0.8, 0.9, 2.5)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[list(order)] * np.array(signs) * spacing
    affine[:3, 3] = (-100, 30, 7)
    return affine


def volumes(shape, affine, seed=0) -> tuple[Volume, np.ndarray]:
    random = np.random.default_rng(seed)
    image = random.integers(-1024, 1500, shape).astype(np.int16)
    return Volume(image, affine), random.integers(0, 3, shape).astype(np.uint8)


def run(folder, image, labels, recipe, intensity="hu"):
    one = SliceFolder.below(folder.parent, folder.name)
    geometry = extract(image, labels, ["liver", "spleen"], recipe, one, intensity=intensity)
    arrays = [np.load(p, mmap_mode="r", allow_pickle=False) for p in (one.image, one.mask)]
    return geometry, *arrays


@settings(
    max_examples=48,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(ORIENTATIONS),
    st.sampled_from(sorted(PLANES)),
    st.tuples(*[st.integers(1, 12)] * 3),
    st.integers(0, 99),
)
def test_masks_come_back_exactly_where_nothing_is_scaled(tmp_path, orientation, plane, shape, seed):
    affine = affine_of(*orientation)
    image, labels = volumes(shape, affine, seed)
    for recipe in (Recipe(plane=plane), Recipe(plane=plane, size=16)):
        geometry, _, mask = run(tmp_path, image, labels, recipe)
        grid = Grid(image.canonical().array.shape, recipe)
        back = from_canonical(grid.unstack(grid.enlarge(mask)).astype(np.uint8), affine)
        np.testing.assert_array_equal(back, labels)
        assert sum(row[0] for row in geometry.counts) == np.count_nonzero(labels == 1)
        assert sum(row[1] for row in geometry.counts) == np.count_nonzero(labels == 2)


@pytest.mark.parametrize("plane", sorted(PLANES))
@pytest.mark.parametrize("recipe", [{}, {"size": 16}, {"every": 2}])
def test_arrays_can_be_mapped_and_match_their_description(tmp_path, plane, recipe):
    image, labels = volumes((21, 30, 9), affine_of((1, 0, 2), (-1, 1, -1)))
    geometry, images, masks = run(tmp_path, image, labels, Recipe(plane=plane, **recipe))
    grid = Grid(image.canonical().array.shape, Recipe(plane=plane, **recipe))
    assert isinstance(images, np.memmap)
    assert isinstance(masks, np.memmap)
    assert images.dtype == np.int16
    assert masks.dtype == np.uint8
    assert images.shape == masks.shape == (grid.number, *grid.size) == tuple(geometry.shape)
    assert images.flags.c_contiguous
    for array, key in ((images, "image_sha256"), (masks, "mask_sha256")):
        assert (
            getattr(geometry, key) == hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
        )
    spacing = image.canonical().spacing
    across, *along = PLANES[plane]
    assert geometry.slice_spacing == pytest.approx(spacing[across])
    for axis, a, said in zip(along, grid.axes, geometry.pixel_spacing, strict=True):
        assert said == pytest.approx(spacing[axis] / a.scale)
    for number, counts in enumerate(geometry.counts):
        assert counts == [np.count_nonzero(masks[number] == label) for label in (1, 2)]
    (top, bottom), (left, right) = geometry.inside
    outside = np.ones(grid.size, bool)
    outside[top:bottom, left:right] = False
    assert np.all(images[:, outside] == AIR)
    assert not masks[:, outside].any()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image.npy", "mask.npy"]


def test_hounsfield_units_are_rounded_and_never_wrap(tmp_path):
    array = np.full((32, 32, 2), 32767, np.int32)
    array[:16] = 40000
    array[16:, :16] = -40000
    geometry, images, _ = run(
        tmp_path,
        Volume(array.astype(np.float32) + 0.4, np.eye(4)),
        np.ones((32, 32, 2), np.uint8),
        Recipe(size=16),
    )
    assert images.max() == 32767
    assert images.min() == -32768
    assert geometry.scale == 1


def test_other_intensities_become_z_scores_of_the_volume(tmp_path):
    random = np.random.default_rng(3)
    array = random.normal(1000, 50, (20, 24, 6)).astype(np.float32)
    image = Volume(array, np.eye(4))
    labels = np.ones(array.shape, np.uint8)
    geometry, images, _ = run(tmp_path, image, labels, Recipe(), "arbitrary")
    assert images.dtype == np.float16
    assert np.mean(images, dtype=float) == pytest.approx(0, abs=0.01)
    assert np.std(images, dtype=float) == pytest.approx(1, abs=0.01)
    again = images.astype(float) * geometry.scale + geometry.shift
    np.testing.assert_allclose(again.transpose(1, 2, 0), array, atol=0.2)


def test_clipped_units_are_padded_with_their_lowest_value(tmp_path):
    array = np.random.default_rng(0).integers(5, 250, (10, 12, 2)).astype(np.uint8)
    image = Volume(array, np.eye(4))
    geometry, images, _ = run(tmp_path, image, array % 2, Recipe(size=16), "clipped_hu")
    assert geometry.pad == array.min()
    assert images[:, 0, 0].tolist() == [array.min()] * 2


def test_training_and_prediction_see_the_same_slices(tmp_path):
    image, labels = volumes((30, 41, 19), affine_of((2, 0, 1), (1, -1, 1)))
    _, images, _ = run(tmp_path, image, labels, Recipe(size=16))
    source = SliceSource(image, Recipe(size=16), "hu")
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), images)
    np.testing.assert_array_equal(source.read(3, 7), images[3:7])


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    image, labels = volumes((30, 41, 9), np.eye(4))
    first, second = (tmp_path / name for name in ("a", "b"))
    for folder in (first, second):
        folder.mkdir()
        run(folder, image, labels, Recipe(size=16))
    for name in ("image.npy", "mask.npy"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


RECIPES = [{"size": 72}, {"size": 96}, {"every": 2}, {}]


@pytest.mark.parametrize(
    ("plane", "recipe"),
    [*itertools.product(sorted(PLANES), RECIPES), ("sagittal", {"tilt": [20.0, 10.0]})],
)
def test_memory_stays_below_three_volumes(tmp_path, recipe, plane):
    # tracemalloc sees numpy's arrays; image and labels themselves are there before
    image, labels = volumes((144, 144, 72), affine_of((0, 1, 2), (-1, -1, 1)))
    volume = image.array.nbytes
    tracemalloc.start()
    try:
        run(tmp_path, image, labels, Recipe(plane=plane, **recipe))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak + volume + labels.nbytes < 3 * volume


def test_undrawn_voxels_are_counted_and_no_label(tmp_path):
    image, labels = volumes((11, 9, 7), affine_of((0, 1, 2), (1, 1, 1)))
    labels[np.random.default_rng(1).random(labels.shape) < 0.3] = 255
    for place, recipe in (
        ("plain", Recipe()),
        ("every", Recipe(every=2)),
        ("oblique", Recipe(tilt=[9.0, 4.0])),
    ):
        folder = SliceFolder.below(tmp_path, place)
        names = ["liver", "spleen"]
        known = extract(image, labels, names, recipe, folder, intensity="hu", partial=True)
        masks = np.load(folder.mask)
        assert known.undrawn == (masks == 255).sum(axis=(1, 2)).tolist()
        assert known.counts == [[int((m == k).sum()) for k in (1, 2)] for m in masks]
        assert known.voxels("liver") == (labels == 1).sum()
    # nobody drew what a turned slice has beyond the volume
    assert (masks[0] == 255).sum() > (labels[..., 0] == 255).sum()


@pytest.mark.parametrize("intensity", ["hu", "arbitrary"])
@pytest.mark.parametrize("context", [Context(), Context(slices=3, mm=4.0)])
def test_channels_are_those_of_images_alone(tmp_path, intensity, context):
    affine = affine_of((1, 0, 2), (-1, 1, 1))
    one, labels = volumes((13, 11, 7), affine)
    other, _ = volumes((13, 11, 7), affine, seed=5)
    recipe = Recipe(size=16)
    folders = [SliceFolder.below(tmp_path, name) for name in ("both", "one", "other")]
    every = {"flair": one, "t1": other}
    alone = []
    for folder, image, named in zip(folders, (one, one, other), (every, None, None), strict=True):
        folder.image.parent.mkdir(parents=True)
        geometry = extract(
            image, labels, ["a", "b"], recipe, folder, intensity=intensity, every=named
        )
        geometry.write(folder.geometry)
        alone.append(geometry)
    assert alone[0].channels == ["flair", "t1"]
    assert "channels" not in alone[1].dump()
    assert alone[0].image_shape == (7, 2, 16, 16)
    stored = np.load(folders[0].image)
    for channel in (0, 1):
        np.testing.assert_array_equal(stored[:, channel], np.load(folders[channel + 1].image))
    sets = [SliceSet([folder], context=context) for folder in folders]
    indices = [3, 0, 6]
    both = sets[0].images(indices)
    expected = np.concatenate([sets[1].images(indices), sets[2].images(indices)], axis=-1)
    np.testing.assert_array_equal(both, expected)
    source = source_of([one, other], recipe, intensity)
    np.testing.assert_array_equal(source.around(np.arange(7), context), sets[0].images(range(7)))
    for channel in (0, 1):
        image, mask = sets[0].unpadded(2, channel)
        own, same = sets[channel + 1].unpadded(2)
        np.testing.assert_array_equal(image, own)
        np.testing.assert_array_equal(mask, same)


def test_an_empty_channel_is_padding(tmp_path):
    one, labels = volumes((13, 11, 7), affine_of((0, 1, 2), (1, 1, 1)))
    for intensity, nothing in (("hu", -1024), ("arbitrary", 0)):
        empty = Volume(np.full_like(one.array, nothing), one.affine)
        folder = SliceFolder.below(tmp_path, intensity)
        folder.image.parent.mkdir(parents=True)
        every = {"gone": empty, "there": one}
        geometry = extract(
            empty, labels, ["a", "b"], Recipe(size=16), folder, intensity=intensity, every=every
        )
        assert np.all(np.load(folder.image)[:, 0] == geometry.padding)


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([0, 1, 3, 4, 5, 9], [(0, 2), (3, 6), (9, 10)]),
        ([0, 2, 4], [(0, 1), (2, 3), (4, 5)]),
        ([7], [(7, 8)]),
        (list(range(10)), [(0, 10)]),
    ],
)
def test_neighbours_are_read_at_once_and_nothing_between(numbers, runs, monkeypatch):
    """What lies apart is read for itself: every slice costs an interpolation."""
    image, _ = volumes((6, 7, 10), affine_of((0, 1, 2), (1, 1, 1)))
    source = SliceSource(image, Recipe(), "hu")
    each = [source.read(number, number + 1) for number in numbers]
    asked = []
    read = source.read

    def noted(start: int, stop: int) -> np.ndarray:
        asked.append((start, stop))
        return read(start, stop)

    monkeypatch.setattr(source, "read", noted)
    np.testing.assert_array_equal(source._at(np.array(numbers)), np.concatenate(each))
    assert asked == runs
