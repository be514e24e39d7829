"""What numbers mean, in plain sentences that are made of nothing but the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from slicewise.evaluation.detection import (
    counts_absent,
    detection,
    has_label,
    is_untrained,
    lacks_label,
)
from slicewise.evaluation.statistics import by_patient
from slicewise.metrics.patients import mean_over_patients
from slicewise.report.render import number, usable
from slicewise.wording import plural

SPECK_ML = 0.05
"""What is smaller has no digit at 0.1 ml."""
NOTABLE_ML = 1.0
"""From this size a piece counts among those that were added or left out."""
ALLOWED = 0.95
"""Below this Dice that the slices allow at all, the page warns of it."""
DETECTED = 4
"""Labels whose detection is put into words; a table has them all."""
OUTLINE = 0.9
"""Below this surface Dice, more than a tenth of the outline needs correction."""


def meaning(scored: pd.DataFrame, subset: str) -> list[str]:
    """Say what the scores of patients mean, for somebody who knows the organ and not the metric.

    Parameters
    ----------
    scored : DataFrame
        The rows of one subset: a row a case and label.
    subset : str
        ``test``, ``validation`` or ``held-out``.

    Returns
    -------
    list of str
        Sentences, the first one the main one; none without patients.
    """
    n = int(scored["patient"].nunique())
    asked = ~is_untrained(scored)
    there = scored[has_label(scored) & asked]
    shares = [by_patient(there, name).dropna() for name in ("recall", "precision")]
    if not n:
        return []
    if all(len(share) for share in shares):
        unscored = bool((has_label(scored) & ~asked).any())
        who = _those_who_have_it(there, subset, n, len(shares[0]), unscored)
        first = [_found(there, who, shares[0], shares[1])]
    elif lacks_label(scored).all():
        first = [_nothing_there(scored, subset, n)]
    elif not len(there):
        who = _patients(n, subset)
        first = [f"There is no Dice of {who}: no training patient had a label that they have."]
    else:
        return []
    return [
        *first,
        *_detected(scored),
        *_volume(there),
        *_outline(there),
        *_pieces(scored[asked]),
    ]


def bound(scored: pd.DataFrame) -> dict[str, Any] | None:
    """Say how good a score the slices allow at all.

    Parameters
    ----------
    scored : DataFrame
        The rows of one subset: a row a case and label, with ``recipe_dice``.

    Returns
    -------
    dict
        ``sentence``, and ``notable``: whether some per cent are lost. None
        where it is not known.
    """
    known = scored[scored["recipe_dice"].notna()] if "recipe_dice" in scored else scored[:0]
    if not len(known):
        return None
    table = known.pivot_table("recipe_dice", ["patient", "case"], "label")
    patients = [str(patient) for patient, _ in table.index]
    most = mean_over_patients(table.to_numpy(float), patients)
    worst = known.loc[known["recipe_dice"].idxmin()]
    sentence = (
        f"The size of the slices allows a mean Dice of {number(most)} at most: so good is the "
        "reference itself once it was cut and brought back"
    )
    if worst["recipe_dice"] >= ALLOWED:
        return {"sentence": f"{sentence}.", "notable": False}
    return {
        "sentence": f"{sentence}; in the worst case ({worst['label']} of {worst['case']}) "
        f"{number(worst['recipe_dice'])}. What is smaller than a pixel of the slices is lost "
        "before the network sees it: larger slices would keep it.",
        "notable": True,
    }


def drawn_in_part(scored: pd.DataFrame) -> str:
    """Say of how many cases a part was not drawn, and what that means for scores; else nothing.

    Parameters
    ----------
    scored : DataFrame
        The rows of one subset: a row a case and label, with ``undrawn_percent``
        where masks have undrawn voxels.
    """
    if "undrawn_percent" not in scored:
        return ""
    cases = scored.drop_duplicates("case")
    undrawn = cases["undrawn_percent"].astype(float).fillna(0)
    number = int((undrawn > 0).sum())
    if not number:
        return ""
    of_these = undrawn[undrawn > 0].mean()
    return (
        f"The reference of {number} of {plural(len(cases), 'case')} was drawn in part: "
        f"{number_of(of_these)} % of the voxels of such a case, on average, are undrawn and not "
        "looked at. Overlaps and volumes are those within the voxels that were drawn; distances, "
        "whole pieces and lesions are not measured there, as what was not drawn may belong to them."
    )


def number_of(percent: float) -> str:
    """Return a percentage that is neither 0 nor 100 as neither of these.

    Examples
    --------
    >>> number_of(97.26), number_of(99.99), number_of(0.001)
    ('97', 'more than 99', 'less than 1')
    """
    if percent > 99:
        return "more than 99"
    return "less than 1" if percent < 1 else f"{percent:.0f}"


def _patients(n: int, subset: str) -> str:
    return plural(n, "new patient" if subset == "test" else f"{subset} patient")


def _those_who_have_it(
    there: pd.DataFrame, subset: str, n: int, scored: int, unscored: bool
) -> str:
    """Say of whom a sentence is: of all patients, or of those who have what was scored."""
    if scored == n:
        return f"In {_patients(n, subset)}"
    labels = [str(label) for label in there["label"].unique()]
    what = labels[0] if len(labels) == 1 else "any of the labels"
    has = "has" if scored == 1 else "have"
    score = " and a score of it" if unscored else ""
    return f"In the {scored} of {_patients(n, subset)} who {has} {what}{score}"


def _found(there: pd.DataFrame, who: str, recall: pd.Series, precision: pd.Series) -> str:
    labels = [str(label) for label in there["label"].unique()]
    if len(labels) == 1:
        organ = f"the reference {labels[0]}"
        predicted = labels[0]
        true = labels[0]
    else:
        organ = "each organ of the reference"
        predicted = "an organ"
        true = "that organ"
    average = ", on average" if len(recall) > 1 or len(labels) > 1 else ""
    right = f"{_share(precision.mean())} of what was predicted as {predicted} is {true} in the"
    right = f"{right} reference{average}"
    if not (there["predicted_ml"] > 0).any():
        right = f"nothing was predicted as {predicted}"
    return f"{who}, {_share(recall.mean())} of {organ} was found, and {right}."


def _nothing_there(scored: pd.DataFrame, subset: str, n: int) -> str:
    labels = [str(label) for label in scored["label"].unique()]
    what = labels[0] if len(labels) == 1 else "any of the labels"
    who = (
        f"None of {_patients(n, subset)} has" if n > 1 else f"The {_patients(1, subset)[2:]} lacks"
    )
    return f"{who} {what}, so that there is no Dice: only false findings can be counted."


def _detected(scored: pd.DataFrame) -> list[str]:
    """Say of labels that some lack, or in whom they were missed, how often they were found."""
    counts = {str(label): detection(rows) for label, rows in scored.groupby("label", sort=False)}
    notable = {label: each for label, each in counts.items() if each["notable"]}
    said = [f"{label}: {each['in_words']}." for label, each in list(notable.items())[:DETECTED]]
    if len(notable) > DETECTED:
        more = plural(len(notable) - DETECTED, "more label is", "more labels are")
        said.append(f"{more} not in everybody, or were not found in somebody: see the table.")
    return said


def convention(scored: pd.DataFrame) -> str:
    """Say that labels which are not there were scored, where they were; else nothing."""
    if not counts_absent(scored):
        return ""
    return (
        "A patient who does not have a label counts in its means: with 1 where none was predicted, "
        "with 0 otherwise, as some challenges have it (evaluation.absent_labels). A model that "
        "predicts nothing gains by that, so these means are not those of the patients who have "
        "the label."
    )


def untrained(scored: pd.DataFrame) -> list[str]:
    """Say which labels have no score, or not of everybody, as models were trained without them."""
    said = []
    for label, rows in scored.groupby("label", sort=False):
        empty = rows[is_untrained(rows)]
        number = empty["patient"].nunique()
        n = rows["patient"].nunique()
        having = empty.loc[has_label(empty), "patient"].nunique()
        if not number:
            continue
        why = f"no training patient had {label}"
        where = f"({having} of {number} have it)"
        if number < n:
            why = f"of {number} of {n} patients, no training patient of their model had {label}"
            where = f"there ({having} of the {number} have it)"
        said.append(
            f"{why[0].upper()}{why[1:]}: its scores are empty {where}, neither right nor wrong."
        )
    return said


def _volume(scored: pd.DataFrame) -> list[str]:
    sizes = scored.assign(off=scored["volume_error_percent"].astype(float).abs())
    off = sizes["off"].dropna()
    if not len(off):
        return []
    if len(off) == 1:
        return [f"The volume was off by {_percent(off.iloc[0])}."]
    middle = by_patient(sizes, "off").median()
    most = f"by {_percent(off.max())} at most"
    return [f"The volume was off by {_percent(middle)} (median) and {most}."]


def _outline(scored: pd.DataFrame) -> list[str]:
    shares = by_patient(scored, "nsd").dropna()
    if not len(shares):
        return []
    bad = int((shares < OUTLINE).sum())
    n = len(shares)
    over = f"over {scored['tolerance_mm'].dropna().iloc[0]:g} mm off"
    if n == 1:
        return [f"{'More than' if bad else 'At most'} a tenth of the outline is {over}."]
    if not bad:
        return [f"In none of them is more than a tenth of the outline {over}."]
    return [f"In {bad} of {n}, more than a tenth of the outline is {over}."]


def _pieces(scored: pd.DataFrame) -> list[str]:
    if "largest_gap_ml" not in scored or scored["largest_gap_ml"].isna().all():
        return []
    worst = scored[[f"largest_{kind}_ml" for kind in ("false", "missed", "bulge", "gap")]]
    n = int(scored["patient"].nunique())
    bad = int((worst.max(axis=1).groupby(scored["patient"]).max() >= NOTABLE_ML).sum())
    piece = f"a whole piece of {NOTABLE_ML:g} ml or more"
    if n == 1:
        return [f"{'A' if bad else 'No'} {piece.removeprefix('a ')} was added or left out."]
    if not bad:
        everybody = not lacks_label(scored).any()
        of = "them" if everybody else f"the {n}"
        return [f"In none of {of} was {piece} added or left out."]
    return [f"In {bad} of {n}, {piece} was added or left out."]


def failure_note(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say what went wrong in whole pieces in one case; empty where that was not measured.

    Parameters
    ----------
    rows : iterable of mapping
        The case's rows of the table, one a label.
    """
    given = list(rows)
    known = [row for row in given if usable(row.get("false_islands"))]
    notes = [_note(row) for row in known]
    if len(notes) > 1:
        notes = [f"{row['label']}: {note}" for row, note in zip(known, notes, strict=True)]
    return " ".join([*notes, *map(_not_asked, given)]).strip()


def _not_asked(row: Mapping[str, Any]) -> str:
    if usable(row.get("dice")) or usable(row.get("predicted_ml")) or not row["volume_ml"]:
        return ""
    return (
        f"The {_ml(row['volume_ml'])} of {row['label']} are neither scored nor drawn: the model "
        "was trained without it."
    )


def _note(row: Mapping[str, Any]) -> str:
    label = str(row["label"])
    truth = row["volume_ml"]
    predicted = row["predicted_ml"]
    if not truth and not predicted:
        return f"Rightly predicted no {label}."
    if not predicted:
        return f"Missed the {label} altogether, {_ml(truth)}."
    if not truth:
        return f"Predicted {_ml(predicted)} of {label} where the reference has none."
    said = [*_island(row, label), *_part(row)]
    if row["largest_gap_ml"] >= SPECK_ML:
        said.append(f"left a gap of {_ml(row['largest_gap_ml'])} in what it found")
    if row["largest_bulge_ml"] >= SPECK_ML:
        said.append(f"added a bulge of {_ml(row['largest_bulge_ml'])} to what it found")
    if not said:
        return "Nothing wrong in whole pieces: what differs is the outline."
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _island(row: Mapping[str, Any], label: str) -> list[str]:
    count = int(row["false_islands"])
    largest = row["largest_false_ml"]
    if not count:
        return []
    if largest < SPECK_ML:
        return [f"predicted {plural(count, 'speck')} below 0.1 ml off the {label}"]
    distance = row["largest_false_mm"]
    place = f", {number(distance, 0)} mm from the {label}" if usable(distance) else ""
    return [f"predicted an island of {_ml(largest)}{place}{_more(count, row['false_islands_ml'])}"]


def _part(row: Mapping[str, Any]) -> list[str]:
    count = int(row["missed_parts"])
    largest = row["largest_missed_ml"]
    if not count:
        return []
    if largest < SPECK_ML:
        return [f"missed {plural(count, 'speck')} below 0.1 ml"]
    return [f"missed a part of {_ml(largest)}{_more(count, row['missed_parts_ml'])}"]


def _more(count: int, together: float) -> str:
    if count == 1:
        return ""
    return f", the largest of {count} ({_ml(together)} together)"


def _share(value: float) -> str:
    """Write a share in per cent; only what is complete is 100 %."""
    percent = 100 * value
    if percent <= 99 or value >= 1:
        return f"{percent:.0f} %"
    return f"{min(percent, 99.9):.1f} %"


def _percent(value: float) -> str:
    return f"{number(value, 1 if value < 10 else 0)} %"


def _ml(value: float) -> str:
    return f"{number(value, 1 if value < 100 else 0)} ml"
