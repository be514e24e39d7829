"""The scanner: where the patient lies, the grid of voxels, the couch, noise and blur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from slicewise.phantom.shapes import Points, Shape, Vector, Waves, ellipsoid
from slicewise.phantom.tissues import PARTS, Tissue, draw_tissues

PROFILE = (-1 / 3, 0.0, 1 / 3)
"""Positions inside a slice, in slice thicknesses, that are averaged: thick slices blur slanted
surfaces. The middle one gives the mask."""
AIR_HU = -1000


@dataclass(frozen=True)
class Pose:
    """From the scanner's world (mm around the middle of the body) to the standard patient."""

    matrix: np.ndarray
    ripple: tuple[Waves, Waves, Waves]

    def points(self, x: np.ndarray, y: np.ndarray, z: float) -> Points:
        """Return the places of one axial plane, with `x` (n, 1) and `y` (1, n)."""
        height = np.array(z, dtype=np.float32)
        right, front, head = (
            x * row[0] + (y * row[1] + height * row[2]) + waves(x, y, height)
            for row, waves in zip(self.matrix, self.ripple, strict=True)
        )
        return Points(right, front, head, np.broadcast_to(y, right.shape))


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw how a patient differs from the standard one: turned, scaled and rippled."""
    angles = np.deg2rad(rng.uniform((-2.5, -2.5, -7), (2.5, 2.5, 7)))
    ca, cb, cc = np.cos(angles)
    sa, sb, sc = np.sin(angles)
    turn = (
        np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
        @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
        @ np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    )
    size = rng.uniform(0.94, 1.05) * rng.uniform((0.95, 0.93, 0.93), (1.05, 1.07, 1.07))
    ripple = [Waves(rng, 2.8, (90, 220), 6) for _ in range(3)]
    return Pose((turn / size[:, None]).astype(np.float32), (ripple[0], ripple[1], ripple[2]))


@dataclass(frozen=True)
class Grid:
    """Centres of the voxels in the world, in mm around the middle of the body.

    Attributes
    ----------
    x : ndarray of float32, shape (columns, 1)
    y : ndarray of float32, shape (1, rows)
    z : ndarray of float64, shape (slices,)
    spacing : tuple of float
        Of neighbouring voxels along x, y and z.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    spacing: Vector


def body_box(pose: Pose, shapes: Mapping[str, Shape]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of a box around skin (x, y) and liver (z), to a few mm.

    Returns
    -------
    low, high : ndarray, shape (3,)
        In the world, in mm.
    """
    step = 8.0
    line = np.arange(-256, 257, step, dtype=np.float32)
    skin = []
    liver = []
    for z in np.arange(-144, 145, step):
        points = pose.points(line[:, None], line[None, :], float(z))
        if (shapes["liver"](points) < 0).any():
            liver.append(float(z))
            skin.append(np.argwhere(shapes["skin"](points) < 0))
    places = np.concatenate(skin)
    low = places.min(axis=0)
    high = places.max(axis=0)
    return (
        np.array([line[low[0]], line[low[1]], liver[0]], dtype=float) - step / 2,
        np.array([line[high[0]], line[high[1]], liver[-1]], dtype=float) + step / 2,
    )


def draw_grid(
    rng: np.random.Generator, low: np.ndarray, high: np.ndarray, size: int, slices: tuple[int, int]
) -> Grid:
    """Fit the field of view around the body, and the slices around the liver.

    Parameters
    ----------
    rng : numpy.random.Generator
    low, high : ndarray, shape (3,)
        See `body_box`.
    size : int
        Rows and columns.
    slices : (int, int)
        Least and greatest number of slices.
    """
    field = float((high - low)[:2].max() * rng.uniform(1.03, 1.1) + 4)
    middle = 0.5 * (low + high)[:2] + rng.uniform((-5, -12), (5, -2))
    bottom = low[2] - rng.uniform(16, 34)
    top = high[2] + rng.uniform(16, 26)
    # One draw whatever the range, so that `slices` shifts nothing that is drawn later.
    count = slices[0] + int(rng.random() * (slices[1] - slices[0] + 1))
    pixel = field / size
    thick = float(top - bottom) / count
    line = (np.arange(size) - 0.5 * (size - 1)) * pixel
    return Grid(
        x=(middle[0] + line).astype(np.float32)[:, None],
        y=(middle[1] + line).astype(np.float32)[None, :],
        z=bottom + (np.arange(count) + 0.5) * thick,
        spacing=(pixel, pixel, thick),
    )


def _draw_couch(rng: np.random.Generator, lowest: float, grid: Grid) -> np.ndarray:
    """Return HU of the couch: a curved shell with a foam core, air around it."""
    gap = float(rng.uniform(4, 9))
    radius = float(rng.uniform(420, 700))
    shift = float(rng.uniform(-12, 12))
    top = ellipsoid((shift, lowest - gap + radius, 0), (radius, radius, float("inf")))
    wide = float(rng.uniform(185, 225))

    def couch(points: Points) -> np.ndarray:
        depth = np.abs(top(points) - np.float32(12)) - np.float32(12)
        return np.maximum(depth, np.abs(points.x - np.float32(shift)) - np.float32(wide))

    x, y = np.broadcast_arrays(grid.x, grid.y)
    points = Points(x, y, np.zeros_like(x), y)
    pixel = grid.spacing[0]
    plane = np.full(x.shape, AIR_HU, dtype=np.float32)
    _paint(plane, couch(points), float(rng.uniform(40, 200)), pixel)
    _paint(plane, couch(points) + np.float32(3.5), float(rng.uniform(-960, -930)), pixel)
    return plane


def _paint(plane: np.ndarray, distance: np.ndarray, hu: np.ndarray | float, pixel: float) -> None:
    """Blend a tissue into a plane, half at its surface and none a pixel further out."""
    cover = np.clip(np.float32(0.5) - distance * np.float32(0.8 / pixel), 0, 1)
    plane += cover * (hu - plane)


@dataclass(frozen=True)
class _Scene:
    """What lies in the scanner.

    Attributes
    ----------
    shapes : mapping of str to Shape
        Of the patient.
    tissues : mapping of str to Tissue
        What they measure.
    couch : ndarray of float32, shape (columns, rows)
        HU of all that lies around the patient.
    pixel : float
        Size of a pixel in mm, over which surfaces are blurred.
    """

    shapes: Mapping[str, Shape]
    tissues: Mapping[str, Tissue]
    couch: np.ndarray
    pixel: float

    def plane(self, points: Points, texture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Paint one axial plane: HU and labels, both of shape (columns, rows)."""
        plane = self.couch.copy()
        labels = np.zeros(plane.shape, dtype=np.uint8)
        for part in PARTS:
            if part.shape not in self.shapes:
                continue
            distance = self.shapes[part.shape](points)
            if np.min(distance) > self.pixel:
                continue
            tissue = self.tissues[part.tissue]
            hu = np.float32(tissue.hu) + np.float32(tissue.texture) * texture
            _paint(plane, distance, hu, self.pixel)
            if part.label is not None:
                labels[distance < 0] = part.label
        return plane, labels


def _noise(
    rng: np.random.Generator, shape: tuple[int, int, int], sigma: Sequence[float]
) -> np.ndarray:
    """Draw Gaussian noise of standard deviation 1, correlated over `sigma` voxels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    return noise / noise.std()


def scan(
    rng: np.random.Generator, pose: Pose, shapes: Mapping[str, Shape], grid: Grid, lowest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scan a patient.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws tissues, couch, texture and noise.
    pose : Pose
    shapes : mapping of str to Shape
        See `slicewise.phantom.anatomy.draw_anatomy`.
    grid : Grid
    lowest : float
        Where the back of the patient lies, in mm along y: the couch is below.

    Returns
    -------
    image : ndarray of int16, shape (columns, rows, slices)
        Hounsfield units, in RAS+ order.
    mask : ndarray of uint8, of the same shape
        Values of `slicewise.phantom.tissues.LABELS`.
    """
    tissues = draw_tissues(rng)
    couch = _draw_couch(rng, lowest, grid)
    strength = float(rng.uniform(10, 19))
    grain = float(rng.uniform(0.5, 0.75))
    blur = float(rng.uniform(0.35, 0.55))
    pixel, _, thick = grid.spacing
    full = (grid.x.size, grid.y.size, grid.z.size)
    texture = _noise(rng, full, (4.5 / pixel, 4.5 / pixel, 4.5 / thick))
    noise = _noise(rng, full, (grain, grain, 0.3))
    # Rays through the middle of the body are weakened most, so noise is highest there.
    centre = np.exp(-((grid.x / 150) ** 2) - (grid.y / 120) ** 2)
    loud = np.float32(strength) * (np.float32(0.55) + np.float32(0.6) * centre)
    scene = _Scene(shapes, tissues, couch, pixel)
    image = np.empty(full, dtype=np.int16)
    mask = np.empty(full, dtype=np.uint8)
    for k, z in enumerate(grid.z):
        places = [pose.points(grid.x, grid.y, float(z + part * thick)) for part in PROFILE]
        planes = [scene.plane(points, texture[:, :, k]) for points in places]
        mean = sum(hu for hu, _ in planes) / np.float32(len(planes))
        mean = ndimage.gaussian_filter(mean, blur) + loud * noise[:, :, k]
        image[:, :, k] = np.clip(np.rint(mean), -1024, 3071)
        mask[:, :, k] = planes[len(planes) // 2][1]
    return image, mask
