"""A crate whose cases and patients have numbers tells no name."""

from __future__ import annotations

import io
import re
import zipfile

import pandas as pd
import pytest
import yaml

from slicewise.crate import Wanted, gather_crate, open_crate, write_crate
from slicewise.crate.numbers import EARLIER, Names, Numbers
from slicewise.errors import SlicewiseError
from slicewise.publish.gathered import gather, numbers_of
from tests.crate import made
from tests.crate.conftest import WORKFLOW

NAME = "Maria_Muster"


@pytest.fixture
def named(tmp_path, monkeypatch):
    """An experiment on cases and patients who are called by names."""
    dice = {f"{NAME}_{case}": value for case, value in made.DICE.items()}
    for module in ("tests.crate.made", "tests.published", "tests.test_compare"):
        monkeypatch.setattr(f"{module}.DICE", dice)
    trained = tuple(f"{NAME}_{case}" for case in "yz")
    monkeypatch.setattr("tests.published.TRAINED", trained)
    settings = {
        **made.SETTINGS,
        "dataset": {
            **made.SETTINGS["dataset"],
            "exclude": [f"{NAME}_q"],
            "different_patients": [[f"{NAME}_a", f"{NAME}_A"]],
        },
        "split": {"not_the_same": [[f"{NAME}_c", f"{NAME}_a"]]},
    }
    monkeypatch.setattr(made, "SETTINGS", settings)
    return made.tracked(tmp_path / "results" / "tiny" / "baseline")


def without_digests(content: bytes) -> str:
    """Return a text without digests, which tests make of names."""
    text = content.decode()
    for case in made.DICE:
        text = text.replace(f"digest of {case}", "")
    return re.sub(rf"([imp]{NAME}_.)\1+", "", text)


def test_nothing_in_it_tells_a_name(named, tmp_path):
    path = tmp_path / "crate.zip"
    write_crate(gather_crate(Wanted(WORKFLOW), [named]), path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        telling = [name for name in names if NAME in without_digests(archive.read(name))]
    assert len(telling) == 6  # tables, settings, record of training and metadata
    numbers = numbers_of([gather(named)])
    write_crate(gather_crate(Wanted(WORKFLOW), [named], numbers), path)
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name, content in held.items() if NAME in without_digests(content)]
    assert not [name for name in held if NAME in name]
    cases = pd.read_csv(io.BytesIO(held["cases.tsv"]), sep="\t")
    assert list(cases["case"]) == [f"case-{number}" for number in range(1, 9)]
    settings = yaml.safe_load(held["experiments/baseline/settings.yaml"])
    assert settings["split"]["not_the_same"] == [["case-3", "case-1"]]
    assert settings["dataset"]["exclude"] == []
    assert settings["dataset"]["different_patients"] == "all"
    assert b"predictions/case-1.nii.gz" in held["ro-crate-metadata.json"]
    assert b"Cases and patients have numbers" in held["README.md"]
    with open_crate(path) as archive:
        assert archive.note.numbered


def test_names_are_taken_to_the_letter_where_they_are_looked_for():
    # of two lookalikes one may have been excluded, which the crate does not tell
    numbers = Numbers.of({"g1"}, {"g1"})
    dataset = {"exclude": ["g01"], "different_patients": []}
    shown = numbers.settings({"dataset": dataset, "split": {"not_the_same": []}})
    assert shown["dataset"] == {"exclude": [], "different_patients": "all"}


def test_nothing_of_an_ensemble_tells_a_name(named, tmp_path):
    folder = made.mixed(named.parent)
    numbers = numbers_of([gather(folder)])
    path = tmp_path / "crate.zip"
    write_crate(gather_crate(Wanted(WORKFLOW), [folder], numbers), path)
    with zipfile.ZipFile(path) as archive:
        held = {name: without_digests(archive.read(name)) for name in archive.namelist()}
    assert not [name for name, content in held.items() if NAME in content + name]


def test_phantoms_keep_their_names(tmp_path, monkeypatch):
    dataset = {"name": "tiny", "layout": "phantom", "labels": {"liver": 1}}
    monkeypatch.setattr(made, "SETTINGS", {**made.SETTINGS, "dataset": dataset, "split": {}})
    folder = made.tracked(tmp_path / "results" / "tiny" / "baseline")
    numbers = Numbers.of(set("abcdefyz"), set("abcdefyz"))
    contents = gather_crate(Wanted(WORKFLOW), [folder], numbers).contents
    assert contents is not None and not contents.names.hidden
    assert b"\na\ta\t" in contents.files["split.tsv"]


def test_all_that_a_training_tells_is_numbered():
    numbers = Numbers.of({"ann", "bob", "eve"}, {"A", "B"})
    record = {
        "train": ["ann", "bob"],
        "validation_cases": ["eve"],
        "patients": {"ann": "A", "bob": "A"},
        "validation": {"may_select": True, "patients": {"eve": "B"}},
        "fingerprints": {"ann": "1", "bob": "2"},
        "started_from": {"name": "m", "scans": {"1": "A", "7": "Zoe"}},
        "taught_by": {"name": "large", "scans": {"1": "A", "8": "Eva"}},
        "folds": 1,
    }
    assert numbers.training(record) == {
        "train": ["case-1", "case-2"],
        "validation_cases": ["case-3"],
        "patients": {"case-1": "patient-1", "case-2": "patient-1"},
        "validation": {"may_select": True, "patients": {"case-3": "patient-2"}},
        "fingerprints": {"case-1": "1", "case-2": "2"},
        "started_from": {"name": "m", "scans": {"1": "patient-1", "7": EARLIER}},
        "taught_by": {"name": "large", "scans": {"1": "patient-1", "8": EARLIER}},
        "folds": 1,
    }
    assert Names().training(record) == record


def test_a_name_that_no_case_has_is_refused():
    numbers = Numbers.of({"ann"}, {"A"})
    with pytest.raises(SlicewiseError, match="case bob: a training, a mask or a score tells"):
        numbers.training({"train": ["bob"]})
    with pytest.raises(SlicewiseError, match="case bob: a training, a mask or a score tells"):
        numbers.file("predictions/bob.nii.gz")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("predictions/ann.nii.gz", "predictions/case-1.nii.gz"),
        ("report.html", "report.html"),
        ("figures/training.svg", "figures/training.svg"),
    ],
)
def test_files_that_are_called_as_cases_are_have_numbers(name, shown):
    assert Numbers.of({"ann"}, {"A"}).file(name) == shown
