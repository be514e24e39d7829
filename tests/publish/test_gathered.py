"""What is recorded of an experiment, for those who write about it."""

from __future__ import annotations

import os
from dataclasses import replace

import pandas as pd
import pytest

from slicewise.dataset.shards import predicted_shards
from slicewise.errors import SlicewiseError
from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.groups import groups_table
from slicewise.evaluation.origin import settings_learnt
from slicewise.evaluation.statistics import read_metrics
from slicewise.evaluation.sweep import Tried, table_of
from slicewise.files import sha256, write_json, write_text
from slicewise.publish.gathered import gather, numbered, numbers_of, trained
from slicewise.records import record_path
from slicewise.tracking.find import last_scored
from tests.crate import made
from tests.published import ensemble, experiment, predicted, write_scores
from tests.test_compare import DICE


def test_an_experiment_knows_its_data_split_and_settings(tmp_path):
    one = gather(experiment(tmp_path / "results" / "tiny" / "baseline"))
    assert (one.name, one.dataset) == ("baseline", "tiny")
    assert len(one.cases) == 8
    assert one.block("split") == {}  # the tracked run is gone
    assert one.first.experiment["network"]["filters"] == [8, 16]


def test_an_experiment_whose_folder_is_a_link_is_of_its_data_set(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    folder.rename(tmp_path / "number 7")
    folder.symlink_to(tmp_path / "number 7")
    one = gather(folder)
    assert (one.name, one.dataset) == ("baseline", "tiny")


@pytest.mark.parametrize("folds", [1, 2])
def test_settings_are_those_by_which_it_was_scored_last(tmp_path, folds):
    place = made.tracked(tmp_path / "results" / "tiny" / "baseline", folds)
    assert gather(place).block("evaluation")["absent_labels"] == "exclude"
    dataset = made.SETTINGS["dataset"] | {"exclude": ["t9"]}
    now = made.SETTINGS | {"dataset": dataset, "evaluation": {"absent_labels": "challenge"}}
    last_scored(place).contents(settings_learnt(now, "baseline", [], []))
    one = gather(place)
    assert one.block("evaluation")["absent_labels"] == "challenge"
    assert one.block("dataset")["exclude"] == ["t9"]


def test_settings_are_found_after_a_training_that_came_out_differently(tmp_path):
    place = made.tracked(tmp_path / "results" / "tiny" / "baseline")
    run = last_scored(place)
    settings = gather(place).settings
    assert settings["dataset"]["name"] == "tiny"
    for loss in (0.5, 0.4):
        run.epoch({"epoch": 1, "timestamp": 1, "train/loss": loss})
    run.finish()
    assert last_scored(place).folder.name == "002"
    assert gather(place).settings == settings


def test_what_it_was_made_from_is_missing(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    (folder.parent / "split.tsv").unlink()
    with pytest.raises(SlicewiseError, match=r"split\.tsv: is missing"):
        gather(folder)


@pytest.mark.parametrize("case", ["z", "a"])
def test_another_split_than_that_of_the_models_is_refused(tmp_path, case):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    path = folder.parent / "split.tsv"
    table = pd.read_csv(path, sep="\t")
    table.loc[table["case"] == case, "subset"] = "validation"
    write_text(path, table.to_csv(sep="\t", index=False))
    with pytest.raises(SlicewiseError, match=rf"by another split .* has now \({case}\); run snake"):
        gather(folder)


def test_predictions_of_cases_that_are_no_longer_scored_cost_nothing(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    before = predicted_shards([*DICE, *(f"left out {k}" for k in range(9))], 3, alone=False)
    predicted(folder, before)
    assert gather(folder).costs == []  # the records of those that were scored are gone
    now = predicted_shards(DICE, 3, alone=False)
    predicted(folder, now)
    assert len(before.keys() - now.keys()) > 0
    (cost,) = gather(folder).costs
    assert (cost.stage, cost.jobs, cost.minutes) == ("predict", len(now), len(now))


def made_from(result, *sources):
    """Write the record of the job that made a result from files as they are now."""
    inputs = {os.path.relpath(path, result.parent): sha256(path) for path in sources}
    record = {"made": 1, "settings": None, "code": {}, "inputs": inputs, "outputs": {}}
    write_json(record_path(result), record)


@pytest.mark.parametrize(
    ("table", "page", "scores"),
    [
        ("groups.tsv", "report.html", "metrics.tsv"),
        ("sweep.tsv", "sweep.html", "summary.json"),
    ],
)
def test_a_table_of_earlier_scores_is_refused(tmp_path, table, page, scores):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    metrics = read_metrics(str(folder / "metrics.tsv"))
    values = {"optimizer.learning_rate": 0.001}
    made = {
        "groups.tsv": groups_table(metrics, [Grouping("site", "values", {"north": [*DICE]})]),
        "sweep.tsv": table_of([Tried("c0", values, [0.5], 10, 1.0)]),
    }
    write_text(folder / table, made[table].to_csv(sep="\t", index=False))
    made_from(folder / page, folder / scores)
    assert len(gather(folder).groups) + len(gather(folder).sweep)
    # as where a run is told to end with the scores, or ends before its pages
    write_scores(folder, metrics.assign(dice=metrics["dice"] - 0.5))
    with pytest.raises(SlicewiseError, match=rf"{table}: is of other scores than {scores} beside"):
        gather(folder)


def test_what_was_to_be_expected_is_of_the_masks_and_models_that_were_scored(tmp_path, monkeypatch):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    predicted(folder, {"0": DICE})
    shard = folder / "predictions" / "_shards" / "0.json"
    calibrations = [folder / f"fold-{k}" / "calibration.json" for k in range(2)]
    for path in calibrations:
        write_json(path, {"weights_sha256": "w", "masks": []})
    asked = []
    monkeypatch.setattr(
        "slicewise.publish.gathered.expected_scores",
        lambda metrics, shards, known, is_missed: asked.append((shards, known)) or metrics[:0],
    )
    config = folder / "fold-0" / "config.yaml"
    made_from(calibrations[0], config)
    made_from(folder / "metrics.tsv", config, shard)
    gather(folder)
    # the second was left by a training of more folds
    assert asked.pop() == ([str(shard)], [str(calibrations[0])])
    write_text(config, f"{config.read_text()}\n")
    made_from(folder / "metrics.tsv", config, shard)
    write_json(shard, [{"case": case, "signs": {"liver": None}} for case in DICE])
    gather(folder)
    assert asked.pop() == ([], [])


def test_an_ensemble_knows_how_its_members_were_trained(tmp_path):
    place = tmp_path / "results" / "tiny"
    experiment(place / "wide", network={"filters": [32, 64]})
    predicted(folder := ensemble(place, {"wide": 0.5, "narrow": 0.5}), {"0": DICE})
    together = gather(folder)
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
