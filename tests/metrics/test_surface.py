"""Distances between surfaces: known shapes, other programs, symmetries, real masks."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from skimage.measure import marching_cubes

from slicewise.metrics import surface
from slicewise.metrics.surface import surface_distances
from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.read import read_volume

SHAPE = (24, 22, 20)
UNIT = (1.0, 1.0, 1.0)


def ball(centre, radii, shape=SHAPE) -> np.ndarray:
    """An ellipsoid, in voxels."""
    sides = zip(np.indices(shape), centre, radii, strict=True)
    return sum(((x - c) / r) ** 2 for x, c, r in sides) <= 1


def noise(share: float, seed: int) -> np.ndarray:
    """All kinds of corners; RandomState never changes its stream."""
    return np.random.RandomState(seed).random_sample(SHAPE) < share


PAIRS = {
    "balls": (UNIT, ball((11, 10, 9), (7, 7, 7)), ball((13, 10, 10), (7, 7, 7))),
    "coarse": ((0.7, 0.8, 2.5), ball((11, 10, 9), (8, 8, 6)), ball((12, 10, 9), (6, 9, 7))),
    "hole and island": (
        (1.5, 0.75, 3.0),
        ball((9, 9, 9), (8, 8, 8)) & ~ball((9, 9, 9), (3, 3, 3)),
        ball((9, 9, 9), (8, 8, 8)) | ball((21, 19, 17), (2, 2, 2)),
    ),
    "cut off": ((2.0, 1.0, 1.0), ball((0, 5, 5), (6, 6, 6)), ball((0, 5, 0), (7, 6, 8))),
    "noise": ((0.9, 1.3, 2.1), noise(0.5, 0), noise(0.4, 1)),
}


# --- known answers -----------------------------------------------------------


@pytest.mark.parametrize("spacing", [UNIT, (2.5, 0.7, 1.1)])
def test_shifted_boxes(spacing) -> None:
    # two boxes of 40 voxels a side, the second 4 voxels further
    truth, guess = np.zeros((2, 60, 60, 60), bool)
    truth[5:45, 10:50, 10:50] = guess[9:49, 10:50, 10:50] = True
    a, b, c = (40 * step for step in spacing)
    s = 4 * spacing[0]
    t = s / 8
    got = surface_distances(truth, guess, spacing, t)
    area = 2 * (a * b + a * c + b * c)
    # Of each, one end and the walls beside it stick out; the other end lies
    # inside the other box, nearest to its end or to one of its walls.
    end, walls = b * c * s, (b + c) * s**2
    inside = b * c * s - (b + c) * s**2 + 4 / 3 * s**3
    assert got["hd95_mm"] == pytest.approx(s)
    assert got["assd_mm"] == pytest.approx((end + walls + inside) / area, rel=0.02)
    beyond = b * c + 2 * (b + c) * (s - t) + (b - 2 * t) * (c - 2 * t)
    assert got["nsd"] == pytest.approx(1 - beyond / area, rel=0.02)


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_spheres_within_each_other(step) -> None:
    shape = (int(60 / step),) * 3
    centre = (shape[0] / 2,) * 3
    outer, inner = (ball(centre, (radius / step,) * 3, shape) for radius in (28, 20))
    got = surface_distances(outer, inner, (step,) * 3, 9.0)
    assert got["hd95_mm"] == pytest.approx(8, abs=step / 2)
    # slanted walls are two elements thick, and the nearer ones decide
    assert 8 - 0.7 * step < got["assd_mm"] < 8
    assert got["nsd"] == 1
    assert surface_distances(outer, inner, (step,) * 3, 6.0)["nsd"] == 0


def test_one_voxel_has_eight_elements() -> None:
    mask = np.zeros((3, 3, 9), bool)
    mask[1, 1, 1] = True
    other = np.roll(mask, 3, axis=2)
    got = surface_distances(mask, other, (1.0, 1.0, 2.0), tolerance_mm=4.0)
    # four of them are 2 voxels from the other's nearest, four are 3
    assert got == {"hd95_mm": 6.0, "assd_mm": pytest.approx(5.0), "nsd": pytest.approx(0.5)}


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("thick", [1.0, 5.0])
def test_of_a_single_slice_the_outline_is_measured_and_not_its_sides(axis, thick) -> None:
    # discs of 60 pixels, one 12 pixels farther; in 2-D by erosion 0.155, 9.6 and 5.89
    x, y = np.indices((160, 160))
    truth = np.expand_dims((x - 70) ** 2 + (y - 80) ** 2 < 60**2, axis)
    guess = np.expand_dims((x - 82) ** 2 + (y - 80) ** 2 < 60**2, axis)
    spacing = np.full(3, 0.8)
    spacing[axis] = thick
    found = surface_distances(truth, guess, tuple(spacing), 2.0)
    assert found["hd95_mm"] == pytest.approx(9.6)
    assert found["assd_mm"] == pytest.approx(5.8, abs=0.1)
    assert found["nsd"] == pytest.approx(0.15, abs=0.02)
    same_mask = surface_distances(truth, truth, tuple(spacing), 2.0)
    assert same_mask == {"hd95_mm": 0.0, "assd_mm": 0.0, "nsd": 1.0}


def test_a_volume_of_one_voxel_has_a_surface() -> None:
    one = np.ones((1, 1, 1), bool)
    assert surface_distances(one, one, UNIT, 1.0)["nsd"] == 1.0


def test_equal_masks() -> None:
    for _, mask, _ in PAIRS.values():
        same = surface_distances(mask, mask.copy(), (0.5, 0.7, 3.0), 1.0)
        assert same == {"hd95_mm": 0, "assd_mm": 0, "nsd": 1}


def test_full_masks_end_at_the_edge_of_the_image() -> None:
    full = np.ones((4, 5, 6), bool)
    assert surface_distances(full, full, UNIT, 1.0) == {"hd95_mm": 0, "assd_mm": 0, "nsd": 1}


def test_empty_masks() -> None:
    empty, full = np.zeros((4, 4, 4), bool), np.ones((4, 4, 4), bool)
    for predicted in (empty, full):
        assert np.isnan([*surface_distances(empty, predicted, UNIT, 1.0).values()]).all()
    missed = surface_distances(full, empty, UNIT, 1.0)
    assert np.isnan([missed["hd95_mm"], missed["assd_mm"]]).all()
    assert missed["nsd"] == 0


def test_a_distance_of_the_tolerance_is_within_it_whatever_the_header_rounds() -> None:
    mask = np.zeros((20, 3, 3), bool)
    mask[2:6] = True
    step = float(np.float32(0.4))  # a little more than 0.4
    moved = np.roll(mask, 5, axis=0)
    assert surface_distances(mask, moved, (step, 9.0, 9.0), 2.0)["nsd"] == 1
    assert surface_distances(mask, moved, (step, 9.0, 9.0), 1.999)["nsd"] < 1


# --- other programs ----------------------------------------------------------

# surface-distance 0.1 (its own functions; assd_mm from its distances and areas,
# of both directions), numpy 2.4: hd95_mm, assd_mm, nsd at 2 mm, nsd at 1 mm
NIKOLOV = {
    "balls": (2.0, 0.870685, 0.972803, 0.678078),
    "coarse": (2.1, 0.581997, 0.941215, 0.782677),
    "hole and island": (10.526752, 0.627429, 0.903944, 0.903944),
    "cut off": (2.828427, 0.980398, 0.833122, 0.640425),
    "noise": (0.0, 0.026373, 0.999898, 0.997035),
}
# MONAI 1.6.1, masks padded by 2 voxels: compute_hausdorff_distance(percentile=95),
# compute_average_surface_distance(symmetric=True), between border voxels;
# compute_surface_dice(use_subvoxels=True) at 2 mm and at 1 mm
MONAI = {
    "balls": (2.236068, 1.152405, 0.972803, 0.678078),
    "coarse": (2.5, 0.923676, 0.941215, 0.782677),
    "hole and island": (4.038874, 0.633385, 0.903944, 0.903944),
    "cut off": (3.0, 1.058298, 0.833122, 0.640426),
    "noise": (1.581139, 0.601294, 0.999898, 0.997035),
}


def numbers(name: str) -> list[float]:
    spacing, truth, guess = PAIRS[name]
    wide, narrow = (surface_distances(truth, guess, spacing, t) for t in (2.0, 1.0))
    return [*wide.values(), narrow["nsd"]]


@pytest.mark.parametrize("sparse", [0.0, 1.0], ids=["transform", "tree"])
@pytest.mark.parametrize("name", NIKOLOV)
def test_equals_the_program_of_nikolov(name, sparse, monkeypatch) -> None:
    monkeypatch.setattr(surface, "SPARSE", sparse)
    assert numbers(name) == pytest.approx(NIKOLOV[name], abs=2e-6)


@pytest.mark.parametrize("name", MONAI)
def test_agrees_with_monai(name) -> None:
    hd95, assd, *nsd = numbers(name)
    assert nsd == pytest.approx(MONAI[name][2:], abs=2e-6)
    if name in ("balls", "coarse", "cut off"):
        # other surfaces, that count by voxels: near, where there are no far ones and no noise
        voxel = np.linalg.norm(PAIRS[name][0])
        assert [hd95, assd] == pytest.approx(MONAI[name][:2], abs=voxel / 4)


# --- symmetries --------------------------------------------------------------

MASKS = arrays.arrays(bool, st.tuples(*[st.integers(1, 6)] * 3), elements=st.booleans())
SPACINGS = st.tuples(*[st.sampled_from((0.4, 0.7, 1.0, 2.5, 5.0))] * 3)


@st.composite
def pairs(draw) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    truth = draw(MASKS)
    guess = draw(arrays.arrays(bool, truth.shape, elements=st.booleans()))
    return truth, guess, draw(SPACINGS)


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    return one == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_numbers_do_not_depend_on_how_masks_are_stored(pair) -> None:
    truth, guess, spacing = pair
    found = surface_distances(truth, guess, spacing, 2.0)
    if truth.any() and guess.any():  # which of them is empty makes a difference
        assert same(found, surface_distances(guess, truth, spacing, 2.0))
    for axis in range(3):
        flipped = np.flip(truth, axis), np.flip(guess, axis)
        assert same(found, surface_distances(*flipped, spacing, 2.0))
    for order in itertools.permutations(range(3)):
        turned = truth.transpose(order), guess.transpose(order)
        steps = tuple(spacing[axis] for axis in order)
        assert same(found, surface_distances(*turned, steps, 2.0))


@given(pairs(), st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 3))
@settings(max_examples=60, deadline=None)
def test_numbers_do_not_depend_on_the_empty_space_around(pair, margins) -> None:
    truth, guess, spacing = pair
    # a single slice goes on at its sides, and would end there
    margins = [
        each if size > 1 else (0, 0) for each, size in zip(margins, truth.shape, strict=True)
    ]
    wide = np.pad(truth, margins), np.pad(guess, margins)
    found = surface_distances(truth, guess, spacing, 2.0)
    assert same(found, surface_distances(*wide, spacing, 2.0))


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_both_ways_to_the_nearest_agree(pair) -> None:
    found = []
    for sparse in (0.0, 1.0):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(surface, "SPARSE", sparse)
            found.append(surface_distances(*pair, 2.0))
    assert same(*found)


# at a spacing of 1 areas were summed in 32 bits
ROUNDED = (
    np.array([[[True, False], [False, False]]]),
    np.array([[[False, True], [True, True]]]),
    (1.0, 1.0, 1.0),
)


@example(ROUNDED, 0.5)
@given(pairs(), st.sampled_from((0.5, 2.0, 3.0)))
@settings(max_examples=60, deadline=None)
def test_distances_scale_with_the_spacing(pair, factor) -> None:
    truth, guess, spacing = pair
    found = surface_distances(truth, guess, spacing, 2.0)
    scaled = surface_distances(truth, guess, tuple(factor * s for s in spacing), factor * 2.0)
    distances = {k: factor * v for k, v in found.items() if k != "nsd"}
    assert same(distances | {"nsd": found["nsd"]}, scaled)


# --- real masks --------------------------------------------------------------


def second(truth, guess, spacing, tolerance) -> dict[str, float]:
    """The same definitions from other parts: ITK's distances, and whole meshes cut up."""
    wide = [np.pad(mask, 2) for mask in (truth, guess)]
    borders, areas = zip(*[elements(mask, spacing) for mask in wide], strict=True)
    distances = [between(borders[0], borders[1], spacing), between(borders[1], borders[0], spacing)]
    hd95 = 0.0
    for one, weights in zip(distances, areas, strict=True):
        total, order = weights.sum(), np.argsort(one)
        beyond = total - np.cumsum(weights[order])
        hd95 = max(hd95, one[order][beyond <= 0.05 * total][0])
    both, weights = np.concatenate(distances), np.concatenate(areas)
    return {
        "hd95_mm": hd95,
        "assd_mm": (both * weights).sum() / weights.sum(),
        "nsd": weights[both <= tolerance].sum() / weights.sum(),
    }


def elements(mask, spacing) -> tuple[np.ndarray, np.ndarray]:
    """Where a mask is neither full nor empty between eight voxels, and the area there."""
    inside = ndimage.correlate(mask.astype(np.uint8), np.ones((2, 2, 2), np.uint8), origin=-1)
    area = []
    for field in (mask, ~mask):
        points, triangles, _, _ = marching_cubes(field.astype(np.float32), 0.5, method="lorensen")
        corners = points[triangles]
        place = tuple(np.floor(corners.mean(axis=1)).astype(int).T)
        sides = np.diff(corners * np.array(spacing), axis=1)
        area.append(np.zeros(mask.shape))
        np.add.at(area[-1], place, np.linalg.norm(np.cross(*sides.swapaxes(0, 1)), axis=1) / 2)
    border = (inside > 0) & (inside < 8)
    return border, np.where(inside <= 4, *area)[border]


def between(source, target, spacing) -> np.ndarray:
    image = sitk.GetImageFromArray(target.astype(np.uint8))
    image.SetSpacing([float(step) for step in spacing[::-1]])
    # negative inside of what is thicker than a voxel
    found = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.maximum(sitk.GetArrayFromImage(found), 0)[source].astype(float)


def prediction(mask: np.ndarray) -> np.ndarray:
    """Smoother, half of it shifted, and with an island."""
    guess = ndimage.gaussian_filter(mask.astype(np.float32), 1.5) > 0.45
    half = mask.shape[0] // 2
    guess[:half] = np.roll(guess[:half], 2, axis=1)
    guess[4:9, 4:9, 4:9] = True
    return guess


@pytest.fixture
def data() -> Path:
    default = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("SLICEWISE_DATA", default))
    if not (folder / "odd").is_dir():
        pytest.skip(f"the real data are not at {folder}; set SLICEWISE_DATA to their folder")
    return folder


# Of real masks against `prediction`: hd95_mm, assd_mm, nsd at 2.1 mm of surface-distance 0.1;
# assd_mm of MONAI 1.6.1
TORSO = {
    1: (6.0, 3.2680763, 0.4950274, 3.8539255),
    2: (208.3002640, 8.2016769, 0.8935248, 8.5469046),
    5: (4.2426407, 2.1264311, 0.8245312, 2.4392960),
    10: (187.1336421, 42.1438826, 0.3042831, 46.8507347),
    20: (6.0, 3.3573045, 0.5254383, 3.9302895),
}
LIVER = (1.4859999, 0.4484684, 0.9957136, 0.5657281)


def check_known(mask: np.ndarray, spacing, known: tuple[float, ...]) -> None:
    found = surface_distances(mask, prediction(mask), spacing, 2.1)
    # another processor may smooth a voxel of the prediction to the other side
    assert list(found.values()) == pytest.approx(known[:3], rel=1e-4)
    # as the report says: between the centres of border voxels it is longer
    assert found["assd_mm"] < known[3] < found["assd_mm"] + np.linalg.norm(spacing)


def check(mask: np.ndarray, spacing) -> None:
    guess = prediction(mask)
    found = surface_distances(mask, guess, spacing, 2.1)
    assert found == pytest.approx(second(mask, guess, spacing, 2.1), rel=1e-5)
    assert 0 < found["assd_mm"] < found["hd95_mm"]
    assert 0 < found["nsd"] < 1


@pytest.mark.parametrize("spacing", [None, (0.8, 3.0, 5.0)])
def test_organs_of_a_torso_equal_a_second_implementation(data, spacing) -> None:
    organs = read_volume(data / "odd" / "totalsegmentator_torso" / "organs.nii.gz")
    for organ in (1, 2, 5, 10, 20):
        check(organs.array == organ, spacing or organs.spacing)


def test_organs_of_a_torso_equal_the_program_of_nikolov(data) -> None:
    organs = read_volume(data / "odd" / "totalsegmentator_torso" / "organs.nii.gz")
    for organ, known in TORSO.items():
        check_known(organs.array == organ, organs.spacing, known)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["3Dircadb1.1", "3Dircadb1.7", "3Dircadb1.17"])
def test_livers_equal_a_second_implementation(data, case) -> None:
    folder = data / "ircad" / case
    sources = folder / "MASKS_DICOM.zip", {"liver": "liver"}, folder / "PATIENT_DICOM.zip"
    mask, _ = read_organ_masks(*sources)
    check(mask.array > 0, mask.spacing)
    if case == "3Dircadb1.17":
        check_known(mask.array > 0, mask.spacing, LIVER)


def test_sparse_and_dense_surfaces_are_measured_alike(monkeypatch) -> None:
    """A tree and a distance transform find the same: which one runs is a matter of speed."""
    random = np.random.default_rng(5)
    truth = np.zeros((20, 20, 20), bool)
    truth[4:14, 5:15, 6:12] = True
    prediction = truth ^ (random.random(truth.shape) < 0.02)
    results = []
    for share in (0.0, 10.0):
        monkeypatch.setattr(surface, "SPARSE", share)
        results.append(surface_distances(truth, prediction, (0.8, 0.7, 2.5), 2.0))
    assert results[0] == pytest.approx(results[1], rel=1e-9)


@pytest.mark.parametrize("turned", [False, True])
def test_either_surface_may_be_the_farther_one(turned) -> None:
    """A rod sticks out of a plate: its elements are ever farther off, layer by layer."""
    plate = np.zeros((50, 24, 24), bool)
    plate[2:4, 2:22, 2:22] = True
    spiked = plate.copy()
    spiked[4:40, 12, 12] = True
    masks = (spiked, plate) if turned else (plate, spiked)
    found = surface_distances(*masks, (1.0, 1.5, 2.0), 2.0)
    assert found == pytest.approx(second(*masks, (1.0, 1.5, 2.0), 2.0), rel=1e-5)
    assert 5 < found["hd95_mm"] < 35


def test_the_percentile_is_the_least_distance_within_which_the_share_lies() -> None:
    """Of a thousand equal areas the 950th, though their sum is rounded; of others by area."""
    random = np.random.default_rng(0)
    distances = random.permutation(1000).astype(float)
    for area in (1.0, 0.1, 1 / 3):
        assert surface._percentile(distances, np.full(1000, area), 95) == 949
    two = np.array([3.0, 8.0])
    assert surface._percentile(two, np.array([95.0, 5.0]), 95) == 3
    assert surface._percentile(two, np.array([94.9, 5.1]), 95) == 8
    assert surface._percentile(two[::-1], np.array([5.0, 95.0]), 95) == 3
