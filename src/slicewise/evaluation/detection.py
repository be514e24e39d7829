"""Who has a label, in whom it was found, and in whom it was found wrongly.

Overlap and distances are over those who have a label. Without these counts
beside them, a label that nobody found, or that was found everywhere, would not
be seen in those who do not have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slicewise.evaluation.intervals import describe, proportion, ratio

LESIONS = ("lesions", "lesions_found", "lesions_false")


def has_label(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether the ground truth of the case has the label."""
    return rows["volume_ml"].astype(float) > 0


def lacks_label(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether the ground truth of the case lacks the label."""
    return rows["volume_ml"].astype(float) == 0


def counts_absent(rows: pd.DataFrame) -> bool:
    """Tell whether cases without a label have a Dice of it: 1, or 0 where it was predicted.

    That is the setting ``evaluation.absent_labels: challenge``, and what tables had before there
    was a choice.
    """
    return bool((lacks_label(rows) & rows["dice"].notna()).any())


def detection(rows: pd.DataFrame) -> dict[str, Any]:
    """Count in whom a label was found, of those who have it and of those who do not.

    The unit is the patient. Of several scans of a patient those with the
    label and those without are looked at apart, so that a patient may be among
    both; the label was found if it was in every scan that has it, and wrongly
    found if it was in any that does not.

    Parameters
    ----------
    rows : DataFrame
        The rows of one label in one subset: a row a case.

    Returns
    -------
    dict
        patients, all; with_label, who have it and were scored, and found, in
        whom a voxel of it at least was predicted where it is; without_label,
        who lack it, and wrongly_found, in whom any was predicted; unscored, who
        have it and no score. sensitivity (of found) and specificity (of those
        in whom none was found wrongly), each with value, ci_low, ci_high
        (Wilson) and n. false_ml, what was predicted in those who lack it, as
        `describe` has it, and false_ml_max. lesions, see `lesion_counts`, None
        where they were not counted. in_words, the counts as a sentence without
        its subject.
    """
    names = rows["patient"]
    has, lacks = has_label(rows), lacks_label(rows)
    dice = rows["dice"].astype(float)
    predicted = rows["predicted_ml"].astype(float)
    scored = has & dice.notna()
    judged = lacks & predicted.notna()
    found = (dice[scored] > 0).groupby(names[scored]).all()
    false = (predicted[judged] > 0).groupby(names[judged]).any()
    false_ml = predicted[judged].groupby(names[judged]).mean()
    counts = {
        "patients": int(names.nunique()),
        "with_label": len(found),
        "found": int(found.sum()),
        "without_label": len(false),
        "wrongly_found": int(false.sum()),
        "unscored": int(names[has & dice.isna()].nunique()),
        "sensitivity": proportion(int(found.sum()), len(found)),
        "specificity": proportion(int((~false).sum()), len(false)),
        "false_ml": describe(false_ml.to_numpy(float)),
        "false_ml_max": float(false_ml.max()) if len(false_ml) else None,
        "lesions": lesion_counts(rows),
    }
    return counts | {"in_words": _in_words(counts)}


def lesion_counts(rows: pd.DataFrame) -> dict[str, Any] | None:
    """Count the lesions of a label; None where they were not counted.

    Returns
    -------
    dict
        iou, by which a lesion counts as found; lesions, found and false, over
        all scans; sensitivity, with value, ci_low, ci_high (bootstrap over
        patients) and n; false_per_scan, the mean over patients of their mean
        over scans, as `describe` has it.
    """
    if "lesions" not in rows or rows["lesions"].isna().all():
        return None
    counted = rows[rows["lesions"].notna()]
    sums = counted.groupby("patient")[list(LESIONS)].sum()
    false = counted.groupby("patient")["lesions_false"].mean()
    total, found = (sums[name].to_numpy(float) for name in ("lesions", "lesions_found"))
    return {
        "iou": float(counted["lesion_iou"].iloc[0]),
        "lesions": int(total.sum()),
        "found": int(found.sum()),
        "false": int(sums["lesions_false"].sum()),
        "sensitivity": ratio(found, total),
        "false_per_scan": describe(false.to_numpy(float)),
    }


def together(rows: pd.DataFrame) -> dict[str, Any]:
    """Count over all labels at once: each patient once a label.

    Returns
    -------
    dict
        with_label, found, without_label and wrongly_found, as of `detection`,
        summed over the labels.
    """
    each = [detection(part) for _, part in rows.groupby("label", sort=False)]
    names = ("with_label", "found", "without_label", "wrongly_found")
    return {name: sum(counts[name] for counts in each) for name in names}


def overall(rows: pd.DataFrame, scored: np.ndarray) -> dict[str, Any]:
    """Count the patients of a subset, and those who have any label that was scored."""
    return {
        "patients": int(rows["patient"].nunique()),
        "with_label": int(np.isfinite(scored).sum()),
        "absent_labels": "challenge" if counts_absent(rows) else "exclude",
    }


def is_notable(counts: dict[str, Any]) -> bool:
    """Tell whether there is more to say than that all have a label in whom it was found."""
    everybody = counts["found"] == counts["with_label"] == counts["patients"]
    return not everybody or counts["wrongly_found"] > 0 or counts["lesions"] is not None


def _in_words(counts: dict[str, Any]) -> str:
    patients, there = counts["patients"], counts["with_label"] + counts["unscored"]
    said = [f"{there} of {patients} {'has' if there == 1 else 'have'} it"]
    if counts["unscored"]:
        said.append(f"no score for {counts['unscored']}, whose model was trained without it")
    if counts["with_label"]:
        said.append(f"found in {counts['found']} of {counts['with_label']}")
    if counts["without_label"]:
        wrong = f"wrongly found in {counts['wrongly_found']} of {counts['without_label']}"
        if counts["wrongly_found"]:
            most = counts["false_ml_max"]
            wrong += f" ({_ml(counts['false_ml']['mean'])} on average, {_ml(most)} at most)"
        said.append(wrong)
    lesions = counts["lesions"]
    if lesions is not None:
        each = lesions["false_per_scan"]["mean"]
        said.append(f"{lesions['found']} of {lesions['lesions']} lesions found")
        said.append(f"{each:.1f} false ones a scan")
    return ", ".join(said)


def _ml(value: float) -> str:
    return "less than 0.1 ml" if 0 < value < 0.05 else f"{value:.1f} ml"
