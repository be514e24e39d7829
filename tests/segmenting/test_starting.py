"""Bringing a model that a training starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slicewise.dataset.ensembles import Weights, write_ensemble
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_yaml
from slicewise.jobs import Start
from slicewise.segmenting import starting
from slicewise.segmenting.starting import bring
from tests.trained import config_of


def placed(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(f"weights of {folder.name}/{name}".encode())
    return path


def test_a_file_is_copied_with_what_its_record_tells(tmp_path: Path) -> None:
    model = placed(tmp_path / "fold-0", "model.keras")
    record = config_of("a1", "a", "w") | {"fingerprints": {"a1": "f1"}}
    write_yaml(tmp_path / "fold-0" / "config.yaml", record)
    asked = Start(name="x", fold=0, folds=2)
    target = tmp_path / "start" / "fold-0.keras"
    target.parent.mkdir()
    beside = [model, model.with_name("config.yaml")]
    told = bring(asked, beside, target, tmp_path)
    assert target.read_bytes() == model.read_bytes() and told.sha256 == sha256(model)
    assert told.known and told.scans == {"f1": "a"} and told.weights_sha256 == "w"
    assert not bring(asked, beside[:1], target, tmp_path).known


def fetched(*names: str) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """Return what brings models of these names from a store."""

    def fetch(connection: object, name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
        for each in names:
            placed(folder / "data" / "models", each)
        return folder, {"run_id": "4f"}

    return fetch


def recorded(connection: object, run: str, fold: int, folder: Path) -> Path:
    """Stand for what brings the record of a fold from a store."""
    write_yaml(folder / "config.yaml", config_of(f"a{fold}", "a", f"w{fold}"))
    return folder / "config.yaml"


def test_a_fold_of_mlflow_starts_from_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "fetch_model", fetched("fold-0.keras", "fold-1.keras"))
    monkeypatch.setattr(starting, "fetch_record", recorded)
    target = tmp_path / "fold-1.keras"
    told = bring(Start(name="models:/x@champion", fold=1, folds=2), [], target, tmp_path)
    assert target.read_bytes() == b"weights of models/fold-1.keras"
    assert (told.name, told.weights_sha256) == ("models:/x@champion (run 4f)", "w1")
    monkeypatch.setattr(starting, "fetch_record", lambda *_: None)
    told = bring(Start(name="models:/x@champion", fold=1, folds=2), [], target, tmp_path)
    assert told.weights_sha256 is None and not told.known
    with pytest.raises(SlicewiseError, match="has 2 models, and there are 3 folds here"):
        bring(Start(name="models:/x@champion", fold=1, folds=3), [], target, tmp_path)
    monkeypatch.setattr(starting, "fetch_model", fetched("model.keras"))
    bring(Start(name="models:/x@champion", fold=1, folds=3), [], target, tmp_path)
    assert target.read_bytes() == b"weights of models/model.keras"


def test_members_of_an_ensemble_are_no_models_of_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = fetched("a-fold-0.keras", "b-fold-0.keras")
    weights = Weights(
        members={"a": ["wa"], "b": ["wb"]},
        weights={"a": 0.5, "b": 0.5},
        fitted=False,
        because="equal",
        patients=2,
        dice={"a": 0.1, "b": 0.1},
        equal_dice=0.1,
        weighted_dice=0.1,
    )

    def fetch_ensemble(*asked: Any) -> tuple[Path, dict[str, Any]]:
        place, tracked = fetch(*asked)
        write_ensemble(place / "data" / "models" / "ensemble.json", weights, {})
        return place, tracked

    monkeypatch.setattr(starting, "fetch_model", fetch_ensemble)
    monkeypatch.setattr(starting, "fetch_record", recorded)
    target = tmp_path / "fold-1.keras"
    for folds in (1, 2):
        with pytest.raises(SlicewiseError, match="models:/x@champion is an ensemble, and a train"):
            bring(Start(name="models:/x@champion", fold=0, folds=folds), [], target, tmp_path)
    assert not target.exists()
