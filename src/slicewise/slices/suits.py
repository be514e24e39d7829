"""Whether a recipe suits the volumes that it cuts: along which axes they were acquired, and how
their pixels become those of slices.

All of it follows from the records of cases, before anything is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from slicewise.config import Content, Experiment, Plane, Recipe
from slicewise.dataset.case_record import CaseRecord
from slicewise.errors import SlicewiseError
from slicewise.slices.planes import PLANES, acquired, coarsest, plane_of
from slicewise.wording import plural, some

LONG = 2.0
"""Pixels that are more than so many times as long as wide are said."""
SHOWN = 4
"""Cases that are named."""
DIRECTIONS = ("LR", "PA", "IS")
"""Letters of an orientation, by the canonical axis that they lie along."""
CUT = (
    "the cut of this recipe follows from it",
    "a recipe with a named plane that counts pixels and is not tilted",
)
CONTEXT = ("input.context_mm is measured by it", "input.context: 1")
TILT = ("inference.tilt follows from it", "inference.tilt: 0")
"""What goes by the size of voxels, and what to give instead that does not."""


@dataclass(frozen=True)
class CaseCut:
    """How a recipe cuts one case.

    Attributes
    ----------
    case : str
        Its name.
    plane : {"axial", "coronal", "sagittal"}
        The cut.
    finest : tuple of planes
        The one that it was acquired in, and those that are as good because spacings are equal.
    pixel : tuple of float
        Distance of rows and of columns of the volume in that plane, mm.
    """

    case: str
    plane: Plane
    finest: tuple[Plane, ...]
    pixel: tuple[float, float]

    @classmethod
    def of(cls, record: CaseRecord, recipe: Recipe) -> CaseCut:
        """Return how a recipe cuts the case of a record."""
        spacing = canonical_spacing(record)
        plane = plane_of(recipe, spacing)
        _, rows, columns = PLANES[plane]
        fitting = dict.fromkeys([acquired(spacing), *coarsest(spacing)])
        return cls(record.case, plane, tuple(fitting), (spacing[rows], spacing[columns]))

    @property
    def across(self) -> bool:
        """Whether the case was acquired in another plane."""
        return self.plane not in self.finest

    @property
    def long(self) -> bool:
        """Whether its pixels are far from squares."""
        return max(self.pixel) > LONG * min(self.pixel)


def canonical_spacing(record: CaseRecord) -> list[float]:
    """Return the distance of a case's voxels along the canonical (RAS+) axes, mm."""
    return [
        next(
            size
            for size, letter in zip(record.spacing, record.orientation, strict=True)
            if letter in direction
        )
        for direction in DIRECTIONS
    ]


def suits(name: str, recipe: Recipe, records: Sequence[CaseRecord]) -> str:
    """Say in one line where a recipe does not suit the cases that it cuts.

    Parameters
    ----------
    name : str
        Of the recipe.
    recipe : Recipe
        A tilted one lies in no plane that anything was acquired in, so that is not held against it.
    records : sequence of CaseRecord
        Of the cases.

    Returns
    -------
    str
        How many of them were acquired in another plane, and of how many the pixels are more than
        twice as long as wide; empty where all is well.
    """
    cuts = [CaseCut.of(record, recipe) for record in records]
    across = [cut for cut in cuts if cut.across and not recipe.oblique]
    # in millimetres, pixels of slices are squares
    long = [cut for cut in cuts if cut.long and recipe.spacing is None]
    said = []
    if across:
        named = _named(across, lambda cut: " or ".join(cut.finest))
        number = plural(len(across), "case was", "cases were")
        said.append(f"{number} acquired in another plane ({named})")
    if long:
        named = _named(long, lambda cut: f"{cut.pixel[0]:.3g} × {cut.pixel[1]:.3g} mm")
        number = plural(len(long), "case has", "cases have")
        said.append(f"{number} pixels more than twice as long as wide ({named})")
    if not said:
        return ""
    advice = _advice(recipe)
    return f"slices.{name}: of {plural(len(cuts), 'case', 'cases')} cut {recipe.plane}, " + (
        f"{', and '.join(said)}{advice}"
    )


def _named(cuts: Sequence[CaseCut], what: Callable[[CaseCut], str]) -> str:
    return some([f"{cut.case}: {what(cut)}" for cut in cuts], SHOWN)


def _advice(recipe: Recipe) -> str:
    if recipe.plane == "acquired":
        return "; spacing (mm) makes them squares"
    return "; plane: acquired cuts each along its two finest axes"


def check_measured(recipe: Recipe, content: Content, record: CaseRecord) -> None:
    """Refuse a case without sizes of voxels where the cut follows from them.

    Raises
    ------
    SlicewiseError
        Naming the case, and what gives the sizes.
    """
    if recipe.measured or recipe.oblique:
        check_sized(record, content, *CUT)


def check_seen(
    experiment: Experiment,
    content: Content,
    train: Iterable[CaseRecord],
    validation: Iterable[CaseRecord],
) -> None:
    """Refuse cases without sizes of voxels where what a network sees follows from them.

    Parameters
    ----------
    experiment : Experiment
        What it sees of slices, and how volumes are predicted.
    content : Content
        What the cases hold.
    train, validation : iterable of CaseRecord
        Of its training. Tilted cuts are made of those that are predicted.

    Raises
    ------
    SlicewiseError
        Naming the case, and what gives the sizes.
    """
    predicted = [*validation]
    if experiment.seen.measured:
        for record in (*train, *predicted):
            check_sized(record, content, *CONTEXT)
    if experiment.inference.tilt:
        for record in predicted:
            check_sized(record, content, *TILT)


def check_predicted(experiment: Experiment, recipe: Recipe, unsized: Sequence[str]) -> None:
    """Refuse before a training what its model could not predict after it.

    Parameters
    ----------
    experiment : Experiment
        What its network sees of slices, and how volumes are predicted.
    recipe : Recipe
        How volumes are cut that are predicted.
    unsized : sequence of str
        Cases that will be predicted, of which nobody knows the size of voxels.

    Raises
    ------
    SlicewiseError
        Naming the first case, and what gives the sizes.
    """
    goes_by_it = (
        (recipe.measured, CUT),
        (experiment.seen.measured, CONTEXT),
        (experiment.inference.tilt > 0, TILT),
    )
    for goes, told in goes_by_it:
        if goes and unsized:
            raise _lost(unsized[0], *told)


def check_sized(record: CaseRecord, content: Content, what: str, instead: str) -> None:
    """Refuse a case that has lost the size of its voxels.

    Parameters
    ----------
    record : CaseRecord
        Of the case.
    content : Content
        With the size of voxels, if settings give it.
    what, instead : str
        What goes by it, and what does not.

    Raises
    ------
    SlicewiseError
        Naming the case, and what can be done.
    """
    if record.lost and content.spacing is None:
        raise _lost(record.case, what, instead)


def _lost(case: str, what: str, instead: str) -> SlicewiseError:
    return SlicewiseError(
        f"case {case}: its header has lost the size of its voxels (no place, and 1 × 1 × 1 mm), "
        f"and {what}; give dataset.spacing, or {instead}"
    )
