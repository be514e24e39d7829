"""Numbered cases are recognised by their files, whatever these are called."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from slicewise.config import load_settings
from slicewise.crate.numbers import Numbers
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_text
from slicewise.reproduce.recognised import name_cases

NAMES = tuple("abcdef")
TEST = ("a", "b")


def folder_of(root: Path, names: dict[str, str] | None = None) -> Path:
    """Write images and masks that nobody opens, under other names if they are given."""
    for case in NAMES:
        called = (names or {}).get(case, case)
        place = root / "raw" / ("test" if case in TEST else "train")
        write_text(place / f"{called}_orig.nii.gz", f"image {case}")
        write_text(place / f"{called}_liver.nii.gz", f"mask {case}")
    return root


@pytest.fixture
def original(settings, tmp_path):
    """A run on data that its publisher had, as its crate tells of it."""
    settings["dataset"]["root"] = str(folder_of(tmp_path / "theirs"))
    settings["split"]["not_the_same"] = [["a", "b"]]
    there = find_cases(load_settings(settings, dumped=True).dataset, tmp_path)
    table = pd.DataFrame({"case": [c.name for c in there], "patient": [c.patient for c in there]})
    for kind in ("image", "mask"):
        table[f"{kind}_sha256"] = [sha256(getattr(case, kind)[0]) for case in there]
    numbers = Numbers.of(set(table["case"]), set(table["patient"]))
    assigned = split_cases(there, load_settings(settings, dumped=True).split)
    split = pd.DataFrame([each.dump() for each in assigned])
    split["fold"] = ""
    files = tmp_path / "original"
    for name, each in (("cases", table), ("split", split), ("metrics", table)):
        content = each.to_csv(sep="\t", index=False).encode()
        write_text(files / f"{name}.tsv", numbers.table(content).decode())
    return SimpleNamespace(settings=dict(numbers.settings(settings)), files=files)


def told(original, root: Path) -> str:
    said: list[str] = []
    original.settings["dataset"]["root"] = str(root)
    name_cases([original], said.append)
    return "\n".join(said)


def names_in(original, name: str) -> list[str]:
    return list(pd.read_csv(original.files / name, sep="\t")["case"])


def test_cases_have_the_names_that_they_have_here(original, tmp_path):
    assert names_in(original, "cases.tsv") == [f"case-{k}" for k in range(1, 7)]
    assert told(original, tmp_path / "theirs") == ""
    for name in ("cases.tsv", "split.tsv", "metrics.tsv"):
        assert names_in(original, name) == list(NAMES)
    assert original.settings["split"]["not_the_same"] == [["a", "b"]]
    assert original.settings["dataset"]["exclude"] == []


def test_what_was_not_published_is_left_out_and_told(original, tmp_path):
    root = folder_of(tmp_path / "mine")
    for kind in ("orig", "liver"):
        write_text(root / "raw" / "train" / f"new_{kind}.nii.gz", f"new {kind}")
    assert told(original, root) == "left out, as not published: 1 case here (new)"
    assert original.settings["dataset"]["exclude"] == ["new"]


@pytest.mark.parametrize("then", ["all", []])
def test_who_looks_like_one_of_an_excluded_case_is_recognised(original, tmp_path, then):
    # crates of earlier versions say nothing of patients in several spellings
    original.settings["dataset"]["different_patients"] = then
    root = folder_of(tmp_path / "mine", {"f": "f1"})
    for kind in ("orig", "liver"):
        write_text(root / "raw" / "train" / f"f01_{kind}.nii.gz", f"excluded {kind}")
    assert told(original, root) == "left out, as not published: 1 case here (f01)"
    assert original.settings["dataset"]["exclude"] == ["f01"]


@pytest.mark.parametrize("kind", ["orig", "liver"])
def test_another_file_is_refused(original, tmp_path, kind):
    root = folder_of(tmp_path / "mine")
    write_text(root / "raw" / "test" / f"b_{kind}.nii.gz", "another")
    which = {"orig": "no image here is that of case-2", "liver": "the mask of b is another file"}
    with pytest.raises(SlicewiseError, match=f"mine: these are not the data .*: {which[kind]}"):
        told(original, root)


def test_files_with_other_names_are_refused_where_the_split_is_drawn_by_them(original, tmp_path):
    # who validates follows from names
    (validates,) = pd.read_csv(original.files / "split.tsv", sep="\t").query(
        "subset == 'validation'"
    )["case"]
    number = int(validates.removeprefix("case-"))
    others = [case for case in NAMES if case not in TEST]
    shifted = {case: f"{others[(k + 1) % 4]}" for k, case in enumerate(others)}
    assert NAMES[number - 1] in shifted
    root = folder_of(tmp_path / "mine", shifted)
    with pytest.raises(SlicewiseError, match="splits are drawn by names, and files were called"):
        told(original, root)


def test_patients_who_are_grouped_otherwise_are_refused(original, tmp_path):
    original.settings["dataset"]["patient_pattern"] = "(?P<patient>.)"
    root = folder_of(tmp_path / "mine", {"e": "ce", "c": "cc"})
    with pytest.raises(SlicewiseError, match="there are fewer patients here than in the crate"):
        told(original, root)
    split = original.files / "cases.tsv"
    table = pd.read_csv(split, sep="\t")
    table["patient"] = "patient-1"
    write_text(split, table.to_csv(sep="\t", index=False))
    with pytest.raises(SlicewiseError, match="b is of patient b here, and of the same patient as"):
        told(original, root)


def test_cases_with_the_same_files_are_told_by_their_order(original, tmp_path):
    table = pd.read_csv(original.files / "cases.tsv", sep="\t")
    for column in ("image_sha256", "mask_sha256"):
        table.loc[3, column] = table.loc[2, column]
    write_text(original.files / "cases.tsv", table.to_csv(sep="\t", index=False))
    root = folder_of(tmp_path / "mine")
    for kind in ("orig", "liver"):
        place = root / "raw" / "train"
        (place / f"d_{kind}.nii.gz").write_bytes((place / f"c_{kind}.nii.gz").read_bytes())
    told(original, root)
    assert names_in(original, "cases.tsv") == list(NAMES)
