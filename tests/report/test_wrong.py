"""The gravest case of each kind of fault is named, and how many are like it."""

from __future__ import annotations

from slicewise.report.faults import Fault
from slicewise.report.wrong import wrong
from tests import masks
from tests.masks import HIT, NOTHING, WRONG
from tests.pages import measured, pieces, table

MOVED = Fault("tumour", "moved head", "it lies 1 slice too far towards the head", 0.1)


def test_the_gravest_is_named_with_how_many_are_like_it() -> None:
    rows = masks.scored({"a": [(HIT, HIT)], "b": [(HIT, HIT + WRONG)], "c": [(HIT, HIT)]})
    assert wrong(rows) == ["In b, an island that touches no tumour was predicted, 4.0 ml."]
    worse = Fault("tumour", "moved head", "it lies 3 slices too far towards the head", 0.4)
    seen = {"a": [MOVED], "c": [worse]}
    assert wrong(rows, seen)[0] == (
        "In c (and at least 1 more of 3 cases), it lies 3 slices too far towards the head."
    )
    assert wrong(rows, seen | {"b": []})[0].startswith("In c (and 1 more of 3 cases), it lies 3")


def test_what_is_wrong_with_another_label_or_side_is_not_counted_as_alike() -> None:
    spleen = 2 * HIT
    both = masks.scored(
        {
            "a": [(HIT, NOTHING)],
            "b": [(HIT, HIT)],
            "c": [(spleen, NOTHING)],
            "d": [(spleen + 2 * WRONG, NOTHING)],
            "e": [(HIT + 2 * WRONG, NOTHING)],
        },
        labels=("tumour", "spleen"),
    )
    # scores are of all cases, whoever was looked at
    assert wrong(both) == [
        "In d (and 2 more of 5 cases), nothing was predicted as spleen, of which there are 12.0 "
        "ml; so it is with tumour in 2 cases."
    ]
    one = masks.scored({"a": [(HIT + 2 * WRONG, NOTHING)]}, labels=("tumour", "spleen"))
    seen = {"a": [MOVED, Fault("spleen", "moved feet", "spleen lies too far down", 0.2)]}
    assert wrong(one, seen) == [
        "It lies 1 slice too far towards the head.",
        "Spleen lies too far down.",
    ]
    holes = [Fault(label, "hole", f"a hole is in {label}", 1.0) for label in ("tumour", "spleen")]
    assert wrong(one, {"a": holes}) == ["A hole is in tumour; so it is with spleen."]


def test_an_outline_that_is_too_wide_or_too_narrow_is_told_apart() -> None:
    rows = pieces(measured(table({"a": 0.85}), [4.0])).assign(precision=0.8, recall=0.99)
    assert wrong(rows) == ["The outline of liver lies too far out, by about 0.5 mm on average."]
    rows = rows.assign(precision=0.99, recall=0.8)
    assert wrong(rows) == ["The outline of liver lies too far in, by about 0.5 mm on average."]
    # what reaches far is no matter of the outline
    assert wrong(rows.assign(hd95_mm=30.0)) == []
    assert wrong(rows.assign(recall=0.95)) == []


def test_of_one_case_no_name_is_needed() -> None:
    rows = masks.scored({"a": [(HIT, HIT)]})
    assert wrong(rows) == []
    assert wrong(rows, {"a": [MOVED]}) == ["It lies 1 slice too far towards the head."]


def test_what_is_missed_or_elsewhere_is_said_of_each() -> None:
    rows = masks.scored({"a": [(HIT, NOTHING)], "b": [(HIT, WRONG)], "c": [(NOTHING, WRONG)]})
    nothing, elsewhere = wrong(rows)
    assert nothing == "In a, nothing was predicted as tumour, of which there are 8.0 ml."
    assert elsewhere.startswith("In b, what was predicted as tumour, 4.0 ml, lies elsewhere, ")
    assert elsewhere.endswith("mm away: none of it is where the tumour is.")
    # where it is said of all patients, it is not said again
    assert wrong(masks.scored({"a": [(HIT, NOTHING)]})) == []
