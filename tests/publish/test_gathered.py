"""What is recorded of an experiment, for those who write about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import write_text
from slicewise.publish.gathered import gather, numbered, numbers_of, trained
from tests.published import ensemble, experiment


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


def test_an_ensemble_knows_how_its_members_were_trained(tmp_path):
    place = tmp_path / "results" / "tiny"
    experiment(place / "wide", network={"filters": [32, 64]})
    write_text(
        place / "timings" / "predict" / "together.tsv", "s\tmax_rss\tcpu_time\n60\t100\t60\n"
    )
    together = gather(ensemble(place, {"wide": 0.5, "narrow": 0.5}))
    filters = {each.name: each.first.experiment["network"]["filters"] for each in together.members}
    assert filters == {"wide": [32, 64], "narrow": [8, 16]}
    assert [len(each.records) for each in together.members] == [1, 1]
    assert list(together.members[0].result.folds.histories) == ["fold-0"]
    assert [each.stage for each in together.costs] == ["predict"]
    assert together.members[0].costs == []
    # an experiment that is published beside it knows more of itself
    wide = replace(gather(place / "wide"), seeds=(1, 2))
    assert [(each.name, each.seeds) for each in trained([together, wide])] == [
        ("wide", (1, 2)),
        ("narrow", ()),
    ]
    (shown,) = numbered([together], numbers_of([together]))
    assert set(shown.members[0].cases["patient"]).isdisjoint(together.cases["patient"])
