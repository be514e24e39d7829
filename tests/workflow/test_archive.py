"""An archive of DICOM studies through the workflow: its cases are found, and nobody is named."""

from __future__ import annotations

import copy
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from tests.scans import write_series
from tests.volumes.dicom.archived import (
    ORGAN,
    voxels,
    write_modalities,
    write_report,
    write_study,
)
from tests.workflow.conftest import CONFIG, Workflow, copied
from tests.workflow.test_named_cases import contents

__all__ = ["write_series"]
pytestmark = pytest.mark.slow

SECRETS = (b"ID-PLANTED", b"Grete", b"Planted", b"777000777", b"BETWEEN")


def holds_a_secret(path: Path) -> bool:
    places = [str(path).encode(), *contents(path.read_bytes())]
    return any(secret in data for data in places for secret in SECRETS)


def test_cases_of_an_archive(clone: Workflow, tmp_path, write_series, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    workflow = copied(clone.root, tmp_path / "slicewise")
    root = workflow.root / "data" / "archive"
    for number in range(3):
        kind = "RTSTRUCT" if number == 1 else "SEG"
        patient = f"ID-PLANTED-{number}"
        write_study(root / patient / "study", write_series, patient, mask=kind)
    write_report(root / "ID-PLANTED-0" / "report", "ID-PLANTED-0")
    settings = copy.deepcopy(CONFIG)
    settings["dataset"] |= {"layout": "dicom", "root": "archive", "labels": {"liver": "Liver"}}
    settings["dataset"]["intensity"] = "arbitrary"
    workflow.write_settings(settings)
    said = workflow.snakemake("cases")
    assert "3 cases found by headers, and left aside: 1 × report" in said
    table = pd.read_csv(workflow.results / "cases.tsv", sep="\t")
    assert table["case"].str.fullmatch("patient-[0-9a-f]{10}").all()
    assert sorted(table["mask"]) == ["RTSTRUCT (1)", "SEG (1)", "SEG (1)"]
    for case, kind in zip(table["case"], table["mask"], strict=True):
        mask = np.asarray(nib.load(workflow.results / "cases" / case / "mask.nii.gz").dataobj)
        expected = ORGAN if kind == "SEG (1)" else ORGAN & (np.arange(5) == 1)
        np.testing.assert_array_equal(mask == 1, expected)
    made = [path for path in workflow.results.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in made)
    assert not [path for path in made if holds_a_secret(path)]
    assert workflow.due("cases") == {}
    # one slice of a series is lost: a sentence about the case, and the others stay
    next((root / "ID-PLANTED-2").rglob("image_2")).unlink()
    workflow.snakemake("cases", fails=True)
    logs = [path.read_text() for path in (workflow.results / "logs" / "convert").glob("*.log")]
    (error,) = (text for text in logs if "error: " in text)
    assert "1 of its slices are missing" in error
    assert not [secret for secret in SECRETS if secret in error.encode()]


def test_channels_of_an_archive(clone: Workflow, tmp_path, write_series, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    workflow = copied(clone.root, tmp_path / "slicewise")
    root = workflow.root / "data" / "archive"
    for number in range(3):
        names = ("CT:BETWEEN low dose", "PT:Grete WB")[: 1 if number == 2 else 2]
        write_modalities(root / f"p{number}", write_series, f"ID-PLANTED-{number}", *names)
    settings = copy.deepcopy(CONFIG)
    settings["dataset"] |= {"layout": "dicom", "root": "archive", "labels": {"liver": "Liver"}}
    settings["dataset"] |= {"intensity": "arbitrary", "channels": ["ct", "pet"]}
    settings["dataset"]["dicom"] = {"image": {"ct": "CT", "pet": "*wb"}}
    workflow.write_settings(settings)
    said = workflow.snakemake("--dry-run", "cases", fails=True)
    assert "case p2: it has no file of the channel pet beside its other series" in said
    workflow.change("dataset.missing_channels", "zero")
    said = workflow.snakemake("cases")
    assert "beside it there is no channel pet, which is left empty" in said
    table = pd.read_csv(workflow.results / "cases.tsv", sep="\t", index_col="case")
    assert list(table["image"]) == ["p0 (5 + 5)", "p1 (5 + 5)", "p2 (5)"]
    for case, series in {"p0": (1, 2), "p1": (1, 2), "p2": (1,)}.items():
        image = nib.load(workflow.results / "cases" / case / "image.nii.gz").get_fdata()
        patient = f"ID-PLANTED-{case[1]}"
        for channel, number in enumerate(series):
            stored = np.sort(voxels(patient, series=number).ravel())
            np.testing.assert_array_equal(np.sort(image[..., channel].ravel()), stored - 1024)
        if case == "p2":
            assert not image[..., 1].any()
        mask = nib.load(workflow.results / "cases" / case / "mask.nii.gz").get_fdata()
        np.testing.assert_array_equal(mask == 1, ORGAN)
    made = [path for path in workflow.results.rglob("*") if path.is_file()]
    assert not [path for path in made if holds_a_secret(path)]
    assert workflow.due("cases") == {}
