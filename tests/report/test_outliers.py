"""Which cases are to be looked at first, and why."""

import numpy as np
import pytest

from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack
from slicewise.report.outliers import findings, is_rare
from slicewise.volumes.volume import Volume
from tests.looks import label_look, seen, seen_case


def cases(number: int = 8) -> list:
    return [seen_case(f"a{n}") for n in range(number)]


def odd(**label) -> dict:
    """What replaces the look at a case whose liver is odd."""
    return {"labels": {"liver": label_look(**label)}}


def sentences(found, case: str) -> list[str]:
    return [reason.sentence for reason in found.reasons.get(case, [])]


def test_where_all_are_alike_nothing_stands_out():
    found = findings(seen(cases()))
    assert found.reasons == {}
    assert found.common == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"look": odd(touches={"head": 12})}, "liver touches the head side of the volume (12 vox"),
        ({"look": odd(islands=3, islands_ml=0.42)}, "in 3 pieces, all but the largest of 0.42 ml"),
        ({"look": odd(voxels=0, ml=0.0, quantiles=[])}, "liver is missing"),
        ({"record": {"orientation": "RAS"}}, "its axes point to RAS, those of most cases to LPS"),
        ({"record": {"lost": True}}, "lost the geometry"),
        ({"record": {"mask_stored": {"how": "moved"}}}, "stored on another grid than its image"),
        (
            {"record": {"ml": {"liver": 40.0}}},
            "volume of liver: 40.0 ml, where the median is 1 500",
        ),
        ({"look": {"spacing": [0.75, 0.75, 9.0]}}, "spacing from foot to head: 9.00 mm, where"),
        ({"look": {"field": [900.0, 240.0, 200.0]}}, "field of view from left to right: 900 mm"),
        ({"look": odd(quantiles=[-900.0] * 33)}, "median intensity in liver: −900 HU, where the"),
        ({"record": {"intensity": {"p5": 24.0, "p50": 1054.0}}}, "of its intensity so far off)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_odd_in_one_case_is_said_of_it_alone(changed, said):
    found = findings(seen([*cases(), seen_case("odd", **changed)]))
    assert said in "\n".join(sentences(found, "odd"))
    assert found.reasons.keys() == {"odd"}
    assert found.weight("odd") > (3.5, 0)
    assert found.weight("a0") == (0, 0)


def test_what_many_have_in_common_marks_none_of_them():
    cut = [seen_case(f"b{n}", look=odd(touches={"foot": 3})) for n in range(5)]
    found = findings(seen([*cases(8), *cut]))
    assert found.reasons == {}
    assert found.common == ["liver touches the foot side of the volume in 5 of 13 cases"]


def test_a_label_is_counted_among_those_who_have_it():
    without = [
        seen_case(f"b{n}", look=odd(voxels=0, ml=0.0, quantiles=[]), record={"ml": {"liver": 0.0}})
        for n in range(8)
    ]
    cut = [seen_case(f"c{n}", look=odd(touches={"left": 2})) for n in range(2)]
    found = findings(seen([*cases(1), *without, *cut]))
    assert sorted(found.common) == [
        "liver is missing in 8 of 11 cases",
        "liver touches the left side of the volume in 2 of 3 cases",
    ]


def test_the_same_image_twice_is_found_by_its_voxels():
    twin = {"record": {"fingerprint": "voxels of a1"}}
    found = findings(seen([*cases(), seen_case("twin", **twin)]))
    assert sentences(found, "twin") == ["the same image as a1, voxel by voxel"]
    assert sentences(found, "a1") == ["the same image as twin, voxel by voxel"]
    assert found.reasons.keys() == {"twin", "a1"}


def scan(seed: int) -> str:
    """Marks of a scan that has much detail."""
    random = np.random.default_rng(seed)
    coarse = random.normal(0, 300, (12, 12, 10)).repeat(6, 0).repeat(6, 1)
    array = np.full((100, 100, 10), -1000.0)
    array[14:86, 14:86] = coarse + random.normal(0, 20, coarse.shape)
    return pack(slice_marks(Volume(array.astype(np.int16), np.eye(4))))


def test_a_changed_copy_is_found_unless_it_is_of_the_same_patient_or_named():
    copy, other = scan(0), scan(1)
    marked = [
        seen_case("a", record={"marks": copy}),
        seen_case("b", record={"marks": copy}),
        seen_case("c", record={"marks": other}),
    ]
    found = findings(seen(marked))
    assert found.reasons.keys() == {"a", "b"}
    assert sentences(found, "a")[0].startswith("so alike to b, of another patient")
    assert findings(seen(marked, not_the_same=[["b", "a"]])).reasons == {}
    together = [seen_case(n, record={"marks": copy, "patient": "p"}) for n in ("a", "b")]
    assert findings(seen(together)).reasons == {}


def test_the_weightiest_reason_comes_first():
    worse = seen_case(
        "odd", look=odd(touches={"head": 1}, islands=2), record={"ml": {"liver": 0.5}}
    )
    found = findings(seen([*cases(), worse]))
    assert [r.weight for r in found.reasons["odd"]] == sorted(
        [r.weight for r in found.reasons["odd"]], reverse=True
    )
    assert sentences(found, "odd")[0].startswith("volume of liver")


def test_few_cases_are_rare():
    assert is_rare(1, 1)
    assert not is_rare(2, 3)
    assert is_rare(2, 8)


def test_no_case_at_all():
    found = findings(seen([]))
    assert (found.reasons, found.common) == ({}, [])
