"""Who is tested on, of an archive whose cases are called by no folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.survey.init import Wanted, init
from tests.volumes.dicom.archived import write_study


@pytest.fixture
def looked(tmp_path, monkeypatch, write_series):
    """Return what looks at an archive with a study in each of some folders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    root = Path("data/archive")

    def look(*folders, **texts):
        for number, folder in enumerate(folders):
            # the last folder is called by the ID, so that no case is called by a folder
            name = Path(folder).name
            write_study(root / folder, write_series, name, study=str(number), series=str(number))
        for name, text in texts.items():
            (root / name.replace("_", ".")).write_text(text)
        lines = []
        path = init(Wanted(root), lines.append)
        config = yaml.safe_load(path.read_text())
        cases = find_cases(load_settings(config).dataset, Path("data"))
        tested = {case.image[0].parts[-3] for case in cases if case.subset == "test"}
        return config, "\n".join(lines), tested

    return look


@pytest.mark.parametrize(
    ("folders", "tested"),
    [
        (("train/ID-1", "train/ID-2", "test/ID-3"), {"ID-3"}),
        (("x/S-Train-1", "x/S-Train-2", "x/S-Test-1"), {"S-Test-1"}),
        (("own/ID-1", "own/ID-2", "hold-out/ID-3"), {"ID-3"}),
        (("train/ID-1", "val/ID-2"), {"ID-2"}),
        (("train/ID-1", "val/ID-2", "test/ID-3"), {"ID-3"}),
        (("raw/ID-1", "raw/ID-2", "train/ID-3"), set()),
        # of one patient in both, nobody can be tested on
        (("train/ID-1", "train/ID-2", "test/ID-2"), set()),
    ],
)
def test_cases_in_folders_to_test_on_are_tested_on(looked, folders, tested):
    config, lines, found = looked(*folders)
    assert config["dataset"]["layout"] == "dicom"
    assert found == tested
    assert ("test" in config.get("split", {})) == (not tested)
    text = Path("config/archive.tsv").read_text() if tested else ""
    assert "ID-" not in text + lines
    assert "S-T" not in text + lines


def test_folders_that_tell_it_of_some_are_told_of(looked):
    config, lines, _ = looked("a/ID-1", "b/ID-2", "test/ID-3")
    assert "metadata" not in config["dataset"]
    assert "1 of 3 cases lie in folders that are called as if they were to be tested on" in lines


def test_tables_and_lists_that_call_folders_are_told_of(looked):
    rows = "PatientID,split\nID-1,train\nID-2,train\nID-3,test\n"
    config, lines, _ = looked("a/ID-1", "a/ID-2", "a/ID-3", people_csv=rows, test_txt="ID-3\n")
    assert "metadata" not in config["dataset"]
    assert "people.csv is not used, though its column split may tell" in lines
    assert "its column PatientID calls them as their folders are, and layout dicom does" in lines
    assert "test.txt may say who is trained and tested on" in lines
    assert "ID-" not in lines
