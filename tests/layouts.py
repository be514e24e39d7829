"""Data sets of empty files, in any layout."""

import json
from pathlib import Path

import pytest

from slicewise.config import Dataset
from slicewise.dataset.finding import find_cases

ONE_FOLDER = {"pairs": {"train": "raw", "test": None}}


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def dataset(layout: str, labels=None, **keys) -> Dataset:
    keys = {"name": "x", "root": "data", "labels": labels or {"liver": 1}, **keys}
    return Dataset(layout=layout, **keys)


def found(data: Path, settings: Dataset) -> dict[str, tuple]:
    """Image, mask and subset of each case, relative to the data."""
    return {
        case.name: (
            *(str(files[0].relative_to(data)) for files in (case.image, case.mask)),
            case.subset,
        )
        for case in find_cases(settings, data.parent)
    }


def describe(data: Path, entries) -> None:
    (data / "dataset.json").write_text(json.dumps({"training": entries}))


def entry(name: str) -> dict:
    return {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}


def write_table(data: Path, *rows: tuple[str, ...]) -> Dataset:
    (data / "cases.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return dataset("table", root="data/cases.tsv")
