"""The organs of the upper abdomen; each makes room for those made before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from slicewise.phantom.shapes import (
    Numbers,
    Once,
    Points,
    Shape,
    Vector,
    Waves,
    above,
    ellipsoid,
    grown,
    near,
    rippled,
    sized,
    tube,
    union,
    within,
    without,
)


def draw_kidneys(rng: np.random.Generator, cavity: Shape) -> dict[str, Shape]:
    """Draw both kidneys with their medulla, sinus and pelvis."""
    organs = []
    cores = []
    sinuses = []
    pelves = []
    for side, height in ((1.0, -52.0), (-1.0, -38.0)):
        center = near(rng, (side * 64, -48, height), 5)
        radii = sized(rng, (27, 25, 53))
        hilum = center + np.array((-side * 17, 9, 0))
        sinus = Once(ellipsoid(hilum, (15, 9, 24)))
        organ = without(ellipsoid(center, radii, side * 12), sinus, blend=3)
        organs.append(within(organ, grown(cavity, -2)))
        cores.append(without(ellipsoid(center, radii - 8, side * 12), sinus, gap=1))
        sinuses.append(within(sinus, ellipsoid(center, radii, side * 12)))
        inner = np.array((side * 5, -2, 5))
        outer = np.array((-side * 10, 3, -12))
        pelves.append(tube([hilum + inner, hilum + outer], (4, 6)))
    kidneys = Once(union(*organs))
    lobes = Waves(rng, 3.5, (14, 22), 5)
    return {
        "kidneys": kidneys,
        "kidney medulla": within(rippled(union(*cores), lobes), grown(kidneys, -4)),
        "kidney sinus": union(*sinuses),
        "kidney pelvis": union(*pelves),
    }


def draw_great_vessels(rng: np.random.Generator) -> dict[str, Shape]:
    """Draw aorta and vena cava with their large branches, and plaque in the former."""
    wide = float(rng.uniform(9.5, 12.5))
    aorta = tube(
        [(-16, -42, 140), (-9, -33, 40), (-4, -31, -30), (-4, -33, -140)],
        (wide + 1, wide, wide - 1, wide - 2),
    )
    cava = tube(
        [(24, -8, 110), (25, -16, 70), (23, -27, 10), (20, -32, -40), (18, -33, -140)],
        (13, 13, 12, 11, 10),
    )
    return {
        "aorta": Once(aorta),
        "plaque": tube([near(rng, (-4, -41, -40)), near(rng, (-6, -40, -60))], (2.2, 1.5)),
        "cava": Once(cava),
        "arteries": union(
            tube([(-7, -24, 12), (-5, -4, 14), (24, 4, 6)], (4.5, 4, 2.5)),
            tube([(-5, -4, 14), (-48, -18, 16), (-82, -26, 22)], (3.5, 3, 2.5)),
            tube([(-5, -22, -8), (-3, -6, -30), (-2, 4, -120)], (4.5, 4.5, 4)),
            tube([(-4, -32, -36), (-40, -44, -38)], (3.5, 2.5)),
            tube([(-4, -32, -42), (45, -46, -50)], (3.5, 2.5)),
        ),
        "veins": union(
            tube([(8, -6, -26), (9, 6, -60), (8, 10, -120)], (6.5, 6, 5)),
            tube([(8, -8, -22), (-40, -12, 4), (-85, -30, 24)], (5.5, 4.5, 3.5)),
            tube([(20, -34, -36), (-8, -20, -33), (-42, -40, -38)], (4.5, 4, 4)),
        ),
    }


def draw_liver(
    rng: np.random.Generator, hulls: Sequence[Shape], holes: Sequence[Shape]
) -> dict[str, Shape]:
    """Draw a liver of two lobes pressed against diaphragm and wall, hollowed from below."""
    right = ellipsoid(
        near(rng, (73, 2, 0), 5), sized(rng, (76, 92, 92), 0.07), float(rng.uniform(10, 20))
    )
    reach = float(rng.uniform(60, 86))
    left = ellipsoid(
        (20 - 0.36 * reach, 42 + rng.uniform(-5, 5), 26 + rng.uniform(-6, 6)),
        (reach, 38 * rng.uniform(0.85, 1.15), 38 * rng.uniform(0.85, 1.15)),
        -float(rng.uniform(4, 16)),
    )
    below = ellipsoid(
        (-4 + rng.uniform(-8, 8), -24 + rng.uniform(-6, 6), -80 + rng.uniform(-6, 6)),
        sized(rng, (74, 76, 76), 0.07),
    )
    loin = ellipsoid(near(rng, (56, -60, -62)), sized(rng, (44, 42, 64)))
    front = ellipsoid((15, 70, -95), sized(rng, (75, 50, 75), 0.1))
    fissure = ellipsoid(near(rng, (6, 42, 0)), (3, 24, 34))
    gallbladder = Once(
        tube([near(rng, (36, 14, -28)), near(rng, (50, 52, -56), 6)], (7, rng.uniform(12, 19)))
    )
    lobes = union(right, left, blend=15)
    hollow = without(without(lobes, below, loin, front, blend=13), fissure, gap=0, blend=4)
    rough = rippled(hollow, Waves(rng, 2.6, (38, 80), 6))
    liver = within(rough, *(grown(hull, -2) for hull in hulls), blend=6)
    return {
        "liver": Once(without(liver, gallbladder, *holes, gap=1.2, blend=2)),
        "gallbladder": gallbladder,
        "gallbladder bile": grown(gallbladder, -1.8),
    }


def _places_inside(
    rng: np.random.Generator, shape: Shape, depth: float, count: int, box: Sequence[Numbers]
) -> np.ndarray:
    """Draw `count` places at least `depth` mm under the surface of a shape."""
    low, high = np.asarray(box, dtype=float)
    places = rng.uniform(low, high, (2000, 3)).astype(np.float32)
    x, y, z = places.T
    return places[shape(Points(x, y, z, y)) < -depth][:count].astype(float)


LIVER_BOX = ((-110, -90, -100), (145, 100, 90))


def draw_liver_vessels(rng: np.random.Generator, liver: Shape) -> dict[str, Shape]:
    """Draw the portal tree from the hilum and hepatic veins towards the vena cava."""

    def tree(root: Vector, forks: Iterable[Vector], thick: float, twigs: np.ndarray) -> Shape:
        branches = []
        stems = [near(rng, fork, 5) for fork in forks]
        for stem in stems:
            branches.append(tube([root, stem], (thick, 0.68 * thick)))
        for twig in twigs:
            stem = min(stems, key=lambda stem: float(np.linalg.norm(stem - twig)))
            end = stem + (twig - stem) * min(1.0, 45 / float(np.linalg.norm(twig - stem)))
            bend = 0.5 * (stem + end) + rng.uniform(-4, 4, 3)
            branches.append(tube([stem, bend, end], (0.6 * thick, 0.45 * thick, 1.2)))
        return union(*branches)

    twigs = _places_inside(rng, liver, 8, 20, LIVER_BOX)
    hilum = (30.0, 2.0, 2.0)
    portal = tree(hilum, ((66, 22, 8), (74, -18, 12), (4, 30, 22)), 6.0, twigs[:11])
    trunk = tube([(8, -8, -26), (18, -4, -12), hilum], (7.5, 7, 6.5))
    hepatic = tree((25.0, -12.0, 66.0), ((82, -8, 52), (52, 34, 50), (-2, 30, 50)), 5.5, twigs[11:])
    return {
        "portal trunk": trunk,
        "portal tree": within(portal, grown(liver, -2)),
        "hepatic veins": within(hepatic, grown(liver, -1)),
    }


def draw_lesions(rng: np.random.Generator, liver: Shape) -> dict[str, Shape]:
    """Draw up to seven lesions, some with a bright rim; all of them belong to the liver."""
    waves = Waves(rng, 1.2, (12, 25), 4)
    kinds: dict[str, list[Shape]] = {"lesion rim": [], "lesion": [], "necrosis": [], "cyst": []}
    count = int(rng.integers(0, 8))
    for place in _places_inside(rng, liver, 5, count, LIVER_BOX):
        radius = float(np.exp(rng.uniform(np.log(5), np.log(21))))
        shape = ellipsoid(place, sized(rng, (radius, radius, radius), 0.2))
        kind = rng.choice(["rimmed", "plain", "cyst"], p=[0.4, 0.4, 0.2])
        if kind == "rimmed":
            kinds["lesion rim"].append(grown(shape, 2.5))
        kinds["cyst" if kind == "cyst" else "lesion"].append(shape)
        if kind == "rimmed" and radius > 12:
            kinds["necrosis"].append(grown(shape, -0.45 * radius))
    return {
        name: within(rippled(union(*shapes), waves), liver)
        for name, shapes in kinds.items()
        if shapes
    }


def draw_stomach(
    rng: np.random.Generator, hulls: Sequence[Shape], holes: Sequence[Shape]
) -> dict[str, Shape]:
    """Draw a stomach, its contents, and gas above them."""
    fill = float(rng.uniform(0.75, 1.15))
    path = [
        near(rng, (-66, -22, 38), 5),
        near(rng, (-74, 12, 18), 5),
        near(rng, (-62, 40, -14), 5),
        near(rng, (-22, 46, -38), 5),
        near(rng, (24, 28, -32), 3),
    ]
    bag = tube(path, [32 * fill, 33 * fill, 27 * fill, 19 * fill, 9], blend=12)
    bag = rippled(bag, Waves(rng, 2.5, (30, 60), 5))
    bag = within(bag, *(grown(hull, -2) for hull in hulls), blend=5)
    stomach = Once(without(bag, *holes, gap=float(rng.uniform(0.3, 4)), blend=3))
    folds = rippled(grown(stomach, -float(rng.uniform(4, 6.5))), Waves(rng, 1.4, (12, 20), 5))
    lumen = Once(folds)
    return {
        "stomach": stomach,
        "stomach contents": lumen,
        "stomach gas": within(lumen, above(float(rng.uniform(8, 50)))),
    }


def draw_spleen(
    rng: np.random.Generator, hulls: Sequence[Shape], holes: Sequence[Shape]
) -> dict[str, Shape]:
    """Draw a spleen, hollowed towards the stomach."""
    size = float(rng.uniform(0.85, 1.2))
    whole = ellipsoid(near(rng, (-108, -34, 20), 5), sized(rng, (44, 57, 58)) * size, -10)
    hilum = ellipsoid(near(rng, (-62, 2, 12), 5), sized(rng, (42, 52, 60)))
    spleen = rippled(without(whole, hilum, blend=10), Waves(rng, 2.0, (35, 70), 5))
    spleen = within(spleen, *(grown(hull, -2) for hull in hulls), blend=5)
    return {"spleen": Once(without(spleen, *holes, gap=float(rng.uniform(0.3, 3)), blend=3))}


def draw_bowel(rng: np.random.Generator, cavity: Shape, holes: Sequence[Shape]) -> dict[str, Shape]:
    """Draw colon, small bowel and pancreas into the room that is left."""
    colon = tube(
        [
            near(rng, (98, -8, -120), 6),
            near(rng, (98, 20, -82), 6),
            near(rng, (50, 66, -100), 8),
            near(rng, (0, 72, -114), 8),
            near(rng, (-52, 66, -84), 8),
            near(rng, (-104, 20, -42), 6),
            near(rng, (-112, -26, -62), 5),
            near(rng, (-108, -30, -130), 5),
        ],
        rng.uniform(14, 22, 8),
        blend=8,
    )
    colon = rippled(colon, Waves(rng, 2.8, (22, 34), 6))
    loops = []
    for _ in range(16):
        center = rng.uniform((-85, -12, -130), (70, 62, -48))
        step = rng.uniform((-32, -18, -12), (32, 18, 12))
        loops.append(tube([center - step, center + step], rng.uniform(9, 15, 2)))
    duodenum = tube([(26, 26, -34), (46, 4, -44), (42, -8, -86), (-10, -8, -92)], (11, 12, 13, 12))
    pancreas = tube(
        [
            near(rng, (26, 4, -48), 2),
            near(rng, (18, 6, -24), 2),
            near(rng, (-12, 12, -10), 3),
            near(rng, (-48, -8, 4), 3),
            near(rng, (-78, -22, 18), 3),
        ],
        (13, 11, 8, 9, 6),
        blend=6,
    )
    lobules = rippled(pancreas, Waves(rng, 1.6, (9, 16), 5))
    hull = grown(cavity, -2)
    large = Once(without(within(colon, hull), *holes, gap=1.5))
    small = Once(without(within(union(*loops, duodenum), hull), large, *holes, gap=1.5))
    return {
        "pancreas": without(lobules, *holes, gap=1),
        "small bowel": small,
        "small bowel contents": grown(small, -3),
        "colon": large,
        "colon contents": grown(large, -2.5),
        "colon gas": within(grown(large, -2.5), above(float(rng.uniform(25, 75)))),
    }
