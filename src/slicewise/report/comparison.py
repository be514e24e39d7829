"""The page that sets experiments side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
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
    why_not,
)
from slicewise.evaluation.detection import has_label, is_unknown, together
from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.statistics import summarise
from slicewise.metrics.table import Metric, shown_in
from slicewise.report.changed import EXPERIMENTS, Changed
from slicewise.report.curves import curves
from slicewise.report.dots import DotRow, dice_by_patient, difference_plot, dot_plot, dot_row
from slicewise.report.formats import Themed, themed
from slicewise.report.groups import comparison_groups
from slicewise.report.render import overall_label, render, statistics_of
from slicewise.report.tables import called, is_crossed
from slicewise.report.undrawn import Undrawn
from slicewise.report.verdicts import verdicts
from slicewise.report.words import convention, drawn_in_part, untrained
from slicewise.wording import INTERVAL_OF

PAIRS_DRAWN = 15
"""Differences in the figure: with six experiments all."""
OTHERS = [each for each in shown_in("comparison") if each.name != "dice"]
"""Metrics that experiments are compared by beside the Dice."""


@dataclass(frozen=True)
class ComparedExperiments:
    """What the page sets side by side.

    Attributes
    ----------
    dataset : str
        Its name.
    rows : mapping of str to mapping
        By training, its summary (see `ReportedExperiment`). The first one is
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
    parameters : mapping of str to int
        By training, how many parameters its network has.
    costs : mapping of str to mapping
        By training, ``minutes``, ``memory_mb`` (the highest) and
        ``energy_wh``, all folds together; None where unknown.
    scored_runs : int, optional
        How many runs have been scored on this test set so far.
    changed : sequence of Changed or Undrawn
        The patients that differ most, drawn.
    groupings : sequence of Grouping
        By what the scores are broken down.
    unsized : collection of str
        Cases whose voxels have a size that nobody knows.
    swept : mapping of str to int
        Of experiments whose settings a sweep chose, of how many combinations.
    page : str
        The page's file, as Snakemake calls it; empty where Snakemake does not make it.
    """

    dataset: str
    rows: Mapping[str, Mapping[str, Any]]
    metrics: Tables
    table: pd.DataFrame
    histories: Mapping[str, Mapping[str, pd.DataFrame]]
    links: Mapping[str, str]
    provenance: Mapping[str, str]
    repeats: Repeats | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    scored_runs: int | None = None
    changed: Sequence[Changed | Undrawn] = ()
    groupings: Sequence[Grouping] = ()
    unsized: Collection[str] = ()
    swept: Mapping[str, int] = field(default_factory=dict)
    page: str = ""

    @cached_property
    def subset(self) -> str:
        """The subset that the page is about."""
        return subset_of(self.metrics)

    @cached_property
    def crossed(self) -> bool:
        """Whether folds held out the patients that are not tested, in all experiments."""
        return all(map(is_crossed, self.metrics.values()))

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """The trainings of each experiment: its seeds, where it has several."""
        return grouped(self.metrics, self.repeats)

    @cached_property
    def merged(self) -> dict[str, pd.DataFrame]:
        """By experiment, its table, the mean over its seeds."""
        return over_seeds(self.metrics, self.repeats)

    @cached_property
    def filled(self) -> dict[str, pd.DataFrame]:
        """The same with a Dice of 0 where an experiment left it empty and another did not."""
        return comparable(self.merged)

    @cached_property
    def asked(self) -> dict[str, pd.DataFrame]:
        """Of the subset, the rows as they were scored."""
        return self._shown(self.merged)

    @cached_property
    def scored(self) -> dict[str, pd.DataFrame]:
        """Of the subset, the rows that can be compared."""
        return self._shown(self.filled)

    @cached_property
    def judged(self) -> dict[str, pd.Series]:
        """Dice by patient that experiments are compared by: of labels that are there.

        Finding nothing makes no experiment the best, whatever the means count.
        """
        return {name: dice_by_patient(each[has_label(each)]) for name, each in self.scored.items()}

    @cached_property
    def not_validated(self) -> str:
        """Why no Dice of validation patients stands beside another; empty where it may."""
        validated = {
            name: each[each["subset"] == "validation"] for name, each in self.metrics.items()
        }
        return why_not(validated, "validation") or ""

    @cached_property
    def tolerances(self) -> list[float]:
        """The tolerances of the surface Dice, in mm: with several it is left out."""
        every = (each.get("tolerance_mm", pd.Series(dtype=float)) for each in self.metrics.values())
        return sorted(pd.concat(list(every)).dropna().unique())

    @property
    def differences(self) -> list[DotRow]:
        """Differences in Dice by patient, with mean and interval, of the first few pairs."""
        dice = self.judged
        return [
            DotRow(
                f"{row['second']} − {row['first']}",
                dice[row["second"]] - dice[row["first"]],
                row["difference"],
                row["ci_low"] if row["n"] >= INTERVAL_OF else None,
                row["ci_high"] if row["n"] >= INTERVAL_OF else None,
            )
            for row in headline_rows(self.table, self.subset)
            if row["label"] == "mean"
        ][:PAIRS_DRAWN]

    def _shown(self, tables: Tables) -> dict[str, pd.DataFrame]:
        return {name: each[each["subset"] == self.subset] for name, each in tables.items()}

    def summary(self, name: str) -> Mapping[str, Any]:
        """Return the summary of an experiment, anew where its table is not that of a training."""
        if len(self.groups[name]) == 1 and self.filled[name] is self.merged[name]:
            return self.rows[name]
        return summarise(self.filled[name])


def comparison_report(shown: ComparedExperiments) -> str:
    """Write the page that sets all experiments of a data set side by side.

    Parameters
    ----------
    shown : ComparedExperiments
        What it shows.

    Returns
    -------
    str
        One HTML page.
    """
    entries = [_entry(shown, name) for name in shown.groups]
    means = _means_shown(shown, entries)
    compared = headline_rows(shown.table, shown.subset)
    who = called(shown.subset, shown.crossed)
    held_out = called("validation", shown.crossed)
    first = next(iter(shown.metrics.values()))
    said = verdicts(shown.table, shown.subset, who, shown.swept)
    return render(
        "comparison.html.j2",
        dataset=shown.dataset,
        page=shown.page,
        subset=shown.subset,
        who=who,
        held_out=held_out,
        partial=drawn_in_part(first[first["subset"] == shown.subset]),
        entries=entries,
        best=max((e["judged"] for e in entries if e["judged"] is not None), default=None),
        means=means,
        distances=any(each.needs_neighbours for each in means),
        rising=[each.title for each in OTHERS if each.higher_is_better],
        known={name for e in entries for name in ("memory_mb", "energy_wh") if e[name] is not None},
        patients=max((each["patient"].nunique() for each in shown.scored.values()), default=0),
        having=_having(shown.scored),
        unknown=bool(is_unknown(first[first["subset"] == shown.subset]).any()),
        untrained=_untrained(shown.asked),
        lacking=any(e["without_label"] for e in entries),
        convention=next(filter(None, map(convention, shown.scored.values())), ""),
        scored_runs=shown.scored_runs,
        figures=_comparison_figures(shown, entries),
        verdicts=said,
        seeds_told=any("seeds alone" in sentence for sentence in said),
        few=INTERVAL_OF,
        needed=fewest(max(len(compared), 1)),
        pairs=[row | {"apart": is_told_apart(row)} for row in compared],
        others=_other_metrics(shown.table, shown.subset),
        **_left_out(shown),
        **_choosing(shown, held_out),
        drawn=PAIRS_DRAWN,
        changed=shown.changed,
        columns=EXPERIMENTS,
        differences=_differences(shown.scored),
        groups=comparison_groups(shown.scored, shown.groupings),
        several_labels=any(each["label"].nunique() > 1 for each in shown.scored.values()),
        several_seeds=any(len(group) > 1 for group in shown.groups.values()),
        folds=max((len(folds) for folds in shown.histories.values()), default=1),
        provenance=shown.provenance,
    )


def _choosing(shown: ComparedExperiments, who: str) -> dict[str, Any]:
    """Return what validation patients say, by which to choose, and whom a sweep chose by them."""
    said = verdicts(shown.table, "validation", who, shown.swept) if shown.subset == "test" else []
    return {"validated": said, "swept": shown.swept}


def _left_out(shown: ComparedExperiments) -> dict[str, Any]:
    """Return what says why a column is left out, or means nothing in some cases."""
    cases = {case for each in shown.asked.values() for case in each["case"]}
    return {
        "tolerances": shown.tolerances,
        "not_validated": shown.not_validated,
        "unsized": len(cases & {*shown.unsized}),
        "scored_cases": len(cases),
    }


def _having(scored: Tables) -> int:
    """Count the patients who have a label, or who are scored as if they had."""
    rows = pd.concat(list(scored.values()))
    return int(rows.loc[has_label(rows) | rows["dice"].notna(), "patient"].nunique())


def _untrained(scored: Tables) -> list[str]:
    """Say which experiments have empty scores, as they were trained without a label."""
    said = {name: untrained(rows) for name, rows in scored.items()}
    return [f"{name}: {sentence}" for name, sentences in said.items() for sentence in sentences]


def _entry(shown: ComparedExperiments, name: str) -> dict[str, Any]:
    """Describe an experiment: its scores, in whom labels were found, and what it took."""
    summary = shown.summary(name)
    dice = dice_by_patient(shown.scored[name])
    judged = shown.judged[name]
    label = overall_label(summary, shown.subset)
    validation = statistics_of(summary, "validation", overall_label(summary, "validation"), "dice")
    return {
        **statistics_of(summary, shown.subset, label, "dice"),
        "means": {
            metric.name: statistics_of(summary, shown.subset, label, metric.name)
            for metric in shown_in("experiments")
        },
        "name": name,
        "worst": float(dice.min()) if len(dice) else None,
        "worst_patient": str(dice.idxmin()) if len(dice) else "",
        "patients": len(dice),
        "validation": validation["mean"],
        "judged": float(judged.mean()) if len(judged) else None,
        **_found(shown, name),
        **_cost([shown.costs.get(each, {}) for each in shown.groups[name]]),
        "link": shown.links.get(name),
        "parameters": shown.parameters.get(name),
        "seeds": _seeds(shown, name),
    }


def _found(shown: ComparedExperiments, name: str) -> dict[str, float]:
    """Count in whom labels were found: the mean over seeds, as by any of them more are found."""
    tables = [shown.metrics[training] for training in shown.groups[name]]
    counted = [together(each[each["subset"] == shown.subset]) for each in tables]
    return {key: sum(counts[key] for counts in counted) / len(counted) for key in counted[0]}


def _means_shown(shown: ComparedExperiments, entries: Sequence[Mapping[str, Any]]) -> list[Metric]:
    """Return whose means the table of experiments has, distances only where there are any.

    A surface Dice is of its tolerance, so that others say nothing beside it.
    """
    neighbours = any(
        entry["means"][metric.name]["mean"] is not None
        for entry in entries
        for metric in shown_in("experiments")
        if metric.needs_neighbours
    )
    return [
        each
        for each in shown_in("experiments")
        if (neighbours or not each.needs_neighbours)
        and (each.name != "nsd" or len(shown.tolerances) < 2)
    ]


def _cost(costs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the cost of one training: the mean over seeds, and the highest memory."""
    together: dict[str, float | None] = {}
    for name in ("minutes", "memory_mb", "energy_wh"):
        every = [cost.get(name) for cost in costs]
        known = [value for value in every if value is not None]
        if len(known) < len(costs):
            together[name] = None
        elif name == "memory_mb":
            together[name] = max(known)
        else:
            together[name] = sum(known) / len(known)
    return together


def _seeds(shown: ComparedExperiments, name: str) -> dict[str, Any] | None:
    """Describe the trainings of an experiment that was repeated; None of a single one."""
    trainings = shown.groups[name]
    if len(trainings) == 1:
        return None
    runs = []
    for each in trainings:
        summary = shown.rows[each]
        label = overall_label(summary, shown.subset)
        mean = statistics_of(summary, shown.subset, label, "dice")["mean"]
        runs.append({"name": each, "mean": mean, "link": shown.links.get(each)})
    means = pd.Series([run["mean"] for run in runs], dtype=float)
    return {"runs": runs, "sd": float(means.std(ddof=1))}


def _comparison_figures(
    shown: ComparedExperiments, entries: Sequence[Mapping[str, Any]]
) -> dict[str, Themed | Undrawn]:
    rows = [dot_row(e["name"], dice_by_patient(shown.scored[e["name"]]), e) for e in entries]
    means = _mean_histories(shown)
    pairs = shown.differences
    figures: dict[str, Themed | Undrawn] = {"dice": {}, "differences": {}}
    figures["dots"] = themed("The dots of the patients", partial(dot_plot, rows))
    if pairs:
        figures["differences"] = themed(
            "The differences of the patients", partial(difference_plot, pairs)
        )
    if means:
        figures["dice"] = themed(
            "The curves of the dice",
            partial(curves, means, panels=["dice"]),
        )
    return figures


def _mean_histories(shown: ComparedExperiments) -> dict[str, pd.DataFrame]:
    """Return the epochs of each experiment that all its folds and seeds have, with their mean."""
    means = {}
    for name, trainings in shown.groups.items():
        if all(each in shown.histories for each in trainings):
            folds = {
                f"{each} {fold}": history
                for each in trainings
                for fold, history in shown.histories[each].items()
            }
            if folds:
                means[name] = _mean_history(folds)
    return means


def _mean_history(folds: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    # what goes on where others ended is no mean of them
    last = min(history["epoch"].max() for history in folds.values())
    means = pd.concat(folds.values()).groupby("epoch").mean(numeric_only=True).reset_index()
    return means[means["epoch"] <= last]


def _other_metrics(table: pd.DataFrame, subset: str) -> list[dict[str, Any]]:
    """List the comparisons of the other metrics, mean over labels."""
    return [
        row | {"title": metric.comparison_heading, "digits": metric.digits}
        for metric in OTHERS
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
