"""The leakage check tells trainings which scored cases have lost the size of their voxels."""

from pathlib import Path

import pytest

from slicewise.dataset.unsized import read_unsized, write_checked
from slicewise.errors import SlicewiseError
from slicewise.files import read_json
from tests.case_records import case_record

LOST = case_record("b", "two", lost=True)
GIVEN = case_record("c", "three", lost=True, content={"spacing": [1.0, 1.0, 5.0]})
RECORDS = {"a": case_record("a", "one"), "b": LOST, "c": GIVEN}


def test_cases_that_are_scored_and_have_no_size_are_told(tmp_path: Path) -> None:
    path = tmp_path / "leakage.json"
    write_checked(path, RECORDS, ["a", "b", "c"])
    assert read_unsized(path) == ["b"]


def test_without_any_nothing_is_said_of_them(tmp_path: Path) -> None:
    path = tmp_path / "leakage.json"
    # b is trained on alone
    write_checked(path, RECORDS, ["a", "c"])
    assert read_json(path) == {"leaks": []}
    assert read_unsized(path) == []


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leakage.json"
    path.write_text('{"unsized": 3}')
    with pytest.raises(SlicewiseError, match=r"leakage\.json: "):
        read_unsized(path)
