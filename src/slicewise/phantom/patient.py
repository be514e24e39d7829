"""Synthetic abdominal CT of patients that do not exist, with exact organ masks.

Every organ is a signed distance (mm, negative inside) in the frame of one
standard patient: x to the right, y to the front, z to the head, the origin in
the middle of the upper abdomen. A patient differs from the standard by the
drawn sizes and places of the organs and by a smooth map (scale, rotation,
ripple) from the scanner's world into that frame. Organs are painted one over
the other, in the order of a table, slice by slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from nibabel import affines, orientations
from scipy import ndimage

from slicewise.volumes.volume import Volume

LABELS = {"liver": 1, "spleen": 2, "kidneys": 3, "stomach": 4}

ORIENTATIONS = ("RAS", "LPS", "LAS")

# Distance given where a shape is further away than REACH along z: nothing
# there depends on the exact value, and most shapes miss most slices.
FAR = np.array(50, dtype=np.float32)
REACH = 16.0

# Positions inside a slice, in slice thicknesses, that are averaged: thick
# slices blur slanted surfaces. The middle one gives the mask.
PROFILE = (-1 / 3, 0.0, 1 / 3)

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


# --- shapes and how they combine -------------------------------------------------------


class _Once:
    """Remember the last answer of a shape that several organs lean on."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._points: Points | None = None
        self._distance: np.ndarray = FAR

    def __call__(self, points: Points) -> np.ndarray:
        if points is not self._points:
            self._points, self._distance = points, self._shape(points)
        return self._distance


def _smooth_min(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    if blend == 0:
        return np.minimum(a, b)
    overlap = np.maximum(np.float32(blend) - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap * overlap * np.float32(0.25 / blend)


def _union(*shapes: Shape, blend: float = 0.0) -> Shape:
    def distance(points: Points) -> np.ndarray:
        nearest = shapes[0](points)
        for shape in shapes[1:]:
            nearest = _smooth_min(nearest, shape(points), blend)
        return nearest

    return distance


def _within(shape: Shape, *hulls: Shape, blend: float = 0.0) -> Shape:
    def distance(points: Points) -> np.ndarray:
        inside = shape(points)
        for hull in hulls:
            inside = -_smooth_min(-inside, -hull(points), blend)
        return inside

    return distance


def _grown(shape: Shape, by: float) -> Shape:
    return lambda points: shape(points) - np.float32(by)


def _without(shape: Shape, *others: Shape, gap: float = 0.0, blend: float = 0.0) -> Shape:
    def outside(other: Shape) -> Shape:
        return lambda points: np.float32(gap) - other(points)

    return _within(shape, *(outside(other) for other in others), blend=blend)


def _ellipsoid(center: Numbers, radii: Numbers, tilt: float = 0.0) -> Shape:
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


def _tube(path: Sequence[Numbers], radii: Numbers, blend: float = 0.0) -> Shape:
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
    return _union(
        *(
            segment(corners[i], corners[i + 1], radii[i], radii[i + 1])
            for i in range(len(corners) - 1)
        ),
        blend=blend,
    )


def _repeated(shape: Shape, period: float, offset: float) -> Shape:
    """Copies of a shape stacked along z."""

    def distance(points: Points) -> np.ndarray:
        z = np.mod(points.z - np.float32(offset), np.float32(period)) - np.float32(period / 2)
        return shape(Points(points.x, points.y, z, points.up))

    return distance


class _Waves:
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


def _rippled(shape: Shape, waves: _Waves) -> Shape:
    def distance(points: Points) -> np.ndarray:
        smooth = shape(points)
        if smooth.ndim == 0:  # out of reach
            return smooth
        return smooth + waves(points.x, points.y, points.z)

    return distance


def _above(level: float) -> Shape:
    """What gas fills in a patient lying on the back."""
    return lambda points: np.float32(level) - points.up


# --- anatomy ---------------------------------------------------------------------------


def _near(rng: np.random.Generator, center: Numbers, spread: float = 3.0) -> np.ndarray:
    return np.asarray(center, dtype=float) + rng.uniform(-spread, spread, 3)


def _sized(rng: np.random.Generator, radii: Numbers, spread: float = 0.1) -> np.ndarray:
    return np.asarray(radii, dtype=float) * rng.uniform(1 - spread, 1 + spread, 3)


def _trunk(rng: np.random.Generator) -> dict[str, Shape]:
    """Skin, fat, muscle wall and the cavity that holds the organs."""
    fat = float(rng.uniform(7, 24))
    wall = float(rng.uniform(9, 14))
    inf = float("inf")
    oval = _ellipsoid((0, 0, 0), (150, 118, inf))
    muscle = _Once(
        _within(
            oval,
            lambda points: -points.y - np.float32(105),
            lambda points: points.y - np.float32(103),
            blend=34,
        )
    )

    def body(points: Points) -> np.ndarray:
        # Fat is thickest at the flanks and thin over the breastbone and the spine.
        flank = np.abs(points.x) * np.float32(1 / 150)
        return muscle(points) - np.float32(fat) * (np.float32(0.65) + np.float32(0.5) * flank)

    skin = _Once(body)
    back = _ellipsoid((0, -98, 0), (66, 42, inf))
    cavity = _Once(_without(_grown(muscle, -wall), back, blend=14))
    return {
        "skin": skin,
        "fat": _grown(skin, -2.2),
        "muscle": muscle,
        "intermuscular fat": _fat_planes(muscle, wall),
        "cavity": cavity,
    }


def _fat_planes(muscle: Shape, wall: float) -> Shape:
    """Thin sheet of fat between the layers of the muscle wall."""

    def distance(points: Points) -> np.ndarray:
        depth = np.abs(muscle(points) + np.float32(0.55 * wall)) - np.float32(0.7)
        # Only the flank below the ribs has layers.
        away = np.float32(95) - np.abs(points.x) + np.maximum(points.z + np.float32(30), 0)
        return np.maximum(depth, away)

    return distance


def _spine(rng: np.random.Generator) -> dict[str, Shape]:
    period = float(rng.uniform(31, 36))
    offset = float(rng.uniform(0, period))
    inf = float("inf")
    width = float(rng.uniform(20, 24))
    column = _Once(_ellipsoid((0, -58, 0), (width, 16.5, inf)))
    arch = _without(_ellipsoid((0, -84, 0), (19, 14, inf)), _ellipsoid((0, -83, 0), (10, 8.5, inf)))
    prongs = _union(
        _tube([(13, -80, 0), (40, -88, 2)], (6, 3.5)),
        _tube([(-13, -80, 0), (-40, -88, 2)], (6, 3.5)),
        _tube([(0, -94, 0), (0, -110, -5)], (4.5, 3.5)),
    )
    joints = _repeated(lambda points: np.abs(points.z) - np.float32(4), period, offset)
    bone = _Once(_union(column, arch, _repeated(prongs, period, offset + period / 2)))
    return {
        "vertebra": bone,
        "marrow": _grown(bone, -2.6),
        "disc": _within(column, joints),
        "canal": _ellipsoid((0, -83, 0), (10, 8.5, inf)),
        "cord": _ellipsoid((0, -83, 0), (5.5, 4.5, inf)),
    }


def _ribs(rng: np.random.Generator, muscle: Shape) -> dict[str, Shape]:
    """Ribs slope down to the front inside the wall and end at the costal arch."""
    period = float(rng.uniform(27, 32))
    offset = float(rng.uniform(0, period))
    depth = float(rng.uniform(6, 7.5))

    def distance(points: Points) -> np.ndarray:
        slope = points.z + np.float32(0.95) * points.y + np.float32(0.5) * np.abs(points.x)
        along = np.mod(slope - np.float32(offset), np.float32(period)) - np.float32(period / 2)
        across = muscle(points) + np.float32(depth)
        rib = np.hypot(along * np.float32(0.5), across) - np.float32(4.4)
        below_arch = np.float32(-45) + np.float32(1.0) * np.maximum(points.y, -40) - points.z
        beside_spine = np.float32(28) - np.abs(points.x)
        return np.maximum(rib, np.maximum(below_arch * np.float32(0.6), beside_spine))

    rib = _Once(distance)
    cartilage = _within(rib, lambda points: np.float32(52) - points.y)
    return {"rib": rib, "rib marrow": _grown(rib, -2.0), "rib cartilage": cartilage}


def _diaphragm(rng: np.random.Generator) -> Shape:
    """Everything below the two domes."""
    right = (68 + rng.uniform(-5, 5), 15 + rng.uniform(-6, 6), 80 + rng.uniform(-6, 6))
    left = (-72 + rng.uniform(-5, 5), 8 + rng.uniform(-6, 6), 68 + rng.uniform(-8, 8))
    middle = (-5.0, 45.0, 52.0)

    def dome(center: Vector, points: Points) -> np.ndarray:
        x, y = points.x - np.float32(center[0]), points.y - np.float32(center[1])
        return np.float32(center[2]) - x * x * np.float32(1 / 80) - y * y * np.float32(1 / 115)

    def distance(points: Points) -> np.ndarray:
        top = -_smooth_min(-dome(right, points), -dome(left, points), 12)
        top = -_smooth_min(-top, -dome(middle, points), 12)
        # The surface is steep at the rim; the factor keeps this close to a distance.
        return (points.z - top) * np.float32(0.7)

    return _Once(distance)


def _chest(rng: np.random.Generator, cavity: Shape, diaphragm: Shape) -> dict[str, Shape]:
    inf = float("inf")
    mediastinum = _union(
        _ellipsoid((0, -40, 0), (30, 36, inf)),
        _ellipsoid((-10, 42, 100), (54, 44, 44)),
        blend=10,
    )
    thorax = _Once(_without(_grown(cavity, -1.5), diaphragm))
    heart = _Once(
        _without(_ellipsoid(_near(rng, (-20, 40, 98)), _sized(rng, (60, 46, 44)), 12), diaphragm)
    )
    return {
        "thorax": thorax,
        "lung": _without(_grown(thorax, -1.5), mediastinum, gap=1),
        "heart fat": _within(_grown(heart, 5), thorax),
        "heart": _within(heart, thorax),
        "heart chambers": _within(
            _union(
                _ellipsoid(_near(rng, (-42, 44, 100)), (26, 24, 32)),
                _ellipsoid(_near(rng, (12, 40, 100)), (20, 24, 28)),
            ),
            _grown(heart, -7),
        ),
        "gullet": _tube([(-2, -34, 130), (-8, -30, 70), (-32, -16, 48)], (8, 8, 9)),
    }


def _kidneys(rng: np.random.Generator, cavity: Shape) -> dict[str, Shape]:
    organs, cores, sinuses, pelves = [], [], [], []
    for side, height in ((1.0, -52.0), (-1.0, -38.0)):
        center = _near(rng, (side * 64, -48, height), 5)
        radii = _sized(rng, (27, 25, 53))
        hilum = center + np.array((-side * 17, 9, 0))
        sinus = _Once(_ellipsoid(hilum, (15, 9, 24)))
        organ = _without(_ellipsoid(center, radii, side * 12), sinus, blend=3)
        organs.append(_within(organ, _grown(cavity, -2)))
        cores.append(_without(_ellipsoid(center, radii - 8, side * 12), sinus, gap=1))
        sinuses.append(_within(sinus, _ellipsoid(center, radii, side * 12)))
        inner, outer = np.array((side * 5, -2, 5)), np.array((-side * 10, 3, -12))
        pelves.append(_tube([hilum + inner, hilum + outer], (4, 6)))
    kidneys = _Once(_union(*organs))
    lobes = _Waves(rng, 3.5, (14, 22), 5)
    return {
        "kidneys": kidneys,
        "kidney medulla": _within(_rippled(_union(*cores), lobes), _grown(kidneys, -4)),
        "kidney sinus": _union(*sinuses),
        "kidney pelvis": _union(*pelves),
    }


def _great_vessels(rng: np.random.Generator) -> dict[str, Shape]:
    wide = float(rng.uniform(9.5, 12.5))
    aorta = _tube(
        [(-16, -42, 140), (-9, -33, 40), (-4, -31, -30), (-4, -33, -140)],
        (wide + 1, wide, wide - 1, wide - 2),
    )
    cava = _tube(
        [(24, -8, 110), (25, -16, 70), (23, -27, 10), (20, -32, -40), (18, -33, -140)],
        (13, 13, 12, 11, 10),
    )
    return {
        "aorta": _Once(aorta),
        "plaque": _tube([_near(rng, (-4, -41, -40)), _near(rng, (-6, -40, -60))], (2.2, 1.5)),
        "cava": _Once(cava),
        "arteries": _union(
            _tube([(-7, -24, 12), (-5, -4, 14), (24, 4, 6)], (4.5, 4, 2.5)),
            _tube([(-5, -4, 14), (-48, -18, 16), (-82, -26, 22)], (3.5, 3, 2.5)),
            _tube([(-5, -22, -8), (-3, -6, -30), (-2, 4, -120)], (4.5, 4.5, 4)),
            _tube([(-4, -32, -36), (-40, -44, -38)], (3.5, 2.5)),
            _tube([(-4, -32, -42), (45, -46, -50)], (3.5, 2.5)),
        ),
        "veins": _union(
            _tube([(8, -6, -26), (9, 6, -60), (8, 10, -120)], (6.5, 6, 5)),
            _tube([(8, -8, -22), (-40, -12, 4), (-85, -30, 24)], (5.5, 4.5, 3.5)),
            _tube([(20, -34, -36), (-8, -20, -33), (-42, -40, -38)], (4.5, 4, 4)),
        ),
    }


def _liver(
    rng: np.random.Generator, hulls: Sequence[Shape], holes: Sequence[Shape]
) -> dict[str, Shape]:
    """Two lobes pressed against diaphragm and wall, hollowed from below."""
    right = _ellipsoid(
        _near(rng, (73, 2, 0), 5), _sized(rng, (76, 92, 92), 0.07), float(rng.uniform(10, 20))
    )
    reach = float(rng.uniform(60, 86))
    left = _ellipsoid(
        (20 - 0.36 * reach, 42 + rng.uniform(-5, 5), 26 + rng.uniform(-6, 6)),
        (reach, 38 * rng.uniform(0.85, 1.15), 38 * rng.uniform(0.85, 1.15)),
        -float(rng.uniform(4, 16)),
    )
    below = _ellipsoid(
        (-4 + rng.uniform(-8, 8), -24 + rng.uniform(-6, 6), -80 + rng.uniform(-6, 6)),
        _sized(rng, (74, 76, 76), 0.07),
    )
    loin = _ellipsoid(_near(rng, (56, -60, -62)), _sized(rng, (44, 42, 64)))
    front = _ellipsoid((15, 70, -95), _sized(rng, (75, 50, 75), 0.1))
    fissure = _ellipsoid(_near(rng, (6, 42, 0)), (3, 24, 34))
    gallbladder = _Once(
        _tube([_near(rng, (36, 14, -28)), _near(rng, (50, 52, -56), 6)], (7, rng.uniform(12, 19)))
    )
    lobes = _union(right, left, blend=15)
    hollow = _without(_without(lobes, below, loin, front, blend=13), fissure, gap=0, blend=4)
    rough = _rippled(hollow, _Waves(rng, 2.6, (38, 80), 6))
    liver = _within(rough, *(_grown(hull, -2) for hull in hulls), blend=6)
    return {
        "liver": _Once(_without(liver, gallbladder, *holes, gap=1.2, blend=2)),
        "gallbladder": gallbladder,
        "gallbladder bile": _grown(gallbladder, -1.8),
    }


def _inside(
    rng: np.random.Generator, shape: Shape, depth: float, count: int, box: Sequence[Numbers]
) -> np.ndarray:
    """Draw `count` places at least `depth` mm under the surface of a shape."""
    low, high = np.asarray(box, dtype=float)
    places = rng.uniform(low, high, (2000, 3)).astype(np.float32)
    x, y, z = places.T
    return places[shape(Points(x, y, z, y)) < -depth][:count].astype(float)


LIVER_BOX = ((-110, -90, -100), (145, 100, 90))


def _liver_vessels(rng: np.random.Generator, liver: Shape) -> dict[str, Shape]:
    """Portal tree from the hilum and hepatic veins towards the vena cava."""

    def tree(root: Vector, forks: Iterable[Vector], thick: float, twigs: np.ndarray) -> Shape:
        branches = []
        stems = [_near(rng, fork, 5) for fork in forks]
        for stem in stems:
            branches.append(_tube([root, stem], (thick, 0.68 * thick)))
        for twig in twigs:
            stem = min(stems, key=lambda stem: float(np.linalg.norm(stem - twig)))
            end = stem + (twig - stem) * min(1.0, 45 / float(np.linalg.norm(twig - stem)))
            bend = 0.5 * (stem + end) + rng.uniform(-4, 4, 3)
            branches.append(_tube([stem, bend, end], (0.6 * thick, 0.45 * thick, 1.2)))
        return _union(*branches)

    twigs = _inside(rng, liver, 8, 20, LIVER_BOX)
    hilum = (30.0, 2.0, 2.0)
    portal = tree(hilum, ((66, 22, 8), (74, -18, 12), (4, 30, 22)), 6.0, twigs[:11])
    trunk = _tube([(8, -8, -26), (18, -4, -12), hilum], (7.5, 7, 6.5))
    hepatic = tree((25.0, -12.0, 66.0), ((82, -8, 52), (52, 34, 50), (-2, 30, 50)), 5.5, twigs[11:])
    return {
        "portal trunk": trunk,
        "portal tree": _within(portal, _grown(liver, -2)),
        "hepatic veins": _within(hepatic, _grown(liver, -1)),
    }


def _lesions(rng: np.random.Generator, liver: Shape) -> dict[str, Shape]:
    """Up to seven lesions, some with a bright rim; all of them belong to the liver."""
    waves = _Waves(rng, 1.2, (12, 25), 4)
    kinds: dict[str, list[Shape]] = {"lesion rim": [], "lesion": [], "necrosis": [], "cyst": []}
    count = int(rng.integers(0, 8))
    for place in _inside(rng, liver, 5, count, LIVER_BOX):
        radius = float(np.exp(rng.uniform(np.log(5), np.log(21))))
        shape = _ellipsoid(place, _sized(rng, (radius, radius, radius), 0.2))
        kind = rng.choice(["rimmed", "plain", "cyst"], p=[0.4, 0.4, 0.2])
        if kind == "rimmed":
            kinds["lesion rim"].append(_grown(shape, 2.5))
        kinds["cyst" if kind == "cyst" else "lesion"].append(shape)
        if kind == "rimmed" and radius > 12:
            kinds["necrosis"].append(_grown(shape, -0.45 * radius))
    return {
        name: _within(_rippled(_union(*shapes), waves), liver)
        for name, shapes in kinds.items()
        if shapes
    }


def _stomach(
    rng: np.random.Generator, hulls: Sequence[Shape], holes: Sequence[Shape]
) -> dict[str, Shape]:
    fill = float(rng.uniform(0.75, 1.15))
    path = [
        _near(rng, (-66, -22, 38), 5),
        _near(rng, (-74, 12, 18), 5),
        _near(rng, (-62, 40, -14), 5),
        _near(rng, (-22, 46, -38), 5),
        _near(rng, (24, 28, -32), 3),
    ]
    bag = _tube(path, [32 * fill, 33 * fill, 27 * fill, 19 * fill, 9], blend=12)
    bag = _rippled(bag, _Waves(rng, 2.5, (30, 60), 5))
    bag = _within(bag, *(_grown(hull, -2) for hull in hulls), blend=5)
    stomach = _Once(_without(bag, *holes, gap=float(rng.uniform(0.3, 4)), blend=3))
    folds = _rippled(_grown(stomach, -float(rng.uniform(4, 6.5))), _Waves(rng, 1.4, (12, 20), 5))
    lumen = _Once(folds)
    return {
        "stomach": stomach,
        "stomach contents": lumen,
        "stomach gas": _within(lumen, _above(float(rng.uniform(8, 50)))),
    }


def _spleen(
    rng: np.random.Generator, hulls: Sequence[Shape], holes: Sequence[Shape]
) -> dict[str, Shape]:
    size = float(rng.uniform(0.85, 1.2))
    whole = _ellipsoid(_near(rng, (-108, -34, 20), 5), _sized(rng, (44, 57, 58)) * size, -10)
    hilum = _ellipsoid(_near(rng, (-62, 2, 12), 5), _sized(rng, (42, 52, 60)))
    spleen = _rippled(_without(whole, hilum, blend=10), _Waves(rng, 2.0, (35, 70), 5))
    spleen = _within(spleen, *(_grown(hull, -2) for hull in hulls), blend=5)
    return {"spleen": _Once(_without(spleen, *holes, gap=float(rng.uniform(0.3, 3)), blend=3))}


def _bowel(rng: np.random.Generator, cavity: Shape, holes: Sequence[Shape]) -> dict[str, Shape]:
    colon = _tube(
        [
            _near(rng, (98, -8, -120), 6),
            _near(rng, (98, 20, -82), 6),
            _near(rng, (50, 66, -100), 8),
            _near(rng, (0, 72, -114), 8),
            _near(rng, (-52, 66, -84), 8),
            _near(rng, (-104, 20, -42), 6),
            _near(rng, (-112, -26, -62), 5),
            _near(rng, (-108, -30, -130), 5),
        ],
        rng.uniform(14, 22, 8),
        blend=8,
    )
    colon = _rippled(colon, _Waves(rng, 2.8, (22, 34), 6))
    loops = []
    for _ in range(16):
        center = rng.uniform((-85, -12, -130), (70, 62, -48))
        step = rng.uniform((-32, -18, -12), (32, 18, 12))
        loops.append(_tube([center - step, center + step], rng.uniform(9, 15, 2)))
    duodenum = _tube([(26, 26, -34), (46, 4, -44), (42, -8, -86), (-10, -8, -92)], (11, 12, 13, 12))
    pancreas = _tube(
        [
            _near(rng, (26, 4, -48), 2),
            _near(rng, (18, 6, -24), 2),
            _near(rng, (-12, 12, -10), 3),
            _near(rng, (-48, -8, 4), 3),
            _near(rng, (-78, -22, 18), 3),
        ],
        (13, 11, 8, 9, 6),
        blend=6,
    )
    lobules = _rippled(pancreas, _Waves(rng, 1.6, (9, 16), 5))
    hull = _grown(cavity, -2)
    large = _Once(_without(_within(colon, hull), *holes, gap=1.5))
    small = _Once(_without(_within(_union(*loops, duodenum), hull), large, *holes, gap=1.5))
    return {
        "pancreas": _without(lobules, *holes, gap=1),
        "small bowel": small,
        "small bowel contents": _grown(small, -3),
        "colon": large,
        "colon contents": _grown(large, -2.5),
        "colon gas": _within(_grown(large, -2.5), _above(float(rng.uniform(25, 75)))),
    }


def _muscles(rng: np.random.Generator, diaphragm: Shape) -> dict[str, Shape]:
    wide = float(rng.uniform(0.85, 1.2))
    psoas = [
        _tube([(s * 24, -62, -10), (s * 34, -58, -70), (s * 44, -52, -140)], (5, 15 * wide, 22))
        for s in (1, -1)
    ]
    crura = [
        _tube([(s * 18 - 4, -34, 40), (s * 15 - 3, -42, -10), (s * 12, -44, -70)], (5, 6, 3))
        for s in (1, -1)
    ]
    adrenals = [
        _tube([(s * 34, -42, 18), (s * 38, -50, 4), (s * 46, -44, -4)], (2.5, 3, 2.5))
        for s in (1, -1)
    ]
    return {"psoas": _union(*psoas, *crura), "adrenals": _within(_union(*adrenals), diaphragm)}


def _anatomy(rng: np.random.Generator) -> dict[str, Shape]:
    """Shapes of one patient by name; an organ makes room for those made before it."""
    shapes = _trunk(rng)
    cavity = shapes["cavity"]
    shapes |= _spine(rng) | _ribs(rng, shapes["muscle"])
    diaphragm = _diaphragm(rng)
    shapes |= _chest(rng, cavity, diaphragm)
    shapes |= _kidneys(rng, cavity)
    shapes |= _great_vessels(rng)
    hulls = (cavity, diaphragm)
    fixed = (shapes["kidneys"], shapes["cava"])
    shapes |= _liver(rng, hulls, (*fixed, _grown(shapes["aorta"], 4)))
    shapes |= _liver_vessels(rng, shapes["liver"])
    shapes |= _lesions(rng, shapes["liver"])
    shapes |= _stomach(rng, hulls, (shapes["liver"], shapes["kidneys"]))
    shapes |= _spleen(
        rng, hulls, (shapes["liver"], shapes["kidneys"], shapes["stomach"], shapes["aorta"])
    )
    organs = [shapes[name] for name in ("liver", "kidneys", "stomach", "spleen", "gallbladder")]
    shapes |= _bowel(rng, cavity, [*organs, shapes["aorta"], shapes["cava"], shapes["vertebra"]])
    return shapes | _muscles(rng, diaphragm)


# --- tissues ---------------------------------------------------------------------------


class Tissue(NamedTuple):
    """Mean HU and the standard deviation of its texture."""

    hu: float
    texture: float


# Contrast phases: ranges of mean HU.
PHASES: dict[str, dict[str, tuple[float, float]]] = {
    "native": {
        "liver": (62, 72),
        "spleen": (48, 62),
        "cortex": (28, 38),
        "medulla": (26, 36),
        "artery": (38, 48),
        "portal": (36, 46),
        "hepatic": (36, 46),
        "wall": (35, 50),
    },
    "arterial": {
        "liver": (64, 86),
        "spleen": (85, 125),
        "cortex": (140, 190),
        "medulla": (60, 90),
        "artery": (220, 330),
        "portal": (85, 130),
        "hepatic": (60, 80),
        "wall": (60, 90),
    },
    "portal": {
        "liver": (88, 124),
        "spleen": (95, 132),
        "cortex": (160, 205),
        "medulla": (130, 180),
        "artery": (130, 170),
        "portal": (150, 185),
        "hepatic": (140, 180),
        "wall": (70, 105),
    },
}


def _tissues(rng: np.random.Generator) -> dict[str, Tissue]:
    phase = PHASES[str(rng.choice(["native", "arterial", "portal"], p=[0.15, 0.2, 0.65]))]
    hu = {name: float(rng.uniform(*limits)) for name, limits in phase.items()}
    meal = float(rng.uniform(120, 260)) if rng.random() < 0.3 else float(rng.uniform(5, 38))
    muscle = float(rng.uniform(46, 66))
    return {
        "skin": Tissue(20, 8),
        "fat": Tissue(float(rng.uniform(-112, -92)), 7),
        "muscle": Tissue(muscle, 9),
        "lung": Tissue(float(rng.uniform(-855, -780)), 38),
        "cortical bone": Tissue(float(rng.uniform(420, 700)), 60),
        "marrow": Tissue(float(rng.uniform(130, 230)), 35),
        "disc": Tissue(85, 10),
        "liver": Tissue(hu["liver"], 5),
        "lesion": Tissue(hu["liver"] - float(rng.uniform(22, 50)), 6),
        "rim": Tissue(hu["liver"] + float(rng.uniform(12, 30)), 5),
        "water": Tissue(float(rng.uniform(2, 16)), 2),
        "spleen": Tissue(hu["spleen"], 5),
        "cortex": Tissue(hu["cortex"], 6),
        "medulla": Tissue(hu["medulla"], 6),
        "artery": Tissue(hu["artery"], 4),
        "portal": Tissue(hu["portal"], 4),
        "hepatic": Tissue(hu["hepatic"], 4),
        "cava": Tissue(0.5 * (hu["hepatic"] + hu["cortex"]), 6),
        "gut wall": Tissue(hu["wall"], 8),
        "pancreas": Tissue(0.9 * hu["wall"], 12),
        "meal": Tissue(meal, 12),
        "chyme": Tissue(float(rng.uniform(10, 45)), 16),
        "stool": Tissue(float(rng.uniform(-20, 50)), 60),
        "gas": Tissue(-985, 3),
    }


class Part(NamedTuple):
    """One row of the painting order."""

    shape: str
    tissue: str
    label: int | None = 0  # None leaves the label of what is painted over


PARTS = (
    Part("skin", "skin"),
    Part("fat", "fat"),
    Part("muscle", "muscle"),
    Part("intermuscular fat", "fat"),
    Part("rib", "cortical bone"),
    Part("rib marrow", "marrow"),
    Part("rib cartilage", "disc"),
    Part("cavity", "fat"),
    Part("psoas", "muscle"),
    Part("thorax", "muscle"),
    Part("lung", "lung"),
    Part("heart fat", "fat"),
    Part("heart", "muscle"),
    Part("heart chambers", "cava"),
    Part("gullet", "muscle"),
    Part("adrenals", "pancreas"),
    Part("vertebra", "cortical bone"),
    Part("marrow", "marrow"),
    Part("disc", "disc"),
    Part("canal", "water"),
    Part("cord", "muscle"),
    Part("pancreas", "pancreas"),
    Part("small bowel", "gut wall"),
    Part("small bowel contents", "chyme"),
    Part("colon", "gut wall"),
    Part("colon contents", "stool"),
    Part("colon gas", "gas"),
    Part("veins", "portal"),
    Part("portal trunk", "portal"),
    Part("arteries", "artery"),
    Part("aorta", "artery"),
    Part("plaque", "cortical bone"),
    Part("cava", "cava"),
    Part("kidney sinus", "fat"),
    Part("kidney pelvis", "water"),
    Part("kidneys", "cortex", LABELS["kidneys"]),
    Part("kidney medulla", "medulla", None),
    Part("gallbladder", "gut wall"),
    Part("gallbladder bile", "water"),
    Part("stomach", "gut wall", LABELS["stomach"]),
    Part("stomach contents", "meal", None),
    Part("stomach gas", "gas", None),
    Part("spleen", "spleen", LABELS["spleen"]),
    Part("liver", "liver", LABELS["liver"]),
    Part("portal tree", "portal", None),
    Part("hepatic veins", "hepatic", None),
    Part("lesion rim", "rim", None),
    Part("lesion", "lesion", None),
    Part("necrosis", "water", None),
    Part("cyst", "water", None),
)


# --- scanner ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Pose:
    """From the scanner's world (mm around the middle of the body) to the standard patient."""

    matrix: np.ndarray
    ripple: tuple[_Waves, _Waves, _Waves]

    def points(self, x: np.ndarray, y: np.ndarray, z: float) -> Points:
        """Return the places of one axial plane, with `x` (n, 1) and `y` (1, n)."""
        height = np.array(z, dtype=np.float32)
        right, front, head = (
            x * row[0] + (y * row[1] + height * row[2]) + waves(x, y, height)
            for row, waves in zip(self.matrix, self.ripple, strict=True)
        )
        return Points(right, front, head, np.broadcast_to(y, right.shape))


def _pose(rng: np.random.Generator) -> Pose:
    angles = np.deg2rad(rng.uniform((-2.5, -2.5, -7), (2.5, 2.5, 7)))
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    turn = (
        np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
        @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
        @ np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    )
    size = rng.uniform(0.94, 1.05) * rng.uniform((0.95, 0.93, 0.93), (1.05, 1.07, 1.07))
    ripple = [_Waves(rng, 2.8, (90, 220), 6) for _ in range(3)]
    return Pose((turn / size[:, None]).astype(np.float32), (ripple[0], ripple[1], ripple[2]))


@dataclass(frozen=True)
class Grid:
    """Centres of the voxels in the world, in mm around the middle of the body."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    spacing: Vector


def _body_box(pose: Pose, shapes: dict[str, Shape]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of a box around skin (x, y) and liver (z), to a few mm."""
    step = 8.0
    line = np.arange(-256, 257, step, dtype=np.float32)
    skin, liver = [], []
    for z in np.arange(-144, 145, step):
        points = pose.points(line[:, None], line[None, :], float(z))
        if (shapes["liver"](points) < 0).any():
            liver.append(float(z))
            skin.append(np.argwhere(shapes["skin"](points) < 0))
    low, high = np.concatenate(skin).min(axis=0), np.concatenate(skin).max(axis=0)
    return (
        np.array([line[low[0]], line[low[1]], liver[0]], dtype=float) - step / 2,
        np.array([line[high[0]], line[high[1]], liver[-1]], dtype=float) + step / 2,
    )


def _grid(
    rng: np.random.Generator, low: np.ndarray, high: np.ndarray, size: int, slices: tuple[int, int]
) -> Grid:
    """Fit the field of view around the body, and the slices around the liver."""
    field = float((high - low)[:2].max() * rng.uniform(1.03, 1.1) + 4)
    middle = 0.5 * (low + high)[:2] + rng.uniform((-5, -12), (5, -2))
    bottom, top = low[2] - rng.uniform(16, 34), high[2] + rng.uniform(16, 26)
    # One draw whatever the range, so that `slices` shifts nothing that is drawn later.
    count = slices[0] + int(rng.random() * (slices[1] - slices[0] + 1))
    pixel, thick = field / size, float(top - bottom) / count
    line = (np.arange(size) - 0.5 * (size - 1)) * pixel
    return Grid(
        x=(middle[0] + line).astype(np.float32)[:, None],
        y=(middle[1] + line).astype(np.float32)[None, :],
        z=bottom + (np.arange(count) + 0.5) * thick,
        spacing=(pixel, pixel, thick),
    )


def _table(rng: np.random.Generator, lowest: float, grid: Grid) -> np.ndarray:
    """Return HU of the couch: a curved shell with a foam core, air around it."""
    inf = float("inf")
    gap, radius = float(rng.uniform(4, 9)), float(rng.uniform(420, 700))
    shift = float(rng.uniform(-12, 12))
    top = _ellipsoid((shift, lowest - gap + radius, 0), (radius, radius, inf))
    wide = float(rng.uniform(185, 225))

    def couch(points: Points) -> np.ndarray:
        depth = np.abs(top(points) - np.float32(12)) - np.float32(12)
        return np.maximum(depth, np.abs(points.x - np.float32(shift)) - np.float32(wide))

    x, y = np.broadcast_arrays(grid.x, grid.y)
    points = Points(x, y, np.zeros_like(x), y)
    pixel = grid.spacing[0]
    plane = np.full(x.shape, -1000, dtype=np.float32)
    _paint(plane, couch(points), float(rng.uniform(40, 200)), pixel)
    _paint(plane, couch(points) + np.float32(3.5), float(rng.uniform(-960, -930)), pixel)
    return plane


def _paint(plane: np.ndarray, distance: np.ndarray, hu: np.ndarray | float, pixel: float) -> None:
    """Blend a tissue into a plane, half at its surface and none a pixel further out."""
    cover = np.clip(np.float32(0.5) - distance * np.float32(0.8 / pixel), 0, 1)
    plane += cover * (hu - plane)


def _plane(
    points: Points,
    shapes: dict[str, Shape],
    tissues: dict[str, Tissue],
    table: np.ndarray,
    texture: np.ndarray,
    pixel: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint one axial plane: HU and labels."""
    plane = table.copy()
    labels = np.zeros(plane.shape, dtype=np.uint8)
    for part in PARTS:
        if part.shape not in shapes:
            continue
        distance = shapes[part.shape](points)
        if np.min(distance) > pixel:
            continue
        tissue = tissues[part.tissue]
        _paint(plane, distance, np.float32(tissue.hu) + np.float32(tissue.texture) * texture, pixel)
        if part.label is not None:
            labels[distance < 0] = part.label
    return plane, labels


def _noise(
    rng: np.random.Generator, shape: tuple[int, int, int], sigma: Sequence[float]
) -> np.ndarray:
    """Gaussian noise of standard deviation 1, correlated over `sigma` voxels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    return noise / noise.std()


def _scan(
    rng: np.random.Generator, pose: Pose, shapes: dict[str, Shape], grid: Grid, lowest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return HU and labels on a grid, arrays in RAS+ order."""
    tissues = _tissues(rng)
    table = _table(rng, lowest, grid)
    strength, grain = float(rng.uniform(10, 19)), float(rng.uniform(0.5, 0.75))
    blur = float(rng.uniform(0.35, 0.55))
    pixel, _, thick = grid.spacing
    full = (grid.x.size, grid.y.size, grid.z.size)
    texture = _noise(rng, full, (4.5 / pixel, 4.5 / pixel, 4.5 / thick))
    noise = _noise(rng, full, (grain, grain, 0.3))
    # Rays through the middle of the body are weakened most, so noise is highest there.
    centre = np.exp(-((grid.x / 150) ** 2) - (grid.y / 120) ** 2)
    loud = np.float32(strength) * (np.float32(0.55) + np.float32(0.6) * centre)

    image = np.empty(full, dtype=np.int16)
    mask = np.empty(full, dtype=np.uint8)
    for k, z in enumerate(grid.z):
        planes = [
            _plane(
                pose.points(grid.x, grid.y, float(z + part * thick)),
                shapes,
                tissues,
                table,
                texture[:, :, k],
                pixel,
            )
            for part in PROFILE
        ]
        mean = sum(hu for hu, _ in planes) / np.float32(len(planes))
        mean = ndimage.gaussian_filter(mean, blur) + loud * noise[:, :, k]
        image[:, :, k] = np.clip(np.rint(mean), -1024, 3071)
        mask[:, :, k] = planes[len(planes) // 2][1]
    return image, mask


def phantom(
    index: int, *, seed: int, size: int = 96, slices: tuple[int, int] = (24, 36)
) -> tuple[Volume, Volume]:
    """Return the CT and the organ mask of one synthetic patient.

    The anatomy depends on `seed` and `index` only: the same patient at another
    `size` is the same body on another grid, with other noise.

    Parameters
    ----------
    index : int
        Number of the patient, from 0.
    seed : int
        Seed of the collection, not negative.
    size : int
        Rows and columns of a slice.
    slices : tuple of int
        Least and greatest number of slices; the slice thickness follows, so
        that the slices always reach from the lung bases to below the liver.

    Returns
    -------
    image : Volume
        Hounsfield units as int16, oriented RAS, LPS or LAS.
    mask : Volume
        Values of `LABELS` as uint8 on the same grid.
    """
    rng = np.random.default_rng([seed, index])
    shapes = _anatomy(rng)
    pose = _pose(rng)
    low, high = _body_box(pose, shapes)
    grid = _grid(rng, low, high, size, slices)
    codes = ORIENTATIONS[int(rng.integers(len(ORIENTATIONS)))]
    isocentre = rng.uniform((-15, -190, -900), (15, -130, -300))
    image, mask = _scan(rng, pose, shapes, grid, float(low[1]))

    first = (float(grid.x[0, 0]), float(grid.y[0, 0]), float(grid.z[0]))
    affine = affines.from_matvec(np.diag(grid.spacing), isocentre + first)
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes)
    )
    affine = affine @ orientations.inv_ornt_aff(turn, image.shape)
    hu, labels = (
        Volume(np.ascontiguousarray(orientations.apply_orientation(array, turn)), affine)
        for array in (image, mask)
    )
    return hu, labels
