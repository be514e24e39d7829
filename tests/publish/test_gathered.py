"""What is recorded of an experiment, for those who write about it."""

from __future__ import annotations

import pytest

from slicewise.errors import SlicewiseError
from slicewise.publish.gathered import gather
from tests.published import experiment


def test_an_experiment_knows_its_data_split_and_settings(tmp_path):
    one = gather(experiment(tmp_path / "results" / "tiny" / "baseline"))
    assert (one.name, one.dataset) == ("baseline", "tiny")
    assert len(one.cases) == 8
    assert one.block("split") == {}  # the tracked run is gone
    assert one.first.experiment["network"]["filters"] == [8, 16]


def test_what_it_was_made_from_is_missing(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    (folder.parent / "split.tsv").unlink()
    with pytest.raises(SlicewiseError, match=r"split\.tsv: is missing"):
        gather(folder)
