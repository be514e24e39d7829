"""From the probabilities of slices to a mask on the volume's own grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Inference, Recipe
from slicewise.inference.assembly import Assembly
from slicewise.slices.grid import Grid
from slicewise.slices.oblique import cut, turned_back
from slicewise.volumes.volume import Volume, from_canonical
from tests.discs import card_with

SHAPE = (12, 9, 7)
RAS = np.diag([1.0, 1.0, 2.0, 1.0])
LPS = np.diag([-1.0, -1.0, 2.0, 1.0])


def grids(*planes: str) -> list[Grid]:
    return [Grid(SHAPE, Recipe(plane=plane)) for plane in planes]


def pieces(grid: Grid, volume: np.ndarray, step: int) -> list[np.ndarray]:
    """Return the slices of a volume of probabilities (x, y, z, outputs), some at a time."""
    stack = np.stack([grid.stack(volume[..., k]) for k in range(volume.shape[-1])], axis=-1)
    return [stack[start : start + step] for start in range(0, len(stack), step)]


@pytest.mark.parametrize("affine", [RAS, LPS], ids=["RAS", "LPS"])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("step", [1, 4, 99])
def test_slices_of_a_plane_become_a_mask_where_they_came_from(affine, plane, step):
    volume = np.random.default_rng(1).random((*SHAPE, 1)).astype(np.float32)
    (grid,) = grids(plane)
    assembly = Assembly([grid], affine, card_with())
    for piece in pieces(grid, volume, step):
        assert not assembly.complete
        assembly.add(piece)
    assert assembly.complete
    wanted = from_canonical((5 * (volume[..., 0] > 0.5)).astype(np.uint8), affine)
    np.testing.assert_array_equal(assembly.mask(), wanted)


def test_planes_are_averaged_and_the_likeliest_label_wins():
    random = np.random.default_rng(2)
    card = card_with(labels=["a", "b"], values={"a": [7, 8], "b": [3]})
    card = card.model_copy(update={"inference": Inference(planes=["axial", "sagittal"])})
    planes = grids("axial", "sagittal")
    volumes = [random.dirichlet(np.ones(3), SHAPE).astype(np.float32) for _ in planes]
    assembly = Assembly(planes, RAS, card)
    for grid, volume in zip(planes, volumes, strict=True):
        for piece in pieces(grid, volume, 5):
            assembly.add(piece)
    assert assembly.complete
    wanted = np.array([0, 7, 3], np.uint8)[np.mean(volumes, axis=0).argmax(axis=-1)]
    np.testing.assert_array_equal(assembly.mask(), wanted)


def averaged(volumes: list[np.ndarray], inference: Inference) -> np.ndarray:
    """Return the probability of the only label, of planes that count what the settings say."""
    card = card_with(inference=inference.model_dump())
    planes = grids(*inference.shares)
    assembly = Assembly(planes, RAS, card, keep=True)
    for grid, volume in zip(planes, volumes, strict=True):
        for piece in pieces(grid, volume, 5):
            assembly.add(piece)
    probability = assembly.probabilities()["liver"]
    np.testing.assert_array_equal(assembly.mask() > 0, probability > 0.5)
    return probability


@pytest.mark.parametrize("number", [2, 3])
def test_equal_weights_are_the_mean_to_the_bit(number):
    names = ["axial", "coronal", "sagittal"][:number]
    volumes = [np.random.default_rng(k).random((*SHAPE, 1)).astype("f4") for k in range(number)]
    mean = averaged(volumes, Inference(planes=names))
    unit = np.float32(65535 // number)
    total = sum(np.rint(volume[..., 0] * unit).astype(np.uint16) for volume in volumes)
    np.testing.assert_array_equal(mean, total.astype("f4") / np.float32(unit * number))
    for weight in (1.0, 0.1, 7.0):
        same = averaged(volumes, Inference(planes=names, weights=[weight] * number))
        np.testing.assert_array_equal(same, mean)


@given(st.lists(st.floats(0, 9), min_size=3, max_size=3).filter(lambda own: sum(own) > 0.1))
@settings(deadline=None, max_examples=40)
def test_planes_count_what_their_weights_say(weights):
    names = ["axial", "coronal", "sagittal"]
    volumes = [np.random.default_rng(k).random((*SHAPE, 1)).astype("f4") for k in range(3)]
    inference = Inference(planes=names, weights=weights)
    used = [volume for volume, weight in zip(volumes, weights, strict=True) if weight]
    wanted = np.average([volume[..., 0] for volume in volumes], axis=0, weights=weights)
    np.testing.assert_allclose(averaged(used, inference), wanted, atol=2e-4)
    assert sum(inference.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("keep", [False, True])
def test_tilted_cuts_are_turned_back_and_count_alike(keep):
    card = card_with(recipe={}, inference=Inference(planes=["coronal"], tilt=30.0).model_dump())
    shape, spacing = (20, 24, 18), (1.0, 0.8, 1.5)
    grids = [Grid(shape, recipe, spacing) for recipe, _ in card.cuts]
    assert [grid.recipe.tilt for grid in grids] == [[0, 0], [30, 0], [-30, 0], [0, 30], [0, -30]]
    assembly = Assembly(grids, np.diag([*spacing, 1.0]), card, keep=keep)
    # each cut is as sure everywhere, so the mean is known wherever all of them reach
    says = [0.9, 0.2, 0.3, 0.4, 0.1]
    for grid, sure in zip(grids, says, strict=True):
        for piece in pieces(grid, np.full((*shape, 1), sure, np.float32), 7):
            assembly.add(piece)
    assert assembly.complete
    # in a corner, which no tilted cut reaches, the straight one decides alone
    assert assembly.mask()[0, 0, 0] == 5 and assembly.mask()[10, 12, 9] == 0
    if not keep:
        return
    found = assembly.probabilities()["liver"]
    np.testing.assert_allclose(found[8:12, 10:14, 7:11], np.mean(says), atol=1e-4)
    assert found[0, 0, 0] == pytest.approx(0.9, abs=1e-3)
    # and wherever some do, these alone count, whichever came first
    everywhere = np.ones(shape, np.float32)
    reached = [
        ~np.isnan(grid.unstack(turned_back(grid.stack(everywhere), grid)[:])) for grid in grids[1:]
    ]
    counts = np.sum([everywhere, *reached], axis=0)
    assert {1, 2, 3, 4, 5} <= {*np.unique(counts)}
    told = zip(says, [everywhere, *reached], strict=True)
    wanted = np.sum([sure * there for sure, there in told], axis=0)
    np.testing.assert_allclose(found, wanted / counts, atol=1e-3)


def test_what_a_tilted_cut_finds_lies_where_it_is():
    card = card_with(recipe={}, inference=Inference(tilt=25.0).model_dump())
    spacing = (1.0, 1.0, 2.0)
    place = np.moveaxis(np.indices((24, 24, 14)), 0, -1) * spacing
    ball = np.linalg.norm(place - [15, 8, 12], axis=-1)
    sure = np.clip((10 - ball) / 8, 0, 1)  # above a half within 6 mm
    image = Volume(sure.astype(np.float32), np.diag([*spacing, 1.0]))
    assembly = Assembly([Grid.of(image, recipe) for recipe, _ in card.cuts], image.affine, card)
    for grid in assembly.grids:
        said = cut(image, grid.recipe, order=1, outside=0.0)[:]
        assembly.add(said[..., None])
    found = assembly.mask() > 0
    wanted = ball < 6
    assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.96


@pytest.mark.parametrize(("value", "kind"), [(255, np.uint8), (256, np.uint16), (65535, np.uint16)])
def test_labels_may_have_any_value_of_sixteen_bits(value, kind):
    volume = np.random.default_rng(3).random((*SHAPE, 1)).astype(np.float32)
    (grid,) = grids("axial")
    assembly = Assembly([grid], RAS, card_with(values={"liver": [value]}))
    for piece in pieces(grid, volume, 99):
        assembly.add(piece)
    mask = assembly.mask()
    assert mask.dtype == kind
    assert set(np.unique(mask)) == {0, value}


def test_postprocessing_follows_the_card():
    volume = np.zeros((*SHAPE, 1), np.float32)
    volume[1:6, 1:6, 1:6] = 0.9
    volume[3, 3, 3] = 0.1
    volume[10, 7, 1] = 0.9
    (grid,) = grids("axial")
    after = {"threshold": 0.5, "largest_component": True, "fill_holes": True}
    assembly = Assembly([grid], RAS, card_with(postprocessing=after))
    assembly.add(pieces(grid, volume, 99)[0])
    wanted = np.zeros(SHAPE, np.uint8)
    wanted[1:6, 1:6, 1:6] = 5
    np.testing.assert_array_equal(assembly.mask(), wanted)
