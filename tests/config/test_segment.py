"""New scans in the settings."""

from __future__ import annotations

import pytest

from slicewise.config import load_settings
from slicewise.errors import SlicewiseError

CONFIG = {
    "dataset": {"name": "a", "layout": "msd", "root": "a", "labels": {"liver": 1}},
    "slices": {"b": {"size": 32}},
    "experiments": {"one": {"slices": "b"}},
}


def test_the_experiment_is_one_of_the_settings() -> None:
    assert load_settings(CONFIG).segment is None
    named = {"scans": "new", "experiment": "one"}
    told = load_settings({**CONFIG, "segment": named}).segment
    assert (told.scans, told.experiment, told.offset) == ("new", "one", 0)
    with pytest.raises(SlicewiseError, match=r"segment.experiment: no experiment is called 'two'"):
        load_settings({**CONFIG, "segment": {**named, "experiment": "two"}})
    with pytest.raises(SlicewiseError, match="segment"):
        load_settings({**CONFIG, "segment": {"experiment": "one"}})
    with pytest.raises(SlicewiseError, match=r"segment\.scan"):
        load_settings({**CONFIG, "segment": {**named, "scan": "new"}})


def test_its_folder_is_no_experiment() -> None:
    experiments = {"segmented": {"slices": "b"}}
    with pytest.raises(SlicewiseError, match="taken by a folder of results"):
        load_settings({**CONFIG, "experiments": experiments})
