"""Who has a label, in whom it was found, and in whom it was found wrongly.

Overlap and distances are over those who have a label. Without these counts
beside them, a label that nobody found, or that was found everywhere, would not
be seen in those who do not have it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from slicewise.evaluation.intervals import describe, proportion, ratio
from slicewise.metrics.patients import patient_scores
from slicewise.metrics.table import names_of

LESIONS = names_of("lesion")


def has_label(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether the ground truth of the case has the label."""
    return rows["volume_ml"].astype(float) > 0


def lacks_label(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether the ground truth of the case lacks the label."""
    return rows["volume_ml"].astype(float) == 0


def is_unknown(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether it is not known if the case has the label.

    No voxel of it was drawn, but some voxels were not drawn at all.
    """
    return rows["volume_ml"].isna()


def is_untrained(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether no model that predicted the case was trained on the label.

    Nothing was asked, so that nothing was missed: such a row holds nothing of a prediction.
    """
    return rows["predicted_ml"].isna() & rows["dice"].isna()


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
        (Wilson) and n. untrained, whose models were trained without it (all
        of `unscored`, and of those who lack it). unknown, of whom it is not known
        whether they have it, as a part of them was not drawn; left out where there
        are none. false_ml, what was predicted
        in those who lack it, as `describe` has it, and false_ml_max. lesions,
        see `lesion_counts`, None where they were not counted. in_words, the
        counts as a sentence without its subject. notable, whether there is more
        to say than that all have the label, in whom it was found.
    """
    names = rows["patient"]
    has = has_label(rows)
    lacks = lacks_label(rows)
    dice = rows["dice"].astype(float)
    predicted = rows["predicted_ml"].astype(float)
    scored = has & dice.notna()
    judged = lacks & predicted.notna()
    hits = (dice[scored] > 0).groupby(names[scored]).all()
    false_alarms = (predicted[judged] > 0).groupby(names[judged]).any()
    false_ml = patient_scores(predicted[judged].to_frame(), list(names[judged]))[:, 0]
    counts = {
        "patients": int(names.nunique()),
        "with_label": len(hits),
        "found": int(hits.sum()),
        "without_label": len(false_alarms),
        "wrongly_found": int(false_alarms.sum()),
        "unscored": int(names[has & dice.isna()].nunique()),
        "untrained": int(names[is_untrained(rows)].nunique()),
        "sensitivity": proportion(int(hits.sum()), len(hits)),
        "specificity": proportion(int((~false_alarms).sum()), len(false_alarms)),
        "false_ml": describe(false_ml),
        "false_ml_max": float(false_ml.max()) if len(false_ml) else None,
        "lesions": lesion_counts(rows),
    }
    unknown = int(names[is_unknown(rows)].nunique())
    if unknown:
        counts["unknown"] = unknown
    return counts | {"in_words": _in_words(counts), "notable": _is_notable(counts)}


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
    false = patient_scores(counted[["lesions_false"]], list(counted["patient"]))[:, 0]
    total = sums["lesions"].to_numpy(float)
    hits = sums["lesions_found"].to_numpy(float)
    return {
        "iou": float(counted["lesion_iou"].iloc[0]),
        "lesions": int(total.sum()),
        "found": int(hits.sum()),
        "false": int(sums["lesions_false"].sum()),
        "sensitivity": ratio(hits, total),
        "false_per_scan": describe(false),
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


def overall(rows: pd.DataFrame, dice: pd.Series) -> dict[str, Any]:
    """Count the patients of a subset.

    Parameters
    ----------
    rows : DataFrame
        The rows of all labels in the subset.
    dice : Series
        By patient, NaN where there is none.

    Returns
    -------
    dict
        patients, all; with_label, who have any label that was scored; unscored,
        who have labels, all of which their models were trained without;
        absent_labels, the convention, see `counts_absent`; unknown, of whom it is
        not known whether they have any, as a part of them was not drawn, left out
        where there are none.
    """
    having = set(rows.loc[has_label(rows), "patient"])
    scored = dice[dice.notna()].index
    counts = {
        "patients": int(rows["patient"].nunique()),
        "with_label": len(scored),
        "unscored": len(having.difference(scored)),
        "absent_labels": "challenge" if counts_absent(rows) else "exclude",
    }
    unknown = set(rows.loc[is_unknown(rows), "patient"]) - having
    return counts | ({"unknown": len(unknown)} if unknown else {})


def _is_notable(counts: dict[str, Any]) -> bool:
    everybody = counts["found"] == counts["with_label"] == counts["patients"]
    return not everybody or counts["wrongly_found"] > 0 or counts["lesions"] is not None


def _in_words(counts: dict[str, Any]) -> str:
    patients = counts["patients"]
    there = counts["with_label"] + counts["unscored"]
    said = [f"{there} of {patients} {'has' if there == 1 else 'have'} it"]
    if "unknown" in counts:
        said.append(f"not known of {counts['unknown']}, in whom not all was drawn")
    if counts["untrained"] == patients:
        said.append("untrained: no training slice showed it, so that it has no score")
    elif counts["untrained"]:
        said.append(f"untrained in the models of {counts['untrained']}, who have no score of it")
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
