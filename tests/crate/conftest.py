"""Crates of experiments that nobody trained."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from slicewise.crate import Wanted, gather_crate, write_crate
from tests.crate.made import tracked

WORKFLOW = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def at_annas(monkeypatch, tmp_path):
    """A machine of which nothing may be told."""
    monkeypatch.setenv("HOME", "/export/anna_owner")
    monkeypatch.setenv("SLICEWISE_DATA", "/export/anna_owner/study_of_anna")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://anna_owner:hunter2hunter@mlflow.example.org")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2hunter")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tracked(tmp_path / "results" / "tiny" / "baseline")


def written(folders: list[Path], path: Path, licence: str | None = "CC-BY-4.0") -> Path:
    write_crate(gather_crate(Wanted(WORKFLOW, licence), folders), path)
    return path


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def crate(folder, tmp_path) -> Path:
    return written([folder], tmp_path / "crate.zip")
