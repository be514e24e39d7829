"""The methods of scored experiments in sentences, each from what is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from slicewise.publish.described import data, split
from slicewise.publish.gathered import Gathered, trained
from slicewise.publish.making import network, prediction, preparation, training
from slicewise.publish.measuring import evaluation, headline, software
from slicewise.publish.prose import Said, Section, together
from slicewise.wording import plural


def methods(every: Sequence[Gathered]) -> list[Section]:
    """Return the sections of the methods of experiments on one data set.

    Parameters
    ----------
    every : sequence of Gathered
        The first stands for data, split, evaluation and software.
    """
    first = every[0]
    return [data(first), split(first), *_own(every), evaluation(every), software(every)]


def abstract(every: Sequence[Gathered], verdicts: Sequence[str]) -> Section:
    """Draft what an abstract says of methods and results.

    Parameters
    ----------
    every : sequence of Gathered
    verdicts : sequence of str
        What comparisons come to, without full stops.
    """
    first = every[0]
    patients = first.cases["patient"].nunique()
    kind = "synthetic " if first.is_synthetic else ""
    deep = ", over all slices together" if first.is_stack else " in 3-D"
    made = together([_seeded(one) for one in every])
    is_one = len(every) == first.first.folds == 1 and not (first.seeds or first.members)
    nets = f"A U-net ({made}) was" if is_one else f"U-nets ({made}) were"
    said = [
        Said(
            f"Methods: {plural(len(first.cases), f'{kind}case')} of "
            f"{plural(patients, 'patient')} of the data set {first.dataset} were split by "
            f"patients. {nets} trained to segment {together(first.labels)} and "
            f"scored by the Dice coefficient of each patient{deep}."
        ),
        Said(f"Results: {' '.join(said.text for said in headline(every))}"),
        *(Said(f"{each}.") for each in verdicts),
    ]
    return Section(
        "Abstract", said, questions=("Purpose: what was to be shown?", "Conclusion: what follows?")
    )


def _seeded(one: Gathered) -> str:
    """Name an experiment, with how many seeds it was trained with, or what it is the mean of."""
    if one.members:
        return f"{one.name}, the mean of {together([each.name for each in one.members])}"
    return f"{one.name}: {plural(len(one.seeds), 'seed')}" if one.seeds else one.name


def _own(every: Sequence[Gathered]) -> Iterator[Section]:
    """Yield how each experiment was made, and before an ensemble how its members were."""
    parts = {each.name: each for each in trained(every)}
    named = len(parts) > 1
    for one in every:
        for member in one.trained:
            if part := parts.pop(member.name, None):
                for make in (preparation, network, training):
                    yield _titled(make(part), part, named)
        yield _titled(prediction(one), one, named)


def _titled(section: Section, one: Gathered, named: bool) -> Section:
    return replace(section, title=f"{section.title} of {one.name}") if named else section
