"""The cases of a data set, joined from what is known of each."""

from slicewise.config import Content
from slicewise.dataset.assignment import Assignment
from slicewise.report.seen import seen_data
from tests.case_records import case_record
from tests.looks import case_look, seen, seen_case

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="refuse")


def test_a_case_that_lacks_its_record_or_its_look_was_not_read():
    assigned = [Assignment(case, f"of-{case}", "train", None) for case in ("c", "b", "a")]
    records = {case: case_record(case) for case in ("a", "c")}
    looks = {case: case_look(case) for case in ("a", "b")}
    data = seen_data(assigned, records, looks, CONTENT, refused=["why"])
    assert [case.name for case in data.cases] == ["a"]
    assert [each.case for each in data.unread] == ["c", "b"]
    assert data.patients == 3
    assert list(data.labels) == ["liver"]
    assert data.refused == ["why"]


def test_cases_are_sorted_and_know_their_place():
    cases = [seen_case("a", "test"), seen_case("b", fold=2), seen_case("c", "validation")]
    assert [case.place for case in cases] == ["test", "fold 2", "validation"]
    assert seen(cases).patients == 3
