"""Names of patients in the names of files, behind a table that maps them to pseudonyms."""

from __future__ import annotations

import copy
import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import CONFIG, Workflow, copied

pytestmark = pytest.mark.slow

PLANTED = (b"SURNAME", b"FORENAME", b"HOSPITAL")


def contents(data: bytes) -> Iterator[bytes]:
    """All bytes of a file, those that are packed in it included."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from contents(archive.read(name))


def holds_a_name(path: Path) -> bool:
    places = [str(path).encode(), *contents(path.read_bytes())]
    return any(name in data for data in places for name in PLANTED)


@pytest.fixture(scope="module")
def planted(clone: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    workflow = copied(clone.root, tmp_path_factory.mktemp("names") / "slicewise")
    rows = []
    for number in range(5):
        image, mask = phantom(number, seed=7, size=48, slices=(8, 10))
        given = f"HOSPITAL {number}/SURNAME_FORENAME_{number}"
        folder = workflow.root / "data" / "study" / f"HOSPITAL {number}"
        folder.mkdir(parents=True)
        write_nifti(folder / f"SURNAME_FORENAME_{number}_ct.nii.gz", image, dtype=np.int16)
        write_nifti(folder / f"SURNAME_FORENAME_{number}_seg.nii.gz", mask, dtype=np.uint8)
        subset = "test" if number > 2 else "train"
        rows.append(
            (f"c{number}", f"p{number}", f"{given}_ct.nii.gz", f"{given}_seg.nii.gz", subset)
        )
    columns = ["case", "patient", "image", "mask", "subset"]
    table = workflow.root / "data" / "study" / "table.tsv"
    pd.DataFrame(rows, columns=columns).to_csv(table, sep="\t", index=False)
    settings = copy.deepcopy(CONFIG)
    settings["dataset"] |= {"layout": "table", "root": "study/table.tsv"}
    settings["run"] = ["plain"]
    workflow.write_settings(settings)
    workflow.snakemake()
    return workflow


def test_no_name_of_a_file_is_sent(planted: Workflow) -> None:
    sent = [planted.root / "results" / "mlflow.db"]
    sent += [p for p in (planted.root / "results" / "mlartifacts").rglob("*") if p.is_file()]
    assert {"cases.tsv", "report.html", "metrics.tsv"} <= {path.name for path in sent}
    assert any(path.suffix == ".keras" for path in sent)
    assert [path for path in sent if holds_a_name(path)] == []
    (table,) = (path for path in sent if path.name == "cases.tsv")
    cases = pd.read_csv(table, sep="\t")
    assert list(cases["case"]) == [f"c{number}" for number in range(5)]
    assert cases["image_sha256"].str.fullmatch("[0-9a-f]{64}").all()


def test_reports_models_and_logs_hold_none(planted: Workflow) -> None:
    made = [path for path in planted.results.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in made)
    local = {path.relative_to(planted.results).parts[0] for path in made if holds_a_name(path)}
    assert local == {"cases", "cases.tsv"}, "which say what the names of the cases stand for"


def test_a_run_is_made_again_from_what_was_sent(planted: Workflow) -> None:
    said = planted.slicewise("reproduce", planted.run_id("plain"), "--check")
    assert "code, versions, settings and data are those of the run" in said
