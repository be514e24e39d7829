"""Whether a table of cases is of those that a configuration finds."""

import re
from pathlib import Path

import pytest

from slicewise.config import Content
from slicewise.dataset.case import Case
from slicewise.dataset.case_record import read_case_records, write_case_records
from slicewise.dataset.cases import cases_table
from slicewise.dataset.ingested import check_table
from slicewise.errors import SlicewiseError
from slicewise.files import write_bytes, write_json
from slicewise.records import record_path
from tests.case_records import case_record

LIVER = Content(
    intensity="hu", contiguous=True, other_labels="refuse", labels={"liver": [1]}, offset=0
)
NAMES = ("a1", "a2")


def found(folder: Path, size: int = 10) -> list[Case]:
    """The cases of a folder, whose files have so many bytes."""
    cases = []
    for name in NAMES:
        image, mask = (folder / f"{name}_{kind}.nii.gz" for kind in ("image", "mask"))
        write_bytes(image, bytes(size))
        write_bytes(mask, bytes(10))
        cases.append(Case(name=name, patient=f"of-{name}", image=(image,), mask=(mask,)))
    return cases


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with the records of the jobs that made it."""
    path = tmp_path / "results/made/cases.tsv"
    records = [case_record(name) for name in NAMES]
    shard = path.parent / "cases/_shards/000.json"
    shard.parent.mkdir(parents=True)
    write_case_records(shard, records)
    # of an earlier number of cases, which nothing was made from
    write_case_records(shard.with_name("001.json"), records)
    path.write_text(cases_table(records).to_csv(sep="\t", index=False))
    job = {
        "made": 1,
        "settings": {"content": LIVER.once_read, "cases": list(NAMES)},
        "code": {},
        "inputs": {"cases/_shards/000.json": "digest"},
        "outputs": {},
    }
    write_json(record_path(path), job)
    return path


def refused(table: Path, content: Content, cases: list[Case]) -> str:
    with pytest.raises(SlicewiseError) as caught:
        check_table(table, content, cases, "snakemake it")
    said = str(caught.value)
    assert said.startswith(f"{table}: it was made by another configuration, or from other files (")
    assert said.endswith("make it anew by snakemake it")
    return said


def test_a_table_of_these_cases_is_taken(table: Path, tmp_path: Path) -> None:
    check_table(table, LIVER, found(tmp_path / "data"), "snakemake it")
    # one that is new is missed by those who need it
    new = Case(name="a3", patient="a3", image=(), mask=())
    check_table(table, LIVER, [new], "snakemake it")


def test_other_settings_are_named(table: Path, tmp_path: Path) -> None:
    cases = found(tmp_path / "data")
    other = LIVER.model_copy(update={"labels": {"liver": [2]}})
    assert "(dataset.labels.liver)" in refused(table, other, cases)
    moved = LIVER.model_copy(update={"offset": -1024})
    assert "(dataset.offset)" in refused(table, moved, cases)


def test_other_files_and_patients_are_named(table: Path, tmp_path: Path) -> None:
    said = refused(table, LIVER, found(tmp_path / "others", size=11))
    assert "(image of a1, image of a2)" in said
    twins = [Case(name=name, patient="one", image=(), mask=()) for name in NAMES]
    assert "(patient of a1, patient of a2)" in refused(table, LIVER, twins)


def test_records_of_an_earlier_version_tell_of_files(table: Path, tmp_path: Path) -> None:
    # whose marks nobody reads now
    shard = table.parent / "cases/_shards/000.json"
    shard.write_text(re.sub(r'"marks": "[^"]*"', '"marks": "0:"', shard.read_text()))
    with pytest.raises(SlicewiseError, match="another version"):
        read_case_records([shard])
    check_table(table, LIVER, found(tmp_path / "data"), "snakemake it")
    assert "(image of a1" in refused(table, LIVER, found(tmp_path / "others", size=11))


def test_what_no_record_tells_is_taken_for_the_same(table: Path, tmp_path: Path) -> None:
    record_path(table).unlink()
    other = LIVER.model_copy(update={"labels": {"liver": [2]}})
    check_table(table, other, found(tmp_path / "others", 11), "it")
