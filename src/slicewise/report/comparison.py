"""The page that sets experiments side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from slicewise.evaluation.comparison import (
    Repeats,
    Tables,
    comparable,
    fewest,
    grouped,
    headline_rows,
    is_told_apart,
    over_seeds,
    subset_of,
)
from slicewise.evaluation.detection import has_label, together
from slicewise.evaluation.statistics import summarise
from slicewise.metrics.table import shown_in
from slicewise.report.changed import EXPERIMENTS, Changed
from slicewise.report.curves import curves
from slicewise.report.dots import DotRow, dice_by_patient, difference_plot, dot_plot, dot_row
from slicewise.report.formats import Themed, themed
from slicewise.report.render import overall_label, render, statistics_of
from slicewise.report.undrawn import Undrawn
from slicewise.report.verdicts import verdicts
from slicewise.report.words import convention, untrained

PAIRS_DRAWN = 15
"""Differences in the figure: with six experiments all."""


def comparison_report(
    *,
    dataset: str,
    rows: Mapping[str, Mapping[str, Any]],
    metrics: Tables,
    table: pd.DataFrame,
    histories: Mapping[str, Mapping[str, pd.DataFrame]],
    links: Mapping[str, str],
    provenance: Mapping[str, str],
    repeats: Repeats | None = None,
    parameters: Mapping[str, int] | None = None,
    costs: Mapping[str, Mapping[str, float | None]] | None = None,
    scored_runs: int | None = None,
    changed: Sequence[Changed | Undrawn] = (),
) -> str:
    """Write the page that sets all experiments of a data set side by side.

    Parameters
    ----------
    dataset : str
        Its name.
    rows : mapping of str to mapping
        By training, its summary (see `experiment_report`). The first one is
        the reference that the others are compared with, patient by patient.
    metrics : mapping of str to pandas.DataFrame
        By training, its table of cases and labels.
    table : pandas.DataFrame
        From `comparison.compare`.
    histories : mapping of str to mapping of str to pandas.DataFrame
        By training, the epochs of every fold.
    links : mapping of str to str
        By training, where its report is, relative to this page.
    provenance : mapping of str to str
        Versions, commit and digests.
    repeats : mapping of str to sequence of str, optional
        Of an experiment with several seeds, the names of its trainings.
    parameters : mapping of str to int, optional
        By training, how many parameters its network has.
    costs : mapping of str to mapping, optional
        By training, ``minutes``, ``memory_mb`` (the highest) and
        ``energy_wh``, all folds together; None where unknown.
    scored_runs : int, optional
        How many runs have been scored on this test set so far.
    changed : sequence of Changed or Undrawn
        The patients that differ most, drawn.

    Returns
    -------
    str
        One HTML page.
    """
    subset = subset_of(metrics)
    groups = grouped(metrics, repeats)
    merged = over_seeds(metrics, repeats)
    filled = comparable(merged)
    scored = {name: each[each["subset"] == subset] for name, each in filled.items()}
    asked = {name: each[each["subset"] == subset] for name, each in merged.items()}
    summaries = {
        name: rows[name]
        if len(groups[name]) == 1 and filled[name] is merged[name]
        else summarise(filled[name])
        for name in merged
    }
    judged = _judged(scored)
    entries = [
        _entry(name, summaries[name], scored[name], subset)
        | {"judged": float(judged[name].mean()) if len(judged[name]) else None}
        | together(asked[name])
        | _cost([(costs or {}).get(each, {}) for each in groups[name]])
        | {
            "link": links.get(name),
            "parameters": (parameters or {}).get(name),
            "seeds": _seeds(groups[name], rows, subset, links),
        }
        for name in groups
    ]
    folds = {
        name: {f"{each} {fold}": table for each in group for fold, table in histories[each].items()}
        for name, group in groups.items()
        if all(each in histories for each in group)
    }
    compared = headline_rows(table, subset)
    return render(
        "comparison.html.j2",
        dataset=dataset,
        subset=subset,
        entries=entries,
        best=max((e["judged"] for e in entries if e["judged"] is not None), default=None),
        distances=any(e["nsd"] is not None for e in entries),
        known={name for e in entries for name in ("memory_mb", "energy_wh") if e[name] is not None},
        patients=max((each["patient"].nunique() for each in scored.values()), default=0),
        having=_having(scored),
        untrained=_untrained(asked),
        lacking=any(e["without_label"] for e in entries),
        convention=next(filter(None, map(convention, scored.values())), ""),
        scored_runs=scored_runs,
        figures=_comparison_figures(entries, scored, folds, compared),
        verdicts=verdicts(table, subset),
        needed=fewest(max(len(compared), 1)),
        pairs=[row | {"apart": is_told_apart(row)} for row in compared],
        others=_other_metrics(table, subset),
        validated=verdicts(table, "validation") if subset == "test" else [],
        drawn=PAIRS_DRAWN,
        changed=changed,
        columns=EXPERIMENTS,
        differences=_differences(scored),
        several_labels=any(each["label"].nunique() > 1 for each in scored.values()),
        several_seeds=any(len(group) > 1 for group in groups.values()),
        provenance=provenance,
    )


def _having(scored: Tables) -> int:
    """Count the patients who have a label, or who are scored as if they had."""
    rows = pd.concat(list(scored.values()))
    return int(rows.loc[has_label(rows) | rows["dice"].notna(), "patient"].nunique())


def _untrained(scored: Tables) -> list[str]:
    """Say which experiments have empty scores, as they were trained without a label."""
    said = {name: untrained(rows) for name, rows in scored.items()}
    return [f"{name}: {sentence}" for name, sentences in said.items() for sentence in sentences]


def _judged(scored: Tables) -> dict[str, pd.Series]:
    """Return the Dice by patient that experiments are compared by: of labels that are there.

    Finding nothing makes no experiment the best, whatever the means count.
    """
    return {name: dice_by_patient(each[has_label(each)]) for name, each in scored.items()}


def _entry(
    name: str, summary: Mapping[str, Any], scored: pd.DataFrame, subset: str
) -> dict[str, Any]:
    dice = dice_by_patient(scored)
    statistics = statistics_of(summary, subset, overall_label(summary, subset), "dice")
    validation = statistics_of(summary, "validation", overall_label(summary, "validation"), "dice")
    hd95 = statistics_of(summary, subset, overall_label(summary, subset), "hd95_mm")
    return {
        **statistics,
        "nsd": statistics_of(summary, subset, overall_label(summary, subset), "nsd")["mean"],
        "hd95": hd95["mean"],
        "hd95_patients": hd95["n"],
        "name": name,
        "worst": float(dice.min()) if len(dice) else None,
        "worst_patient": str(dice.idxmin()) if len(dice) else "",
        "patients": len(dice),
        "validation": validation["mean"],
    }


def _cost(costs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the cost of one training: the mean over seeds, and the highest memory."""
    found: dict[str, float | None] = {}
    for name in ("minutes", "memory_mb", "energy_wh"):
        known = [value for cost in costs if (value := cost.get(name)) is not None]
        whole = len(known) == len(costs)
        found[name] = (
            (max(known) if name == "memory_mb" else sum(known) / len(known)) if whole else None
        )
    return found


def _seeds(
    trainings: Sequence[str],
    rows: Mapping[str, Mapping[str, Any]],
    subset: str,
    links: Mapping[str, str],
) -> dict[str, Any] | None:
    if len(trainings) == 1:
        return None
    means = [
        statistics_of(rows[name], subset, overall_label(rows[name], subset), "dice")["mean"]
        for name in trainings
    ]
    return {
        "runs": [
            {"name": name, "mean": mean, "link": links.get(name)}
            for name, mean in zip(trainings, means, strict=True)
        ],
        "sd": float(pd.Series(means, dtype=float).std(ddof=1)),
    }


def _comparison_figures(
    entries: list[dict[str, Any]],
    scored: Tables,
    folds: Mapping[str, Mapping[str, pd.DataFrame]],
    compared: Sequence[Mapping[str, Any]],
) -> dict[str, Themed | Undrawn]:
    rows = [dot_row(e["name"], dice_by_patient(scored[e["name"]]), e) for e in entries]
    means = {name: _mean_history(each) for name, each in folds.items() if each}
    dice = _judged(scored)
    pairs = [
        DotRow(
            f"{row['second']} − {row['first']}",
            dice[row["second"]] - dice[row["first"]],
            row["difference"],
            row["ci_low"],
            row["ci_high"],
        )
        for row in compared
        if row["label"] == "mean"
    ][:PAIRS_DRAWN]
    shown: dict[str, Themed | Undrawn] = {"dice": {}, "differences": {}}
    shown["dots"] = themed("The dots of the patients", partial(dot_plot, rows))
    if pairs:
        shown["differences"] = themed(
            "The differences of the patients", partial(difference_plot, pairs)
        )
    if means:
        shown["dice"] = themed(
            "The curves of the dice",
            lambda theme: curves(means, panels=["dice"], theme=theme),
        )
    return shown


def _mean_history(folds: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(folds.values()).groupby("epoch").mean(numeric_only=True).reset_index()


def _other_metrics(table: pd.DataFrame, subset: str) -> list[dict[str, Any]]:
    """List the comparisons of the other metrics, mean over labels."""
    return [
        row | {"title": metric.comparison_heading, "digits": metric.digits}
        for metric in shown_in("comparison")
        if metric.name != "dice"
        for row in headline_rows(table, subset, metric.name)
        if row["label"] == "mean"
    ]


def _differences(scored: Tables) -> dict[str, Any] | None:
    """Pair the patients of every experiment with those of the first one."""
    table = pd.DataFrame({name: dice_by_patient(part) for name, part in scored.items()})
    if table.empty:
        return None
    reference, *others = table.columns
    table = table.loc[table.min(axis=1).sort_values(kind="stable").index]
    change = table[others].sub(table[reference], axis=0)
    return {
        "reference": reference,
        "names": list(table.columns),
        "others": others,
        "rows": [
            {
                "patient": str(patient),
                "dice": list(table.loc[patient]),
                "change": list(change.loc[patient]),
            }
            for patient in table.index
        ],
        "means": [
            {
                "name": name,
                "mean": change[name].mean(),
                "better": int((change[name] > 0).sum()),
                "worse": int((change[name] < 0).sum()),
                "n": int(change[name].count()),
            }
            for name in others
        ],
    }
