"""The page about the data in a real browser."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from slicewise.dataset.assignment import Assignment
from slicewise.report import data as page_of
from slicewise.report.data import PlanRow, ShownData, data_page
from tests.looks import label_look, seen, seen_case
from tests.report.test_browser import LOADED, browser, opened

__all__ = ["browser"]
pytestmark = pytest.mark.slow  # a browser takes longer than the pages
CASES = 60


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    odd = {"labels": {"liver": label_look(touches={"head": 12}, islands=2, islands_ml=1.5)}}
    cases = [
        seen_case(
            f"case{n:03d}",
            "test" if n % 3 == 0 else "train",
            record={"ml": {"liver": 1000.0 + 10 * n}},
        )
        for n in range(CASES - 1)
    ]
    data = seen(
        [*cases, seen_case("odd", look=odd)],
        unread=[Assignment("bad", "of-bad", "test", None)],
        refused=["bad.nii.gz: it ends too early; copy it again"],
    )
    plan = [PlanRow("slices.axial.spacing", "1.0", "the median of the training cases", "0.8")]
    assert page_of.FEW < CASES
    path = tmp_path_factory.mktemp("page") / "data.html"
    shown = ShownData("study", data, plan=plan, warnings=["Look twice."])
    path.write_text(data_page(shown), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wrong_and_all_can_be_read(browser, address, width, scheme):
    with opened(browser, address, width, scheme) as page:
        assert page.evaluate(LOADED) == 0
        assert page.locator(".tile img").count() == CASES
        sides = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert sides[0] <= sides[1], "the page itself scrolls sideways"
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]}
        found = Axe().run(page, options=rules)
        assert found.violations_count == 0, found.generate_report()


def test_tables_sort(browser, address):
    with opened(browser, address) as page:
        table = page.get_by_role("table", name=re.compile("^The image of every case"))
        names = table.locator("tbody th")
        expect(names.first).to_have_text("case000")
        reasons = table.get_by_role("button", name="Reasons")
        reasons.click()
        reasons.click()
        expect(names.first).to_have_text("odd")
        labels = page.get_by_role("table", name=re.compile("^Every label of every case"))
        pieces = labels.get_by_role("button", name="Pieces")
        pieces.click()
        expect(labels.locator("tbody th").first).to_have_text("case000")
        pieces.click()
        expect(labels.locator("tbody th").first).to_have_text("odd")


def test_a_reason_leads_to_its_picture_and_outlines_can_be_switched_off(browser, address):
    with opened(browser, address) as page:
        page.get_by_role("table", name=re.compile("^Cases that stand out")).get_by_role(
            "link", name="odd"
        ).click()
        tile = page.locator("[id='case-odd']")
        expect(tile).to_be_in_viewport()
        outline = tile.locator("path")
        # the outline of the first look is a square of 8 half voxels on a canvas of 32 by 24
        shown = tile.locator(".picture").bounding_box()
        drawn = outline.bounding_box()
        assert drawn["width"] == pytest.approx(shown["width"] * 8 / 32, abs=2.5)
        assert drawn["height"] == pytest.approx(shown["height"] * 8 / 24, abs=2.5)
        assert shown["width"] / shown["height"] == pytest.approx(300 / 240, rel=0.02)
        expect(outline).to_be_visible()
        page.get_by_label("ground truth, outlined").uncheck()
        expect(outline).to_be_hidden()


def test_on_paper_every_case_is_drawn(browser, address):
    with opened(browser, address) as page:
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("img[loading=lazy]").count() == 0
        assert page.evaluate(LOADED) == 0
        heights = page.evaluate(
            "Array.from(document.querySelectorAll('.tile'), (tile) => tile.offsetHeight)"
        )
        assert min(heights) > 60
        assert len(page.pdf()) > 20_000
