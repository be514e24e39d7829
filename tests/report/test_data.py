"""The page about the data, as text."""

import re

import pytest

from slicewise.dataset.assignment import Assignment
from slicewise.report import data as page
from slicewise.report.data import PlanRow, ShownData, data_page
from tests.looks import case_look, label_look, seen, seen_case
from tests.pages import Page

pytestmark = pytest.mark.usefixtures("each_figure_drawn_once")


def cases(number: int = 7) -> list:
    odd = {"labels": {"liver": label_look(touches={"head": 12}, islands=2, islands_ml=1.5)}}
    return [
        *(seen_case(f"a{n}", "test" if n > 4 else "train") for n in range(number)),
        seen_case("odd", "validation", look=odd),
    ]


def parsed(**more) -> Page:
    data = more.pop("data", None) or seen(cases())
    return Page(data_page(ShownData("liver study", data, **more)))


def test_every_case_is_there_once_and_the_odd_one_first():
    text = data_page(ShownData("study", seen(cases())))
    shown = re.findall(r'<figure class="tile[^"]*" id="case-([^"]*)"', text)
    assert shown == ["odd", *(f"a{n}" for n in range(7))]
    assert text.count("<svg") - text.count("<svg xmlns") >= len(shown)
    assert text.count('<figure class="tile marked"') == 1


def test_the_page_says_how_slices_lie():
    text = data_page(ShownData("study", seen(cases(1))))
    assert "the patient's right is on the left, and in a sagittal slice the front." in text


def test_the_page_says_which_of_many_labels_its_figures_have():
    labels = [f"label_{n}" for n in range(9)]
    text = data_page(ShownData("study", seen(cases(1), labels=labels)))
    assert "Of 9 labels the figures have the first 8; the table below has all." in text
    few = data_page(ShownData("study", seen(cases(1), labels=labels[:8])))
    assert "the figures have" not in few


def test_the_page_needs_no_other_file():
    found = parsed()
    outside = [r for r in found.references if not r.startswith(("data:", "#"))]
    assert outside == []
    assert len(found.images) == 8 + 2 * 4


def test_links_lead_to_cases_that_are_there():
    text = data_page(ShownData("study", seen(cases())))
    ids = set(re.findall(r' id="([^"]+)"', text))
    assert {r[1:] for r in Page(text).references if r.startswith("#")} <= ids


def test_the_reasons_and_the_numbers_are_in_tables():
    found = parsed()
    (why,) = [row for row in found.rows if row[:2] == ["odd", "validation"] and len(row) == 4]
    assert why[2] == "8.0"
    assert "liver touches the head side of the volume (12 voxels), so it may be cut off" in why[3]
    assert "liver is in 2 pieces, all but the largest of 1.5 ml together." in why[3]
    (image,) = [row for row in found.rows if row[:3] == ["odd", "of-odd", "validation"]]
    assert image[3:] == [
        "2",
        "10 × 12 × 5",
        "0.75 × 0.75 × 2.50",
        "300 × 240 × 200",
        "LPS",
        "−95",
        "40",
        "175",
    ]
    assert ["odd", "1 500.00", "100", "2", "1.500", "head"] in found.rows
    assert ["test", "2", "25 %", "2"] in found.rows
    assert ["liver", "5 of 5, 1 500.0 ml", "1 of 1, 1 500.0 ml", "2 of 2, 1 500.0 ml"] in found.rows


def test_volumes_of_masks_that_were_drawn_in_part_are_marked():
    in_part = seen_case("part", record={"ml": {"liver": 1500.0}, "undrawn": 0.9})
    found = parsed(data=seen([*cases(), in_part]))
    assert ["part", "1 500.00in part", "100", "1", "", ""] in found.rows
    assert ["a0", "1 500.00", "100", "1", "", ""] in found.rows
    assert "this is no volume of the organ but what was drawn of it" in found.words
    assert "this is no volume" not in parsed().words


def test_a_page_of_nothing_odd_says_so():
    found = parsed(data=seen([seen_case("a")]))
    assert "No case stands out." in found.words
    assert "What is proposed" not in found.words


def test_cases_that_could_not_be_read_come_first_with_what_was_said():
    unread = [Assignment("bad", "of-bad", "test", None)]
    found = parsed(data=seen(cases(), unread=unread, refused=["bad.nii.gz: cut <short>; copy it"]))
    assert "1 case could not be read and is missing from all that follows: bad (test)." in " ".join(
        found.words.split()
    )
    assert "bad.nii.gz: cut <short>; copy it" in found.words


def test_a_page_without_a_single_case_that_could_be_read():
    found = parsed(data=seen([], unread=[Assignment("bad", "p", "train", None)]))
    assert "0 cases of 1 patient" in found.words
    assert found.images == []


def test_the_plan_says_what_the_configuration_says_otherwise():
    rows = [
        PlanRow("slices.axial.spacing", "1.0", "the median of the training cases", "0.8"),
        PlanRow("slices.axial.size", "256", "holds every field of view"),
    ]
    found = parsed(plan=rows, warnings=["Pixels of axial are three times as long as wide."])
    assert ["slices.axial.spacing", "1.0", "0.8", "the median of the training cases"] in found.rows
    assert ["slices.axial.size", "256", "", "holds every field of view"] in found.rows
    assert "1 setting of the configuration is not what is proposed" in found.words
    assert "Pixels of axial are three times as long as wide." in found.words
    same = parsed(plan=rows[1:])
    assert ["slices.axial.size", "256", "holds every field of view"] in same.rows


def test_thousands_are_loaded_as_they_come_into_view(monkeypatch):
    lazy = [image for image in parsed().images if image.get("loading") == "lazy"]
    assert lazy == []
    monkeypatch.setattr(page, "FEW", 3)
    lazy = [image for image in parsed().images if image.get("loading") == "lazy"]
    assert len(lazy) == 8


def test_too_many_rows_are_left_to_the_tables_of_results(monkeypatch):
    monkeypatch.setattr(page, "MOST_ROWS", 7)
    found = parsed()
    assert "Too many rows for a page: cases.tsv has" in found.words
    assert ["odd", "1 500.00", "100", "2", "1.500", "head"] not in found.rows


@pytest.mark.parametrize("name", ["<b>bold</b>", '"quoted"', "a & b"])
def test_names_are_no_markup(name):
    data = seen([seen_case("a", look={"labels": {name: label_look()}})], labels=[name])
    assert name in parsed(data=data).words


def test_a_label_of_another_version_that_is_not_there_is_no_trouble():
    parsed(data=seen([seen_case("a")], labels=["liver", "spleen"]))


def test_the_outline_lies_on_the_picture():
    thumbnail = case_look().thumbnail
    text = data_page(ShownData("study", seen([seen_case("a")])))
    assert f'viewBox="0 0 {2 * thumbnail.columns} {2 * thumbnail.rows}"' in text
    assert "width: 100%; height: 80%" in text
