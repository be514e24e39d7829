"""Finding scans: whatever people name, called by nothing that tells who the patient is."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.jobs import ToldScan
from slicewise.segmenting.pages import Output
from slicewise.segmenting.scans import find_scans, scans_told
from slicewise.volumes.read import read_sources
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.scans import SECRETS, UID
from tests.volumes.dicom.archived import of_patient, write_report, write_study
from tests.volumes.dicom.test_scouts import CAPTURE
from tests.volumes.dicom.written import zipped


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def volume(path: Path) -> Path:
    write_nifti(path, Volume(np.zeros((2, 3, 4), np.int16), np.eye(4)))
    return path


def named(*places: Path) -> list[str]:
    found = find_scans(places)
    assert not found.failures
    return sorted(scan.name for scan in found.scans)


def test_files_are_called_by_their_names(tmp_path: Path) -> None:
    assert named(volume(tmp_path / "p 01.nii.gz"), volume(tmp_path / "b.NII")) == ["b", "p_01"]


def test_a_folder_is_searched_and_litter_left(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    for name in ("a.nii.gz", "deep/er/b.nii", ".hidden/c.nii", "._a.nii.gz"):
        volume(root / name)
    (root / "notes.txt").write_text("no scan")
    assert named(root) == ["a", "deep_er_b"]


def test_masks_that_were_made_are_no_scans(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    volume(root / "a.nii.gz")
    mask = Volume(np.zeros((2, 3, 4), np.uint8), np.eye(4))
    moved = root / "by hand" / "a_mask.nii"
    output = Output(root / "new")
    for path in (moved, output.mask("a")):
        write_nifti(path, mask, note={"scan": "a", "models": ["f" * 64]})
    # its note is gone, but what it was made as stands beside it
    volume(output.mask("corrected"))
    output.record("corrected").parent.mkdir()
    output.record("corrected").write_text("{}")
    # of somebody else's
    volume(root / "masks" / "b.nii.gz")
    write_nifti(root / "c.nii.gz", mask, note={"patient": "p1"})
    (root / "d.nii.gz").write_bytes(b"no scan")
    found = find_scans([root])
    assert sorted(scan.name for scan in found.scans) == ["a", "c", "d", "masks_b"]
    assert found.aside == [f"{root}: left aside: 3 masks that slicewise made"]
    assert not found.failures
    assert "this is a mask that slicewise made" in find_scans([moved]).failures[0]
    assert "there is no scan in this folder" in find_scans([root / "new"]).failures[0]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    one, two = (volume(tmp_path / name / "ct.nii.gz") for name in ("p1", "p2"))
    assert named(one, two) == ["p1_ct", "p2_ct"]
    assert named(one, one) == ["ct"], "named twice it is one scan"


def digest_of(place: Path) -> str:
    (scan,) = find_scans([place]).scans
    return scan.sha256()


def test_files_that_voxels_lie_in_are_of_the_scan(tmp_path: Path) -> None:
    digests = set()
    for value in (1, 2):
        for name in ("ct.mhd", "mr.nhdr"):
            sitk.WriteImage(sitk.Image(3, 4, 5, sitk.sitkInt16) + value, str(tmp_path / name))
        pair = nib.Nifti1Pair(np.full((3, 4, 5), value, np.int16), np.eye(4))
        nib.save(pair, tmp_path / "pet.img")
        scans = {scan.name: scan for scan in find_scans([tmp_path]).scans}
        parts = {name: [path.name for path in scan.sources] for name, scan in scans.items()}
        assert parts == {
            "ct": ["ct.mhd", "ct.raw"],
            "mr": ["mr.nhdr", "mr.raw"],
            "pet": ["pet.hdr", "pet.img"],
        }
        digests |= {scan.sha256() for scan in scans.values()}
        for place in ("ct.mhd", "mr.nhdr", "pet.hdr", "pet.img"):
            assert find_scans([tmp_path / place]).scans == [scans[place.split(".")[0]]]
    assert len(digests) == 6, "other voxels under the same header are another scan"


def test_slices_in_another_order_are_another_scan(tmp_path: Path) -> None:
    (tmp_path / "ct.mhd").write_text("ElementDataFile = LIST\none.raw\ntwo.raw\n")
    digests = []
    for first, second in ("ab", "ba"):
        (tmp_path / "one.raw").write_text(first)
        (tmp_path / "two.raw").write_text(second)
        digests.append(digest_of(tmp_path / "ct.mhd"))
    assert digests[0] != digests[1]


def test_scans_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    for name in ("a b.nii", "a_b.nii", "c.nii"):
        volume(tmp_path / "s" / name)
    found = find_scans([tmp_path / "s"])
    assert [scan.name for scan in found.scans] == ["c"]
    assert len(found.failures) == 1
    assert "s_a_b: 2 scans would be called so" in found.failures[0]


def test_what_is_no_scan_is_named_and_stops_no_other(tmp_path: Path) -> None:
    good = volume(tmp_path / "good.nii")
    text = tmp_path / "text.txt"
    text.write_text("text")
    empty = tmp_path / "empty"
    empty.mkdir()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(b"PK\x03\x04")
    places = [tmp_path / "absent.nii", text, empty, cut, good]
    found = find_scans(places)
    assert [scan.name for scan in found.scans] == ["good"]
    assert [any(str(p) in f for f in found.failures) for p in places] == [True] * 4 + [False]


def test_an_export_of_an_archive(tmp_path: Path, write_series) -> None:
    root = tmp_path / "export"
    write_study(root / "anon7", write_series, "PLANTED-1", series="1")
    write_study(root / "anon7", write_series, "PLANTED-1", series="2", mask=None)
    write_study(root / "Plantedname", write_series, "PLANTED-2", mask=None)
    write_report(root / "anon7" / "report", "PLANTED-1")
    found = find_scans([root])
    assert not found.failures
    names = sorted(scan.name for scan in found.scans)
    assert [name[:6] for name in names] == ["anon7_", "anon7_", "patien"]
    assert all(len(scan.sources) == 5 and scan.dicom for scan in found.scans)
    (line,) = found.aside
    assert "1 × SEG" in line and "1 × report" in line
    assert not [secret for secret in SECRETS if secret in " ".join([*names, line])]


def test_a_folder_or_zip_of_one_series_gives_its_name(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "CT7"
    write_series(folder, 4, edit=of_patient("PLANTED-1"))
    assert named(folder) == ["CT7"]
    assert named(*sorted(folder.iterdir())) == ["CT7"]
    assert named(zipped(folder, tmp_path / "study9.zip")) == ["study9"]
    for name in ("Plantedname^Grete", UID):
        telling = tmp_path / name
        shutil.copytree(folder, telling)
        (one,) = named(telling)
        (other,) = named(zipped(folder, tmp_path / f"{name}.zip"))
        assert one == other and one.startswith("patient-")


def test_zips_of_one_name_below_and_beside(tmp_path: Path, write_series) -> None:
    series = tmp_path / "series"
    write_series(series, 4, edit=of_patient("PLANTED-1"))
    for name in ("a1", "a2"):
        (tmp_path / "set" / name).mkdir(parents=True)
        zipped(series, tmp_path / "set" / name / "CT.zip")
    assert named(tmp_path / "set") == ["a1_CT", "a2_CT"]
    assert named(*sorted((tmp_path / "set").rglob("*.zip"))) == ["a1_CT", "a2_CT"]


def test_files_are_the_same_from_a_folder_and_a_zip(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "CT7"
    write_series(folder, 5, edit=of_patient("PLANTED-1"))
    (one,) = find_scans([folder]).scans
    (other,) = find_scans([zipped(folder, tmp_path / "ct.zip", "Plantedname/")]).scans
    assert one.sha256() == other.sha256()
    volumes = []
    for scan in (one, other):
        with scan.files() as paths:
            assert not [s for s in SECRETS if any(s in str(path) for path in paths)]
            volumes.append(read_sources(paths))
        assert not paths[0].exists()
    np.testing.assert_array_equal(volumes[0].array, volumes[1].array)
    np.testing.assert_array_equal(volumes[0].affine, volumes[1].affine)


def test_slices_that_share_uids_are_no_copies(tmp_path: Path, write_series) -> None:
    def of_one_uid(header, k) -> None:
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"{UID}.3"

    stored = write_series(tmp_path / "same", 20, edit=of_one_uid, name=lambda k: f"{k:02d}")
    shutil.copy(tmp_path / "same" / "07", tmp_path / "same" / "again")
    found = find_scans([tmp_path / "same"])
    (scan,) = found.scans
    assert found.aside == [f"{tmp_path}/same: left aside: 1 × copy of a slice"]
    assert len(scan.sources) == 20
    with scan.files() as paths:
        np.testing.assert_array_equal(read_sources(paths).array, stored - 1024)
    # the slices of each patient are numbered from 1
    for name, series in (("a", "7"), ("b", "8")):
        write_series(tmp_path / "two" / name, series=f"{UID}.{series}")
    found = find_scans([tmp_path / "two"])
    assert {scan.name: len(scan.sources) for scan in found.scans} == {"a": 5, "b": 5}
    assert not found.aside


def captured(header, k: int) -> None:
    of_patient("PLANTED-2")(header, k)
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = CAPTURE


def test_screenshots_and_localizers_are_scans_where_no_other_image_is(
    tmp_path: Path, write_series
) -> None:
    folder = tmp_path / "s" / "SC7"
    stored = write_series(folder, 5, edit=captured)
    files = sorted(folder.iterdir())
    for places in ([folder], files, [zipped(folder, tmp_path / "SC7.zip")]):
        found = find_scans(places)
        ((scan,), aside, failures) = found.scans, found.aside, found.failures
        assert (scan.name, aside, failures) == ("SC7", [], [])
        with scan.files() as paths:
            np.testing.assert_array_equal(read_sources(paths).array, stored - 1024)
    # beside another study, and not beside other images of their own
    write_series(tmp_path / "s" / "CT7", 5, edit=of_patient("PLANTED-1"), series=f"{UID}.7")
    assert named(tmp_path / "s") == ["CT7", "SC7"]
    write_series(tmp_path / "s" / "CT8", 5, edit=of_patient("PLANTED-2"), series=f"{UID}.8")
    found = find_scans([tmp_path / "s"])
    assert sorted(scan.name for scan in found.scans) == ["CT7", "CT8"]
    assert found.aside == [f"{tmp_path}/s: left aside: 5 × screenshot"]


def test_dicom_without_an_image_is_a_failure(tmp_path: Path) -> None:
    write_report(tmp_path / "report" / "a.dcm")
    table = tmp_path / "scans.csv"
    table.write_text("image\nreport/a.dcm\n")
    for place in (tmp_path / "report", tmp_path / "report" / "a.dcm", table):
        found = find_scans([place])
        (failure,) = found.failures
        assert str(tmp_path) in failure and "give NIfTI" in failure and not found.scans
        assert found.aside == [f"{tmp_path}/report: left aside: 1 × report"]
    assert "row 2: " in failure


def test_a_damaged_slice_is_named_once(tmp_path: Path, write_series) -> None:
    folder = tmp_path / "CT7"
    write_series(folder, 5, edit=of_patient("PLANTED-1"))
    (folder / "zzz").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00")
    found = find_scans([folder])
    assert [scan.name for scan in found.scans] == ["CT7"]
    assert len(found.failures) <= 1


@pytest.mark.parametrize("left", [0, 300])
def test_slices_that_a_copy_left_empty_or_cut_at_the_end_are_damaged(
    tmp_path: Path, write_series, left: int
) -> None:
    """Nothing else tells that a series whose last slices are lost went on."""
    folder = tmp_path / "CT7"
    write_series(folder, 8)
    for path in sorted(folder.iterdir())[-3:]:
        path.write_bytes(path.read_bytes()[:left])
    (failure,) = find_scans([folder]).failures
    assert "3 DICOM files are cut short or damaged" in failure
    if not left:
        for path in sorted(folder.iterdir())[-3:]:
            path.rename(path.with_suffix(".dcm")).write_bytes(b"overwritten" * 100)
        (failure,) = find_scans([folder]).failures
        assert "3 DICOM files are cut short or damaged" in failure
    # what is called otherwise is no slice
    for path in sorted(folder.iterdir())[-3:]:
        path.unlink()
    (folder / "finished").touch()
    found = find_scans([folder])
    assert len(found.scans) == 1 and not found.failures and not found.aside


def test_a_table_names_scans(tmp_path: Path, write_series) -> None:
    volume(tmp_path / "x" / "ct.nii.gz")
    write_series(tmp_path / "d", 4, edit=of_patient("PLANTED-1"))
    rows = ["scan,image", "one,x/ct.nii.gz", "two,d", ",x/ct.nii.gz", "bad/name,x/ct.nii.gz"]
    table = tmp_path / "scans.csv"
    table.write_text("\n".join([*rows, "four,absent.nii"]) + "\n")
    found = find_scans([table])
    assert sorted(scan.name for scan in found.scans) == ["ct", "one", "two"]
    assert len(found.failures) == 2
    assert "row 5" in found.failures[0] and "row 6" in found.failures[1]


def test_a_job_gets_back_the_scans_that_it_was_told_of(tmp_path: Path, write_series) -> None:
    for number in (1, 2):
        write_study(tmp_path / "s", write_series, "PLANTED-1", series=str(number), mask=None)
    packed = zipped(tmp_path / "s", tmp_path / "z.zip")
    scans = find_scans([tmp_path / "s", volume(tmp_path / "a.nii"), packed]).scans
    assert len(scans) == 5 and any(scan.members for scan in scans)
    told = [
        ToldScan(name=s.name, files=len(s.sources), members=s.members, dicom=s.dicom) for s in scans
    ]
    paths = [str(path) for scan in scans for path in scan.sources]
    assert scans_told(told, paths) == scans
