"""The page that sets experiments side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from slicewise.evaluation import figures
from slicewise.evaluation.render import overall_label, render, statistics_of


def comparison_report(
    *,
    dataset: str,
    rows: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, pd.DataFrame],
    histories: Mapping[str, Mapping[str, pd.DataFrame]],
    links: Mapping[str, str],
    provenance: Mapping[str, str],
    parameters: Mapping[str, int] | None = None,
) -> str:
    """Write the page that sets all experiments of a data set side by side.

    Parameters
    ----------
    dataset : str
        Its name.
    rows : mapping of str to mapping
        By experiment, its summary (see `experiment_report`). The first one is
        the reference that the others are compared with, patient by patient.
    metrics : mapping of str to pandas.DataFrame
        By experiment, its table of cases and labels.
    histories : mapping of str to mapping of str to pandas.DataFrame
        By experiment, the epochs of every fold.
    links : mapping of str to str
        By experiment, where its report is, relative to this page.
    provenance : mapping of str to str
        Versions, commit and digests.
    parameters : mapping of str to int, optional
        By experiment, how many parameters its network has.

    Returns
    -------
    str
        One HTML page.
    """
    tested = any((table["subset"] == "test").any() for table in metrics.values())
    subset = "test" if tested else "validation"
    scored = {name: _scored(metrics.get(name), subset) for name in rows}
    entries = [
        _entry(name, summary, scored[name], subset)
        | {
            "link": links.get(name),
            "minutes": _minutes(histories.get(name, {}).values()),
            "parameters": (parameters or {}).get(name),
        }
        for name, summary in rows.items()
    ]
    best = max((e["mean"] for e in entries if e["mean"] is not None), default=None)
    return render(
        "comparison.html.j2",
        dataset=dataset,
        subset=subset,
        entries=entries,
        best=best,
        distances=any(e["nsd"] is not None for e in entries),
        figures=_comparison_figures(entries, scored, histories),
        differences=_differences(scored),
        same_patients=len({frozenset(part["patient"]) for part in scored.values()}) == 1,
        several_labels=any(table["label"].nunique() > 1 for table in scored.values()),
        provenance=provenance,
    )


def _scored(metrics: pd.DataFrame | None, subset: str) -> pd.DataFrame:
    if metrics is None:
        return pd.DataFrame({"case": [], "patient": [], "subset": [], "label": [], "dice": []})
    return metrics[metrics["subset"] == subset]


def _entry(
    name: str, summary: Mapping[str, Any], scored: pd.DataFrame, subset: str
) -> dict[str, Any]:
    dice = figures.by_patient(scored)
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


def _minutes(histories: Any) -> float | None:
    """Return the minutes of training, over all folds.

    The median time from epoch to epoch times the number of epochs, because the
    plain difference would count the night between an interruption and the
    resumption.
    """
    total = 0.0
    for history in histories:
        steps = _seconds(history).diff().dropna() if "timestamp" in history else pd.Series()
        if steps.empty:
            return None
        total += float(steps.median()) * len(history)
    return total / 60 if total else None


def _seconds(history: pd.DataFrame) -> pd.Series:
    stamps = history["timestamp"]
    if pd.api.types.is_numeric_dtype(stamps):
        # MLflow counts milliseconds; no training took place in the year 5000.
        return stamps / 1000 if stamps.max() > 1e11 else stamps
    return pd.to_datetime(stamps, utc=True).map(lambda moment: moment.timestamp())


def _comparison_figures(
    entries: list[dict[str, Any]],
    scored: Mapping[str, pd.DataFrame],
    histories: Mapping[str, Mapping[str, pd.DataFrame]],
) -> dict[str, dict[str, bytes]]:
    rows = [figures.dot_row(e["name"], figures.by_patient(scored[e["name"]]), e) for e in entries]
    means = {name: _mean_history(folds) for name, folds in histories.items() if folds}
    themes: tuple[figures.Theme, ...] = ("light", "dark")
    drawn: dict[str, dict[str, bytes]] = {"dots": {}, "dice": {}}
    for theme in themes:
        drawn["dots"][theme] = figures.svg(figures.dot_plot(rows, theme=theme))
        if means:
            curve = figures.curves(means, panels=["dice"], theme=theme)
            drawn["dice"][theme] = figures.svg(curve)
    return drawn


def _mean_history(folds: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(folds.values()).groupby("epoch").mean(numeric_only=True).reset_index()


def _differences(scored: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """Pair the patients of every experiment with those of the first one."""
    table = pd.DataFrame({name: figures.by_patient(part) for name, part in scored.items()})
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
