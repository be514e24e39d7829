"""What is wrong with predictions, in sentences: by the scores of all cases, and by a look at some.

The gravest case of each kind is named, how many are like it with the same label, and what other
labels are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.report.faults import FAR_MM, NOTABLE_ML, Fault
from slicewise.report.render import millilitres, number, usable
from slicewise.wording import plural, some

Seen = Mapping[str, Sequence[Fault]]
"""By case that was looked at, what is wrong with it."""
MANY = 10
"""From this number on, islands count however small they are together."""
COMPLETE = 0.98
TIGHT = 0.9
"""From, and below which shares an outline is too wide or too narrow."""
APART = 0.1
"""Of what is wrong, up to which pieces that lie apart are no matter."""
KINDS = ("nothing", "elsewhere", "most", "other", "mirrored", "moved", "hanging", "islands")
"""How kinds begin, the gravest first; what is not named comes after them."""
SHOWN = 3
"""Further labels that a sentence names."""


def wrong(scored: pd.DataFrame, seen: Seen | None = None) -> list[str]:
    """Say what is wrong in predictions, the gravest first.

    Parameters
    ----------
    scored : DataFrame
        The rows of one subset that models were asked for: a row a case and label.
    seen : mapping of str to sequence of Fault, optional
        By case that was looked at, what was found; cases that were not are judged
        by their scores alone.

    Returns
    -------
    list of str
        A sentence for each kind of fault.
    """
    seen = seen or {}
    cases = scored["case"].astype(str).unique()
    faults: dict[str, list[tuple[str, Fault]]] = {}
    of_all = set()  # the kinds that scores tell, which are of all cases
    for case, rows in scored.groupby(scored["case"].astype(str), sort=False):
        by_scores = [fault for row in rows.to_dict("records") for fault in _of_row(row)]
        of_all |= {fault.kind for fault in by_scores}
        for fault in (*by_scores, *seen.get(str(case), ())):
            faults.setdefault(fault.kind, []).append((str(case), fault))
    if not scored["predicted_ml"].gt(0).any():
        faults.pop("nothing", None)  # that is said first of all
    all_seen = all(case in seen for case in cases)
    return [
        _said(faults[kind], len(cases), all_seen=all_seen or kind in of_all)
        for kind in sorted(faults, key=_gravity)
    ]


def _gravity(kind: str) -> int:
    """Return where a kind stands among `KINDS`."""
    begins = kind.split()[0]
    return KINDS.index(begins) if begins in KINDS else len(KINDS)


def _said(faults: Sequence[tuple[str, Fault]], n: int, *, all_seen: bool) -> str:
    """Say the gravest of several faults of the same kind, and in how many cases others are."""
    case, gravest = max(faults, key=lambda each: each[1].weight)
    alike = {name for name, fault in faults if fault.label == gravest.label}
    elsewhere = [(name, fault.label) for name, fault in faults if fault.label != gravest.label]
    least = "" if all_seen else "at least "
    sentence = gravest.sentence
    if elsewhere:
        labels = list(dict.fromkeys(label for _, label in elsewhere))
        where = plural(len({name for name, _ in elsewhere}), "case")
        sentence += f"; so it is with {some(labels, SHOWN)}{f' in {least}{where}' * (n > 1)}"
    if n == 1:
        return f"{sentence[0].upper()}{sentence[1:]}."
    others = len(alike) - 1
    like = f" (and {least}{others} more of {n} cases)" if others else ""
    return f"In {case}{like}, {sentence}."


def _of_row(row: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what scores tell of a label of a case."""
    label = str(row["label"])
    truth = row["volume_ml"]
    predicted = row["predicted_ml"]
    if usable(truth) and truth > 0 and predicted == 0:
        said = f"nothing was predicted as {label}, of which there are {millilitres(truth)}"
        yield Fault(label, "nothing", said, truth)
    elif usable(truth) and truth > 0 and row["dice"] == 0:
        apart = row.get("largest_false_mm")
        away = f", {number(apart, 0)} mm away" if usable(apart) else ""
        yield Fault(
            label,
            "elsewhere",
            f"what was predicted as {label}, {millilitres(predicted)}, lies elsewhere{away}: none "
            f"of it is where the {label} is",
            predicted,
        )
    elif usable(row.get("false_islands")):
        yield from _islands(row, label)
        yield from _outline(row, label)


def _islands(row: Mapping[str, Any], label: str) -> Iterator[Fault]:
    count = int(row["false_islands"])
    ml = row["false_islands_ml"]
    if not row["volume_ml"] or (ml < NOTABLE_ML and count < MANY):
        return
    many = f"{number(count, 0)} islands that touch no {label} were predicted, "
    one = f"an island that touches no {label} was predicted, "
    said = f"{one}{millilitres(ml)}" if count == 1 else f"{many}{millilitres(ml)} together"
    yield Fault(label, "islands", said, ml)


def _outline(row: Mapping[str, Any], label: str) -> Iterator[Fault]:
    """Say that an outline is too wide or too narrow: what is wrong is of one kind, and near."""
    if not usable(row.get("hd95_mm")) or row["hd95_mm"] > FAR_MM:
        return
    false = row["predicted_ml"] * (1 - row["precision"])
    missed = row["volume_ml"] * (1 - row["recall"])
    if row["false_islands_ml"] + row["missed_parts_ml"] > APART * (false + missed):
        return
    for whole, lacking, side in (("recall", "precision", "out"), ("precision", "recall", "in")):
        if row[whole] >= COMPLETE and row[lacking] < TIGHT:
            by = number(row["assd_mm"], 1)
            said = f"the outline of {label} lies too far {side}, by about {by} mm on average"
            yield Fault(label, f"outline {side}", said, row["assd_mm"])
