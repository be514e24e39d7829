"""The anatomy of one drawn patient: all shapes by name."""

from __future__ import annotations

import numpy as np

from slicewise.phantom.organs import (
    draw_bowel,
    draw_great_vessels,
    draw_kidneys,
    draw_lesions,
    draw_liver,
    draw_liver_vessels,
    draw_spleen,
    draw_stomach,
)
from slicewise.phantom.shapes import (
    Shape,
    grown,
)
from slicewise.phantom.trunk import (
    draw_chest,
    draw_diaphragm,
    draw_muscles,
    draw_ribs,
    draw_spine,
    draw_trunk,
)


def draw_anatomy(rng: np.random.Generator) -> dict[str, Shape]:
    """Draw the shapes of one patient; an organ makes room for those made before it.

    Parameters
    ----------
    rng : numpy.random.Generator
        What is drawn and in which order is what makes patients the same to the bit.

    Returns
    -------
    dict
        Shapes by the names that `slicewise.phantom.tissues.PARTS` paints, in
        the frame of the standard patient (mm).
    """
    shapes = draw_trunk(rng)
    cavity = shapes["cavity"]
    shapes |= draw_spine(rng) | draw_ribs(rng, shapes["muscle"])
    diaphragm = draw_diaphragm(rng)
    shapes |= draw_chest(rng, cavity, diaphragm)
    shapes |= draw_kidneys(rng, cavity)
    shapes |= draw_great_vessels(rng)
    hulls = (cavity, diaphragm)
    fixed = (shapes["kidneys"], shapes["cava"])
    shapes |= draw_liver(rng, hulls, (*fixed, grown(shapes["aorta"], 4)))
    shapes |= draw_liver_vessels(rng, shapes["liver"])
    shapes |= draw_lesions(rng, shapes["liver"])
    shapes |= draw_stomach(rng, hulls, (shapes["liver"], shapes["kidneys"]))
    shapes |= draw_spleen(
        rng, hulls, (shapes["liver"], shapes["kidneys"], shapes["stomach"], shapes["aorta"])
    )
    organs = [shapes[name] for name in ("liver", "kidneys", "stomach", "spleen", "gallbladder")]
    shapes |= draw_bowel(
        rng, cavity, [*organs, shapes["aorta"], shapes["cava"], shapes["vertebra"]]
    )
    return shapes | draw_muscles(rng, diaphragm)
