"""Which cases are to be looked at first, and why."""

from dataclasses import replace

import numpy as np
import pytest

from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack
from slicewise.report.outliers import findings
from slicewise.volumes.volume import Volume
from tests.bodies import LABELS, Body, body, looked_at
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
        ({"record": {"orientation": "RAS"}}, "axes point to RAS, those of 8 of 9 cases to LPS"),
        ({"record": {"lost": True}}, "lost the geometry"),
        ({"record": {"mask_stored": {"how": "moved"}}}, "stored on another grid than its image"),
        (
            {"record": {"ml": {"liver": 40.0}}},
            "volume of liver: 40.0 ml, where the median is 1 500",
        ),
        ({"look": {"spacing": [0.75, 0.75, 9.0]}}, "spacing from foot to head: 9.00 mm, where"),
        ({"look": {"field": [900.0, 240.0, 200.0]}}, "field of view from left to right: 900 mm"),
        ({"look": odd(quantiles=[-900.0] * 33)}, "median intensity in liver: −900 HU, where the"),
        ({"look": {"body": np.linspace(900, 1200, 33).tolist()}}, "of its intensity so far off)"),
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


def test_of_two_ways_to_lie_neither_is_odd():
    turned = [seen_case(f"b{n}", record={"orientation": "RAS"}) for n in range(2)]
    assert findings(seen([*cases(1), turned[0]])).reasons == {}
    assert findings(seen([*cases(2), *turned])).reasons == {}
    third = seen_case("c", record={"orientation": "LAS"})
    assert findings(seen([*cases(3), *turned, third])).reasons == {}
    assert findings(seen([*cases(9), *turned, third])).reasons.keys() == {"b0", "b1", "c"}


def test_cases_of_two_scanners_are_told_apart_and_a_third_is_odd():
    thick = [seen_case(f"b{n}", look={"spacing": [0.75, 0.75, 6.0]}) for n in range(7)]
    odd = seen_case("odd", look={"spacing": [0.75, 0.75, 25.0]})
    found = findings(seen([*cases(), *thick, odd]))
    assert found.reasons.keys() == {"odd"}
    assert sentences(found, "odd")[0].startswith(
        "spacing from foot to head: 25.00 mm, where the median of the 8 cases nearest to it is "
        "6.00 mm (z +"
    )
    assert found.common == [
        "spacing from foot to head comes in groups, each compared with itself: 8 about 2.50 mm, "
        "8 about 6.00 mm"
    ]


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


def test_no_case_at_all():
    found = findings(seen([]))
    assert (found.reasons, found.common) == ({}, [])


# --- of volumes that were written, checked and looked at -------------------------------------

KINDS = ("hu", "clipped_hu", "arbitrary")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> dict[str, list]:
    """By the kind of intensity, bodies of a study: smaller and larger, in wide and narrow scans."""
    folder = tmp_path_factory.mktemp("healthy")
    return {
        kind: [looked_at(folder / kind, f"a{n:02d}", body(n, kind), kind) for n in range(11)]
        for kind in KINDS
    }


def look_at_odd(healthy, folder, made: Body, kind: str = "hu"):
    cases = [*healthy[kind], looked_at(folder, "odd", made, kind)]
    return findings(seen(cases, labels=list(LABELS), intensity=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_healthy_bodies_are_not_odd_however_much_air_is_around_them(healthy, tmp_path, kind):
    found = look_at_odd(healthy, tmp_path, body(90, kind, air=1.6), kind)
    assert found.reasons == {}
    assert found.common == []


def thick(made: Body) -> Body:
    image, mask = (array[:, :, ::4] for array in (made.image, made.mask))
    return replace(made, image=image, mask=mask, spacing=made.spacing * [1, 1, 4])


def wide(made: Body) -> Body:
    grown = [(60, 60), (0, 0), (0, 0)]
    return replace(
        made,
        image=np.pad(made.image, grown, constant_values=made.image.min()),
        mask=np.pad(made.mask, grown),
    )


def bright(made: Body) -> Body:
    return replace(made, image=made.image + np.where(made.image > -500, 130, 0).astype(np.int16))


def small(made: Body) -> Body:
    middle = made.mask.shape[2] // 2
    kept = np.zeros(made.mask.shape, bool)
    kept[:, :, middle : middle + 2] = True
    return replace(made, mask=np.where(kept | (made.mask == 2), made.mask, 0))


def on_the_wrong_side(made: Body) -> Body:
    return replace(made, mask=np.flip(made.mask, 0))


def cut(made: Body) -> Body:
    first = np.flatnonzero((made.mask == 1).any((0, 1)))[-3]
    return replace(made, image=made.image[..., :first], mask=made.mask[..., :first])


def in_pieces(made: Body) -> Body:
    mask = made.mask.copy()
    mask[2:7, 2:7, 2:5] = 1
    return replace(made, mask=mask)


def without(made: Body) -> Body:
    return replace(made, mask=np.where(made.mask == 2, 0, made.mask))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (thick, "spacing from foot to head: "),
        (wide, "field of view from left to right: "),
        (bright, "of the body: "),
        (small, "volume of liver: "),
        (on_the_wrong_side, "median intensity in "),
        (cut, "liver touches the head side of the volume ("),
        (in_pieces, "liver is in 2 pieces, all but the largest of "),
        (without, "spleen is missing"),
        (lambda made: made.turned(1), "its axes point to LAS, those of 11 of 12 cases to LPS"),
    ],
)
def test_the_odd_one_is_found_and_nobody_else(healthy, tmp_path, change, said):
    found = look_at_odd(healthy, tmp_path, change(body(50)))
    assert found.reasons.keys() == {"odd"}
    assert said in sentences(found, "odd")[0]


@pytest.mark.parametrize("kind", ["clipped_hu", "arbitrary"])
def test_an_image_of_another_contrast_is_found_in_any_unit(healthy, tmp_path, kind):
    made = body(50, kind)
    inside = made.image > 0.3 * np.percentile(made.image, 99)
    other = np.where(inside, made.image.max() * 1.3 - made.image, made.image)
    found = look_at_odd(healthy, tmp_path, replace(made, image=other.astype(np.int16)), kind)
    assert found.reasons.keys() == {"odd"}
    assert sentences(found, "odd")[0].startswith("median intensity in ")


def test_a_copy_that_was_turned_and_made_brighter_is_found_with_its_twin(healthy, tmp_path):
    copy = body(3).turned(0)
    random = np.random.default_rng(0)
    image = copy.image + random.normal(0, 2, copy.image.shape).round().astype(np.int16)
    found = look_at_odd(healthy, tmp_path, replace(copy, image=image))
    assert {"odd", "a03"} == {name for name, each in found.reasons.items() if each[0].weight == 80}
    assert sentences(found, "a03") == [sentences(found, "odd")[0].replace("a03", "odd")]
    exact = look_at_odd(healthy, tmp_path / "same", body(3).turned(0))
    assert sentences(exact, "odd")[0] == "the same image as a03, voxel by voxel"


def test_a_label_may_lie_in_what_was_not_drawn():
    nothing = odd(voxels=0, ml=0.0, quantiles=[], islands=None, islands_ml=None)
    part = seen_case("part", record={"undrawn": 0.4}, look=nothing)
    assert findings(seen([*cases(), part])).reasons == {}


def test_voxels_whose_size_the_settings_give_are_known():
    given = {"lost": True, "content": {"spacing": [1.0, 1.0, 1.0]}}
    assert findings(seen([*cases(), seen_case("given", record=given)])).reasons == {}
