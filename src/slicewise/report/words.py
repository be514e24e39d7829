"""What numbers mean, in plain sentences that are made of nothing but the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.evaluation.detection import (
    counts_absent,
    detection,
    has_label,
    is_unknown,
    is_untrained,
    lacks_label,
)
from slicewise.evaluation.statistics import DISTANCES, by_patient
from slicewise.metrics.patients import mean_over_patients
from slicewise.report.faults import FAR_MM, NOTABLE_ML, Fault
from slicewise.report.render import millilitres, number, usable
from slicewise.report.wrong import Seen, wrong
from slicewise.wording import plural

SPECK_ML = 0.05
"""What is smaller has no digit at 0.1 ml."""
ALLOWED = 0.95
"""Below this Dice that the slices allow at all, the page warns of it."""
DETECTED = 4
"""Labels whose detection is put into words; a table has them all."""
SMALLEST_PERCENT = 0.05
"""What is smaller has no digit at 0.1 %."""
FAIR_PERCENT = 20.0
MOSTLY = 0.5
"""A volume that is off by less says nothing of an organ of which less was found."""
OUTLINE = 0.9
"""Below this surface Dice, more than a tenth of the outline needs correction."""


def meaning(scored: pd.DataFrame, subset: str, seen: Seen | None = None) -> list[str]:
    """Say what the scores of patients mean, for somebody who knows the organ and not the metric.

    Parameters
    ----------
    scored : DataFrame
        The rows of one subset: a row a case and label.
    subset : str
        ``test``, ``validation`` or ``held-out``.
    seen : mapping of str to sequence of Fault, optional
        What was seen of cases that were looked at, see `wrong`.

    Returns
    -------
    list of str
        Sentences, the first one the main one, then what is wrong; none without
        patients.
    """
    n = int(scored["patient"].nunique())
    asked = ~is_untrained(scored)
    there = scored[has_label(scored) & asked]
    shares = [by_patient(there, name).dropna() for name in ("recall", "precision")]
    if not n:
        return []
    if all(len(share) for share in shares):
        who = _those_who_have_it(scored, subset, len(shares[0]))
        first = [_found(there, who, shares[0])]
    elif not has_label(scored).any():
        first = [_nothing_there(scored, subset, n)]
    elif not len(there):
        who = _patients(n, subset)
        first = [f"There is no Dice of {who}: no training slice showed a label that they have."]
    else:
        return []
    faults = wrong(scored[asked], seen)
    whole = ~_is_drawn_in_part(scored)
    outlined = there[whole[there.index]]
    surfaces = [
        *_outline(outlined),
        *_pieces(scored[asked & whole], clean=not faults and _within_rims(outlined)),
    ]
    if surfaces and not whole.all():
        number = scored.loc[whole, "patient"].nunique()
        surfaces.insert(0, f"What follows is of the {number} of {n} drawn as a whole.")
    return [*first, *faults, *_detected(scored), *_volume(there), *surfaces]


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
        f"The pixels of the slices allow a mean Dice of {number(most)} at most"
        f"{' of labels that are there' * counts_absent(scored)}: so good is the reference itself "
        "once it was cut and brought back"
    )
    if worst["recipe_dice"] >= ALLOWED:
        return {"sentence": f"{sentence}.", "notable": False}
    return {
        "sentence": f"{sentence}; in the worst case ({worst['label']} of {worst['case']}) "
        f"{number(worst['recipe_dice'])}. What is smaller than a pixel of the slices is lost "
        "before the network sees it: smaller pixels would keep it.",
        "notable": True,
    }


def _is_drawn_in_part(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether a part of its case was not drawn."""
    if "undrawn_percent" not in rows:
        return pd.Series(False, rows.index)
    return rows["undrawn_percent"].astype(float).fillna(0) > 0


def drawn_in_part(scored: pd.DataFrame) -> str:
    """Say of how many cases a part was not drawn, and what that means for scores; else nothing.

    Parameters
    ----------
    scored : DataFrame
        The rows of one subset: a row a case and label, with ``undrawn_percent``
        where masks have undrawn voxels.
    """
    cases = scored.drop_duplicates("case")
    undrawn = cases[_is_drawn_in_part(cases)]
    number = len(undrawn)
    if not number:
        return ""
    of_these = undrawn["undrawn_percent"].astype(float).mean()
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


def _those_who_have_it(rows: pd.DataFrame, subset: str, scored: int) -> str:
    """Say of whom a sentence is: of all patients, or of those who have what was scored."""
    n = int(rows["patient"].nunique())
    if scored == n:
        return f"In {_patients(n, subset)}"
    having = has_label(rows)
    asked = ~is_untrained(rows)
    labels = [str(label) for label in rows.loc[having & asked, "label"].unique()]
    what = labels[0] if len(labels) == 1 else "any of the labels"
    has = "has" if scored == 1 else "have"
    if is_unknown(rows).any():
        has = f"{'is' if scored == 1 else 'are'} known to have"
    score = " and a score of it" if (having & ~asked).any() else ""
    return f"In the {scored} of {_patients(n, subset)} who {has} {what}{score}"


def _found(there: pd.DataFrame, who: str, recall: pd.Series) -> str:
    """Say how much was found, and how much of what was predicted is right.

    The precision of an empty prediction is 0 in tables, though nothing of it is wrong.
    """
    any_of_it = there["predicted_ml"] > 0
    precision = by_patient(there[any_of_it], "precision").dropna()
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
    where = ""
    if not any_of_it.all():
        those = f"in the {len(precision)} of them in whom" if len(labels) == 1 else "where"
        where = f", {those} any was,"
    right = f"{_share(precision.mean())} of what was predicted as {predicted}{where} is {true} in"
    right = f"{right} the reference{average}"
    if not any_of_it.any():
        right = f"nothing was predicted as {predicted}"
    return f"{who}, {_share(recall.mean())} of {organ} was found, and {right}."


def _nothing_there(scored: pd.DataFrame, subset: str, n: int) -> str:
    labels = [str(label) for label in scored["label"].unique()]
    what = labels[0] if len(labels) == 1 else "any of the labels"
    if is_unknown(scored).any():
        one = f"The {_patients(1, subset)[2:]} is not"
        who = f"None of {_patients(n, subset)} is" if n > 1 else one
        return f"{who} known to have {what}, as not all was drawn, so that there is no Dice."
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
    measured = any(scored[name].notna().any() for name in DISTANCES if name in scored)
    distances = " Distances are 0 where none was predicted, and lack otherwise." * measured
    return (
        "A patient who does not have a label counts in its means: with 1 where none was predicted, "
        f"with 0 otherwise, as some challenges have it (evaluation.absent_labels).{distances} A "
        "model that predicts nothing gains by that, so these means are not those of the patients "
        "who have the label."
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
        why = f"no training slice showed {label}"
        where = f"({having} of {number} have it)"
        if number < n:
            why = f"of {number} of {n} patients, no training slice of their model showed {label}"
            where = f"there ({having} of the {number} have it)"
        said.append(
            f"{why[0].upper()}{why[1:]}: its scores are empty {where}, neither right nor wrong."
        )
    return said


def _volume(scored: pd.DataFrame) -> list[str]:
    """Say how far volumes are off, and to which side."""
    sizes = scored.assign(off=scored["volume_error_percent"].astype(float).abs())
    errors = scored["volume_error_percent"].astype(float).dropna()
    if not len(errors):
        return []
    middle = errors.iloc[0] if len(errors) == 1 else by_patient(sizes, "off").median()
    elsewhere = ""
    if abs(middle) < FAIR_PERCENT and by_patient(scored, "recall").median() < MOSTLY:
        elsewhere = ", but most of it lies in the wrong place"
    if len(errors) == 1:
        return [f"The volume was {_off_by(middle)}{elsewhere}."]
    return [f"The volume was off by {_percent(middle)} (median){_sides(errors)}{elsewhere}."]


def _off_by(error: float) -> str:
    if abs(error) < SMALLEST_PERCENT:
        return "right"
    return f"too {'large' if error > 0 else 'small'} by {_percent(abs(error))}"


def _sides(errors: pd.Series) -> str:
    """Say how far off volumes are at most, to either side."""
    said = [
        f"too {side} by {_percent(most)} at most"
        for side, most in (("large", errors.max()), ("small", -errors.min()))
        if most >= SMALLEST_PERCENT
    ]
    return f": {' and '.join(said)}" if said else ""


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


def _within_rims(scored: pd.DataFrame) -> bool:
    """Tell whether surfaces are so near that nothing thin hangs on any organ."""
    far = scored["hd95_mm"].astype(float) if "hd95_mm" in scored else pd.Series(dtype=float)
    near = by_patient(scored, "nsd").dropna()
    return bool(len(near) and not (far > FAR_MM).any() and (near >= OUTLINE).all())


def _pieces(scored: pd.DataFrame, *, clean: bool) -> list[str]:
    """Say in how many whole pieces were added or left out; that none was only where it is sure."""
    if "largest_gap_ml" not in scored or scored["largest_gap_ml"].isna().all():
        return []
    measured = {
        "missing": scored[["largest_missed_ml", "largest_gap_ml"]].max(axis=1),
        "added": scored[["largest_false_ml", "largest_bulge_ml"]].max(axis=1),
    }
    worst = pd.DataFrame(measured).groupby(scored["patient"]).max()
    n = len(worst)
    bad = int((worst.max(axis=1) >= NOTABLE_ML).sum())
    piece = f"a whole piece of {NOTABLE_ML:g} ml or more"
    if bad:
        up_to = "" if n == 1 else "up to "
        most = [
            f"{up_to}{millilitres(ml)} {kind}"
            for kind, ml in worst.max().items()
            if ml >= NOTABLE_ML
        ]
        where = "A" if n == 1 else f"In {bad} of {n}, a"
        return [f"{where}{piece[1:]} was added or left out: {', '.join(most)}."]
    if not clean:
        return []
    apart = "that lies apart or is 10 mm thick"
    if n == 1:
        return [f"No {piece.removeprefix('a ')} {apart} was added or left out."]
    of = "them" if not lacks_label(scored).any() else f"the {n}"
    return [f"In none of {of} was {piece} {apart} added or left out."]


def failure_note(rows: Iterable[Mapping[str, Any]], faults: Sequence[Fault] = ()) -> str:
    """Say what went wrong in one case; empty where that was not measured.

    Parameters
    ----------
    rows : iterable of mapping
        The case's rows of the table, one a label.
    faults : sequence of Fault
        What was seen of it.
    """
    given = list(rows)
    known = [row for row in given if usable(row.get("false_islands"))]
    notes = [_note(row, faults) for row in known]
    if len(notes) > 1:
        notes = [f"{row['label']}: {note}" for row, note in zip(known, notes, strict=True)]
    return " ".join([*notes, *map(_not_asked, given)]).strip()


def _not_asked(row: Mapping[str, Any]) -> str:
    asked = usable(row.get("dice")) or usable(row.get("predicted_ml"))
    if asked or not usable(row["volume_ml"]) or not row["volume_ml"]:
        return ""
    return (
        f"The {millilitres(row['volume_ml'])} of {row['label']} are neither scored nor drawn: the "
        "model was trained without it."
    )


def _note(row: Mapping[str, Any], faults: Sequence[Fault]) -> str:
    label = str(row["label"])
    truth = row["volume_ml"]
    predicted = row["predicted_ml"]
    if not truth and not predicted:
        return f"Rightly predicted no {label}."
    if not predicted:
        return f"Missed the {label} altogether, {millilitres(truth)}."
    if not truth:
        return f"Predicted {millilitres(predicted)} of {label} where the reference has none."
    said = [*_island(row, label), *_part(row)]
    if row["largest_gap_ml"] >= SPECK_ML:
        said.append(f"left a gap of {millilitres(row['largest_gap_ml'])} in what it found")
    if row["largest_bulge_ml"] >= SPECK_ML:
        said.append(f"added a bulge of {millilitres(row['largest_bulge_ml'])} to what it found")
    said += [fault.sentence for fault in faults if fault.label == label]
    if row.get("dice") == 1:
        return "Nothing differs."
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
    more = _more(count, row["false_islands_ml"])
    return [f"predicted an island of {millilitres(largest)}{place}{more}"]


def _part(row: Mapping[str, Any]) -> list[str]:
    count = int(row["missed_parts"])
    largest = row["largest_missed_ml"]
    if not count:
        return []
    if largest < SPECK_ML:
        return [f"missed {plural(count, 'speck')} below 0.1 ml"]
    return [f"missed a part of {millilitres(largest)}{_more(count, row['missed_parts_ml'])}"]


def _more(count: int, together: float) -> str:
    if count == 1:
        return ""
    return f", the largest of {count} ({millilitres(together)} together)"


def _share(value: float) -> str:
    """Write a share in per cent; only what is complete is 100 %."""
    percent = 100 * value
    if percent <= 99 or value >= 1:
        return f"{percent:.0f} %"
    return f"{min(percent, 99.9):.1f} %"


def _percent(value: float) -> str:
    return f"{number(value, 1 if value < 10 else 0)} %"
