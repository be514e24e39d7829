"""Which labels are one large piece in every training mask."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.one_piece import OnePiece, one_piece, said
from tests.case_records import case_record

CONTENT = Content(
    intensity="hu",
    contiguous=True,
    labels={"liver": [1], "tumour": [2]},
    other_labels="background",
)
SIDE = {"shape": [100, 100, 50], "spacing": [1.0, 2.0, 3.0]}
"""Three litres."""


def record(name: str, liver: float = 60.0, largest: float = 1.0, **changed: Any) -> CaseRecord:
    """Return the record of a case with a liver of so many millilitres."""
    known = {
        **SIDE,
        "ml": {"liver": liver, "tumour": 2.0},
        "largest": {"liver": largest, "tumour": 1.0},
    }
    return case_record(name, **known | changed)


def doubt(*cases: CaseRecord, label: str = "liver") -> str:
    return one_piece(cases, CONTENT)[label].doubt


def test_a_label_that_is_one_large_piece_in_two_patients() -> None:
    found = one_piece([record("a", 60, 0.995), record("b", 90, 0.99)], CONTENT)
    assert found["liver"].doubt == ""
    known = found["liver"].model_dump()
    assert known == {"cases": 2, "patients": 2, "share": 0.99, "factor": 1.5, "of_field": 0.025}
    assert OnePiece(**json.loads(json.dumps(known))) == found["liver"]
    assert "in each of 2 training masks liver is one piece (99 % of it at least)" in said(found)
    assert "not so tumour (it fills 0.067 % of the field of view)" in said(found)


def test_a_single_tumour_in_each_of_two_patients_is_no_organ() -> None:
    """In the third there may be two."""
    assert "field of view" in doubt(record("a"), record("b"), label="tumour")


@pytest.mark.parametrize(
    ("cases", "why"),
    [
        ([record("a")], "1 training patient cannot tell"),
        # two scans of one patient show one liver
        ([record("a", patient="p"), record("b", patient="p")], "1 training patient"),
        ([record("a"), record("b", largest=0.9899)], "98.99 % of it in one case"),
        ([record("a", 60), record("b", 240)], "by a factor of 4"),
        ([record("a"), record("b"), record("c", 0.0)], "a training case lacks it"),
        ([record("a"), record("b"), record("c", ml={})], "a training case lacks it"),
        ([record("a", 29), record("b", 29), record("c", 90)], "of the field of view"),
        # a record that an earlier version made
        ([case_record("a", **SIDE, ml={"liver": 60.0}), record("b")], "largest piece has 0 %"),
    ],
)
def test_why_a_label_may_have_several_pieces(cases: list[CaseRecord], why: str) -> None:
    assert why in doubt(*cases)
    assert said(one_piece(cases, CONTENT)).startswith("no: liver (")


@pytest.mark.parametrize(
    "changed", [{"contiguous": False}, {"ignore": 9}, {"regions": {"all": [1, 2]}}]
)
def test_masks_that_do_not_tell_of_pieces(changed: dict[str, Any]) -> None:
    assert one_piece([record("a"), record("b")], CONTENT.model_copy(update=changed)) == {}


def test_without_the_size_of_voxels_no_volume_is_compared() -> None:
    cases = [record("a"), record("b", lost=True)]
    assert one_piece(cases, CONTENT) == {}
    assert one_piece(cases, CONTENT.model_copy(update={"spacing": (1.0, 1.0, 1.0)}))
    assert one_piece([], CONTENT) == {}


@given(
    st.lists(
        st.tuples(st.floats(1, 3000), st.floats(0.5, 1), st.sampled_from("pqr")),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_said_of_a_label_is_true_of_all_its_masks(
    told: list[tuple[float, float, str]],
) -> None:
    cases = [
        record(f"c{number}", ml, largest, patient=patient)
        for number, (ml, largest, patient) in enumerate(told)
    ]
    found = one_piece(cases, CONTENT)["liver"]
    ml = sorted(each for each, _, _ in told)
    alike = ml[-1] < 4 * ml[0] * (1 + 1e-4)
    whole = min(largest for _, largest, _ in told) >= 0.99
    patients = len({patient for _, _, patient in told}) > 1
    middle = (ml[len(ml) // 2] + ml[(len(ml) - 1) // 2]) / 2
    if not found.doubt:
        assert alike and whole and patients
        assert middle >= 0.01 * 3000 * (1 - 1e-4)
    elif whole and patients and ml[-1] < 3.9 * ml[0] and middle > 31:
        raise AssertionError(found)
