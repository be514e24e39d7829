"""The trunk that holds the organs: skin, wall, bones, diaphragm, chest and muscles."""

from __future__ import annotations

import numpy as np

from slicewise.phantom.shapes import (
    Once,
    Points,
    Shape,
    Vector,
    ellipsoid,
    grown,
    near,
    repeated,
    sized,
    smooth_min,
    tube,
    union,
    within,
    without,
)


def draw_trunk(rng: np.random.Generator) -> dict[str, Shape]:
    """Draw skin, fat, muscle wall and the cavity that holds the organs."""
    fat = float(rng.uniform(7, 24))
    wall = float(rng.uniform(9, 14))
    inf = float("inf")
    oval = ellipsoid((0, 0, 0), (150, 118, inf))
    muscle = Once(
        within(
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

    skin = Once(body)
    back = ellipsoid((0, -98, 0), (66, 42, inf))
    cavity = Once(without(grown(muscle, -wall), back, blend=14))
    return {
        "skin": skin,
        "fat": grown(skin, -2.2),
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


def draw_spine(rng: np.random.Generator) -> dict[str, Shape]:
    """Draw vertebrae with their prongs, discs between them, and the spinal canal."""
    period = float(rng.uniform(31, 36))
    offset = float(rng.uniform(0, period))
    inf = float("inf")
    width = float(rng.uniform(20, 24))
    column = Once(ellipsoid((0, -58, 0), (width, 16.5, inf)))
    arch = without(ellipsoid((0, -84, 0), (19, 14, inf)), ellipsoid((0, -83, 0), (10, 8.5, inf)))
    prongs = union(
        tube([(13, -80, 0), (40, -88, 2)], (6, 3.5)),
        tube([(-13, -80, 0), (-40, -88, 2)], (6, 3.5)),
        tube([(0, -94, 0), (0, -110, -5)], (4.5, 3.5)),
    )
    joints = repeated(lambda points: np.abs(points.z) - np.float32(4), period, offset)
    bone = Once(union(column, arch, repeated(prongs, period, offset + period / 2)))
    return {
        "vertebra": bone,
        "marrow": grown(bone, -2.6),
        "disc": within(column, joints),
        "canal": ellipsoid((0, -83, 0), (10, 8.5, inf)),
        "cord": ellipsoid((0, -83, 0), (5.5, 4.5, inf)),
    }


def draw_ribs(rng: np.random.Generator, muscle: Shape) -> dict[str, Shape]:
    """Draw ribs, which slope down to the front inside the wall and end at the costal arch."""
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

    rib = Once(distance)
    cartilage = within(rib, lambda points: np.float32(52) - points.y)
    return {"rib": rib, "rib marrow": grown(rib, -2.0), "rib cartilage": cartilage}


def draw_diaphragm(rng: np.random.Generator) -> Shape:
    """Draw the two domes of the diaphragm: the shape is everything below them."""
    right = (68 + rng.uniform(-5, 5), 15 + rng.uniform(-6, 6), 80 + rng.uniform(-6, 6))
    left = (-72 + rng.uniform(-5, 5), 8 + rng.uniform(-6, 6), 68 + rng.uniform(-8, 8))
    middle = (-5.0, 45.0, 52.0)

    def dome(center: Vector, points: Points) -> np.ndarray:
        x = points.x - np.float32(center[0])
        y = points.y - np.float32(center[1])
        return np.float32(center[2]) - x * x * np.float32(1 / 80) - y * y * np.float32(1 / 115)

    def distance(points: Points) -> np.ndarray:
        top = -smooth_min(-dome(right, points), -dome(left, points), 12)
        top = -smooth_min(-top, -dome(middle, points), 12)
        # The surface is steep at the rim; the factor keeps this close to a distance.
        return (points.z - top) * np.float32(0.7)

    return Once(distance)


def draw_chest(rng: np.random.Generator, cavity: Shape, diaphragm: Shape) -> dict[str, Shape]:
    """Draw what lies above the diaphragm: lungs, heart and gullet."""
    inf = float("inf")
    mediastinum = union(
        ellipsoid((0, -40, 0), (30, 36, inf)),
        ellipsoid((-10, 42, 100), (54, 44, 44)),
        blend=10,
    )
    thorax = Once(without(grown(cavity, -1.5), diaphragm))
    heart = Once(
        without(ellipsoid(near(rng, (-20, 40, 98)), sized(rng, (60, 46, 44)), 12), diaphragm)
    )
    return {
        "thorax": thorax,
        "lung": without(grown(thorax, -1.5), mediastinum, gap=1),
        "heart fat": within(grown(heart, 5), thorax),
        "heart": within(heart, thorax),
        "heart chambers": within(
            union(
                ellipsoid(near(rng, (-42, 44, 100)), (26, 24, 32)),
                ellipsoid(near(rng, (12, 40, 100)), (20, 24, 28)),
            ),
            grown(heart, -7),
        ),
        "gullet": tube([(-2, -34, 130), (-8, -30, 70), (-32, -16, 48)], (8, 8, 9)),
    }


def draw_muscles(rng: np.random.Generator, diaphragm: Shape) -> dict[str, Shape]:
    """Draw the muscles beside the spine, and the adrenal glands before them."""
    wide = float(rng.uniform(0.85, 1.2))
    psoas = [
        tube([(s * 24, -62, -10), (s * 34, -58, -70), (s * 44, -52, -140)], (5, 15 * wide, 22))
        for s in (1, -1)
    ]
    crura = [
        tube([(s * 18 - 4, -34, 40), (s * 15 - 3, -42, -10), (s * 12, -44, -70)], (5, 6, 3))
        for s in (1, -1)
    ]
    adrenals = [
        tube([(s * 34, -42, 18), (s * 38, -50, 4), (s * 46, -44, -4)], (2.5, 3, 2.5))
        for s in (1, -1)
    ]
    return {"psoas": union(*psoas, *crura), "adrenals": within(union(*adrenals), diaphragm)}
