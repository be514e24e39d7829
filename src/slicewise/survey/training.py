"""Slices, network and training, as settings: the plan for what was seen of the cases."""

from __future__ import annotations

from collections.abc import Sequence

from slicewise.config import Effort, Intensity
from slicewise.dataset.case import Case
from slicewise.dataset.fingerprint import TrainingCase, fingerprint_of
from slicewise.dataset.plan import plan
from slicewise.dataset.proposal import SLICES, Plan
from slicewise.survey.glance import Glance
from slicewise.survey.looking import Looker, spread
from slicewise.survey.said import Said
from slicewise.survey.sample import HEADERS, Grid, first_image, path_of, shown_of

USUAL = TrainingCase((512, 512, 100), (0.8, 0.8, 2.5), "RAS", {})
"""Where no header could be read: an abdominal CT."""
TRAINED = 0.65
"""Share of the cases that are trained on, about."""


def training_cases(
    cases: Sequence[Case], labels: Sequence[Said], looker: Looker, ignore: int | None = None
) -> list[TrainingCase]:
    """Return what is known of the cases that may be trained on, each once.

    Parameters
    ----------
    cases : sequence of Case
    labels : sequence of Said
        Labels with their values.
    looker : Looker
        Of what it has not looked at, headers are read, and no voxels.
    ignore : int, optional
        Value of voxels in masks that nobody drew.

    Returns
    -------
    list of TrainingCase
        Of a sample where there are many; cases of test folders are left out.
    """
    sampled = []
    for number in spread([str(n) for n in range(len(cases))], HEADERS):
        case = cases[int(number)]
        files = first_image(case)
        header = looker.header(path_of(files, looker.root), files)
        if case.subset == "test" or header is None:
            continue
        if len(header.shape) != 3 and case.frame is None and not case.in_one:
            continue
        grid = Grid.of(header)
        glance = looker.known(shown_of(case, case.mask, looker.root))
        ml = {} if glance is None else volumes_of(glance, labels)
        if glance is not None and ignore in glance.values:
            # it was drawn in part, so nobody knows how large anything is
            ml = {}
        sampled.append(TrainingCase(grid.shape, grid.spacing, "RAS", ml, grid.lost))
    return sampled


def volumes_of(glance: Glance, labels: Sequence[Said]) -> dict[str, float]:
    """Return the millilitres of each label in a mask."""
    ml = glance.spacing[0] * glance.spacing[1] * glance.spacing[2] / 1000.0
    counts = glance.counts or {}
    return {
        one.path[-1]: counts.get(one.value, 0) * ml for one in labels if isinstance(one.value, int)
    }


def planned(
    known: Sequence[TrainingCase],
    number: int,
    intensity: Intensity,
    effort: Effort,
    *,
    contiguous: bool,
    labels: int,
    channels: int = 1,
) -> Plan:
    """Return the plan for cases of which a sample is known.

    Parameters
    ----------
    known : sequence of TrainingCase
    number : int
        How many cases there are; the sample stands for all that are trained on.
    intensity, effort, contiguous
        As settings say.
    labels, channels : int
        How many there are.
    """
    sample = list(known) or [USUAL]
    count = max(1, round(TRAINED * number))
    whole = [sample[n * len(sample) // count] for n in range(count)]
    fingerprint = fingerprint_of(
        whole, intensity=intensity, contiguous=contiguous, labels=labels, channels=channels
    )
    return plan(fingerprint, effort)


def as_settings(of: Plan) -> list[Said]:
    """Return a plan as settings of the experiment `baseline`, beside one of the tutorial."""
    recipe = of.recipe_name
    base = ("experiments", "baseline")
    said = []
    rest = []
    for choice in of.choices:
        if choice.setting.startswith(SLICES):
            key = choice.setting.removeprefix(SLICES)
            said.append(Said(("slices", recipe, key), choice.value, choice.reason))
        else:
            rest.append(Said((*base, *choice.setting.split(".")), choice.value, choice.reason))
    why = f"what follows is the plan for effort {of.effort}: slicewise plan says it anew"
    return [
        *said,
        Said(("experiments", "tutorial", "preset"), "tutorial", "the method of the tutorial"),
        Said(("experiments", "tutorial", "slices"), recipe, ""),
        Said((*base, "slices"), recipe, why),
        *rest,
    ]
