"""What is measured of the labels and intensities of a case."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slicewise.boxes import bounding_box
from slicewise.config import UNDRAWN, Content
from slicewise.dataset import looked
from slicewise.errors import SlicewiseError
from slicewise.stored import write_sealed
from slicewise.volumes.volume import Volume
from tests.looks import case_look

CONTENT = Content(
    intensity="hu", contiguous=True, labels={"liver": [1], "tumour": [2]}, other_labels="refuse"
)
MASKS = arrays.arrays(bool, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6))


def test_a_label_is_measured_where_it_is():
    labels = np.zeros((8, 7, 6), np.uint8)
    labels[2:5, 2:5, 2:4] = 1
    labels[7, 0, 3] = 1
    image = Volume(np.full(labels.shape, -500, np.int16), np.diag([2.0, 2.0, 5.0, 1.0]))
    image.array[labels == 1] = 70
    seen = looked.look_at_labels(image, labels, CONTENT)
    liver = seen["liver"]
    assert liver.voxels == 19
    assert liver.ml == pytest.approx(19 * 0.02)
    assert liver.islands == 2
    assert liver.islands_ml == pytest.approx(0.02)
    # 7 is the last from left to right, 0 the first from back to front
    assert liver.touches == {"right": 1, "back": 1}
    assert liver.median == 70
    assert seen["tumour"].voxels == 0
    assert seen["tumour"].islands == 0
    assert seen["tumour"].median is None
    assert set(looked.outside_quantiles(image.array, labels)) == {-500.0}


@pytest.mark.parametrize("wide", [30, 200])
@pytest.mark.parametrize(
    ("intensity", "air", "tissue"),
    [("hu", -1000, 60), ("clipped_hu", 0, 150), ("arbitrary", 4, 900)],
)
def test_how_much_air_is_around_a_body_makes_no_difference_to_it(intensity, air, tissue, wide):
    random = np.random.default_rng(0)
    # a window that cut the air off left no noise in it
    noise = 0 if intensity == "clipped_hu" else 3
    image = random.normal(air, noise, (wide, wide, 8)).round().astype(np.int16)
    body = random.normal(tissue, 10, (20, 20, 8)).round().astype(np.int16)
    image[5:25, 5:25] = body
    found = looked.body_quantiles(image, intensity)
    assert len(found) == looked.QUANTILES
    # a voxel of noise may be beyond the threshold
    assert found[1] >= body.min()
    assert found[-1] == body.max()
    assert found[len(found) // 2] == np.median(body)


def test_absurd_voxels_move_no_threshold_and_what_is_constant_has_no_body():
    image = np.random.default_rng(0).normal(5, 1, (30, 30, 8)).astype(np.float32)
    image[5:20, 5:20] += 500
    image[0, 0, 0] = 1e9
    assert looked.body_quantiles(image, "arbitrary")[16] == pytest.approx(505, abs=1)
    assert looked.body_quantiles(np.zeros((4, 4, 4), np.int16), "arbitrary") == []
    assert looked.body_quantiles(np.full((4, 4, 4), -1000, np.int16), "hu") == []


def test_the_first_slice_of_a_pile_is_no_end_of_a_label():
    labels = np.zeros((6, 6, 3), np.uint8)
    labels[0:2, 2:4] = 1
    image = Volume(np.zeros(labels.shape, np.int16), np.eye(4))
    pile = CONTENT.model_copy(update={"contiguous": False})
    assert looked.look_at_labels(image, labels, pile)["liver"].touches == {"left": 6}
    whole = looked.look_at_labels(image, labels, CONTENT)["liver"].touches
    assert whole == {"left": 6, "foot": 4, "head": 4}


def test_slices_that_are_no_neighbours_have_no_islands():
    labels = np.ones((4, 4, 3), np.uint8)
    labels[:, :, 1] = 0
    image = Volume(np.zeros(labels.shape, np.int16), np.eye(4))
    pile = CONTENT.model_copy(update={"contiguous": False})
    assert looked.look_at_labels(image, labels, pile)["liver"].islands is None
    assert looked.look_at_labels(image, labels, CONTENT)["liver"].islands == 2


def test_what_was_drawn_in_part_tells_of_no_pieces():
    labels = np.zeros((6, 6, 7), np.uint8)
    labels[2:4, 2:4] = 1
    labels[:, :, 1::2] = UNDRAWN
    image = Volume(np.zeros(labels.shape, np.int16), np.eye(4))
    partial = CONTENT.model_copy(update={"ignore": 9})
    seen = looked.look_at_labels(image, labels, partial)
    assert {name: (each.islands, each.islands_ml) for name, each in seen.items()} == {
        "liver": (None, None),
        "tumour": (None, None),
    }
    assert seen["liver"].touches == {"foot": 4, "head": 4}
    # of a case in which all was drawn they are told
    whole = np.where(labels == UNDRAWN, 0, labels)
    assert looked.look_at_labels(image, whole, partial)["liver"].islands == 4


@settings(deadline=None, max_examples=60)
@given(MASKS)
def test_sides_are_those_of_the_whole_volume(mask):
    box = bounding_box(mask)
    if box is None:
        return
    faces = [mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[..., 0], mask[..., -1]]
    expected = {
        side: int(face.sum()) for side, face in zip(looked.SIDES, faces, strict=True) if face.any()
    }
    assert looked.touched_sides(mask[box], box, mask.shape) == expected


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.int16, st.integers(1, 400), elements=st.integers(-1000, 1000)))
def test_quantiles_of_few_voxels_are_exact(values):
    found = looked.quantiles(values)
    assert len(found) == looked.QUANTILES
    assert found[0] == values.min()
    assert found[-1] == values.max()
    assert found == sorted(found)
    assert found[len(found) // 2] == pytest.approx(np.median(values))


def test_quantiles_of_many_voxels_are_near():
    values = np.random.default_rng(0).normal(50, 20, 3 * looked.SAMPLED)
    exact = np.quantile(values, np.linspace(0, 1, looked.QUANTILES))
    assert looked.quantiles(values)[1:-1] == pytest.approx(exact[1:-1], abs=0.2)
    assert looked.quantiles(values[:0]) == []


def test_the_same_voxels_are_sampled_of_image_and_labels():
    shape = (300, 300, 60)  # more than are sampled
    labels = np.zeros(shape, np.uint8, order="F")
    labels[100:200, 100:200] = 1
    image = np.where(labels, 80, -900).astype(np.int16)
    for laid in (image, np.asfortranarray(image)[::-1][::-1]):
        assert set(looked.outside_quantiles(laid, labels)) == {-900.0}


def test_the_slice_with_the_largest_area_is_shown_else_the_middle():
    labels = np.zeros((5, 6, 9), np.uint8)
    assert looked.shown_slice(labels, 2) == 4
    labels[1, 1, 7] = 3
    labels[1:3, 1, 2] = 1
    assert looked.shown_slice(labels, 2) == 2
    assert looked.shown_slice(labels, 0) == 1
    # what nobody drew is no label
    labels[:, :, 8] = UNDRAWN
    assert looked.shown_slice(labels, 2) == 2


def test_a_large_label_does_not_hide_where_the_others_are_shown():
    skin, liver, spleen = 1, 2, 3
    labels = np.zeros((10, 10, 8), np.uint8)
    labels[:, :, 1] = skin
    labels[1:9, 1:9, 2:8] = skin
    labels[2:5, 2:5, 4:7] = liver
    labels[6:8, 6:8, 5] = spleen
    assert looked.shown_slice(labels, 2) == 5


def test_what_was_seen_is_kept_until_it_is_of_something_else(tmp_path):
    path = tmp_path / "look.json"
    look = case_look()
    assert looked.kept_look(path, "all of it") is None
    write_sealed(path, look.model_dump())
    assert looked.kept_look(path, "all of it") == look
    assert looked.kept_look(path, "something else") is None
    path.write_text(path.read_text().replace('"voxels": 1000', '"voxels": 1001'))
    assert looked.kept_look(path, "all of it") is None


def test_shards_are_read_together_and_no_case_is_there_twice(tmp_path):
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for path, case in zip(paths, ("a1", "b1"), strict=True):
        path.write_text(json.dumps([case_look(case).model_dump()]))
    assert [*looked.read_looks(paths)] == ["a1", "b1"]
    with pytest.raises(SlicewiseError, match="case a1 is there twice"):
        looked.read_looks([paths[0], paths[0]])
    paths[1].write_text("[]")
    with pytest.raises(SlicewiseError, match=r"two\.json: the file is damaged"):
        looked.read_looks(paths)
    broken = case_look().model_dump()
    broken["thumbnail"]["webp"] = '"><script>'
    paths[1].write_text(json.dumps([broken]))
    with pytest.raises(SlicewiseError, match="damaged"):
        looked.read_looks(paths)
