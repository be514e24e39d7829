"""Zips that no honest archiver makes are refused."""

import zipfile

import pytest

from slicewise import files
from slicewise.volumes.dicom import archives
from slicewise.volumes.dicom.series import read_series
from tests.volumes.dicom.written import zipped


@pytest.mark.parametrize("member", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil"])
def test_zip_that_points_outside_its_folder(tmp_path, write_series, refused, member):
    write_series(tmp_path / "ct")
    archive = zipped(tmp_path / "ct", tmp_path / "ct.zip")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(member, b"x")
    before = sorted(tmp_path.rglob("*"))
    message = refused(read_series, archive)
    assert str(archive) in message
    assert "outside its own folder" in message
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_with_a_symbolic_link(tmp_path, refused):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "outside its own folder" in refused(read_series, tmp_path / "a.zip")


def test_damaged_zip(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    content = zipped(tmp_path / "ct", tmp_path / "ct.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    assert "cut short or damaged" in refused(read_series, tmp_path / "cut.zip")
    spoilt = bytearray(content)
    spoilt[1100:1160] = b"\xff" * 60
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    assert "damaged" in refused(read_series, tmp_path / "spoilt.zip")


def test_zip_with_a_password(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    archive = zipped(tmp_path / "ct", tmp_path / "ct.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    assert "protected by a password" in refused(read_series, archive)


def test_zip_that_would_unpack_to_too_much(tmp_path, write_series, refused, monkeypatch):
    write_series(tmp_path / "ct")
    monkeypatch.setattr(archives, "LARGEST_ZIP", 2000)
    message = refused(read_series, zipped(tmp_path / "ct", tmp_path / "ct.zip"))
    assert "would unpack to more" in message


def test_zips_that_python_does_not_know_or_that_hold_too_much_are_refused(
    tmp_path, write_series, refused, monkeypatch
):
    write_series(tmp_path / "ct", count=2)
    archive = zipped(tmp_path / "ct", tmp_path / "a.zip")
    content = archive.read_bytes()
    at = content.index(b"PK\x01\x02")
    archive.write_bytes(content[: at + 6] + b"\xff\x00" + content[at + 8 :])
    assert "does not know" in refused(read_series, archive)
    (tmp_path / "ct" / "zeros").write_bytes(bytes(1 << 21))
    archive = zipped(tmp_path / "ct", tmp_path / "b.zip")
    monkeypatch.setattr(files, "FREE", 1 << 20)
    assert "would unpack to" in refused(read_series, archive)
