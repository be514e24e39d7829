"""The plan for a configuration whose cases were ingested: what ``slicewise plan`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slicewise.asked import snakemake_command
from slicewise.config import Effort, Settings, load_settings, merge
from slicewise.config.configuration import read_configuration
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.cases import UNDRAWN, read_table
from slicewise.dataset.finding import find_cases
from slicewise.dataset.fingerprint import TrainingCase, fingerprint_of
from slicewise.dataset.ingested import check_table
from slicewise.dataset.plan import plan
from slicewise.dataset.proposal import Plan
from slicewise.dataset.split import split_cases
from slicewise.dataset.unsized import unsized_cases
from slicewise.errors import SlicewiseError
from slicewise.files import data_folder
from slicewise.wording import some

CHOSEN = "postprocessing."
"""What settings begin with that validation patients, or training masks, choose."""


def plan_for(configuration: Sequence[Path], effort: Effort, results: Path) -> Plan:
    """Return the plan for a configuration.

    Parameters
    ----------
    configuration : sequence of Path
        YAML files, a later one laid over. Data set and split count; experiments do not.
    effort : {"quick", "laptop", "workstation", "gpu"}
        What a training may cost.
    results : Path
        The folder that holds ``<dataset>/cases.tsv``.

    Raises
    ------
    SlicewiseError
        When the configuration is wrong, or its training cases, as they are now, were not ingested.
    """
    settings = load_settings(read_configuration(configuration))
    data = data_folder()
    cases = find_cases(settings.dataset, data)
    split = split_cases(cases, settings.split, data)
    table = results / settings.dataset.name / "cases.tsv"
    command = snakemake_command(configuration, table)
    if not table.exists():
        raise SlicewiseError(
            f"{table}: a plan follows from this table of the cases, which is not there; make it by "
            f"{command}"
        )
    check_table(table, settings.dataset.content, cases, command)
    return plan_of(settings, ingested_cases(table, split), effort)


def settings_text(planned: Plan, configuration: Sequence[Path], experiment: str) -> str:
    """Return a plan as settings that are laid over a configuration.

    Parameters
    ----------
    planned : Plan
        What to write.
    configuration : sequence of Path
        What it is laid over.
    experiment : str
        What to call the experiment, and its recipe after it.

    Raises
    ------
    SlicewiseError
        When the configuration has such an experiment, or none can be called so.
    """
    below = read_configuration(configuration)
    recipe = f"{experiment}-{planned.recipe_name}"
    settings = load_settings(below)
    if experiment in settings.experiments or recipe in settings.slices:
        raise SlicewiseError(
            f"{configuration[0]}: it has an experiment {experiment} or a recipe {recipe}, which "
            "the plan would change; give it another name with --experiment"
        )
    load_settings(merge(below, planned.settings(experiment, recipe)))
    return planned.text(experiment, recipe)


def plan_of(settings: Settings, cases: Sequence[TrainingCase], effort: Effort) -> Plan:
    """Return the plan for training cases of a data set.

    Parameters
    ----------
    settings : Settings
        Their data set says what they hold.
    cases : sequence of TrainingCase
        In any order.
    effort : {"quick", "laptop", "workstation", "gpu"}
        What a training may cost.
    """
    content = settings.dataset.content
    fingerprint = fingerprint_of(
        cases,
        intensity=content.intensity,
        contiguous=content.contiguous,
        labels=len(content.labels),
    )
    planned = plan(fingerprint, effort)
    if settings.split.chooses or content.tells_pieces:
        return planned
    # settings refuse what neither validation patients nor training masks can choose
    kept = [each for each in planned.choices if not each.setting.startswith(CHOSEN)]
    return replace(planned, choices=tuple(kept))


def ingested_cases(table: Path, split: Sequence[Assignment]) -> list[TrainingCase]:
    """Return the training cases of a split from the table of all cases.

    Parameters
    ----------
    table : Path
        ``cases.tsv``.
    split : sequence of Assignment
        Validation and test cases are left out: nothing may follow from them.

    Raises
    ------
    SlicewiseError
        When the table lacks one.
    """
    rows = {row["case"]: row for row in read_table(table).to_dict("records")}
    wanted = [each.case for each in split if each.subset == "train"]
    missing = [case for case in wanted if case not in rows]
    if missing:
        raise SlicewiseError(
            f"{table}: it has no row of training case {some(missing, 3)}; run snakemake again, "
            "which makes it anew"
        )
    unsized = unsized_cases(table.parent)
    return [replace(_from_row(table, rows[case]), lost=case in unsized) for case in wanted]


def _from_row(table: Path, row: dict[str, Any]) -> TrainingCase:
    """Return a case from its row, all cells of which are text."""
    ml = {name.removeprefix("ml_"): text for name, text in row.items() if name.startswith("ml_")}
    if row.get(UNDRAWN):
        ml = {}
    try:
        return TrainingCase(
            [int(number) for number in row["shape"].split("x")],
            [float(number) for number in row["spacing"].split("x")],
            row["orientation"],
            {name: float(text) for name, text in ml.items() if text},
        )
    except (KeyError, ValueError):
        raise SlicewiseError(
            f"{table}: the row of case {row['case']} has no shape, spacing and orientation as they "
            "were written; delete the table and run snakemake again, which makes it anew"
        ) from None
