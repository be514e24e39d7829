"""Names that a label may have."""

from __future__ import annotations

import re
from typing import Any

from slicewise.metrics import table

NO_LABELS = (
    *("background", "bg", "ignore", "none", "null", "nan", "na", "mean"),
    *("case", "patient", "subset", "fold", "label", "labels"),
    *("iou", "sensitivity", "specificity", "loss", "accuracy", "hd95", "assd"),
)
"""What means something else where labels are named: what is no label, the columns of tables, and
what scores are called elsewhere. The metrics themselves stand in their table."""
LABELS_TOO = ("lesions",)
"""Metrics whose names are what people call a label, which is no score."""


def taken_names() -> list[str]:
    """Return the names that no label may have: those above, and those of metrics.

    Examples
    --------
    >>> [name in taken_names() for name in ("background", "dice", "lesions", "liver")]
    [True, True, False, False]
    """
    measured = (each.name for each in table.METRICS)
    return [*NO_LABELS, *(name for name in measured if name not in LABELS_TOO)]


def check_label_names(labels: dict[str, Any], block: str = "labels") -> None:
    """Refuse names that stand for something else, or for another label in another spelling.

    `block` is what messages call them: labels, or regions.
    """
    taken = {_letters(name): name for name in taken_names()}
    seen: dict[str, str] = {}
    for name, value in labels.items():
        plain = _letters(name)
        measured = re.sub(r"(mean|median|sd|cilow|cihigh|n)$", "", plain)
        if plain in taken or (measured in taken and measured not in ("", "na")):
            raise ValueError(
                f"{block}.{name}: this name is taken: it means something else in tables and "
                "reports; choose another"
            )
        if name.isdecimal() and value not in (int(name), [int(name)]):
            raise ValueError(
                f"{block}.{name}: a number as a name is taken for a mask value, and its value is "
                "another; choose a word"
            )
        if plain in seen:
            raise ValueError(
                f"{block}.{name}: differs from {seen[plain]} in upper and lower case, or in signs, "
                "only; choose another name"
            )
        seen[plain] = name


def _letters(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()
