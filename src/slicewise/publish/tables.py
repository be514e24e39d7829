"""The scores of experiments as tables: for the text, and as CSV behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.evaluation.comparison import headline_rows
from slicewise.evaluation.statistics import by_patient, headline_subset
from slicewise.metrics.table import METRICS, metric, names
from slicewise.publish import measuring
from slicewise.publish.gathered import Gathered
from slicewise.publish.prose import Said, Section, Table
from slicewise.report.render import number
from slicewise.wording import INTERVAL_OF, plural

DECISIVE = ("mean", "median", "sd", "ci_low", "ci_high", "n")
LOWEST = 5
"""Patients of each experiment that the table of failures has."""
SHOWN = ("dice", "nsd", "hd95_mm", "volume_error_ml")


def results(every: Sequence[Gathered]) -> pd.DataFrame:
    """Return a row for each experiment, label and metric, with its interval.

    Returns
    -------
    DataFrame
        Columns experiment, seeds (over which patients have the mean), patients, label, metric,
        mean, median, sd, ci_low, ci_high, n. Of a label that some lack or that was missed, the
        metrics sensitivity, specificity and false_ml, too, and of lesions lesion_sensitivity, of so
        many lesions, and false_lesions.
    """
    rows = []
    for one in every:
        subset = headline_subset(one.result.metrics)
        whom = measuring.kind_of_patient(one, subset).removesuffix(" patient")
        # what is counted has no mean over trainings
        found = {} if one.over_seeds else measuring.detected(one)
        what = {"experiment": one.name, "seeds": _seeds(one), "patients": whom}
        for label, numbers in (one.over_seeds or one.result.summary)[subset].items():
            every_number = {name: numbers.get(name) for name in names("means")}
            if label in found:
                every_number |= _counts(found[label])
            for name in _known(one, every_number):
                described = every_number[name]
                if described is not None and described["n"]:
                    values = {key: described.get(key) for key in DECISIVE}
                    rows.append({**what, "label": label, "metric": name, **values})
    head = ["experiment", "seeds", "patients", "label", "metric", *DECISIVE]
    return pd.DataFrame(rows, columns=head)


def _seeds(one: Gathered) -> str:
    """Name the seeds of what scores are of; an ensemble has those of its members."""
    if one.members:
        return ""
    return ", ".join(map(str, one.seeds if one.over_seeds else [one.seed]))


def _counts(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return in whom a label was found as numbers beside the means, by the names of MLflow."""
    counts: dict[str, Mapping[str, Any]] = {
        "sensitivity": _as_mean(found["sensitivity"]),
        "specificity": _as_mean(found["specificity"]),
        "false_ml": found["false_ml"],
    }
    lesions = found["lesions"]
    if lesions is not None:
        counts["lesion_sensitivity"] = _as_mean(lesions["sensitivity"])
        counts["false_lesions"] = lesions["false_per_scan"]
    return counts


def _as_mean(share: Mapping[str, Any]) -> dict[str, Any]:
    """Return a share under the names of a mean, of which it is one."""
    return {**share, "mean": share["value"]}


def _known(one: Gathered, columns: Iterable[str]) -> list[str]:
    """Return the columns that mean something: none in mm or ml where voxels have no size."""
    return [
        name
        for name in columns
        if one.is_measured or not (name.endswith(("_mm", "_ml")) or name == "nsd")
    ]


def patients(every: Sequence[Gathered]) -> pd.DataFrame:
    """Return the scores of every case and label of all experiments."""
    tables = [one.result.metrics.assign(experiment=one.name) for one in every]
    joined = pd.concat(tables, ignore_index=True)
    unknown = {each.name for each in METRICS} - set(_known(every[0], [m.name for m in METRICS]))
    joined = joined.drop(columns=list(unknown & set(joined)))
    first = ["experiment", "case", "patient", "subset", "fold", "label"]
    others = [name for name in joined if name not in first]
    return joined[[*first, *others]].dropna(axis="columns", how="all")


def section(
    every: Sequence[Gathered],
    told: pd.DataFrame,
    compared: pd.DataFrame | None,
    verdicts: Sequence[str],
) -> Section:
    """Return the results for the text: the main scores, and what comparisons come to.

    Parameters
    ----------
    every : sequence of Gathered
    told : DataFrame
        As of `results`.
    compared : DataFrame or None
        As of `slicewise.evaluation.comparison.compare`; None of one experiment.
    verdicts : sequence of str
        What the comparisons come to, in sentences.
    """
    shown = [name for name in SHOWN if name in set(told["metric"])]
    head = ["Experiment", "Label", "Patients", *(metric(name).heading() for name in shown)]
    rows = []
    told = told[told["metric"].isin(shown)]
    if told["label"].nunique() == 2:  # the mean over one label is that label
        told = told[told["label"] != "mean"]
    for (experiment, label), each in told.groupby(["experiment", "label"], sort=False):
        by_metric = each.set_index("metric").to_dict("index")
        most = max(int(by_metric[name]["n"]) for name in shown if name in by_metric)
        cells = [_cell(by_metric.get(name), metric(name).digits, most) for name in shown]
        rows.append([str(experiment), str(label), str(most), *cells])
    caption = f"Mean over {_of_whom(every)}{_with_interval(every)}{measuring.of_seeds(every)}."
    tables = [Table(caption, head, rows), *_detection(every), *_lesions(every)]
    if compared is not None:
        subset = headline_subset(every[0].result.metrics)
        tables.append(_differences(compared, subset, measuring.of_seeds(every)))
    told_of_groups = groups(every)
    if len(told_of_groups):
        called = {one.name: one.called for one in every}
        tables += _by_group(
            told_of_groups.assign(experiment=told_of_groups["experiment"].map(called))
        )
    return Section("Results", [Said(f"{each}.") for each in verdicts], tables)


def _detection(every: Sequence[Gathered]) -> list[Table]:
    """Return in whom labels were found, and in whom wrongly; nothing where that is all and none."""
    # the same for all, as they are of one data set
    is_measured = every[0].is_measured
    rows = [
        [
            one.called,
            label,
            f"{found['found']} of {found['with_label']}",
            _share(found["sensitivity"]),
            f"{found['wrongly_found']} of {found['without_label']}",
            _share(found["specificity"]),
            *([_cell(found["false_ml"], 1)] if is_measured else []),
        ]
        for one in every
        for label, found in measuring.detected(one).items()
    ]
    if not rows:
        return []
    head = ["Experiment", "Label", "Found in", "Sensitivity", "Wrongly found in", "Specificity"]
    volume = ["False volume, ml"] if is_measured else []
    caption = (
        "In how many of those who have a label it was found, and in how many of those who do not, "
        "with 95 % intervals in brackets."
    )
    return [Table(caption, [*head, *volume], rows)]


def _lesions(every: Sequence[Gathered]) -> list[Table]:
    """Return how many lesions were found; nothing where none are counted."""
    rows = [
        [
            one.called,
            label,
            f"{lesions['found']} of {lesions['lesions']}",
            _share(lesions["sensitivity"]),
            str(lesions["false"]),
            _cell(lesions["false_per_scan"], 1),
        ]
        for one in every
        for label, found in measuring.detected(one).items()
        if (lesions := found["lesions"]) is not None
    ]
    head = ["Experiment", "Label", "Found", "Sensitivity", "False", "False per scan"]
    caption = "Lesions one by one, with 95 % intervals over patients in brackets."
    return [Table(caption, head, rows)] if rows else []


def _share(share: Mapping[str, Any]) -> str:
    """Write a share with its interval, which is one of a single patient, too."""
    value = number(share["value"], 3)
    if share["ci_low"] is None:
        return value
    return f"{value} [{number(share['ci_low'], 3)}, {number(share['ci_high'], 3)}]"


def groups(every: Sequence[Gathered]) -> pd.DataFrame:
    """Return the scores of all groups of all experiments, a row a group, label and metric."""
    tables = [one.groups.assign(experiment=one.name) for one in every if len(one.groups)]
    if not tables:
        return pd.DataFrame()
    joined = pd.concat(tables, ignore_index=True)
    return joined[["experiment", *(name for name in joined if name != "experiment")]]


def _by_group(told: pd.DataFrame) -> list[Table]:
    """Return a table of Dice for each column that scores are broken down by."""
    dice = told[(told["metric"] == "dice") & (told["label"] == "mean")]
    made = []
    for column, rows in dice.groupby("column", sort=False):
        cells = [
            [row["experiment"], row["group"], f"{row['n']:.0f}", _cell(row, 3)]
            for row in rows.to_dict("records")
        ]
        head = ["Experiment", str(column), "Patients", "Dice"]
        caption = f"Mean Dice over labels by {column}, with its 95 % interval in brackets."
        made.append(Table(caption, head, cells))
    return made


def failures(every: Sequence[Gathered]) -> Section:
    """Return what is wrong in predictions, by their scores, and the patients of lowest Dice."""
    rows = []
    said = []
    for one in every:
        of = f"{one.called}: " if len(every) > 1 else ""
        said += [Said(f"{of}{each.text}") for each in measuring.faults(one)]
        lowest = by_patient(one.scored, "dice").dropna().nsmallest(LOWEST)
        rows += [[one.called, str(name), number(value, 3)] for name, value in lowest.items()]
    head = ["Experiment", "Patient", "Dice"]
    return Section("Failures", said, [Table("The patients of lowest Dice.", head, rows)])


def _with_interval(every: Sequence[Gathered]) -> str:
    is_given = every[0].scored["patient"].nunique() >= INTERVAL_OF
    return ", with its 95 % interval in brackets" if is_given else ""


def _of_whom(every: Sequence[Gathered]) -> str:
    count = every[0].scored["patient"].nunique()
    whom = plural(count, measuring.kind_of_patient(every[0]))
    is_test = headline_subset(every[0].result.metrics) == "test"
    return whom if is_test else f"{whom}, not test patients"


def _cell(described: Mapping[str, Any] | None, digits: int, most: int = 0) -> str:
    """Write a mean with its interval, and of how many it is where `most` are more."""
    if described is None:
        return "–"
    mean = number(described["mean"], digits)
    fewer = f" ({described['n']:.0f} of {most})" if described["n"] < most else ""
    # of two patients the interval is the two values, and no interval
    if described["n"] < INTERVAL_OF or pd.isna(described["ci_low"]):
        return f"{mean}{fewer}"
    low, high = (number(described[end], digits) for end in ("ci_low", "ci_high"))
    return f"{mean} [{low}, {high}]{fewer}"


def _probability(value: float | None) -> str:
    return "< 0.001" if value is not None and value < 0.001 else number(value, 3)


def _differences(compared: pd.DataFrame, subset: str, of_seeds: str = "") -> Table:
    """Return the differences in Dice of each two experiments, with corrected p-values."""
    rows = [
        [
            f"{row['second']} − {row['first']}",
            str(row["label"]),
            str(int(row["n"])),
            _cell({**row, "mean": row["difference"]}, 3),
            _probability(row["p"]),
            _probability(row["p_holm"]),
        ]
        for row in headline_rows(compared, subset)
    ]
    head = ["Difference", "Label", "Patients", "Dice", "p", "p, corrected"]
    caption = f"Paired differences in Dice, with p-values corrected by Holm's method{of_seeds}."
    return Table(caption, head, rows)
