"""Names that a label may have."""

from __future__ import annotations

import re
from typing import Any

# Label names that mean something else where labels are named: what is no label, the columns of
# tables, and the metrics.
NO_LABELS = frozenset(
    (
        *("background", "bg", "ignore", "none", "null", "nan", "na", "mean"),
        *("case", "patient", "subset", "fold", "label", "labels"),
        *("dice", "jaccard", "iou", "precision", "recall", "sensitivity", "specificity"),
        *("loss", "accuracy", "volume_ml", "predicted_ml", "volume_error_ml"),
        *("volume_error_percent", "hd95", "hd95_mm", "assd", "assd_mm", "nsd", "tolerance_mm"),
        *("false_islands", "false_islands_ml", "largest_false_ml", "largest_false_mm"),
        *("missed_parts", "missed_parts_ml", "largest_missed_ml", "largest_bulge_ml"),
        *("largest_gap_ml", "lesions_found", "lesions_false", "lesion_iou", "recipe_dice"),
        "truth_sha256",
    )
)


def check_label_names(labels: dict[str, Any]) -> None:
    """Refuse names that stand for something else, or for another label in another spelling."""
    taken = {_letters(name): name for name in NO_LABELS}
    seen: dict[str, str] = {}
    for name, value in labels.items():
        plain = _letters(name)
        measured = re.sub(r"(mean|median|sd|cilow|cihigh|n)$", "", plain)
        if plain in taken or (measured in taken and measured not in ("", "na")):
            raise ValueError(
                f"labels.{name}: this name is taken: it means something else in tables and "
                "reports; choose another"
            )
        if name.isdecimal() and value not in (int(name), [int(name)]):
            raise ValueError(
                f"labels.{name}: a number as a name is taken for a mask value, and its value is "
                "another; choose a word"
            )
        if plain in seen:
            raise ValueError(
                f"labels.{name}: differs from {seen[plain]} in upper and lower case, or in signs, "
                "only; choose another name"
            )
        seen[plain] = name


def _letters(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()
