"""What training cases have in common."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.dataset.fingerprint import TrainingCase, fingerprint_of, rounded, stepped
from slicewise.errors import SlicewiseError
from slicewise.slices.planes import PLANES, acquired
from tests.case_records import case_record

LETTERS = ["LPS", "RAS", "RPI", "PIR", "SAL", "ASR"]


def case(shape=(512, 512, 120), spacing=(0.8, 0.8, 2.5), orientation="LPS", ml=None):
    return TrainingCase(shape, spacing, orientation, {"liver": 1500.0} if ml is None else ml)


def seen(cases, **given):
    return fingerprint_of(cases, **{"intensity": "hu", "labels": 1} | given)


@st.composite
def scans(draw):
    sides = st.integers(20, 600)
    shape = [draw(sides), draw(sides), draw(st.integers(5, 300))]
    spacing = [draw(st.floats(0.3, 2)), draw(st.floats(0.3, 2)), draw(st.floats(0.5, 8))]
    ml = draw(st.dictionaries(st.sampled_from(["a", "b"]), st.floats(0, 2000), max_size=2))
    return case(shape, spacing, draw(st.sampled_from(LETTERS)), ml)


def test_axes_are_those_of_the_body_however_they_are_stored():
    stored = case((40, 30, 20), (1.0, 2.0, 3.0), "PIR")
    # left-right is the last axis, back-front the first
    assert stored.canonical == [(20, 3.0), (40, 1.0), (30, 2.0)]


@given(st.permutations(range(3)))
def test_how_axes_are_stored_changes_nothing(order):
    plain = case((512, 400, 60), (0.7, 0.8, 5.0), "RAS")
    turned = case(
        [plain.shape[i] for i in order],
        [plain.spacing[i] for i in order],
        "".join(plain.orientation[i] for i in order),
    )
    assert seen([turned]) == seen([plain])


@given(st.lists(scans(), min_size=1, max_size=12), st.randoms())
def test_the_order_of_cases_means_nothing(cases, random):
    mixed = list(cases)
    random.shuffle(mixed)
    assert seen(mixed) == seen(cases)


@settings(max_examples=60)
@given(st.lists(scans(), min_size=5, max_size=30))
def test_numbers_are_within_those_of_the_cases(cases):
    found = seen(cases)
    sides = []
    sizes = []
    for each in cases:
        along = [mm for _, mm in each.canonical]
        plane = acquired(along) if found.plane == "acquired" else found.plane
        _, *within = PLANES[plane]
        sides += [each.canonical[axis][0] for axis in within]
        sizes += [along[axis] for axis in within]
    assert min(sides) <= found.columns <= found.rows < max(sides) + 16
    assert 0.92 * min(sizes) <= found.spacing <= 1.08 * max(sizes)
    assert found.spread >= 1
    assert 0 <= found.agreement <= 1
    assert found.rows % 16 == 0


@pytest.mark.parametrize(
    ("orientation", "plane"), [("LPS", "axial"), ("LSP", "coronal"), ("SPL", "sagittal")]
)
def test_the_plane_is_across_the_longest_side_of_voxels(orientation, plane):
    assert seen([case(orientation=orientation)] * 3).plane == plane


def test_cubes_are_cut_axially_and_have_no_other_plane():
    cubes = [case((35, 50, 36), (1.0, 1.0, 1.1))] * 4
    assert (seen(cubes).plane, seen(cubes).agreement) == ("axial", 1.0)


def test_a_minority_that_was_acquired_in_another_plane_makes_each_cut_its_own_way():
    cases = [case(orientation="LPS")] * 7 + [case(orientation="LSP")] * 3
    found = seen(cases)
    assert (found.plane, found.agreement) == ("acquired", 0.7)
    # all slices are those that were acquired, however they lie
    assert (found.rows, found.columns, found.spacing, found.thickness) == (512, 512, 0.83, 2.5)
    # one odd case among many is none
    few = [case(orientation="LPS")] * 39 + [case(orientation="LSP")]
    assert (seen(few).plane, seen(few).agreement) == ("axial", 1.0)


def test_a_case_without_sizes_of_voxels_cannot_be_cut_its_own_way():
    cases = [case(orientation="LPS")] * 7 + [case(orientation="LSP")] * 3
    lost = TrainingCase((512, 512, 120), (1.0, 1.0, 1.0), "LPS", {}, lost=True)
    found = seen([*cases, lost])
    assert (found.plane, found.agreement) == ("axial", 0.7)
    # one of just this size is no reason
    assert seen([*cases, replace(lost, lost=False)]).plane == "acquired"
    assert TrainingCase.of(case_record(lost=True)).lost
    given = case_record(lost=True, content={"spacing": [0.8, 0.8, 5.0]})
    assert not TrainingCase.of(given).lost


def test_masks_that_were_drawn_in_part_tell_no_size():
    assert TrainingCase.of(case_record(undrawn=0.9)).ml == {}
    assert TrainingCase.of(case_record()).ml


def test_a_pile_of_slices_has_its_own_plane_whatever_its_header_says():
    pile = [case((256, 256, 6), (1.0, 1.0, 1.0), ml={"liver": 40.0})] * 3
    found = seen(pile, contiguous=False)
    assert found.plane == "axial"
    # 40,000 mm³ in 6 slices of 1 mm is a disc of 92 mm; how many slices show it is not known
    assert found.smallest == 90
    assert found.shown is None


def test_the_smallest_label_is_a_ball_in_pixels():
    ball = math.pi / 6 * 20**3 / 1000
    cases = [case(spacing=(0.5, 0.5, 2), ml={"liver": 1500.0, "vein": ball})] * 3
    assert seen(cases).smallest == 40


def test_a_case_without_the_label_does_not_make_it_smaller():
    cases = [case(ml={"liver": 1500.0, "tumour": 0.0})] * 9 + [case(ml={"tumour": 33.5})]
    # a ball of 33.5 ml is 40 mm across
    assert seen(cases).smallest == 50


def test_labels_that_nobody_measured_are_not_known():
    assert seen([case(ml={})]).smallest is None
    assert seen([case(ml={})]).shown is None


def test_pixels_of_two_scanners_spread():
    fine = case(spacing=(0.5, 0.5, 1))
    coarse = case(spacing=(1.0, 1.0, 1.5))
    assert seen([fine] * 5 + [coarse] * 5).spread == 2.0
    # one odd case among many is no second scanner
    assert seen([fine] * 40 + [coarse]).spread == 1.0


def test_the_extent_is_that_of_the_longer_side():
    assert seen([case((500, 400, 30), (0.8, 0.8, 4))] * 3).extent == 380


def test_a_case_that_says_1_mm_everywhere_may_have_lost_its_size():
    assert seen([case(), case(spacing=(1.0, 1.0, 1.0))]).lost
    assert not seen([case(), case(spacing=(1.0, 1.0, 1.5))]).lost


def test_counts_are_powers_of_two():
    found = seen([case()] * 13)
    assert (found.cases, found.slices) == (16, 2048)


def test_a_record_says_all_that_is_needed():
    record = case_record()
    assert TrainingCase.of(record) == TrainingCase(
        record.shape, record.spacing, record.orientation, record.ml
    )


def test_no_case_is_a_sentence():
    with pytest.raises(SlicewiseError, match="training cases, and there is none"):
        seen([])


def test_rounding_keeps_digits_not_places():
    assert [rounded(value, 2) for value in (0.0123, 98.6, 1251)] == [0.012, 99.0, 1300.0]


@given(st.floats(0.01, 1000))
def test_steps_are_a_tenth(value):
    assert 0.92 <= stepped(value) / value <= 1.08
    assert 0.97 <= stepped(value, up=True) / value <= 1.14
    assert stepped(stepped(value)) == stepped(value)
