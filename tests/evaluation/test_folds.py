"""What the folds of an experiment left."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from slicewise.config import Content
from slicewise.errors import SlicewiseError
from slicewise.evaluation.folds import Folds, trained_until, training_minutes
from tests.pages import history


def test_minutes_ignore_a_night_between_two_epochs_and_read_any_clock():
    seconds = np.array([0.0, 60, 120, 40_000, 40_060])
    clock = 1.7e9 + seconds
    for stamps in (clock, clock * 1000, pd.to_datetime(clock, unit="s").astype(str)):
        table = pd.DataFrame({"epoch": range(5), "timestamp": stamps})
        assert training_minutes([table]) == pytest.approx(5.0)
    assert training_minutes([table.head(1)]) is None


def test_minutes_are_of_all_folds():
    # four epochs each, half a minute each
    assert training_minutes([history(), history()]) == pytest.approx(4.0)


def test_models_are_not_scored_by_other_labels_than_those_of_their_training():
    """As where a configuration is edited while jobs wait in the queue of a cluster."""
    own = {"intensity": "hu", "contiguous": True, "other_labels": "background"}
    content = Content(**own, labels={"liver": [1], "spleen": [2]}, empty_masks="allow")
    records = [SimpleNamespace(content=content.once_read)] * 2
    folds = Folds(records, {})
    folds.check_content(content.model_copy(update={"empty_masks": "refuse"}))
    for labels in ({"liver": [2], "spleen": [1]}, {"spleen": [2], "liver": [1]}):
        with pytest.raises(SlicewiseError, match=r"dataset: fold-0 was trained .* \(.*labels"):
            folds.check_content(Content(**own, labels=labels))


def test_a_training_ends_with_the_last_epoch_of_its_last_fold():
    first, second = history(), history()
    first["timestamp"] = [1_767_225_600_000 + 1000 * k for k in range(len(first))]
    second["timestamp"] = "2026-01-02T00:00:00+01:00"
    expected = datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert trained_until([first, second]) == trained_until([second]) == expected
    assert trained_until([first]).year == 2026
    assert trained_until([first, second.drop(columns="timestamp")]) is None
    assert trained_until([]) is None


@pytest.mark.parametrize("order", [["coarse", "fine"], ["fine", "coarse"]])
def test_an_ensemble_lacks_a_label_that_all_its_members_lost(order):
    """One may cut its slices so that a small label is lost, which another learns."""
    lacked = {
        "coarse": [["lesion", "cyst"], ["lesion"]],
        "fine": [["cyst"], ["lesion"]],
    }
    records = [
        SimpleNamespace(resolved=SimpleNamespace(untrained_labels=labels))
        for member in order
        for labels in lacked[member]
    ]
    ensemble = SimpleNamespace(folds=2, members={member: ["", ""] for member in order})
    whole = Folds(records, {}, ensemble=ensemble)
    assert whole.untrained == [["cyst"], ["lesion"]]
    assert Folds(records[:2], {}).untrained == lacked[order[0]]


@pytest.mark.parametrize(
    ("lacking", "missed"),
    [([0.0, 0.05], True), ([0.0, 0.2], False), ([0.3, None], False), ([None, None], True)],
)
def test_a_label_that_was_not_found_is_missed_where_nearly_all_have_it(lacking, missed):
    labels = [{} if each is None else {"tumour": {"lacking": each}} for each in lacking]
    records = [SimpleNamespace(ranges={"labels": each}) for each in labels]
    assert Folds(records, {}).is_missed("tumour") is missed
    # of a training of an earlier version nothing is known, as of new scans
    assert Folds([*records, SimpleNamespace(ranges={})], {}).is_missed("tumour")
