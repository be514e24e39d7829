"""Records of cases come back as they were written, and tell whether files are those checked."""

import base64
import json

import pytest
from pydantic import ValidationError

from slicewise.dataset.case_record import (
    case_record_of,
    check_read,
    check_volumes,
    keep_record,
    kept_record,
    read_case_records,
    write_case_records,
)
from slicewise.dataset.marks import METHOD
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from tests.case_records import case_record


def test_records_come_back_as_they_were_written(tmp_path):
    stored = {"how": "cropped", "outside": 3, "off_mm": 0.0, "off_voxels": 0.0}
    files = {
        "one.json": [case_record("a1"), case_record("b1", mask_stored=stored)],
        "two.json": [case_record("c")],
    }
    for name, records in files.items():
        write_case_records(tmp_path / name, records)
    known = read_case_records([tmp_path / name for name in files])
    assert list(known.values()) == [each for records in files.values() for each in records]
    assert list(known) == ["a1", "b1", "c"]


def test_what_is_not_known_is_not_written():
    assert "mask_stored" not in case_record().dump()
    assert "bytes" not in case_record(image={"file": "a", "sha256": "i"}).dump()["image"]
    assert case_record(lost=False).dump()["lost"] is False


def test_a_case_that_is_there_twice_is_refused(tmp_path):
    write_case_records(tmp_path / "one.json", [case_record("a1"), case_record("a1", patient="b")])
    with pytest.raises(SlicewiseError, match=r"one\.json: .*case a1 is there twice"):
        read_case_records([tmp_path / "one.json"])


@pytest.mark.parametrize(
    "change", [{"shape": [8, 8]}, {"spacing": [1, 1, 0]}, {"case": ""}, {"ml": {"liver": "much"}}]
)
def test_what_no_check_would_have_written_is_refused(tmp_path, change):
    (tmp_path / "one.json").write_text(json.dumps([case_record().dump() | change]))
    with pytest.raises(SlicewiseError, match=r"one\.json: the file is damaged or was edited"):
        read_case_records([tmp_path / "one.json"])


def test_marks_that_cannot_be_unpacked_are_refused(tmp_path):
    marks = base64.b64encode(b"no stream of zlib").decode()
    stored = case_record().dump() | {"marks": f"{METHOD}:{marks}"}
    (tmp_path / "one.json").write_text(json.dumps([stored]))
    with pytest.raises(SlicewiseError, match=r"one\.json: the file is damaged or was edited"):
        read_case_records([tmp_path / "one.json"])


def test_a_record_of_a_case_is_asked_for_by_name():
    assert case_record_of({"a1": case_record()}, "a1", "one.json") == case_record()
    with pytest.raises(SlicewiseError, match=r"one\.json: it has no record of case b1"):
        case_record_of({"a1": case_record()}, "b1", "one.json")


def test_only_what_was_made_from_the_same_is_kept(tmp_path):
    path = tmp_path / "record.json"
    assert kept_record(path, "all of it") is None
    keep_record(path, case_record())
    assert kept_record(path, "all of it") == case_record()
    assert kept_record(path, "something else") is None
    path.write_text(path.read_text().replace("LPS", "RAS"))
    assert kept_record(path, "all of it") is None, "edited by hand"


def test_a_record_does_not_change():
    with pytest.raises(ValidationError):
        case_record().patient = "b"


def test_a_file_that_changed_since_it_was_ingested_is_refused(tmp_path):
    path = tmp_path / "image.nii.gz"
    path.write_bytes(b"first")
    checked = case_record(read={"image": sha256(path)})
    check_read(checked, "image", path)
    path.write_bytes(b"other")
    with pytest.raises(SlicewiseError, match="changed since it was checked as the image of"):
        check_read(checked, "image", path)
    check_read(checked, "mask", path)  # of which nothing was noted


def test_volumes_are_compared_with_the_records_of_their_cases(tmp_path):
    files = {}
    records = []
    for case in ("a1", "b1"):
        read = {}
        for kind in ("image", "mask"):
            path = tmp_path / f"{case}_{kind}.nii.gz"
            path.write_text(f"{kind} of {case}")
            read[kind] = sha256(path)
            files.setdefault(kind, []).append(str(path))
        records.append(case_record(case, read=read))
    write_case_records(tmp_path / "one.json", records)
    known = [str(tmp_path / "one.json")]
    check_volumes(known, ["a1", "b1"], **files)
    with pytest.raises(SlicewiseError, match="no record of case c1"):
        check_volumes(known, ["a1", "c1"], mask=files["mask"])
    (tmp_path / "b1_mask.nii.gz").write_text("another")
    check_volumes(known, ["a1", "b1"], image=files["image"])
    with pytest.raises(SlicewiseError, match=r"b1_mask.*changed since .* mask of case b1"):
        check_volumes(known, ["a1", "b1"], **files)
