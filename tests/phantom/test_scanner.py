"""Where the scanner puts voxels, and what it makes of a body of water."""

import numpy as np
import pytest

from slicewise.phantom import scanner
from slicewise.phantom.scanner import Grid, body_box, draw_grid, draw_pose, scan
from slicewise.phantom.shapes import ellipsoid
from slicewise.phantom.tissues import LABELS

SHAPES = {
    "skin": ellipsoid((0, 0, 0), (150, 110, float("inf"))),
    "cavity": ellipsoid((0, 0, 0), (130, 90, float("inf"))),
    "liver": ellipsoid((50, 0, 0), (60, 60, 70)),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def grid(size: int = 40, count: int = 10) -> Grid:
    line = (np.arange(size) - 0.5 * (size - 1)) * (360 / size)
    thick = 200 / count
    return Grid(
        line.astype(np.float32)[:, None],
        line.astype(np.float32)[None, :],
        (np.arange(count) - 0.5 * (count - 1)) * thick,
        (360 / size, 360 / size, thick),
    )


@pytest.fixture(scope="module")
def scanned() -> tuple[np.ndarray, np.ndarray]:
    return scan(rng(1), draw_pose(rng(2)), SHAPES, grid(), -120.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_pose_moves_no_place_far(seed):
    pose = draw_pose(rng(seed))
    x = np.linspace(-100, 100, 9, dtype=np.float32)[:, None]
    y = np.linspace(-80, 80, 7, dtype=np.float32)[None, :]
    points = pose.points(x, y, 40.0)
    for moved, given in ((points.x, x), (points.y, y), (points.z, np.float32(40))):
        assert moved.shape == (9, 7)
        assert np.abs(moved - given).max() < 50
    # height is that in the scanner, where the patient lies on the back
    np.testing.assert_array_equal(points.up, np.broadcast_to(y, (9, 7)))
    # sizes differ by up to a sixth, and directions by a few degrees
    sizes = np.linalg.norm(pose.matrix, axis=1)
    assert (np.abs(sizes - 1) < 0.19).all()
    assert np.linalg.det(pose.matrix) > 0


def test_the_box_holds_skin_and_liver():
    low, high = body_box(draw_pose(rng(3)), SHAPES)
    assert (low < -90).sum() >= 2
    assert 200 < high[0] - low[0] < 380
    assert 100 < high[2] - low[2] < 190
    assert high[1] - low[1] < high[0] - low[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_grid_reaches_around_the_body(seed):
    low = np.array([-150.0, -110.0, -70.0])
    high = np.array([150.0, 110.0, 70.0])
    drawn = draw_grid(rng(seed), low, high, 64, (10, 14))
    assert drawn.x.shape == (64, 1)
    assert drawn.y.shape == (1, 64)
    assert 10 <= drawn.z.size <= 14
    pixel, other, thick = drawn.spacing
    assert pixel == other
    assert drawn.x[0, 0] < low[0] < high[0] < drawn.x[-1, 0]
    assert np.allclose(np.diff(drawn.x[:, 0]), pixel, rtol=1e-3)
    assert np.allclose(np.diff(drawn.z), thick)
    # above the liver and below it
    assert drawn.z[0] - thick / 2 < low[2] - 15
    assert drawn.z[-1] + thick / 2 > high[2] + 15


def test_the_number_of_slices_shifts_nothing_that_is_drawn_later():
    box = (np.array([-150.0, -110.0, -70.0]), np.array([150.0, 110.0, 70.0]))
    first = rng(5)
    second = rng(5)
    draw_grid(first, *box, 64, (10, 14))
    draw_grid(second, *box, 96, (24, 90))
    assert first.random() == second.random()


def test_a_scan_has_air_around_and_the_liver_in_its_label(scanned):
    image, mask = scanned
    assert image.dtype == np.int16
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, LABELS["liver"]}
    assert abs(np.median(image[:4, -4:]) + 1000) < 20
    assert 30 < np.median(image[mask == LABELS["liver"]]) < 140


def test_noise_is_louder_in_the_middle(scanned):
    # within the liver all is one tissue, but for texture of a few HU
    quiet = scanner._noise(rng(0), (30, 30, 8), (0.6, 0.6, 0.3))
    assert quiet.std() == pytest.approx(1, abs=1e-3)
    image, _ = scanned
    corner = image[:4, -4:].std()
    liver = image[20:24, 18:22].std()
    assert liver > corner > 1


def test_the_couch_is_below_the_body(scanned):
    image, mask = scanned
    middle = image[20].mean(axis=1)
    # y grows to the front, so the couch has the first rows
    lowest = np.flatnonzero(middle > -980)[0]
    assert lowest < np.argwhere(mask.any(axis=(0, 2)))[0, 0] - 2


def test_a_surface_is_half_of_each_tissue():
    plane = np.full((3,), -1000, dtype=np.float32)
    scanner._paint(plane, np.array([-5, 0, 5], dtype=np.float32), 100.0, 2.0)
    np.testing.assert_allclose(plane, [100, -450, -1000])
