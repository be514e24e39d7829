"""What numbers mean, in plain sentences that are made of nothing but the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from slicewise.evaluation.render import number, plural, usable
from slicewise.metrics.patients import mean_over_patients

SPECK_ML = 0.05
"""What is smaller has no digit at 0.1 ml."""
NOTABLE_ML = 1.0
"""From this size a piece counts among those that were added or left out."""
ALLOWED = 0.95
"""Below this Dice that the slices allow at all, the page warns of it."""
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
    patients = scored.groupby("patient")
    n = len(patients)
    shares = patients[["precision", "recall"]].mean().mean()
    if not n or shares.isna().any():
        return []
    return [
        _found(scored, subset, n, shares["recall"], shares["precision"]),
        *_volume(scored),
        *_outline(scored, n),
        *_pieces(scored, n),
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


def _found(scored: pd.DataFrame, subset: str, n: int, recall: float, precision: float) -> str:
    labels = [str(label) for label in scored["label"].unique()]
    if len(labels) == 1:
        organ, predicted, true = f"the reference {labels[0]}", labels[0], labels[0]
    else:
        organ, predicted, true = "each organ of the reference", "an organ", "that organ"
    who = plural(n, "new patient" if subset == "test" else f"{subset} patient")
    average = ", on average" if n > 1 or len(labels) > 1 else ""
    return (
        f"In {who}, {_share(recall)} of {organ} was found, and {_share(precision)} of what was "
        f"predicted as {predicted} is {true} in the reference{average}."
    )


def _volume(scored: pd.DataFrame) -> list[str]:
    off = scored["volume_error_percent"].abs().dropna()
    if not len(off):
        return []
    if len(off) == 1:
        return [f"The volume was off by {_percent(off.iloc[0])}."]
    middle = off.groupby(scored["patient"]).mean().median()
    most = f"by {_percent(off.max())} at most"
    return [f"The volume was off by {_percent(middle)} (median) and {most}."]


def _outline(scored: pd.DataFrame, n: int) -> list[str]:
    if "nsd" not in scored or scored["nsd"].isna().all():
        return []
    bad = int((scored.groupby("patient")["nsd"].mean() < OUTLINE).sum())
    over = f"over {scored['tolerance_mm'].dropna().iloc[0]:g} mm off"
    if n == 1:
        return [f"{'More than' if bad else 'At most'} a tenth of the outline is {over}."]
    if not bad:
        return [f"In none of them is more than a tenth of the outline {over}."]
    return [f"In {bad} of {n}, more than a tenth of the outline is {over}."]


def _pieces(scored: pd.DataFrame, n: int) -> list[str]:
    if "largest_gap_ml" not in scored or scored["largest_gap_ml"].isna().all():
        return []
    worst = scored[[f"largest_{kind}_ml" for kind in ("false", "missed", "bulge", "gap")]]
    bad = int((worst.max(axis=1).groupby(scored["patient"]).max() >= NOTABLE_ML).sum())
    piece = f"a whole piece of {NOTABLE_ML:g} ml or more"
    if n == 1:
        return [f"{'A' if bad else 'No'} {piece.removeprefix('a ')} was added or left out."]
    if not bad:
        return [f"In none of them was {piece} added or left out."]
    return [f"In {bad} of {n}, {piece} was added or left out."]


def failure_note(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say what went wrong in whole pieces in one case; empty where that was not measured.

    Parameters
    ----------
    rows : iterable of mapping
        The case's rows of the table, one a label.
    """
    known = [row for row in rows if usable(row.get("false_islands"))]
    notes = [_note(row) for row in known]
    if len(notes) < 2:
        return "".join(notes)
    return " ".join(f"{row['label']}: {note}" for row, note in zip(known, notes, strict=True))


def _note(row: Mapping[str, Any]) -> str:
    label, truth, predicted = str(row["label"]), row["volume_ml"], row["predicted_ml"]
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
    count, largest = int(row["false_islands"]), row["largest_false_ml"]
    if not count:
        return []
    if largest < SPECK_ML:
        return [f"predicted {plural(count, 'speck')} below 0.1 ml off the {label}"]
    distance = row["largest_false_mm"]
    place = f", {number(distance, 0)} mm from the {label}" if usable(distance) else ""
    return [f"predicted an island of {_ml(largest)}{place}{_more(count, row['false_islands_ml'])}"]


def _part(row: Mapping[str, Any]) -> list[str]:
    count, largest = int(row["missed_parts"]), row["largest_missed_ml"]
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
