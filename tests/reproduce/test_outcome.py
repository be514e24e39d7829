"""Whether a run that was made again is the same."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.reproduce.outcome import Reproduction, compare_scores, same_weights
from tests.reproduce.test_again import noted

REST = {"fold": None, "volume_ml": 1.0, "predicted_ml": 1.0}


def scores(path: Path, dice: dict[tuple[str, str, str], float], subset: str = "test") -> Path:
    rows = [
        {"case": case, "patient": patient, "subset": subset, "label": label, "dice": value, **REST}
        for (case, patient, label), value in dice.items()
    ]
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    return path


def test_dice_is_that_of_reports(tmp_path):
    old = scores(
        tmp_path / "old", {("1", "a", "l"): 0.2, ("2", "b", "l"): 0.6, ("3", "b", "l"): 0.8}
    )
    # a patient is gone, another is new, and one of two volumes changed
    new = scores(
        tmp_path / "new", {("2", "b", "l"): 0.6, ("3", "b", "l"): 0.4, ("4", "c", "l"): 0.9}
    )
    assert compare_scores(old, new) == {
        "dice_before": pytest.approx(0.7),
        "dice_after": pytest.approx(0.5),
        "largest_difference": pytest.approx(0.4),
        "patients": {"b": (pytest.approx(0.7), pytest.approx(0.5))},
    }
    assert compare_scores(old, old)["dice_before"] == pytest.approx(0.45)
    other = scores(tmp_path / "other", {("5", "d", "l"): 0.9})
    with pytest.raises(SlicewiseError, match="no test case was scored both then and now"):
        compare_scores(old, other)
    # labels are averaged after the scans, so that one in few of them counts as much
    scans = pd.DataFrame(
        [("a", "x", "liver", 0.8), ("b", "x", "liver", 0.8), ("a", "x", "tumour", 0.2)],
        columns=["case", "patient", "label", "dice"],
    ).assign(subset="test", **REST)
    empty = scans.assign(dice=[0.8, 0.8, np.nan])
    paths = [tmp_path / name for name in ("scans.tsv", "empty.tsv")]
    for path, table in zip(paths, (scans, empty), strict=True):
        table.to_csv(path, sep="\t", index=False)
    assert compare_scores(paths[0], paths[0])["dice_before"] == pytest.approx(0.5)
    # a score that only one has is a difference
    assert compare_scores(*paths)["dice_after"] == pytest.approx(0.4)
    assert compare_scores(*paths)["largest_difference"] == pytest.approx(0.2)
    scans.assign(dice=np.nan).to_csv(paths[1], sep="\t", index=False)
    with pytest.raises(SlicewiseError, match="no test case has a Dice, then or now"):
        compare_scores(paths[1], paths[1])
    watched = scores(tmp_path / "watched", {("1", "a", "l"): 0.3}, "validation")
    assert compare_scores(watched, watched)["dice_after"] == pytest.approx(0.3)


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_the_tolerance_is_met_on_both_sides(tolerance):
    for change, holds in ((0.0, True), (tolerance, True), (-tolerance, True), (0.11, False)):
        for after in (change, -change):
            result = Reproduction("x", [], True, 0.0, after, 0.0, tolerance)
            assert result.holds is holds


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({"0": "x", "1": "y"}, True),
        ({"0": "x", "1": "z"}, False),
        ({"0": "x"}, None),
        ({}, None),
    ],
)
def test_weights_of_all_folds_count(then, said):
    tags = [{"fold": "0", "weights_digest": "x"}, {"fold": "1", "weights_digest": "y"}, {}]
    runs = [noted(each) for each in tags]
    assert same_weights(then, runs) is said
