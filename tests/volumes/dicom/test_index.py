"""Headers are read once, and again where a file changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slicewise.files import read_json, write_json
from slicewise.volumes.dicom import entries
from slicewise.volumes.dicom.index import Entry, place_of, read_index, read_names, top_of
from tests.volumes.dicom.archived import write_modalities


@pytest.fixture
def read(tmp_path, monkeypatch) -> list[str]:
    """Return the names of files whose headers were read since."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    names = []

    def fake(path: Path, folder: str) -> Entry:
        names.append(path.name)
        return Entry("image", series=path.read_text(), on_series=("s",))

    monkeypatch.setattr(entries, "read_entry", fake)
    return names


@pytest.fixture
def root(tmp_path) -> Path:
    for name in ("p1/a", "p1/b", "p2/c"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    return tmp_path / "data"


def test_only_what_changed_is_read_again(root, read):
    first = read_index(root)
    assert list(first) == ["p1/a", "p1/b", "p2/c"]
    assert sorted(read) == ["a", "b", "c"]
    read.clear()
    assert read_index(root) == first
    assert read == []
    (root / "p1" / "b").write_text("other")
    (root / "p2" / "d").write_text("new")
    (root / "p1" / "a").unlink()
    again = read_index(root)
    assert read == ["b", "d"]
    assert {name: one.series for name, one in again.items()} == {
        "p1/b": "other",
        "p2/c": "p2/c",
        "p2/d": "new",
    }
    os.utime(root / "p2" / "c", ns=(5, 5))
    read.clear()
    read_index(root)
    assert read == ["c"]


@pytest.mark.parametrize(
    "kept", ["", "{", "[]", '{"p1/a": 5}', '{"p1/a": [1, 2, 3]}', '{"p1/a": null}']
)
def test_a_damaged_cache_is_read_again(root, read, kept):
    first = read_index(root)
    place_of(root, "json").write_text(kept)
    assert read_index(root) == first
    assert len(read) == 6


def test_what_an_earlier_version_kept_is_read_again(root, read):
    first = read_index(root)
    place = place_of(root, "json")
    earlier = {name: known[:-1] for name, known in read_json(place).items()}
    write_json(place, earlier)
    assert read_index(root) == first
    assert len(read) == 6
    assert read_json(place) != earlier


def test_a_cache_that_cannot_be_written_costs_time_only(root, read, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert read_index(root) == read_index(root)
    assert len(read) == 6


def test_litter_is_no_file_and_a_link_that_leads_back_ends(root, read):
    for name in (".DS_Store", "p1/._a", "DICOMDIR", ".hidden/x"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    (root / "p1" / "back").symlink_to(root)
    assert list(read_index(root)) == ["p1/a", "p1/b", "p2/c"]


def test_nobody_else_reads_the_cache(root, read):
    read_index(root)
    assert place_of(root, "json").stat().st_mode & 0o077 == 0
    assert place_of(root, "json") != place_of(root / "p1", "json")
    assert top_of("p1/x/y") == "p1"


def test_what_series_are_called_is_read_once_and_for_the_user_alone(
    root, tmp_path, write_series, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    write_modalities(root, write_series, "ID-A", "CT:low dose", "T1", mask=None)
    (root / "other").write_text("no DICOM")
    one, two = (str(next((root / name).iterdir()).relative_to(root)) for name in ("low dose", "T1"))
    expected = {one: ["CT", "low dose"], two: ["MR", "T1"], "other": ["", ""]}
    assert read_names(root, expected) == expected
    (place,) = (tmp_path / "caches" / "slicewise").glob("*.series.json")
    assert place.stat().st_mode & 0o077 == 0
    place.write_text(place.read_text().replace('"low dose"', '"kept"'))
    assert read_names(root, [one]) == {one: ["CT", "kept"]}
    os.utime(root / one, ns=(1, 1))
    assert read_names(root, [one]) == {one: ["CT", "low dose"]}
