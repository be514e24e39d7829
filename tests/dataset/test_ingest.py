"""A batch of cases: good ones are finished beside bad ones, and nothing valid is made again."""

import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.stored import unsealed

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="background")


def write(path: Path, array: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    return path


def case(folder: Path, name: str, seed: int = 0, patient: str = "p") -> CaseFiles:
    """A case whose image is a function of the seed; a negative one is no CT."""
    scan = np.random.default_rng(abs(seed)).integers(-1000, 300, (8, 8, 4)).astype(np.int16)
    mask = np.zeros((8, 8, 4), np.uint8)
    mask[2:5, 2:5] = 1
    image = write(folder / f"{name}.nii.gz", scan if seed >= 0 else scan.astype(np.uint8))
    organ = write(folder / f"{name}_mask.nii.gz", mask)
    return CaseFiles(name, patient, image, organ, {"image": [image], "mask": [organ]})


def ages(folder: Path) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("*/record.json")}


@pytest.fixture
def made(tmp_path) -> Path:
    return tmp_path / "cases"


def test_every_case_has_a_case_record_beside_the_list(tmp_path, made):
    case_records = ingest([case(tmp_path, "a"), case(tmp_path, "b", 1)], CONTENT, "1", made)
    assert [record.case for record in case_records] == ["a", "b"]
    assert [unsealed(made / name / "record.json") for name in "ab"] == [
        record.dump() for record in case_records
    ]


def test_each_bad_case_is_named_after_the_good_ones_are_done(tmp_path, made):
    cases = [case(tmp_path, "a", -1), case(tmp_path, "b", 1), case(tmp_path, "c", -2)]
    with pytest.raises(SeveralErrors) as caught:
        ingest([*cases, case(tmp_path, "d", 2)], CONTENT, "1", made)
    said = [str(error) for error in caught.value.errors]
    assert [line.split(":")[0] for line in said] == [str(c.image) for c in (cases[0], cases[2])]
    assert ages(made).keys() == {"b", "d"}


def test_only_what_changed_is_read_again(tmp_path, made):
    cases = [case(tmp_path, "a"), case(tmp_path, "b", 1), case(tmp_path, "c", 2)]
    first, before = ingest(cases, CONTENT, "1", made), ages(made)
    cases[1] = case(tmp_path, "b", 9)
    second, after = ingest(cases, CONTENT, "1", made), ages(made)
    assert {name for name in after if after[name] != before[name]} == {"b"}
    assert [second[k] == first[k] for k in range(3)] == [True, False, True]
    assert second == ingest(cases, CONTENT, "1", tmp_path / "anew")


@pytest.mark.parametrize(
    ("version", "content", "patient"),
    [
        ("2", CONTENT, "p"),
        ("1", CONTENT.model_copy(update={"other_labels": "refuse"}), "p"),
        ("1", CONTENT.model_copy(update={"empty_masks": "allow"}), "p"),
        ("1", CONTENT, "q"),
    ],
)
def test_a_change_of_code_or_settings_makes_it_anew(tmp_path, made, version, content, patient):
    ingest([case(tmp_path, "a")], CONTENT, "1", made)
    before = ages(made)
    ingest([case(tmp_path, "a", patient=patient)], content, version, made)
    assert ages(made) != before


def test_a_case_that_went_bad_keeps_no_case_record(tmp_path, made):
    ingest([case(tmp_path, "a")], CONTENT, "1", made)
    with pytest.raises(SeveralErrors):
        ingest([case(tmp_path, "a", -1)], CONTENT, "1", made)
    assert not ages(made)


def test_half_a_case_record_is_made_again(tmp_path, made):
    good = ingest([case(tmp_path, "a")], CONTENT, "1", made)
    path = made / "a" / "record.json"
    path.write_text(path.read_text()[:-30])
    assert ingest([case(tmp_path, "a")], CONTENT, "1", made) == good
    assert unsealed(path) == good[0].dump()


def test_lost_geometry_is_said_for_each_case_and_spacing_is_its_remedy(tmp_path, made, caplog):
    (case_record,) = ingest([case(tmp_path, "a")], CONTENT, "1", made)
    assert case_record.lost
    assert case_record.spacing == [1, 1, 1]
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "a.nii.gz: its header has lost the geometry" in said[0]
    assert "1 mm is made up" in said[0]
    content = CONTENT.model_copy(update={"spacing": [0.8, 0.7, 5.0]})
    (case_record,) = ingest([case(tmp_path, "a")], content, "1", made)
    assert case_record.spacing == [0.8, 0.7, 5.0]
    assert case_record.ml["liver"] == pytest.approx(36 * 0.8 * 0.7 * 5 / 1000)
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "by dataset.spacing" in said[1]


def test_an_offset_is_added_before_anything_is_checked(tmp_path, made):
    image, organ = tmp_path / "a.nii.gz", tmp_path / "a_mask.nii.gz"
    plain = case(tmp_path, "a")
    (first,) = ingest([plain], CONTENT, "1", made)
    stored = np.asanyarray(nib.load(image).dataobj) + 1024
    write(image, stored.astype(np.uint16))
    with pytest.raises(SeveralErrors) as caught:
        ingest([plain], CONTENT, "1", made)
    assert "dataset.offset: -1024" in str(caught.value.errors[0])
    content = CONTENT.model_copy(update={"offset": -1024})
    (again,) = ingest([plain], content, "1", made)
    for key in ("intensity", "fingerprint", "marks", "ml"):
        assert getattr(again, key) == getattr(first, key)
    assert organ.is_file()


def test_a_scan_that_was_appended_to_itself_is_refused(tmp_path, made):
    whole = case(tmp_path, "a")
    array, mask = (np.asanyarray(nib.load(p).dataobj) for p in (whole.image, whole.mask))
    write(whole.image, np.concatenate([array, array], 2))
    write(whole.mask, np.concatenate([mask, 0 * mask], 2))
    with pytest.raises(SeveralErrors) as caught:
        ingest([whole], CONTENT, "1", made)
    assert "slices 5 to 8 and slices 1 to 4 hold the same voxels" in str(caught.value.errors[0])
    # of slices that are no neighbours, some may come twice
    pile = CONTENT.model_copy(update={"contiguous": False})
    assert len(ingest([whole], pile, "1", made)) == 1


def test_a_record_under_the_name_of_an_earlier_version_goes_once_there_is_a_new_one(tmp_path, made):
    for name in ("a", "b"):
        (made / name).mkdir(parents=True)
        (made / name / "passport.json").write_text("{}")
    ingest([case(tmp_path, "a")], CONTENT, "1", made)
    assert {path.name for path in (made / "a").iterdir()} == {"record.json"}
    assert (made / "b" / "passport.json").exists()  # of another job


def test_a_case_without_a_mask_fails_after_the_others_are_done(tmp_path):
    made = tmp_path / "made"
    (made / "b").mkdir(parents=True)
    (made / "b" / "record.json").write_text("{}")  # of a time when it had one
    with pytest.raises(SlicewiseError, match="b: image without mask"):
        ingest([case(tmp_path, "a")], CONTENT, "1", made, {"b": "b: image without mask"})
    assert [path.parent.name for path in made.glob("*/record.json")] == ["a"]
