"""The HTML report of an experiment.

The page is one file that needs nothing else: pictures are data URIs, style
and script are inline. Plain values come in, text comes out.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from slicewise.evaluation.detection import detection, lacks_label, overall
from slicewise.evaluation.statistics import (
    agreement,
    by_case,
    by_patient,
    headline_subset,
    patient_volumes,
)
from slicewise.metrics.table import Metric, metric, shown_in
from slicewise.report.agreement import bland_altman
from slicewise.report.cost import Cost
from slicewise.report.curves import Quantity, curves
from slicewise.report.dots import dice_by_patient, dice_dots
from slicewise.report.evidence import Evidence
from slicewise.report.formats import Themed, jpeg, themed
from slicewise.report.outlines import contact_sheet
from slicewise.report.render import (
    DASH,
    number,
    overall_label,
    render,
    signed,
    statistics_of,
    usable,
)
from slicewise.report.undrawn import Undrawn, drawn
from slicewise.report.viewer import View
from slicewise.report.words import bound, convention, failure_note, meaning, untrained

GALLERY_LIMIT = 30
"""How many patients a gallery shows; the worst are kept."""

AGREEMENT_LIMIT = 4
"""Of how many labels the volumes are compared in a picture; the first."""

FEW_PATIENTS = 20
"""Below this many patients the report says that the interval itself is rough."""

_SUBSETS = {"train": "Training", "validation": "Validation", "test": "Test"}


@dataclass(frozen=True)
class CaseFigures:
    """The overlays of one case."""

    case: str
    images: list[tuple[str, bytes]] = field(default_factory=list)
    """Caption and JPEG file of some axial slices, the worst first."""
    views: list[View] = field(default_factory=list)
    """The planes that the report shows."""
    undrawn: Undrawn | None = None
    """Why there is no picture."""


def gallery_cases(metrics: pd.DataFrame, limit: int = GALLERY_LIMIT) -> list[str]:
    """Return the cases the gallery shows, worst first, so that no other needs overlays.

    Parameters
    ----------
    metrics : pandas.DataFrame
        A row per case and label, with columns case, subset, dice, and volume_ml
        and predicted_ml, which say where what was predicted is all wrong.
    limit : int
        How many at most.

    Returns
    -------
    list of str
        Test cases, or validation cases where no test patient has been scored.
    """
    shown = metrics[metrics["subset"] == headline_subset(metrics)]
    return [str(case) for case in _worst_first(shown)[:limit]]


def experiment_report(
    *,
    dataset: str,
    experiment: str,
    summary: Mapping[str, Any],
    metrics: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    cases: Sequence[CaseFigures],
    settings: Mapping[str, Any],
    split: pd.DataFrame,
    provenance: Mapping[str, Any],
    excluded: Mapping[str, str] | Sequence[str] = (),
    selected: Mapping[str, int] | None = None,
    scored_runs: int | None = None,
    samples: Mapping[str, np.ndarray] | None = None,
    evidence: Evidence | None = None,
    costs: Sequence[Cost] = (),
    data: pd.DataFrame | None = None,
) -> str:
    """Write the report of one experiment.

    Parameters
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
        Training slices as the network saw them, as `contact_sheet` takes them.
    evidence : Evidence, optional
        What the scores rest on.
    costs : sequence of Cost
        What the stages took.
    data : pandas.DataFrame, optional
        The table of cases: which masks are not stored on their image's grid.

    Returns
    -------
    str
        One HTML page.
    """
    subset = headline_subset(metrics)
    scored = metrics[metrics["subset"] == subset]
    labels = [str(label) for label in metrics["label"].unique()]
    crossed = _crossed(metrics)
    tolerance = _tolerance(metrics)
    return render(
        "experiment.html.j2",
        dataset=dataset,
        experiment=experiment,
        subset=subset,
        headline=_headline(summary, subset, labels),
        meaning=meaning(scored, _called(subset, crossed)),
        bound=bound(scored),
        who=_called(subset, crossed),
        crossed=crossed,
        held_out=statistics_of(summary, "validation", overall_label(summary, "validation"), "dice"),
        patients=scored["patient"].nunique(),
        having=len(dice_by_patient(scored)),
        unscored=overall(scored, dice_by_patient(scored))["unscored"],
        untrained=untrained(metrics),  # of held-out patients, too, where others are tested
        convention=convention(scored),
        detection=_detection(scored),
        few=FEW_PATIENTS,
        scored_runs=scored_runs,
        labels=labels,
        tiles=_tiles(summary, scored, subset),
        figures=_experiment_figures(summary, metrics, histories, selected),
        agreement=_agreement(scored, labels),
        volumes=bool((scored.groupby(["patient", "label"])["case"].nunique() > 1).any()),
        summary_rows=_summary_rows(summary, subset, labels, tolerance),
        tolerance=tolerance,
        tables=_tables(metrics, crossed),
        failures=_failures(scored),
        gallery=(gallery := _gallery(cases, scored)),
        scrolled=any(view["scrolled"] for case in gallery for view in case["views"]),
        gallery_total=scored["case"].nunique(),
        settings=_settings(settings),
        split=_split_rows(split, crossed),
        members=_members(split),
        excluded=_excluded(excluded),
        resampled=(moved := _resampled(data)),
        scored_resampled=sum(case in set(scored["case"]) for case, *_ in moved),
        scored_cases=scored["case"].nunique(),
        evidence=evidence,
        costs=costs,
        provenance=dict(_flat(provenance)),
        sheet=_sheet(samples),
        augmented=bool(settings.get("augmentation")),
    )


# The experiment


def _crossed(metrics: pd.DataFrame) -> bool:
    """Tell whether folds held out the patients that are not tested."""
    return "fold" in metrics and bool(metrics["fold"].replace("", None).notna().any())


def _called(subset: str, crossed: bool) -> str:
    return "held-out" if crossed and subset == "validation" else subset


def _headline(summary: Mapping[str, Any], subset: str, labels: list[str]) -> dict[str, Any]:
    several = labels if len(labels) > 1 else []
    return {
        **statistics_of(summary, subset, overall_label(summary, subset), "dice"),
        "labels": {label: statistics_of(summary, subset, label, "dice") for label in several},
    }


def _detection(scored: pd.DataFrame) -> list[dict[str, Any]]:
    """List in whom each label was found; nothing where all have all of them, and all were found."""
    counts = [
        {"label": str(label), **detection(rows)}
        for label, rows in scored.groupby("label", sort=False)
    ]
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


def _tolerance(metrics: pd.DataFrame) -> str | None:
    """Write the tolerance of the surface Dice, in mm; None where there are no distances."""
    found = _finite(metrics, "tolerance_mm")
    return f"{found.iloc[0]:g}" if len(found) else None


def _percent(value: Any) -> str:
    return f"{signed(value)} %" if usable(value) else DASH


def _finite(table: pd.DataFrame, column: str) -> pd.Series:
    values = table[column] if column in table else pd.Series(dtype=float)
    return values.astype(float).replace([np.inf, -np.inf], np.nan).dropna()


def _experiment_figures(
    summary: Mapping[str, Any],
    metrics: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    selected: Mapping[str, int] | None,
) -> dict[str, Themed | Undrawn]:
    def history(quantity: Quantity) -> Themed | Undrawn:
        return themed(
            f"The curves of the {quantity}",
            lambda theme: curves(histories, selected=selected, panels=[quantity], theme=theme),
        )

    return {
        "dice": history("dice") if histories else {},
        "loss": history("loss") if histories else {},
        "dots": themed(
            "The dots of the patients",
            lambda theme: dice_dots(metrics, summary, theme=theme),
        )
        if len(metrics)
        else {},
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


def _summary_rows(
    summary: Mapping[str, Any], subset: str, labels: list[str], tolerance: str | None
) -> list[dict[str, Any]]:
    """List every metric of the overall mean, then the main ones of every label."""
    overall = overall_label(summary, subset)
    several = len(labels) > 1
    wanted = [(overall, "Mean of the labels" if several else "", shown_in("summary"))]
    if several:
        wanted += [(label, label, shown_in("labels")) for label in labels]
    return [
        {
            "group": group,
            "name": metric.mean_heading(tolerance),
            "digits": metric.digits,
            **statistics_of(summary, subset, label, metric.name),
        }
        for label, group, metrics in wanted
        for metric in metrics
        if metric.name in ((summary.get(subset) or {}).get(label) or {})
        and (tolerance or not metric.needs_neighbours)
    ]


def _tables(metrics: pd.DataFrame, crossed: bool) -> list[dict[str, Any]]:
    """Prepare a table a subset, test first, its rows worst first."""
    found = [subset for subset in ("test", "validation") if (metrics["subset"] == subset).any()]
    return [_table(subset, metrics[metrics["subset"] == subset], crossed) for subset in found]


def _table(subset: str, rows: pd.DataFrame, crossed: bool) -> dict[str, Any]:
    numbers = [
        metric
        for metric in shown_in("cases")
        if metric.name in rows and (_tolerance(rows) or not metric.needs_neighbours)
    ]
    return {
        "subset": subset,
        "title": f"{_called(subset, crossed).capitalize()} patients",
        "patients": rows["patient"].nunique(),
        **_sorted_rows(rows, numbers),
    }


def _failures(scored: pd.DataFrame) -> dict[str, Any] | None:
    """Prepare the table of what is wrong in whole pieces, worst Dice first."""
    if not len(_finite(scored, "false_islands")):
        return None
    return _sorted_rows(scored, [metric("dice"), *shown_in("failures")])


def _sorted_rows(rows: pd.DataFrame, numbers: Sequence[Metric]) -> dict[str, Any]:
    texts = {"patient": "Patient"}
    if (rows["case"].astype(str) != rows["patient"].astype(str)).any():
        texts["case"] = "Case"
    if rows["label"].nunique() > 1:
        texts["label"] = "Label"
    if "fold" in rows and rows["fold"].notna().any() and (rows["fold"].astype(str) != "").any():
        texts["fold"] = "Fold"
    # of those without a Dice, who do not have the label, the most that was predicted
    ordered = rows.assign(most=-rows["predicted_ml"].astype(float)).sort_values(
        ["dice", "most"], kind="stable", na_position="last"
    )
    return {
        "texts": list(texts.values()),
        "numbers": [each.column_heading for each in numbers],
        "rows": [
            {
                "texts": [_word(row[name]) for name in texts],
                "numbers": [(row[each.name], each) for each in numbers],
            }
            for row in ordered.to_dict("records")
        ],
    }


def _word(value: Any) -> str:
    """Write a name or a fold; folds become floats where a column has gaps."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _worst_first(metrics: pd.DataFrame) -> list[str]:
    """Sort cases by their Dice; where none of the labels is, what was predicted is all wrong."""
    dice = by_case(metrics, "dice").reindex(metrics["case"].astype(str).unique())
    healthy = metrics[lacks_label(metrics) & metrics["predicted_ml"].gt(0)]
    wrong = dice.index.isin(healthy["case"].astype(str)) & dice.isna()
    return list(dice.mask(wrong, 0.0).sort_values(kind="stable").index)


def _gallery(cases: Sequence[CaseFigures], scored: pd.DataFrame) -> list[dict[str, Any]]:
    dice = by_case(scored, "dice")
    patients = dict(zip(scored["case"].astype(str), scored["patient"].astype(str), strict=True))

    places = {case: place for place, case in enumerate(_worst_first(scored))}

    def badness(shown: CaseFigures) -> float:
        return places.get(shown.case, math.inf)

    rows: dict[str, list[dict[str, Any]]] = {}
    for row in scored.to_dict("records"):
        rows.setdefault(str(row["case"]), []).append(row)
    return [
        {
            "case": shown.case,
            "patient": patients.get(shown.case, shown.case),
            "dice": dice.get(shown.case),
            "note": failure_note(rows.get(shown.case, [])),
            "undrawn": shown.undrawn,
            "views": [_viewed(view, shown.views) for view in shown.views],
            "frames": [_frames(view) for view in shown.views],
        }
        for shown in sorted(cases, key=badness)[:GALLERY_LIMIT]
        if shown.views or shown.undrawn
    ]


def _viewed(view: View, beside: Sequence[View]) -> dict[str, Any]:
    """Lay a view out on a screen of the size of the widest and the highest one beside it."""
    width, height = (max(each.extent_mm[side] for each in beside) for side in (0, 1))
    frame = view.frames[view.worst]
    return {
        "plane": view.plane,
        "screen": f"{width:.1f} / {height:.1f}",
        "size": [
            round(100 * a / b, 2) for a, b in zip(view.extent_mm, (width, height), strict=True)
        ],
        "voxels": view.voxels,
        "frame": frame,
        "dice": f"{frame.dice:.2f}" if usable(frame.dice) else DASH,
        "slices": view.slices,
        "scrolled": len(view.frames) > 1,
        "last": len(view.frames) - 1,
        "worst": view.worst,
        "bars": "".join(
            f"M{place} 1V{1 - dice:.2f}h1V1z"
            for place, dice in enumerate(view.dice)
            if usable(dice)
        ),
        "bar": frame.index - view.first,
        "span": len(view.dice),
    }


def _frames(view: View) -> dict[str, Any]:
    """Return what the script of the page needs to show another slice of a plane."""
    return {
        "first": view.first,
        "left": view.left,
        "top": view.top,
        "frames": [
            [
                frame.index,
                f"{frame.dice:.2f}" if usable(frame.dice) else DASH,
                base64.b64encode(frame.image).decode(),
                frame.truth,
                frame.prediction,
            ]
            for frame in view.frames
        ],
    }


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Group the settings by their top-level key; what is not a group comes first."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    groups = [("general", list(_flat(plain)))] if plain else []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            groups.append((str(key), list(_flat(value))))
    return groups


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _setting(value)


def _setting(value: Any) -> str:
    """Write a setting the way its YAML file does, without the brackets of a list."""
    if value is None or value == {} or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(
            f"({_setting(item)})" if isinstance(item, list | tuple) else _setting(item)
            for item in value
        )
    return str(value)


def _split_rows(split: pd.DataFrame, crossed: bool) -> list[dict[str, Any]]:
    names = _SUBSETS | ({"train": "Training, each held out once"} if crossed else {})
    return [
        {
            "name": names[subset],
            "patients": part["patient"].nunique(),
            "cases": part["case"].nunique(),
        }
        for subset in _SUBSETS
        if len(part := split[split["subset"] == subset])
    ]


def _members(split: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Name the patients of each subset, and of each fold where there are folds."""
    members = []
    folds = split["fold"].map(_word) if "fold" in split else DASH
    named = split.assign(fold=folds)
    for subset, title in _SUBSETS.items():
        part = named[named["subset"] == subset]
        for fold, inside in part.groupby("fold"):
            name = title if fold in ("", DASH) else f"{title}, held out by fold {fold}"
            members.append((name, sorted(inside["patient"].astype(str).unique())))
    return members


def _resampled(data: pd.DataFrame | None) -> list[tuple[str, ...]]:
    """List the cases whose mask was resampled: how far it was off, and what was left out."""
    if data is None or "mask_stored" not in data:
        return []
    rows = data[(data["mask_stored"] == "resampled") | ~data["mask_outside"].isin(["", "0"])]
    return [
        (
            str(row["case"]),
            *(str(row[f"mask_{name}"]) for name in ("off_mm", "off_voxels", "outside")),
        )
        for _, row in rows.iterrows()
    ]


def _excluded(excluded: Mapping[str, str] | Sequence[str]) -> list[tuple[str, str]]:
    if isinstance(excluded, Mapping):
        return [(str(case), str(reason)) for case, reason in excluded.items()]
    return [(str(case), "excluded in the settings") for case in excluded]
