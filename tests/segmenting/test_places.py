"""Where the models of a name lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slicewise.dataset.ensembles import NAME, write_ensemble
from slicewise.errors import SlicewiseError
from slicewise.segmenting.places import files_of
from tests.dataset.test_ensembles import MADE


def test_folds_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for fold in (10, 2):
        (tmp_path / f"fold-{fold}").mkdir()
        (tmp_path / f"fold-{fold}" / "model.keras").touch()
    (tmp_path / "other.keras").touch()
    found = files_of("x", tmp_path)
    assert [path.parent.name for path in found] == ["fold-2", "fold-10"]
    assert files_of("x", found[0]) == found[:1]
    assert files_of("x", tmp_path / "fold-10") == found[1:]


def test_no_ensemble_stands_for_an_experiment_that_has_taken_its_name(tmp_path: Path) -> None:
    for name in ("axial", "volume", "best"):
        for fold in range(2):
            (tmp_path / name / f"fold-{fold}").mkdir(parents=True)
            (tmp_path / name / f"fold-{fold}" / "model.keras").touch()
    folder = tmp_path / "best"
    write_ensemble(folder / NAME, MADE, {})
    os.utime(folder / NAME, (2**33, 2**33))
    # what the experiment left that was called so before the ensemble
    assert [path.parts[-3] for path in files_of("x", folder)] == ["axial"] * 2 + ["volume"] * 2
    os.utime(folder / NAME, (1, 1))
    with pytest.raises(SlicewiseError, match="has taken the name of this ensemble since; delete"):
        files_of("x", folder)
    (folder / NAME).unlink()
    assert files_of("x", folder) == [folder / f"fold-{fold}" / "model.keras" for fold in range(2)]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError, match="x: there is no such model"):
        files_of("x", tmp_path / "absent")
    with pytest.raises(SlicewiseError, match="x: there is no model in this folder"):
        files_of("x", tmp_path)


def test_an_address_of_a_bucket_is_refused_as_what_it_is() -> None:
    name = "s3://study/results/tiny/baseline"
    with pytest.raises(SlicewiseError, match=r"^s3://study.*: an address is no file or folder;"):
        files_of(name, Path(name))
