"""Which cases have lost the size of their voxels, and how trainings are told of it."""

from pathlib import Path

import pytest

from slicewise.dataset.cases import cases_table
from slicewise.dataset.unsized import read_unsized, unsized_cases, write_checked
from slicewise.errors import SlicewiseError
from slicewise.files import read_json, write_json, write_text
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


def test_cases_without_a_size_are_known_of_results_of_an_earlier_version_too(
    tmp_path: Path,
) -> None:
    dataset = tmp_path / "tiny"
    assert unsized_cases(dataset) == set()
    records = [case_record("a", lost=True, spacing=[1.0] * 3), case_record("b")]
    write_text(dataset / "cases.tsv", cases_table(records).to_csv(sep="\t", index=False))
    # whose marks nobody reads now
    told = [{**record.dump(), "marks": "0:"} for record in records]
    write_json(dataset / "cases" / "_shards" / "0.json", told)
    assert unsized_cases(dataset) == {"a"}
