"""Studies are sorted by their headers, and nobody is called by them."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.case import Case
from slicewise.dataset.finding import find_cases
from slicewise.jobs import Convert, Ingest
from slicewise.volumes.dicom.index import read_index
from tests.scans import UID
from tests.volumes.dicom.archived import ORGAN, of_patient, write_report, write_study
from tests.volumes.dicom.drawn import write_seg
from tests.volumes.dicom.written import SAGITTAL


def found(root: Path, **more) -> dict[str, Case]:
    given = {"name": "a", "layout": "dicom", "root": root.name, "labels": {"liver": "Liver"}}
    dataset = Dataset.model_validate({**given, **more})
    return {case.name: case for case in find_cases(dataset, root.parent)}


def names(paths: tuple[Path, ...], root: Path) -> list[str]:
    return [path.relative_to(root).parts[0] for path in paths]


def test_series_and_masks_meet_by_their_uids_wherever_they_lie(root, write_series, tmp_path):
    write_study(root / "p1", write_series, "ID-A")
    write_study(root / "p2", write_series, "ID-B", mask="RTSTRUCT")
    # all in one folder, with names that say nothing
    flat = tmp_path / "data" / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted(p for p in root.rglob("*") if p.is_file())):
        shutil.copy(path, flat / f"IM{number * 7 % 12:04d}")
    cases = found(root)
    assert list(cases) == ["p1", "p2"]
    assert {case.patient for case in cases.values()} == {"p1", "p2"}
    assert [len(case.image) for case in cases.values()] == [5, 5]
    assert cases["p1"].mask == (root / "p1" / "1M",)
    assert cases["p2"].mask == (root / "p2" / "1R",)
    assert set(names(cases["p2"].image, root)) == {"p2"}
    hidden = found(flat)
    assert len(hidden) == 2
    assert all(name.startswith("patient-") for name in hidden)
    assert [len(case.image) for case in hidden.values()] == [5, 5]


def test_a_folder_that_tells_who_it_is_names_nobody(root, write_series, caplog):
    write_study(root / "ID-A", write_series, "ID-A")
    write_study(root / "Plantedname_Grete", write_series, "ID-B")
    write_study(root / "20190417", write_series, "ID-C")
    write_study(root / "x-4711", write_series, "4711")
    write_study(root / "p5", write_series, "ID-E")
    write_study(root / "with blank", write_series, "ID-F")
    cases = found(root)
    assert len(cases) == 6
    assert sum(name.startswith("patient-") for name in cases) == 5
    assert "p5" in cases
    told = [Convert.of_case(case, _dataset(root)).dump() for case in cases.values()]
    told += [Ingest.of_cases(list(cases.values()), _dataset(root).content).dump()]
    for secret in ("ID-", "Planted", "2019", "4711", "Grete", "1.2.826"):
        assert secret not in str(told) + str([*cases]) + caplog.text
        assert secret not in str([case.named for case in cases.values()])


def _dataset(root: Path) -> Dataset:
    return Dataset(name="a", layout="dicom", root=root.name, labels={"liver": "Liver"})


def test_a_new_patient_renames_nobody(root, write_series):
    write_study(root / "ID-A", write_series, "ID-A")
    write_study(root / "p2", write_series, "ID-B")
    before = found(root)
    write_study(root / "ID-0", write_series, "ID-0")
    write_study(root / "p1", write_series, "ID-1")
    after = found(root)
    assert len(after) == 4
    assert before.keys() < after.keys()
    assert all(after[name].patient == case.patient for name, case in before.items())
    shutil.rmtree(root / "p2")
    assert found(root).keys() == after.keys() - {"p2"}


def test_several_series_of_a_patient_are_his(root, write_series, caplog):
    write_study(root / "p1" / "a", write_series, "ID-A", series="1")
    write_study(root / "p1" / "b", write_series, "ID-A", study="2", series="2")
    write_study(root / "p2", write_series, "ID-B")
    cases = found(root)
    assert len(cases) == 3
    assert [case.patient for case in cases.values()] == ["p1", "p1", "p2"]
    assert all(name.startswith("p1_") for name in list(cases)[:2])
    assert "one ID is one patient" not in caplog.text


def test_one_id_in_several_folders_is_one_patient_and_a_line_says_so(
    root,
    write_series,
    caplog,
):
    write_study(root / "v1", write_series, "ID-A", study="1")
    write_study(root / "v2", write_series, "ID-A", study="2")
    cases = found(root)
    assert list(cases) == ["v1", "v2"]
    (patient,) = {case.patient for case in cases.values()}
    assert patient.startswith("patient-")
    assert "1 patient has files in several folders (2)" in caplog.text
    cases = found(root, patient_pattern="(?P<patient>v[0-9])")
    assert {case.patient for case in cases.values()} == {"v1", "v2"}


def test_without_an_id_the_folder_or_the_study_is_the_patient(root, write_series):
    write_study(root / "p1", write_series, "")
    write_study(root / "ID-A" / "x", write_series, "ID-A")
    assert found(root)["p1"].patient == "p1"
    shutil.move(root / "p1", root / "ID-A" / "y")
    cases = found(root)
    assert len([name for name in cases if name.startswith("study-")]) == 1


def test_what_is_left_aside_is_said(root, write_series, caplog, caches):
    uid = write_study(root / "p1", write_series, "ID-A")
    write_series(root / "p1" / "scout", 1, SAGITTAL, edit=_localizer, series=f"{uid}.7")
    write_study(root / "p1", write_series, "ID-A", study="2", series="3", mask=None)
    write_study(root / "p2", write_series, "ID-B", series="4")
    for path in (root / "p2").rglob("image_*"):
        path.unlink()
    write_report(root / "p1" / "report", "ID-A")
    (root / "p1" / "notes.txt").write_text("none")
    (root / "p1" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x10\x00UI\xff\xff")
    copied = next((root / "p1" / f"{uid}.images").iterdir())
    shutil.copy(copied, root / "p1" / "again")
    cases = found(root)
    assert list(cases) == ["p1"]
    assert len(cases["p1"].image) == 5
    for said in (
        "1 × SEG of a series that is not here",
        "1 × copy of a slice",
        "1 × file that is no DICOM",
        "1 × image series without a segmentation or structure set",
        "1 × localizer",
        "1 × report",
    ):
        assert said in caplog.text
    (listed,) = caches.glob("*.cases.json")
    assert str(listed) in caplog.text
    assert '"p1"' in listed.read_text()
    assert listed.stat().st_mode & 0o077 == 0


def _localizer(header, k):
    header.PatientID = "ID-A"
    header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    header.SOPInstanceUID = f"{header.SOPInstanceUID}.99"


def test_an_archive_without_masks_is_no_data_set(root, write_series, refused):
    write_study(root / "p1", write_series, "ID-A", mask=None)
    message = refused(found, root)
    assert "no image series with a DICOM segmentation (SEG) or structure set (RTSTRUCT)" in message
    assert "1 × image series without a segmentation or structure set" in message


def test_two_masks_of_a_series_go_together(root, write_series):
    write_study(root / "p1", write_series, "ID-A")
    uid = write_study(root / "p1", write_series, "ID-A", mask="RTSTRUCT")
    assert uid
    (case,) = found(root).values()
    assert [path.name for path in case.mask] == ["1M", "1R"]
    assert dict(case.named) == {"image": "p1 (5)", "mask": "RTSTRUCT (1), SEG (1)"}


def test_patients_whose_slices_and_masks_have_the_same_uids(root, write_series):
    def forget(header):
        del header.ReferencedSeriesSequence
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"{UID}.4"

    def numbered(header, k, patient):
        of_patient(patient)(header, k)
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"{UID}.3.{k}"

    for name, patient, series in (("p1", "ID-A", "7"), ("p2", "ID-B", "8")):
        edit = partial(numbered, patient=patient)
        write_series(root / name / "ct", edit=edit, series=f"{UID}.{series}")
        write_seg(root / name / "mask", root / name / "ct", {"Liver": ORGAN}, edit=forget)
    shutil.copy(root / "p1" / "mask", root / "p1" / "again")
    cases = found(root)
    assert list(cases) == ["p1", "p2"]
    for name, case in cases.items():
        assert names((*case.image, *case.mask), root) == [name] * 6


def test_headers_are_read_once(root, write_series, monkeypatch):
    write_study(root / "p1", write_series, "ID-A")
    cases = found(root)

    def fail(*given):
        raise AssertionError

    monkeypatch.setattr("slicewise.volumes.dicom.entries.read_entry", fail)
    assert found(root) == cases
    assert len(read_index(root)) == 6


def test_exclude_and_unknown_keys(root, write_series):
    write_study(root / "p1", write_series, "ID-A")
    write_study(root / "p2", write_series, "ID-B")
    assert list(found(root, exclude=["p1"])) == ["p2"]
