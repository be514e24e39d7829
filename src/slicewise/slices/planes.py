"""Which plane a volume is cut along, also where each volume is cut as it was acquired."""

from __future__ import annotations

from collections.abc import Sequence

from slicewise.config import Plane, Recipe

# Which canonical (RAS+) axis is cut, and which two become rows and columns.
PLANES: dict[Plane, tuple[int, int, int]] = {
    "axial": (2, 0, 1),
    "coronal": (1, 0, 2),
    "sagittal": (0, 1, 2),
}
EQUAL = 1.01
"""Spacings that differ by less are the same: headers round them."""


def coarsest(spacing: Sequence[float]) -> list[Plane]:
    """Return the planes that are cut across an axis of the largest spacing.

    Several, where spacings are equal to 1 %; axial first, then coronal, then sagittal.

    Parameters
    ----------
    spacing : sequence of float
        Distance of voxels along the canonical (RAS+) axes, mm.
    """
    largest = max(spacing)
    return [plane for plane, (across, *_) in PLANES.items() if spacing[across] * EQUAL > largest]


def acquired(spacing: Sequence[float]) -> Plane:
    """Return the plane that a volume was acquired in: that of its two finest axes.

    Where no axis is coarser than both others there is no such plane, and it is cut axially: a
    volume of cubes, but also a CT of 0.7 × 0.7 × 0.5 mm, whose pixels lie in axial slices.

    Parameters
    ----------
    spacing : sequence of float
        Distance of voxels along the canonical (RAS+) axes, mm.

    Examples
    --------
    >>> acquired((0.4, 3.0, 0.4)), acquired((3.3, 0.6, 0.6)), acquired((1.0, 1.0, 1.0))
    ('coronal', 'sagittal', 'axial')
    """
    planes = coarsest(spacing)
    return planes[0] if len(planes) == 1 else "axial"


def plane_of(recipe: Recipe, spacing: Sequence[float] | None) -> Plane:
    """Return the plane that a recipe cuts a volume along.

    Parameters
    ----------
    recipe : Recipe
        Names the plane, or leaves it to the volume.
    spacing : sequence of float or None
        Distance of the volume's voxels along the canonical (RAS+) axes, mm; needed only where the
        recipe leaves it to the volume.

    Raises
    ------
    ValueError
        When it is needed and not known.
    """
    if recipe.plane != "acquired":
        return recipe.plane
    if spacing is None:
        raise ValueError("the plane of a volume follows from its spacing, which is not known")
    return acquired(spacing)
