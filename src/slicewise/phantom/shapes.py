"""Shapes as signed distances, and how they combine.

A shape is a function from places to their distance from its surface in mm,
negative inside, and shapes combine by the least and the greatest of their
distances (Ricci, A constructive geometry for computer graphics, The Computer
Journal, 1973). Where they are blended, bent or squeezed that is a close
estimate, which is all that painting needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

FAR = np.array(50, dtype=np.float32)
"""Distance of a shape that is further away than `REACH` along z, in mm: nothing there depends on
the exact value, and most shapes miss most slices."""
REACH = 16.0

Vector = tuple[float, float, float]
Numbers = Sequence[float] | np.ndarray


class Points:
    """Places in the standard patient at which distances are wanted.

    Parameters
    ----------
    x, y, z : ndarray
        To the right, to the front and to the head, in mm; of shapes that go together.
    up : ndarray
        Height against gravity in mm, for fluid levels.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, up: np.ndarray) -> None:
        self.x = x
        self.y = y
        self.z = z
        self.up = up
        self.bottom = float(z.min())
        self.top = float(z.max())

    def misses(self, low: float, high: float) -> bool:
        """Tell whether all points are out of reach of the range `low`..`high` of z."""
        return self.bottom > high + REACH or self.top < low - REACH


Shape = Callable[[Points], np.ndarray]
"""From places to distances in mm, in float32."""


class Once:
    """A shape that several organs lean on, which remembers its last answer."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._points: Points | None = None
        self._distance: np.ndarray = FAR

    def __call__(self, points: Points) -> np.ndarray:
        """Return the distances of the shape."""
        if points is not self._points:
            self._distance = self._shape(points)
            self._points = points
        return self._distance


# --- one shape ---------------------------------------------------------------------------


def ellipsoid(center: Numbers, radii: Numbers, tilt: float = 0.0) -> Shape:
    """Make an ellipsoid.

    Parameters
    ----------
    center : three floats
        In mm.
    radii : three floats
        Half axes in mm; infinite ones make a cylinder.
    tilt : float
        Degrees by which it is turned from x towards z.

    Returns
    -------
    Shape

    Examples
    --------
    >>> ball = ellipsoid((0, 0, 0), (10, 10, 10))
    >>> line = np.array([5, 10, 13], dtype=np.float32)
    >>> zero = np.zeros_like(line)
    >>> ball(Points(line, zero, zero, zero)).round(3).tolist()
    [-5.0, 0.0, 3.0]
    """
    cx, cy, cz = (np.float32(v) for v in center)
    rx, ry, rz = (np.float32(v) for v in radii)
    cos = np.cos(np.deg2rad(tilt))
    sin = np.sin(np.deg2rad(tilt))
    middle = float(center[2])
    height = float(radii[2])
    if tilt:
        height = float(np.hypot(float(radii[2]) * cos, float(radii[0]) * sin))

    def distance(points: Points) -> np.ndarray:
        if points.misses(middle - height, middle + height):
            return FAR
        x = points.x - cx
        y = points.y - cy
        z = points.z - cz
        if tilt:
            along = x * np.float32(cos) + z * np.float32(sin)
            z = z * np.float32(cos) - x * np.float32(sin)
            x = along
        x = x / rx
        y = y / ry
        z = z / rz
        unit = np.sqrt(x * x + y * y + z * z)
        x = x / rx
        y = y / ry
        z = z / rz
        slope = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
        return unit * (unit - 1) / slope

    return distance


def tube(path: Sequence[Numbers], radii: Numbers, blend: float = 0.0) -> Shape:
    """Make a tube along a polyline.

    Parameters
    ----------
    path : sequence of three floats
        The corners of the line, in mm.
    radii : sequence of float
        Of the tube at each corner, in mm.
    blend : float
        See `union`.
    """
    corners = [np.asarray(corner, dtype=float) for corner in path]
    segments = [
        _segment(corners[i], corners[i + 1], radii[i], radii[i + 1])
        for i in range(len(corners) - 1)
    ]
    return union(*segments, blend=blend)


def _segment(start: np.ndarray, end: np.ndarray, first: float, last: float) -> Shape:
    """Make a tube between two places, with a radius at either."""
    low = min(start[2] - first, end[2] - last)
    high = max(start[2] + first, end[2] + last)
    along = (end - start).astype(np.float32)
    step = along / np.float32(along @ along)
    origin = start.astype(np.float32)

    def distance(points: Points) -> np.ndarray:
        if points.misses(low, high):
            return FAR
        x = points.x - origin[0]
        y = points.y - origin[1]
        z = points.z - origin[2]
        part = np.clip(x * step[0] + y * step[1] + z * step[2], 0, 1)
        x = x - part * along[0]
        y = y - part * along[1]
        z = z - part * along[2]
        thick = np.float32(first) + part * np.float32(last - first)
        return np.sqrt(x * x + y * y + z * z) - thick

    return distance


def above(level: float) -> Shape:
    """Make what gas fills in a patient lying on the back: all that is higher than a level in mm."""
    return lambda points: np.float32(level) - points.up


# --- shapes of shapes ----------------------------------------------------------------------


def smooth_min(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Return the lesser of two distances, rounded off where they differ by less than `blend` mm.

    The polynomial smooth minimum of Quilez (2013), which is `a` or `b` elsewhere.

    Examples
    --------
    >>> float(smooth_min(np.float32(3), np.float32(4), 0)), float(smooth_min(0.0, 0.0, 8))
    (3.0, -2.0)
    """
    if blend == 0:
        return np.minimum(a, b)
    overlap = np.maximum(np.float32(blend) - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap * overlap * np.float32(0.25 / blend)


def union(*shapes: Shape, blend: float = 0.0) -> Shape:
    """Make one shape of several, their joints filled up over `blend` mm."""

    def distance(points: Points) -> np.ndarray:
        nearest = shapes[0](points)
        for shape in shapes[1:]:
            nearest = smooth_min(nearest, shape(points), blend)
        return nearest

    return distance


def within(shape: Shape, *hulls: Shape, blend: float = 0.0) -> Shape:
    """Make the part of a shape that lies in all hulls, its edges rounded over `blend` mm."""

    def distance(points: Points) -> np.ndarray:
        inside = shape(points)
        for hull in hulls:
            inside = -smooth_min(-inside, -hull(points), blend)
        return inside

    return distance


def without(shape: Shape, *others: Shape, gap: float = 0.0, blend: float = 0.0) -> Shape:
    """Make the part of a shape that keeps `gap` mm away from others, as `within` does."""

    def outside(other: Shape) -> Shape:
        return lambda points: np.float32(gap) - other(points)

    return within(shape, *(outside(other) for other in others), blend=blend)


def grown(shape: Shape, by: float) -> Shape:
    """Make a shape that reaches `by` mm further; less, where that is negative."""
    return lambda points: shape(points) - np.float32(by)


def repeated(shape: Shape, period: float, offset: float) -> Shape:
    """Make copies of a shape stacked along z, `period` mm apart and the first at `offset`."""

    def distance(points: Points) -> np.ndarray:
        z = np.mod(points.z - np.float32(offset), np.float32(period)) - np.float32(period / 2)
        return shape(Points(points.x, points.y, z, points.up))

    return distance


class Waves:
    """A smooth random function of place: a sum of plane waves.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws directions, lengths and phases.
    amplitude : float
        Standard deviation of the sum, in mm.
    lengths : (float, float)
        Least and greatest length of a wave, in mm.
    count : int
        How many waves.
    """

    def __init__(
        self, rng: np.random.Generator, amplitude: float, lengths: tuple[float, float], count: int
    ) -> None:
        turn = rng.normal(size=(count, 3))
        turn *= 2 * np.pi / np.linalg.norm(turn, axis=1, keepdims=True)
        self._vectors = (turn / rng.uniform(*lengths, (count, 1))).astype(np.float32)
        self._phases = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
        self._height = np.float32(amplitude * np.sqrt(2 / count))

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the sum at places, in mm."""
        total = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float32)
        for (kx, ky, kz), phase in zip(self._vectors, self._phases, strict=True):
            total += np.sin(x * kx + (y * ky + (z * kz + phase)))
        return self._height * total


def rippled(shape: Shape, waves: Waves) -> Shape:
    """Make a shape whose surface is moved in and out by waves."""

    def distance(points: Points) -> np.ndarray:
        smooth = shape(points)
        if smooth.ndim == 0:  # out of reach
            return smooth
        return smooth + waves(points.x, points.y, points.z)

    return distance


# --- what differs between patients -----------------------------------------------------------


def near(rng: np.random.Generator, center: Numbers, spread: float = 3.0) -> np.ndarray:
    """Draw a place that is up to `spread` mm from a centre along each axis."""
    return np.asarray(center, dtype=float) + rng.uniform(-spread, spread, 3)


def sized(rng: np.random.Generator, radii: Numbers, spread: float = 0.1) -> np.ndarray:
    """Draw radii that differ from others by up to a part `spread` of each."""
    return np.asarray(radii, dtype=float) * rng.uniform(1 - spread, 1 + spread, 3)
