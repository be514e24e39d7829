"""What is proposed for a data set and where its configuration says something else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from slicewise.config import Content, Recipe
from slicewise.config.configured import Configured
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.fingerprint import TrainingCase, fingerprint_of
from slicewise.dataset.plan import plan
from slicewise.dataset.proposal import SLICES, Choice
from slicewise.errors import SlicewiseError
from slicewise.report.data import PlanRow
from slicewise.slices.suits import suits


def proposals(
    configured: Configured,
    cases: Iterable[Assignment],
    records: Mapping[str, CaseRecord],
    content: Content,
) -> tuple[list[PlanRow], list[str]]:
    """Return what is proposed for a data set, and what of its configuration does not suit it.

    Parameters
    ----------
    configured : Configured
        What is held against the proposal.
    cases : iterable of Assignment
        All cases; a proposal follows from those that are trained on.
    records : mapping of str to CaseRecord
        Those of them that could be read.
    content : Content
        What they hold.

    Returns
    -------
    rows : list of PlanRow
        What is configured otherwise stands beside the proposal, by experiment.
    warnings : list of str
        A sentence each: of recipes that do not suit some cases, or why nothing is proposed.
    """
    warnings = []
    for name, recipe in configured.recipes.items():
        warnings.append(suits(name, Recipe.model_validate(recipe), list(records.values())))
    trained = [case.case for case in cases if case.subset == "train" and case.case in records]
    known = [TrainingCase.of(records[case]) for case in sorted(trained)]
    try:
        fingerprint = fingerprint_of(
            known,
            intensity=content.intensity,
            contiguous=content.contiguous,
            labels=len(content.labels),
        )
        planned = plan(fingerprint, configured.effort)
    except SlicewiseError as error:
        return [], [*filter(None, warnings), f"Nothing can be proposed for this data: {error}"]
    rows = [_row(choice, configured) for choice in planned.choices]
    return rows, [warning for warning in warnings if warning]


def _row(choice: Choice, configured: Configured) -> PlanRow:
    differing = {}
    for name, experiment in configured.experiments.items():
        if choice.setting.startswith(SLICES):
            block = configured.recipes[experiment["slices"]]
        else:
            block = experiment
        value = _at(block, choice.setting.removeprefix(SLICES))
        if value != choice.value:
            differing[name] = _text(value)
    values = set(differing.values())
    alike = len(differing) == len(configured.experiments) and len(values) == 1
    said = "; ".join(f"{name}: {value}" for name, value in differing.items())
    return PlanRow(
        choice.setting,
        _text(choice.value),
        choice.reason,
        (values.pop() if alike else said) if differing else None,
    )


def _at(block: Mapping[str, Any], dotted: str) -> Any:
    """Return the value of a setting; None where a block is not there."""
    value: Any = block
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    """Write a value as YAML has it on one line."""
    return value if isinstance(value, str) else json.dumps(value)
