"""The worst cases of a report and their slices."""

from __future__ import annotations

from slicewise.evaluation.statistics import summarise
from slicewise.report.gallery import CaseFigures, gallery, gallery_cases
from slicewise.report.undrawn import Undrawn
from tests.masks import HIT, NOTHING, WRONG, scored
from tests.pages import Page, table
from tests.report.test_experiment import VIEWS, experiment


def test_what_is_found_in_who_does_not_have_it_comes_before_who_was_right():
    metrics = scored({"n": [(NOTHING, NOTHING)], "a": [(HIT, HIT)], "c": [(NOTHING, WRONG)]})
    assert gallery_cases(metrics) == ["c", "a", "n"]
    text = experiment(metrics, summary=summarise(metrics))
    part = text[text.index('id="gallery"') :]
    places = [part.index(f"Slices of {case}") for case in "can"]
    assert places == sorted(places)
    assert "Predicted 4.0 ml of tumour where the reference has none." in part
    assert Page(text).first_cells("can")[:3] == ["a", "c", "n"]


def test_the_worst_come_first_and_not_too_many():
    metrics = table({"a": 0.9, "b": 0.2, "c": 0.5})
    assert gallery_cases(metrics) == ["b", "c", "a"]
    assert gallery_cases(metrics, 2) == ["b", "c"]


def test_cases_are_laid_out_with_their_patient_their_dice_and_a_note():
    metrics = table({"a": 0.9, "b": 0.2})
    shown = gallery([CaseFigures(case, views=VIEWS) for case in "ab"], metrics)
    assert [(case["case"], case["dice"]) for case in shown] == [("b", 0.2), ("a", 0.9)]
    for case in shown:
        assert [view["plane"] for view in case["views"]] == ["axial", "coronal", "sagittal"]
        assert len(case["frames"][0]["frames"]) == len(VIEWS[0].frames)
        assert case["views"][0]["frame"] is VIEWS[0].frames[VIEWS[0].worst]


def test_a_case_without_pictures_says_why_or_is_left_out():
    metrics = table({"a": 0.9, "b": 0.2})
    missing = CaseFigures("a", undrawn=Undrawn("a could not be drawn."))
    shown = gallery([missing, CaseFigures("b")], metrics)
    assert [case["case"] for case in shown] == ["a"]
