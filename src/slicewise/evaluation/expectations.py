"""The Dice that was to be expected of test patients, beside the true one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from slicewise.dataset.calibration import CALIBRATION, Calibration, joined
from slicewise.evaluation.detection import has_label
from slicewise.metrics.expected import MISSED, Expectation, rank_correlation
from slicewise.stored import Form, Loose, Name, read_typed

COLUMNS = ("case", "patient", "label", "dice", "expected", "low", "high")


class _Predicted(Loose):
    case: Name
    signs: dict[str, list[float] | None] = Field({})


PREDICTED = Form(list[_Predicted])
"""A shard of predictions; those of earlier versions have no signs."""


def expected_scores(
    metrics: pd.DataFrame,
    shards: Iterable[str],
    calibrations: Sequence[str],
    is_missed: Callable[[str], bool],
) -> pd.DataFrame:
    """Return the Dice to expect of each label of each test case, beside the true one.

    Parameters
    ----------
    metrics : DataFrame
        A row per case and label; see `slicewise.evaluation`.
    shards : iterable of str
        The records of the predictions, with what each mask tells without truth.
    calibrations : sequence of str
        What masks of patients told who are not tested, by fold.
    is_missed : callable
        Tells of a label that was found nowhere whether it should be there; otherwise nothing is
        said of it, as of new scans.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; no row where nobody knows what to expect, or the label is not there.

    Raises
    ------
    SlicewiseError
        When a file is damaged.
    """
    known: list[Calibration] = [read_typed(path, CALIBRATION) for path in calibrations]
    expectation = Expectation.fit(joined(known))
    if expectation is None:
        return pd.DataFrame(columns=list(COLUMNS))
    signs: dict[str, Mapping[str, Any]] = {
        each.case: each.signs for path in shards for each in read_typed(path, PREDICTED)
    }
    rows = []
    # what calibrations told is of labels that are there, whatever others score
    asked = metrics["subset"].eq("test") & metrics["dice"].notna() & has_label(metrics)
    tested = metrics[asked]
    for row in tested.to_dict("records"):
        own = signs.get(str(row["case"]), {})
        label = str(row["label"])
        if label not in own:
            continue
        seen = own[label]
        if seen is not None:
            expected = expectation.of(label, seen)
        else:
            expected = MISSED if is_missed(label) else None
        if expected is not None:
            rows.append([row["case"], row["patient"], label, row["dice"], *expected])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def agreement_of(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how well expected and true Dice agree, label by label.

    Labels differ in their Dice, so a correlation over all of them would flatter.

    Parameters
    ----------
    scores : DataFrame
        From `expected_scores`.

    Returns
    -------
    list of dict
        ``label``; ``n`` masks that are not empty, and ``nowhere``, how many more are, of which
        0 is expected and cannot be wrong; of the former ``rank`` (Spearman's correlation),
        ``held``: of how many the Dice lies in the interval, and ``off``: the mean of expected
        less true Dice. None where there is none.
    """
    told = []
    for label, every in scores.groupby("label", sort=False):
        own = every[every["high"] > 0]
        dice, expected = (own[name].to_numpy(float) for name in ("dice", "expected"))
        low, high = (own[name].to_numpy(float) for name in ("low", "high"))
        # tables have six digits
        held = (dice >= low - 1e-6) & (dice <= high + 1e-6)
        told.append(
            {
                "label": str(label),
                "n": len(own),
                "nowhere": len(every) - len(own),
                "rank": rank_correlation(expected, dice),
                "held": int(np.count_nonzero(held)),
                "off": float((expected - dice).mean()) if len(own) else None,
            }
        )
    return told
