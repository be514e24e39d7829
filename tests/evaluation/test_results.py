"""What an experiment left in its folder."""

from __future__ import annotations

import os

import pytest

from slicewise.dataset.ensembles import NAME
from slicewise.errors import SlicewiseError
from slicewise.evaluation.results import read_result, read_results
from slicewise.evaluation.statistics import COLUMNS, read_metrics
from slicewise.files import write_json
from slicewise.records import record_path
from tests import published
from tests.test_compare import DICE, scored
from tests.trained import note_scored


def test_a_scored_experiment_is_read_whole(tmp_path):
    folder = scored(tmp_path / "tiny" / "one")
    result = read_result(folder)
    assert result.folder == folder
    assert result.metrics["dice"].tolist() == list(DICE.values())
    assert result.summary["test"]["mean"]["dice"]["n"] == len(DICE)
    assert list(result.folds.histories) == ["fold-0"]
    assert read_result(folder, tmp_path).folder == tmp_path


def test_several_are_called_by_their_folders(tmp_path):
    folders = [scored(tmp_path / "fetched" / "tiny" / name) for name in ("one", "two")]
    results = read_results(folders, tmp_path / "results" / "tiny")
    assert list(results) == ["one", "two"]
    assert results["two"].folder == tmp_path / "results" / "tiny" / "two"
    assert results["two"].metrics["dice"].tolist() == list(DICE.values())


def test_columns_that_older_tables_lack_are_empty(tmp_path):
    folder = scored(tmp_path / "tiny" / "one")
    metrics = read_metrics(str(folder / "metrics.tsv")).drop(columns=["nsd", "assd_mm"])
    metrics.to_csv(folder / "metrics.tsv", sep="\t", index=False)
    read = read_result(folder).metrics
    assert set(COLUMNS) <= set(read.columns)
    assert read["nsd"].isna().all()


def test_scores_of_an_experiment_are_not_those_of_the_ensemble_before_it(tmp_path):
    folder = published.ensemble(tmp_path / "tiny", {"axial": 0.5, "coronal": 0.5})
    assert list(read_result(folder).folds.members) == ["axial", "coronal"]
    os.utime(folder / NAME, (1, 1))
    published.experiment(folder, by=0.1)
    with pytest.raises(SlicewiseError, match="has taken the name of this ensemble since"):
        read_result(folder)
    (folder / NAME).unlink()
    assert not read_result(folder).folds.members
    scored_as = {"made": 1, "settings": None, "code": {}, "outputs": {}, "inputs": {NAME: ""}}
    write_json(record_path(folder / "metrics.tsv"), scored_as)
    with pytest.raises(SlicewiseError, match="scores are of another training"):
        read_result(folder)


@pytest.mark.parametrize("name", ["metrics.tsv", "summary.json", "fold-0/config.yaml"])
def test_a_folder_without_scores_is_refused_by_what_it_lacks(tmp_path, name):
    folder = scored(tmp_path / "tiny" / "one")
    (folder / name).unlink()
    with pytest.raises(SlicewiseError, match=f"it has no {name}") as stop:
        read_result(folder)
    assert "\n" not in str(stop.value)


def test_scores_of_another_training_are_refused(tmp_path):
    folder = scored(tmp_path / "tiny" / "one")
    config = folder / "fold-0" / "config.yaml"
    note_scored(folder, config)
    assert read_result(folder).metrics["dice"].tolist() == list(DICE.values())
    config.write_text(config.read_text().replace("weights_sha256: w", "weights_sha256: other"))
    with pytest.raises(SlicewiseError, match="its scores are of another training") as stop:
        read_result(folder)
    assert str(stop.value).startswith(f"{folder}: ") and "\n" not in str(stop.value)
