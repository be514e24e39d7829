"""Expected beside true Dice of test patients: whom it is of, and that none of them moves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slicewise.dataset.calibration import Calibration, KnownMask, joined
from slicewise.errors import SlicewiseError
from slicewise.evaluation.expectations import COLUMNS, agreement_of, expected_scores
from slicewise.files import write_json
from slicewise.metrics.expected import Expectation


def calibration(folder: Path, fold: int, patients: int = 6) -> str:
    rng = np.random.default_rng(fold)
    masks = [
        KnownMask(patient=k, label="liver", signs=[sure, 0.0, 0.0, 0.0, 0.0], dice=sure - 0.05)
        for k, sure in enumerate(rng.uniform(0.8, 0.97, patients).tolist())
    ]
    path = folder / f"calibration-{fold}.json"
    write_json(path, Calibration(weights_sha256=str(fold), masks=masks).model_dump())
    return str(path)


def shard(folder: Path, **signs: Any) -> str:
    rows = [{"case": case, "sha256": "s", "signs": own} for case, own in signs.items()]
    write_json(folder / "0.json", rows)
    return str(folder / "0.json")


METRICS = pd.DataFrame(
    [
        ("a", "pa", "test", "liver", 0.9, 5.0),
        ("b", "pb", "test", "liver", 0.0, 5.0),
        ("c", "pc", "test", "liver", np.nan, 0.0),  # lacks it
        ("d", "pd", "validation", "liver", 0.8, 5.0),
        ("e", "pe", "test", "liver", 0.7, 5.0),
    ],
    columns=["case", "patient", "subset", "label", "dice", "volume_ml"],
)
SURE = {"liver": [0.95, 0.0, 0.0, 0.0, 0.0]}


def always(label: str) -> bool:
    """Tell that all training cases have each label."""
    return True


def test_test_patients_who_have_the_label(tmp_path: Path) -> None:
    paths = [calibration(tmp_path, fold) for fold in range(2)]
    signs = {"a": SURE, "b": {"liver": None}, "c": SURE, "d": SURE}
    scores = expected_scores(METRICS, [shard(tmp_path, **signs)], paths, always)
    assert list(scores["case"]) == ["a", "b"], "e was predicted by an earlier version"
    known = Expectation.fit(
        joined([Calibration.model_validate_json(Path(path).read_text()) for path in paths])
    )
    assert tuple(scores.iloc[0][["expected", "low", "high"]]) == known.of("liver", SURE["liver"])
    assert tuple(scores.iloc[1][["dice", "expected", "low", "high"]]) == (0, 0, 0, 0)
    # no Dice of theirs has a part in it
    other = METRICS.assign(dice=METRICS["dice"] / 2)
    again = expected_scores(other, [shard(tmp_path, **signs)], paths, always)
    pd.testing.assert_frame_equal(again.drop(columns="dice"), scores.drop(columns="dice"))


def test_a_label_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    """With `absent_labels: challenge` it has a Dice: 1 where nothing was predicted."""
    paths = [calibration(tmp_path, fold) for fold in range(2)]
    signs = {"a": SURE, "c": {"liver": None}}
    challenge = METRICS.fillna({"dice": 1.0})
    scores = expected_scores(challenge, [shard(tmp_path, **signs)], paths, always)
    assert list(scores["case"]) == ["a"]


def test_nothing_is_said_of_what_many_training_cases_lack(tmp_path: Path) -> None:
    """As of new scans: who has no tumour has nothing to be found."""
    paths = [calibration(tmp_path, fold) for fold in range(2)]
    signs = {"a": SURE, "b": {"liver": None}}
    scores = expected_scores(METRICS, [shard(tmp_path, **signs)], paths, lambda label: False)
    assert list(scores["case"]) == ["a"]


def test_of_too_few_patients_nothing_is_expected(tmp_path: Path) -> None:
    path = shard(tmp_path, a=SURE)
    scores = expected_scores(METRICS, [path], [calibration(tmp_path, 0)], always)
    assert list(scores.columns) == list(COLUMNS) and not len(scores)
    assert not len(expected_scores(METRICS, [path], [], always))


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    paths = [calibration(tmp_path, fold) for fold in range(2)]
    write_json(tmp_path / "0.json", [{"signs": 3}])
    with pytest.raises(SlicewiseError, match=r"0\.json: the file is damaged"):
        expected_scores(METRICS, [str(tmp_path / "0.json")], paths, always)


def test_labels_are_compared_one_by_one() -> None:
    rows = [
        ("a", "a", "large", 0.90, 0.91, 0.88, 0.94),
        ("b", "b", "large", 0.92, 0.93, 0.91, 0.96),
        ("c", "c", "large", 0.99, 0.95, 0.93, 0.97),
        ("d", "d", "large", 0.00, 0.00, 0.00, 0.00),
        ("a", "a", "small", 0.50, 0.40, 0.30, 0.50),
    ]
    large, small = agreement_of(pd.DataFrame(rows, columns=list(COLUMNS)))
    assert (large["label"], large["n"], large["held"], large["nowhere"]) == ("large", 3, 2, 1)
    assert large["rank"] == pytest.approx(1)
    assert large["off"] == pytest.approx((0.01 + 0.01 - 0.04) / 3)
    assert (small["n"], small["held"], small["rank"]) == (1, 1, None)
