"""Shapes as signed distances, and how they combine.

A shape is a function from places to their distance from its surface in mm,
negative inside (Quilez, "distance functions", gives the formulas). Where
shapes are blended or bent it is a close estimate, which is all that painting
needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# Distance given where a shape is further away than REACH along z: nothing
# there depends on the exact value, and most shapes miss most slices.
FAR = np.array(50, dtype=np.float32)
REACH = 16.0

Vector = tuple[float, float, float]
Numbers = Sequence[float] | np.ndarray


class Points:
    """Places in the standard patient at which distances are wanted."""

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, up: np.ndarray) -> None:
        self.x, self.y, self.z = x, y, z
        self.up = up  # height against gravity in mm, for fluid levels
        self.bottom, self.top = float(z.min()), float(z.max())

    def misses(self, low: float, high: float) -> bool:
        """Tell whether all points are out of reach of the range `low`..`high` of z."""
        return self.bottom > high + REACH or self.top < low - REACH


Shape = Callable[[Points], np.ndarray]


class Once:
    """Remember the last answer of a shape that several organs lean on."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._points: Points | None = None
        self._distance: np.ndarray = FAR

    def __call__(self, points: Points) -> np.ndarray:
        if points is not self._points:
            self._points, self._distance = points, self._shape(points)
        return self._distance


def smooth_min(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    if blend == 0:
        return np.minimum(a, b)
    overlap = np.maximum(np.float32(blend) - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap * overlap * np.float32(0.25 / blend)


def union(*shapes: Shape, blend: float = 0.0) -> Shape:
    def distance(points: Points) -> np.ndarray:
        nearest = shapes[0](points)
        for shape in shapes[1:]:
            nearest = smooth_min(nearest, shape(points), blend)
        return nearest

    return distance


def within(shape: Shape, *hulls: Shape, blend: float = 0.0) -> Shape:
    def distance(points: Points) -> np.ndarray:
        inside = shape(points)
        for hull in hulls:
            inside = -smooth_min(-inside, -hull(points), blend)
        return inside

    return distance


def grown(shape: Shape, by: float) -> Shape:
    return lambda points: shape(points) - np.float32(by)


def without(shape: Shape, *others: Shape, gap: float = 0.0, blend: float = 0.0) -> Shape:
    def outside(other: Shape) -> Shape:
        return lambda points: np.float32(gap) - other(points)

    return within(shape, *(outside(other) for other in others), blend=blend)


def ellipsoid(center: Numbers, radii: Numbers, tilt: float = 0.0) -> Shape:
    """Ellipsoid, turned by `tilt` degrees from x towards z; infinite radii make a cylinder."""
    cx, cy, cz = (float(v) for v in center)
    rx, ry, rz = (float(v) for v in radii)
    cos, sin = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
    height = float(np.hypot(rz * cos, rx * sin)) if tilt else rz

    def distance(points: Points) -> np.ndarray:
        if points.misses(cz - height, cz + height):
            return FAR
        x, y, z = points.x - np.float32(cx), points.y - np.float32(cy), points.z - np.float32(cz)
        if tilt:
            x, z = (
                x * np.float32(cos) + z * np.float32(sin),
                z * np.float32(cos) - x * np.float32(sin),
            )
        x, y, z = x / np.float32(rx), y / np.float32(ry), z / np.float32(rz)
        unit = np.sqrt(x * x + y * y + z * z)
        x, y, z = x / np.float32(rx), y / np.float32(ry), z / np.float32(rz)
        slope = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
        return unit * (unit - 1) / slope

    return distance


def tube(path: Sequence[Numbers], radii: Numbers, blend: float = 0.0) -> Shape:
    """Tube along a polyline, with one radius for each of its corners."""

    def segment(start: np.ndarray, end: np.ndarray, first: float, last: float) -> Shape:
        low = min(start[2] - first, end[2] - last)
        high = max(start[2] + first, end[2] + last)
        along = (end - start).astype(np.float32)
        step = along / np.float32(along @ along)
        origin = start.astype(np.float32)

        def distance(points: Points) -> np.ndarray:
            if points.misses(low, high):
                return FAR
            x, y, z = points.x - origin[0], points.y - origin[1], points.z - origin[2]
            part = np.clip(x * step[0] + y * step[1] + z * step[2], 0, 1)
            x, y, z = x - part * along[0], y - part * along[1], z - part * along[2]
            thick = np.float32(first) + part * np.float32(last - first)
            return np.sqrt(x * x + y * y + z * z) - thick

        return distance

    corners = [np.asarray(corner, dtype=float) for corner in path]
    return union(
        *(
            segment(corners[i], corners[i + 1], radii[i], radii[i + 1])
            for i in range(len(corners) - 1)
        ),
        blend=blend,
    )


def repeated(shape: Shape, period: float, offset: float) -> Shape:
    """Copies of a shape stacked along z."""

    def distance(points: Points) -> np.ndarray:
        z = np.mod(points.z - np.float32(offset), np.float32(period)) - np.float32(period / 2)
        return shape(Points(points.x, points.y, z, points.up))

    return distance


class Waves:
    """A smooth random function of place: a sum of plane waves."""

    def __init__(
        self, rng: np.random.Generator, amplitude: float, lengths: tuple[float, float], count: int
    ) -> None:
        turn = rng.normal(size=(count, 3))
        turn *= 2 * np.pi / np.linalg.norm(turn, axis=1, keepdims=True)
        self._vectors = (turn / rng.uniform(*lengths, (count, 1))).astype(np.float32)
        self._phases = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
        self._height = np.float32(amplitude * np.sqrt(2 / count))

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        total = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float32)
        for (kx, ky, kz), phase in zip(self._vectors, self._phases, strict=True):
            total += np.sin(x * kx + (y * ky + (z * kz + phase)))
        return self._height * total


def rippled(shape: Shape, waves: Waves) -> Shape:
    def distance(points: Points) -> np.ndarray:
        smooth = shape(points)
        if smooth.ndim == 0:  # out of reach
            return smooth
        return smooth + waves(points.x, points.y, points.z)

    return distance


def above(level: float) -> Shape:
    """What gas fills in a patient lying on the back."""
    return lambda points: np.float32(level) - points.up


def near(rng: np.random.Generator, center: Numbers, spread: float = 3.0) -> np.ndarray:
    return np.asarray(center, dtype=float) + rng.uniform(-spread, spread, 3)


def sized(rng: np.random.Generator, radii: Numbers, spread: float = 0.1) -> np.ndarray:
    return np.asarray(radii, dtype=float) * rng.uniform(1 - spread, 1 + spread, 3)
