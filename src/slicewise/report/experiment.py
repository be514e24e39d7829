"""The HTML report of an experiment.

The page is one file that needs nothing else: pictures are data URIs, style
and script are inline. Plain values come in, text comes out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.evaluation.detection import detection, overall
from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.statistics import (
    agreement,
    by_patient,
    headline_subset,
    patient_volumes,
)
from slicewise.report.agreement import bland_altman
from slicewise.report.cost import Cost
from slicewise.report.curves import Quantity, curves
from slicewise.report.dots import dice_by_patient, dice_dots
from slicewise.report.ensemble import ensemble_section
from slicewise.report.evidence import Evidence
from slicewise.report.expected import expected_section
from slicewise.report.facts import (
    excluded_cases,
    flat,
    grouped_settings,
    members,
    missing_channels,
    resampled,
    sites_left_out,
    split_rows,
    unsized,
)
from slicewise.report.formats import Themed, jpeg, themed
from slicewise.report.gallery import CaseFigures, gallery
from slicewise.report.groups import report_groups
from slicewise.report.outlines import contact_sheet
from slicewise.report.progress import still_improving
from slicewise.report.render import (
    DASH,
    number,
    overall_label,
    render,
    signed,
    statistics_of,
    usable,
    without_rough_interval,
)
from slicewise.report.style import MANY
from slicewise.report.tables import (
    called,
    case_tables,
    failure_table,
    is_crossed,
    summary_rows,
    tolerance_of,
)
from slicewise.report.undrawn import Undrawn, drawn
from slicewise.report.words import bound, convention, drawn_in_part, meaning, untrained

AGREEMENT_LIMIT = 4
"""Of how many labels the volumes are compared in a picture; the first."""

FEW_PATIENTS = 20
"""Below this many patients the report says that the interval itself is rough."""


@dataclass(frozen=True)
class ReportedExperiment:
    """What the report of an experiment shows.

    Attributes
    ----------
    dataset, experiment : str
        Their names.
    summary : mapping
        ``{subset: {label or "mean": {metric: {mean, median, sd, ci_low, ci_high, n}}}}``;
        any value may be None.
    metrics : pandas.DataFrame
        A row per case and label; see `slicewise.evaluation`.
    histories : mapping of str to pandas.DataFrame
        The epochs of every fold.
    cases : sequence of CaseFigures
        Overlays; the 30 worst are shown.
    settings : mapping
        The experiment's full settings, nested.
    split : pandas.DataFrame
        Columns case, patient, subset, fold.
    provenance : mapping
        Versions, commit, and what training resolved, nested.
    excluded : mapping of str to str, or sequence of str
        Cases left out, with the reason where there is one.
    selected : mapping of str to int, optional
        By fold, the epoch whose weights were kept.
    scored_runs : int, optional
        How many runs have been scored on this test set so far.
    samples : mapping of str to ndarray, optional
        Training slices as the network saw them, as `outlines.contact_sheet` takes them.
    evidence : Evidence, optional
        What the scores rest on.
    costs : sequence of Cost
        What the stages took.
    data : pandas.DataFrame, optional
        The table of cases: which masks are not stored on their image's grid.
    records : mapping of str to CaseRecord
        What was checked of the cases, among them the channels that each has.
    channels : sequence of str
        Names of the channels; none where there is one.
    leave_out : str
        The column of the split whose values are the folds, if it has any.
    groupings : sequence of Grouping
        By what the scores are broken down.
    seeds : sequence of str
        The trainings that differ by the seed alone, itself among them; none of a single one.
    sweep : str
        The experiment whose sweep chose the settings; empty where none did.
    combinations : int
        Of so many.
    page : str
        The page's file, as Snakemake calls it; empty where Snakemake does not make it.
    expected : DataFrame, optional
        The Dice to expect of test cases beside the true one.
    ensemble : EnsembleRecord, optional
        How its members are weighed, where it is one.
    """

    dataset: str
    experiment: str
    summary: Mapping[str, Any]
    metrics: pd.DataFrame
    histories: Mapping[str, pd.DataFrame]
    cases: Sequence[CaseFigures]
    settings: Mapping[str, Any]
    split: pd.DataFrame
    provenance: Mapping[str, Any]
    excluded: Mapping[str, str] | Sequence[str] = ()
    selected: Mapping[str, int] | None = None
    scored_runs: int | None = None
    samples: Mapping[str, np.ndarray] | None = None
    evidence: Evidence | None = None
    costs: Sequence[Cost] = ()
    data: pd.DataFrame | None = None
    records: Mapping[str, CaseRecord] = field(default_factory=dict)
    channels: Sequence[str] = ()
    leave_out: str = ""
    groupings: Sequence[Grouping] = ()
    seeds: Sequence[str] = ()
    sweep: str = ""
    combinations: int = 0
    page: str = ""
    expected: pd.DataFrame | None = None
    ensemble: EnsembleRecord | None = None

    @cached_property
    def subset(self) -> str:
        """The subset that the page is about."""
        return headline_subset(self.metrics)

    @cached_property
    def scored(self) -> pd.DataFrame:
        """The rows of that subset."""
        return self.metrics[self.metrics["subset"] == self.subset]

    @cached_property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return [str(label) for label in self.metrics["label"].unique()]

    @cached_property
    def is_crossed(self) -> bool:
        """Whether folds held out the patients that are not tested."""
        return is_crossed(self.metrics)


def experiment_report(shown: ReportedExperiment) -> str:
    """Write the report of one experiment.

    Parameters
    ----------
    shown : ReportedExperiment
        What it shows.

    Returns
    -------
    str
        One HTML page.
    """
    return render(
        "experiment.html.j2",
        dataset=shown.dataset,
        experiment=shown.experiment,
        page=shown.page,
        subset=shown.subset,
        labels=shown.labels,
        crossed=shown.is_crossed,
        folds=len(shown.histories),
        ensemble=ensemble_section(shown.ensemble),
        seeds=shown.seeds,
        sweep=shown.sweep,
        combinations=shown.combinations,
        who=called(shown.subset, shown.is_crossed),
        scored_runs=shown.scored_runs,
        evidence=shown.evidence,
        costs=shown.costs,
        **_numbers(shown),
        **_pictures(shown),
        **_facts(shown),
    )


def _numbers(shown: ReportedExperiment) -> dict[str, Any]:
    """Prepare the scores, and what they mean in words."""
    scored = shown.scored
    dice = dice_by_patient(scored)
    summary = shown.summary
    tolerance = tolerance_of(shown.metrics)
    return {
        "many": len(shown.labels) > MANY,
        "headline": _headline(summary, shown.subset, shown.labels),
        "meaning": meaning(
            scored,
            called(shown.subset, shown.is_crossed),
            {each.case: each.faults for each in shown.cases if not each.undrawn},
        ),
        "improving": still_improving(shown.histories),
        "bound": bound(scored),
        "partial": drawn_in_part(scored),
        "held_out": statistics_of(
            summary, "validation", overall_label(summary, "validation"), "dice"
        ),
        "patients": scored["patient"].nunique(),
        "having": len(dice),
        "unscored": overall(scored, dice)["unscored"],
        "unknown": overall(scored, dice).get("unknown", 0),
        # of held-out patients, too, where others are tested
        "untrained": untrained(shown.metrics),
        "convention": convention(scored),
        "detection": _detection(scored),
        "few": FEW_PATIENTS,
        "tiles": _tiles(summary, scored, shown.subset),
        "volumes": bool((scored.groupby(["patient", "label"])["case"].nunique() > 1).any()),
        "summary_rows": summary_rows(summary, shown.subset, shown.labels, tolerance),
        "tolerance": tolerance,
        "groups": report_groups(scored, shown.groupings),
        "tables": case_tables(shown.metrics, shown.is_crossed, shown.groupings),
        "failures": failure_table(scored),
        "scored_cases": scored["case"].nunique(),
    }


def _pictures(shown: ReportedExperiment) -> dict[str, Any]:
    """Draw the figures, and lay out the slices of the worst cases."""
    cases = gallery(shown.cases, shown.scored)
    return {
        "figures": _experiment_figures(shown),
        "agreement": _agreement(shown.scored, shown.labels),
        "expected": expected_section(shown.expected),
        "gallery": cases,
        "scrolled": any(view["scrolled"] for case in cases for view in case["views"]),
        "gallery_total": shown.scored["case"].nunique(),
        "sheet": _sheet(shown.samples),
        "augmented": bool(shown.settings.get("augmentation")),
        "coarse": shown.settings.get("training", {}).get("coarse"),
    }


def _facts(shown: ReportedExperiment) -> dict[str, Any]:
    """Prepare settings, split and provenance."""
    moved = resampled(shown.data)
    scored = set(shown.scored["case"])
    return {
        "settings": grouped_settings(shown.settings),
        "split": split_rows(shown.split, shown.is_crossed),
        "members": members(shown.split, shown.leave_out),
        "sites": sites_left_out(shown.split, shown.leave_out),
        "leave_out": shown.leave_out,
        "excluded": excluded_cases(shown.excluded),
        "missing_channels": missing_channels(shown.records, shown.channels, scored),
        "unsized": unsized(shown.records, scored),
        "resampled": moved,
        "scored_resampled": sum(case in scored for case, *_ in moved),
        "provenance": dict(flat(shown.provenance)),
    }


def _headline(summary: Mapping[str, Any], subset: str, labels: list[str]) -> dict[str, Any]:
    scores = {label: statistics_of(summary, subset, label, "dice") for label in labels}
    if len(labels) > MANY:
        scores = dict(sorted(scores.items(), key=lambda item: _worst_first(item[1]["mean"])))
    return {
        **statistics_of(summary, subset, overall_label(summary, subset), "dice"),
        "labels": scores if len(labels) > 1 else {},
    }


def _worst_first(mean: float | None) -> float:
    return math.inf if mean is None else mean


def _detection(scored: pd.DataFrame) -> list[dict[str, Any]]:
    """List in whom each label was found; nothing where all have all of them, and all were found."""
    counts = [
        {"label": str(label), **detection(rows)}
        for label, rows in scored.groupby("label", sort=False)
    ]
    for each in counts:
        if each["lesions"] is not None:
            false = each["lesions"]["false_per_scan"]
            each["lesions"]["false_per_scan"] = without_rough_interval(false)
    return counts if any(each["notable"] for each in counts) else []


def _tiles(summary: Mapping[str, Any], scored: pd.DataFrame, subset: str) -> list[dict[str, str]]:
    dice = dice_by_patient(scored)
    median = statistics_of(summary, subset, overall_label(summary, subset), "dice")["median"]
    if median is None and len(dice):
        median = float(dice.median())
    worst, best = (dice.idxmin(), dice.idxmax()) if len(dice) else (None, None)
    sizes = _volume_errors(scored)
    bias = statistics_of(summary, subset, overall_label(summary, subset), "volume_error_percent")[
        "mean"
    ]
    return [
        {
            "name": "Median",
            "value": number(median),
            "note": "half of the patients are better" if len(dice) > 1 else "",
        },
        {
            "name": "Worst patient",
            "value": number(dice[worst] if worst is not None else None),
            "note": str(worst) if worst is not None else "",
        },
        {
            "name": "Best patient",
            "value": number(dice[best] if best is not None else None),
            "note": str(best) if best is not None else "",
        },
        {
            "name": "Volume error",
            "value": _percent(bias),
            "note": f"mean, with sign; median size {_percent(sizes.median()).lstrip('+')}",
        },
    ]


def _volume_errors(scored: pd.DataFrame) -> pd.Series:
    """Return the size of the volume error in per cent by patient."""
    column = "volume_error_percent"
    if column not in scored:
        return pd.Series(dtype=float)
    return by_patient(scored.assign(**{column: scored[column].astype(float).abs()}), column)


def _percent(value: Any) -> str:
    return f"{signed(value)} %" if usable(value) else DASH


def _experiment_figures(shown: ReportedExperiment) -> dict[str, Themed | Undrawn]:
    def history(quantity: Quantity) -> Themed | Undrawn:
        return themed(
            f"The curves of the {quantity}",
            partial(curves, shown.histories, selected=shown.selected, panels=[quantity]),
        )

    dots = partial(dice_dots, shown.metrics, shown.summary)
    return {
        "dice": history("dice") if shown.histories else {},
        "loss": history("loss") if shown.histories else {},
        "dots": themed("The dots of the patients", dots) if len(shown.metrics) else {},
    }


def _sheet(samples: Mapping[str, np.ndarray] | None) -> bytes | Undrawn | None:
    if samples is None:
        return None
    return drawn("The sheet of slices", lambda: jpeg(contact_sheet(samples)))


def _agreement(scored: pd.DataFrame, labels: list[str]) -> list[dict[str, Any]]:
    """Compare predicted and reference volumes, label by label."""
    panels = []
    for label in labels[:AGREEMENT_LIMIT]:
        volumes = patient_volumes(scored, label)
        limits = agreement(volumes["volume_ml"].to_numpy(), volumes["predicted_ml"].to_numpy())
        if limits["n"] < 2:
            continue
        figure = themed(
            f"The volumes of {label}",
            partial(bland_altman, volumes, limits),
        )
        panels.append({"label": label, "limits": limits, "figure": figure})
    return panels
