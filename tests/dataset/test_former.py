"""Names that an ensemble had and then an experiment, or the other way round."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slicewise.dataset.ensembles import NAME
from slicewise.dataset.former import OF_ENSEMBLE, check_current, forget_ensemble
from slicewise.errors import SlicewiseError
from slicewise.files import write_json, write_text
from slicewise.records import record_path

RECORD = {"settings": None, "code": {}, "outputs": {}}


def made(path: Path, at: int | None = None, inputs: tuple[str, ...] = (), touched: int = 9) -> Path:
    """Write a file with the record of its job, and touch it."""
    write_text(path, path.name)
    if at is not None:
        write_json(record_path(path), RECORD | {"made": at, "inputs": dict.fromkeys(inputs, "")})
    os.utime(path, ns=(touched, touched))
    return path


def test_what_an_ensemble_left_goes_and_nothing_else(tmp_path: Path) -> None:
    for name in (*OF_ENSEMBLE, "metrics.tsv"):
        made(tmp_path / name, 1)
    kept = made(tmp_path / "fold-0" / "model.keras", 2)
    forget_ensemble(tmp_path)
    forget_ensemble(tmp_path)
    left = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    scores = tmp_path / "metrics.tsv"
    assert {tmp_path / one for one in left} == {
        *(kept, record_path(kept)),
        *(scores, record_path(scores)),
    }


@pytest.mark.parametrize("name", ["model.keras", "config.yaml"])
def test_an_ensemble_counts_until_an_experiment_is_trained_in_its_folder(
    tmp_path: Path, name: str
) -> None:
    ensemble = made(tmp_path / NAME, touched=5)
    check_current(ensemble)
    # what both have
    made(tmp_path / "fold-0" / "calibration.json", touched=7)
    former = made(tmp_path / "fold-0" / name, touched=3)
    check_current(ensemble)
    os.utime(former, ns=(7, 7))
    with pytest.raises(SlicewiseError, match=rf"ensemble\.json: fold-0/{name} beside it is of an"):
        check_current(ensemble)


def test_records_outvote_the_times_of_copies(tmp_path: Path) -> None:
    ensemble = made(tmp_path / NAME, 100, touched=1)
    model = made(tmp_path / "fold-0" / "model.keras", 50, touched=2)
    made(tmp_path / "fold-0" / "config.yaml", touched=2)
    check_current(ensemble)
    made(model, 150, touched=0)
    with pytest.raises(SlicewiseError, match="has taken the name of this ensemble since"):
        check_current(ensemble)


def test_an_experiment_that_was_not_trained_again_is_known_by_its_scores(tmp_path: Path) -> None:
    ensemble = made(tmp_path / NAME, 100)
    made(tmp_path / "fold-0" / "model.keras", 50)
    scores = made(tmp_path / "metrics.tsv", 60, ("fold-0/config.yaml",))
    check_current(ensemble)
    made(scores, 160, ("fold-0/config.yaml",))
    with pytest.raises(SlicewiseError, match=r"metrics\.tsv beside it is of an experiment"):
        check_current(ensemble)
    made(scores, 160, (NAME, "../a/fold-0/config.yaml"))
    check_current(ensemble)
