"""Names of source files, which may hold patients' names, and what is sent instead."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import read_json
from slicewise.tracking import Connection, sync
from slicewise.tracking.names import shareable, without_file_names, without_listed_names
from tests.tracking.conftest import begin, run_of, tracker

ROWS = [
    ("c1", "p1", "DOE_JANE_1.nii.gz", "DOE_JANE_1_seg.nii.gz"),
    ("c2", "p2", "ROE RICHARD.mha", "image.nii.gz"),
    ("c3", "p3", "POE_EDGAR (200)", "image.nii.gz"),
    ("c4", "p4", "c4.nii.gz", "12345678.nrrd"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "tiny" / "cases.tsv"
    path.parent.mkdir(parents=True)
    rows = [
        {
            **dict(zip(("case", "patient", "image", "mask"), row, strict=True)),
            "image_sha256": "a" * 64,
            "mask_sha256": "b" * 64,
            "shape": "4x4x4",
            "spacing": "1x1x1",
            "orientation": "RAS",
            "intensity_p50": "7",
            "ml_liver": "12.5",
            "fingerprint": "c" * 64,
            "thought_of_later": f"/data/{row[2]}",
        }
        for row in ROWS
    ]
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/x/study/DOE_JANE_1.nii.gz: it is cut", "the image of case c1: it is cut"),
        ("x/DOE_JANE_1_seg.nii.gz: no", "the mask of case c1: no"),
        ("No such file: '/x/ROE RICHARD.mha'", "No such file: 'the image of case c2'"),
        ("in x/DOE JOHN/image.nii.gz: no", "in a file of the data set: no"),
        ("/x/POE_EDGAR/0001.dcm: no pixels", "the image of case c3: no pixels"),
        ("DOE_JANE_1 is empty", "the image of case c1 is empty"),
        ("12345678 is empty, step 1234567", "the mask of case c4 is empty, step 1234567"),
        ("data/new/ANNA X.nii.gz: it is new", "a file of the data set: it is new"),
        ('"data/new/A" and data/new/B', '"a file of the data set" and a file of the data set'),
    ],
)
def test_a_sentence_names_the_case(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    folder = tmp_path / "x" / "DOE JOHN"
    folder.mkdir(parents=True)
    (folder / "image.nii.gz").touch()
    assert without_file_names(text, table) == said
    assert without_file_names(said, table) == said


@pytest.mark.parametrize(
    "text",
    [
        "the image of case c4 is empty",
        "results/tiny/slices/axial48/c1/image.npy: it was changed",
        "training stops in epoch 3, because it was told to (SIGTERM)",
        "the loss is 0.12345678 in step 100",
        "metadata/x is there",
    ],
)
def test_what_names_no_file_of_the_data_stays(
    table: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    assert without_file_names(text, table) == text


def test_the_folder_of_the_data_may_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "my data"
    (data / "DOE JANE").mkdir(parents=True)
    monkeypatch.setenv("SLICEWISE_DATA", str(data))
    said = without_file_names(f"{data}/DOE JANE: it has no image", tmp_path / "cases.tsv")
    assert said == "a file of the data set: it has no image"


def test_code_loses_only_names_of_the_table(table: Path) -> None:
    text = '+root = "data/raw"\n+image = read("DOE_JANE_1.nii.gz")\n+ROE RICHARD\n'
    found = without_listed_names(text, table)
    assert found == '+root = "data/raw"\n+image = read("the image of case c1")\n+ROE RICHARD\n'


def test_the_table_is_sent_without_columns_that_may_name_files(table: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    with tracker(results, "x") as one:
        run = begin(one)
        run.files({"cases.tsv": table})
    client, run_id = Connection(results).client, run_of(results, "x").info.run_id

    def sent() -> pd.DataFrame:
        path = client.download_artifacts(run_id, "cases.tsv", str(tmp_path))
        return pd.read_csv(path, sep="\t")

    whole = pd.read_csv(table, sep="\t")
    kept = sent()
    assert set(whole) - set(kept) == {"image", "mask", "thought_of_later"}
    pd.testing.assert_frame_equal(kept, whole[list(kept)])
    # as earlier versions sent it
    client.log_artifact(run_id, str(table))
    assert "image" in sent()
    sync(results, "*", lambda a, b: (True, ""), lambda line: None)
    assert "image" not in sent(), "sync takes the names back"
    held = {entry.path: entry.file_size for entry in client.list_artifacts(run_id)}
    assert held["cases.tsv"] == len(shareable(table))


def test_why_a_run_stopped_names_no_file(table: Path, tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError), tracker(tmp_path / "results", "x") as one:
        run = begin(one)
        with run.ending_with_errors():
            raise SlicewiseError("/data/study/DOE_JANE_1_seg.nii.gz: it was changed;\nrun again")
    said = "the mask of case c1: it was changed; run again"
    assert read_json(run.folder / "run.json")["tags"]["stopped_because"] == said
    assert run_of(tmp_path / "results", "x").data.tags["stopped_because"] == said
