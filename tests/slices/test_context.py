"""2.5-D context: what lies around a slice, for training and for prediction."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slicewise.config import Context, Recipe
from slicewise.slices.batches import SliceSet
from slicewise.slices.context import Stack, block_start, fill, neighbours
from slicewise.slices.extract import SliceSource, extract
from slicewise.slices.folder import SliceFolder
from slicewise.volumes.volume import Volume

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
CONTEXT = st.sampled_from([1, 3, 5])
MM = st.one_of(st.sampled_from([0.8, 1.6, 2.4, 2.5, 5.0]), st.floats(0.1, 20))
SPACING = st.one_of(st.sampled_from([0.8, 1.0, 2.5, 5.0]), st.floats(0.2, 10))


def folder_of(place, case, image, labels, recipe, intensity="hu") -> SliceFolder:
    """Extract one case."""
    folder = SliceFolder.below(place, case)
    geometry = extract(image, labels, ["liver"], recipe, folder, intensity=intensity)
    folder.geometry.write_text(json.dumps(geometry.model_dump()))
    return folder


@QUICK
@given(st.integers(1, 40), SPACING, CONTEXT, MM, st.data())
def test_channels_lie_at_their_distance(total, spacing, context, mm, data):
    number = data.draw(st.integers(0, total - 1))
    low, high, weight = neighbours(number, total, spacing, Context(slices=context, mm=mm))
    assert low.shape == high.shape == weight.shape == (context,)
    assert np.all((low >= 0) & (high < total) & (high - low <= 1) & (low <= high))
    assert np.all((weight >= 0) & (weight <= 1))
    assert np.all((weight == 0) == (low == high)), "no slice is read in vain"
    offsets = [(c - context // 2) * mm for c in range(context)]
    wanted = np.clip([number * spacing + o for o in offsets], 0, (total - 1) * spacing)
    np.testing.assert_allclose((low + weight) * spacing, wanted, atol=1e-4)


@QUICK
@given(st.lists(st.integers(-1000, 1500), min_size=1, max_size=30), SPACING, CONTEXT, MM)
def test_interpolation_agrees_with_numpy(values, spacing, context, mm):
    stack = np.array(values, np.int16).reshape(-1, 1, 1)
    out = np.empty((len(stack), 1, 1, context), np.float32)
    asked = []

    def read(numbers):
        asked.append(numbers.tolist())
        return stack[numbers]

    column = Stack(read, len(stack), spacing)
    fill(list(out), column, range(len(stack)), Context(slices=context, mm=mm))
    place = np.arange(len(stack)) * spacing
    for channel in range(context):
        wanted = np.interp(place + (channel - context // 2) * mm, place, values)
        # the place is rounded to a millionth of a slice
        np.testing.assert_allclose(out[:, 0, 0, channel], wanted, atol=5e-3, rtol=1e-5)
    assert len(asked) == 1
    assert asked[0] == sorted(set(asked[0])), "each slice once, in their order"


def test_a_whole_number_of_slices_reads_no_more_than_those():
    # 3 * 0.8 is not 2.4 in floating point
    low, high, weight = neighbours(10, 40, 0.8, Context(slices=5, mm=2.4))
    assert low.tolist() == high.tolist() == [4, 7, 10, 13, 16]
    assert not weight.any()


def test_ends_are_repeated():
    low, high, weight = neighbours(np.array([0, 3]), 4, 2.0, Context(slices=5, mm=3.0))
    assert (low + weight).tolist() == [[0, 0, 0, 1.5, 3], [0, 1.5, 3, 3, 3]]
    assert high.tolist() == [[0, 0, 0, 2, 3], [0, 2, 3, 3, 3]]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.tuples(*[st.floats(0.3, 6)] * 3),
    st.tuples(*[st.integers(1, 14)] * 3),
    st.sampled_from(["hu", "clipped_hu", "arbitrary"]),
    st.builds(
        Recipe,
        plane=st.sampled_from(["axial", "coronal", "sagittal"]),
        size=st.sampled_from([None, 16]),
        tilt=st.sampled_from([[0.0, 0.0], [0.0, 0.0], [20.0, -7.5]]),
    ),
    CONTEXT,
    MM,
    st.data(),
)
def test_training_and_prediction_see_the_same(
    tmp_path, spacing, shape, intensity, recipe, context, mm, data
):
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    # numbers that no float32 holds exactly, as after a rescale slope
    array = random.normal(40, 300, shape).astype(np.float32)
    signs = data.draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    image = Volume(array, np.diag([*np.array(spacing) * signs, 1]))
    labels = (array > 100).astype(np.uint8)
    folder = folder_of(tmp_path, "anna", image, labels, recipe, intensity)
    memory = data.draw(st.sampled_from([0, 10**9]))
    slices = SliceSet([folder], context=Context(slices=context, mm=mm), memory=memory)
    assert slices.in_memory == bool(memory)
    source = SliceSource(image, recipe, intensity)
    start = data.draw(st.integers(0, len(slices) - 1))
    stop = data.draw(st.integers(start + 1, len(slices)))
    seen = source.around(np.arange(start, stop), Context(slices=context, mm=mm))
    assert seen.dtype == np.float32
    assert seen.shape == (stop - start, *source.grid.size, context)
    order = random.permutation(np.arange(start, stop))
    images, masks = slices.read(order)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, seen[order - start])
    # the middle is the slice itself, with its mask
    np.testing.assert_array_equal(
        images[..., context // 2], np.load(folder.image)[order].astype(np.float32)
    )
    np.testing.assert_array_equal(masks, np.load(folder.mask)[order])


@pytest.mark.parametrize("context", [3, 5])
def test_neighbours_are_never_of_another_case(tmp_path, context):
    folders = []
    for number, case in enumerate(("anna", "bert", "carl")):
        image = Volume(np.full((16, 16, 3), 100 * number, np.int16), np.eye(4))
        labels = np.ones((16, 16, 3), np.uint8)
        folders.append(folder_of(tmp_path, case, image, labels, Recipe()))
    slices = SliceSet(folders, context=Context(slices=context, mm=7))
    images, _ = slices.read(range(9))
    for number in range(3):
        assert np.all(images[3 * number : 3 * number + 3] == 100 * number)


def test_a_window_reads_each_slice_once(monkeypatch):
    source = SliceSource(Volume(np.zeros((16, 16, 90), np.int16), np.eye(4)), Recipe(), "hu")
    asked = []
    read = source.read
    monkeypatch.setattr(
        source, "read", lambda start, stop: asked.extend(range(start, stop)) or read(start, stop)
    )
    source.around(np.arange(30, 34), Context(slices=5, mm=15))
    # 60 of the slices between the first and the last are not needed
    assert asked == [n + o for o in (-30, -15, 0, 15, 30) for n in range(30, 34)]


def test_the_last_slice_is_repeated_beyond_the_end():
    array = np.arange(5, dtype=np.int16)[None, None] * np.ones((16, 16, 1), np.int16)
    source = SliceSource(Volume(array, np.eye(4)), Recipe(), "hu")
    assert source.around(np.array([4]), Context(slices=3, mm=1.0))[:, 0, 0].tolist() == [[3, 4, 4]]


def test_both_know_the_spacing_as_it_is_written(tmp_path):
    # a third of a millimetre is 0.333333 mm in geometry.json
    array = np.random.default_rng(0).integers(-1000, 1500, (16, 16, 60)).astype(np.int16)
    image = Volume(array, np.diag([1, 1, 1 / 3, 1]))
    folder = folder_of(tmp_path, "anna", image, (array > 0).astype(np.uint8), Recipe())
    context = Context(slices=5, mm=4.9)
    images, _ = SliceSet([folder], context=context).read(range(60))
    seen = SliceSource(image, Recipe(), "hu").around(np.arange(60), context)
    np.testing.assert_array_equal(images, seen)


@QUICK
@given(st.integers(1, 40), st.integers(4, 24), st.data())
def test_a_block_has_its_slice_and_lies_in_the_case_where_that_is_large_enough(total, slices, data):
    number = data.draw(st.integers(0, total - 1))
    start = int(block_start(number, total, slices))
    assert start <= number < start + slices
    if total >= slices:
        assert 0 <= start <= total - slices
    else:
        before, behind = -start, start + slices - total
        assert before in (behind, behind - 1)


@pytest.mark.parametrize(("total", "slices"), [(9, 4), (5, 8)])
def test_training_and_prediction_see_the_same_blocks(tmp_path, total, slices):
    random = np.random.default_rng(1)
    image = Volume(random.integers(-500, 500, (20, 24, total)).astype(np.int16), np.eye(4))
    recipe = Recipe(size=24)
    folder = folder_of(tmp_path, "a", image, np.zeros(image.array.shape, np.uint8), recipe)
    context = Context(slices=slices, block=True)
    numbers = np.arange(total)
    seen = SliceSource(image, recipe, "hu").around(numbers, context)
    np.testing.assert_array_equal(seen, SliceSet([folder], context=context).images(numbers))


def test_blocks_of_several_channels_come_channel_by_channel():
    stack = np.arange(2 * 6).reshape(6, 2, 1, 1)
    out = np.empty((1, 1, 1, 8), np.float32)
    case = Stack(lambda numbers: stack[numbers], 6, 1.0, -1.0)
    fill(list(out), case, [3], Context(slices=4, block=True))
    assert out.ravel().tolist() == [2, 4, 6, 8, 3, 5, 7, 9]
