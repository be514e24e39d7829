"""A crate is the same bytes for the same contents, and read without trusting it."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from pathlib import Path

import pytest

from slicewise.crate import open_crate
from slicewise.errors import SlicewiseError
from tests.crate.conftest import files, written
from tests.crate.made import tracked

SCORES = "experiments/baseline/metrics.tsv"


def packed(path: Path, held: dict[str, bytes]) -> Path:
    """Write a zip anew, as others would."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return path


def reading(path: Path, name: str = SCORES) -> bytes:
    with open_crate(path) as archive:
        return archive.read(name)


def refused(path: Path, name: str = SCORES) -> str:
    with pytest.raises(SlicewiseError) as error:
        reading(path, name)
    return str(error.value)


def test_the_same_results_are_the_same_bytes(crate, folder, tmp_path):
    again = written([folder], tmp_path / "elsewhere" / "again.zip")
    assert again.read_bytes() == crate.read_bytes()
    with zipfile.ZipFile(crate) as archive:
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())
        assert archive.testzip() is None


def test_what_was_written_is_read(crate, folder):
    assert reading(crate) == (folder / "metrics.tsv").read_bytes()
    with open_crate(crate) as archive:
        assert archive.note.dataset == "tiny"
        assert archive.note.experiments["baseline"].weights == {"0": "w0"}
        assert archive.note.experiments["baseline"].starts == {}


def test_what_weights_began_with_is_told_of_each_fold(tmp_path):
    before = {"started_from": "5" * 64, "taught_by": "6" * 64}
    folder = tracked(tmp_path / "results" / "tiny" / "baseline", folds=2, tags=before)
    with open_crate(written([folder], tmp_path / "crate.zip")) as archive:
        starts = archive.note.experiments["baseline"].starts
    assert starts == {f"baseline/fold-{fold}": before for fold in range(2)}


def test_zipped_anew_it_is_the_same_crate(crate, folder, tmp_path):
    other = packed(tmp_path / "other.zip", dict(reversed(files(crate).items())))
    assert reading(other) == (folder / "metrics.tsv").read_bytes()


def test_no_crate(tmp_path):
    assert "there is no such crate" in refused(tmp_path / "x.zip")
    assert "there is no such crate" in refused(tmp_path)
    text = tmp_path / "text.zip"
    text.write_text("no zip")
    assert "it is no zip, or cut short" in refused(text)
    assert "it is no RO-Crate" in refused(packed(tmp_path / "a.zip", {"a": b""}))
    other = {"ro-crate-metadata.json": b'{"@graph": []}'}
    assert "not one of slicewise" in refused(packed(tmp_path / "b.zip", other))


def test_cut_short(crate):
    crate.write_bytes(crate.read_bytes()[:-500])
    assert "it is no zip, or cut short; download it again" in refused(crate)


def test_a_byte_that_flipped(crate):
    data = bytearray(crate.read_bytes())
    with zipfile.ZipFile(crate) as archive:
        at = archive.getinfo(SCORES).header_offset + 30 + len(SCORES) + 40
    data[at] ^= 0xFF
    crate.write_bytes(data)
    assert f"{SCORES} in it is damaged; download it again" in refused(crate)


def test_an_edited_file(crate, tmp_path):
    held = files(crate)
    held[SCORES] = held[SCORES].replace(b"0.8", b"0.9")
    said = refused(packed(tmp_path / "edited.zip", held))
    assert f"{SCORES} is not the file that was published, by its SHA-256" in said


def test_a_missing_file(crate, tmp_path):
    held = files(crate)
    del held[SCORES]
    assert f"it lacks {SCORES}" in refused(packed(tmp_path / "less.zip", held))


def test_a_file_that_nobody_told_of(crate, tmp_path):
    other = packed(tmp_path / "more.zip", {**files(crate), "more.txt": b"x"})
    assert "more.txt is not the file that was published" in refused(other, "more.txt")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "C:/evil", "..\\evil", "\\evil"]
)
def test_a_file_that_would_lie_elsewhere(crate, tmp_path, name):
    said = refused(packed(tmp_path / "slip.zip", {**files(crate), name: b"x"}))
    assert "points outside of it; do not trust it" in said


def test_a_link(crate, tmp_path):
    other = packed(tmp_path / "link.zip", files(crate))
    with zipfile.ZipFile(other, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "points outside of it" in refused(other)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice(crate, tmp_path):
    other = packed(tmp_path / "twice.zip", files(crate))
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr(SCORES, "another")
    assert "it holds a file twice" in refused(other)


def test_a_file_that_would_fill_the_disk(crate, monkeypatch):
    monkeypatch.setattr("slicewise.crate.archive.most_unpacked", lambda size: 10)
    assert "would unpack to" in refused(crate)


def test_a_newer_format(crate, tmp_path):
    held = files(crate)
    note = json.loads(held["slicewise.json"])
    held["slicewise.json"] = json.dumps({"format": 3, "slicewise": "9.0", "new": note}).encode()
    _tell(held)
    said = refused(packed(tmp_path / "newer.zip", held))
    assert "it was written by a newer slicewise (9.0)" in said
    assert said.endswith("update slicewise")


@pytest.mark.parametrize("note", ["[]", '{"format": 1}', "no json", '{"format": "1"}'])
def test_a_note_of_another_form(crate, tmp_path, note):
    held = {**files(crate), "slicewise.json": note.encode()}
    _tell(held)
    assert "slicewise.json: the file is damaged" in refused(packed(tmp_path / "odd.zip", held))


@pytest.mark.parametrize("metadata", ["[]", "no json", '{"@graph": 1}', "[" * 100_000])
def test_metadata_of_another_form(crate, tmp_path, metadata):
    held = {**files(crate), "ro-crate-metadata.json": metadata.encode()}
    said = refused(packed(tmp_path / "odd.zip", held))
    assert "ro-crate-metadata.json: the file is damaged" in said


def _tell(held: dict[str, bytes]) -> None:
    """Let the metadata tell of the note as it is."""
    metadata = json.loads(held["ro-crate-metadata.json"])
    for each in metadata["@graph"]:
        if each["@id"] == "slicewise.json":
            each["sha256"] = hashlib.sha256(held["slicewise.json"]).hexdigest()
    held["ro-crate-metadata.json"] = json.dumps(metadata).encode()
