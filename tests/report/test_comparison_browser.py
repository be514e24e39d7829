"""The comparison in a real browser: what loads, sorts, fits and can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from slicewise.evaluation.comparison import compare
from slicewise.evaluation.statistics import summarise
from slicewise.report.changed import Changed
from slicewise.report.comparison import ComparedExperiments, comparison_report
from slicewise.report.formats import jpeg
from tests.pages import history, measured, table
from tests.workflow.mlflowui import chromium

pytestmark = pytest.mark.slow  # a browser takes longer than the pages
LONG = "attention-gates-with-a-name-as-long-as-people-give"
NAMES = ("baseline", LONG, "tutorial", "large")
PATIENTS = [f"patient-{k:03d}" for k in range(8)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with all there can be: seeds, costs, distances, labels, pictures."""
    random = np.random.default_rng(0)
    tables = {}
    for place, name in enumerate([*NAMES, "baseline-seed2"]):
        dice = {p: 0.7 + 0.03 * (place % len(NAMES)) + 0.1 * random.random() for p in PATIENTS}
        both = table(dice, labels=("liver", "tumour"))
        tables[name] = measured(both, list(5 + random.random(2 * len(PATIENTS))))
    picture = jpeg(np.full((384, 512, 3), 90, np.uint8))
    repeats = {"baseline": ["baseline", "baseline-seed2"]}
    page = comparison_report(
        ComparedExperiments(
            dataset="ircad",
            rows={name: summarise(metrics) for name, metrics in tables.items()},
            metrics=tables,
            table=compare(tables, repeats),
            histories={name: {"fold-0": history()} for name in tables},
            links={name: f"{name}/report.html" for name in tables},
            provenance={"data_digest": "0123456789abcdef" * 4},
            repeats=repeats,
            parameters=dict.fromkeys(tables, 31_000_000),
            costs={n: {"minutes": 90.0, "memory_mb": 9000.0, "energy_wh": 450.0} for n in tables},
            scored_runs=12,
            changed=[
                Changed(p, p, "slice 17 of 129", 0.1, [(name, 0.8, picture) for name in NAMES])
                for p in PATIENTS[:2]
            ],
        )
    )
    path: Path = tmp_path_factory.mktemp("page") / "comparison.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def shown(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, on a screen of some width and colours; it may complain of nothing."""
    width, colours = getattr(request, "param", (1280, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=colours, offline=True
    )
    page = context.new_page()
    wrong: list[Any] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(error))
    page.on("requestfailed", lambda asked: wrong.append(asked.url))
    page.goto(address)
    yield page
    context.close()
    assert wrong == []


SCREENS = [(1280, "light"), (390, "light"), (1280, "dark"), (390, "dark")]


@pytest.mark.parametrize("shown", SCREENS, indirect=True)
def test_all_pictures_load_and_nothing_is_wider_than_the_screen(shown: Page) -> None:
    for details in shown.locator("details").all():
        details.locator("summary").click()
    pictures = shown.locator("img:visible")
    # three figures in one of two colours, and every experiment for two patients
    assert pictures.count() == 3 + 2 * len(NAMES)
    assert shown.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # what is wider scrolls by itself
    assert shown.evaluate(
        """[...document.querySelectorAll("main table, .beside")].every(element => {
            const box = element.closest(".scroll, .beside, .card");
            return box.getBoundingClientRect().right <= window.innerWidth;
        })"""
    )


@pytest.mark.parametrize("shown", [(390, "light"), (1280, "light")], indirect=True)
def test_the_same_slice_of_all_experiments_is_in_one_row(shown: Page) -> None:
    row = shown.locator(".beside").first
    card, inside = shown.locator(".case").first.bounding_box(), row.bounding_box()
    assert card["y"] < inside["y"] < inside["y"] + inside["height"] < card["y"] + card["height"]
    tops = {round(figure.bounding_box()["y"]) for figure in row.locator("figure").all()}
    assert len(tops) == 1
    assert all(img.bounding_box()["width"] > 180 for img in row.locator("img").all())
    last = row.locator("figure").last
    last.scroll_into_view_if_needed()
    expect(last.locator("figcaption")).to_be_in_viewport()


def test_a_click_on_a_header_sorts(shown: Page) -> None:
    experiments = shown.locator("[aria-label=Experiments]")

    def column(number: int) -> list[str]:
        cells = experiments.locator(f"tbody tr > :nth-child({number})").all()
        return [cell.inner_text().strip() for cell in cells]

    button = experiments.get_by_role("button", name="Mean Dice")
    button.click()
    assert column(2) == sorted(column(2))
    assert len(set(column(2))) > 2
    button.click()
    assert column(2) == sorted(column(2), reverse=True)
    pairs = shown.get_by_role("region", name="Differences in Dice")
    pairs.get_by_role("button", name="p, Holm").click()
    values = pairs.locator("tbody tr > :nth-child(7)").all()
    corrected = [float(cell.get_attribute("data-value") or "nan") for cell in values]
    assert corrected == sorted(corrected)
    assert len(corrected) == 3 * len(NAMES) * (len(NAMES) - 1) / 2


@pytest.mark.parametrize("shown", [(1280, "light"), (1280, "dark")], indirect=True)
def test_text_can_be_read(shown: Page) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, criterion 1.4.3)."""
    faint = shown.evaluate(
        """() => {
            const rgb = text => text.match(/[\\d.]+/g).map(Number);
            const light = colour => rgb(colour).slice(0, 3)
                .map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
            const ground = element => {
                const colour = getComputedStyle(element).backgroundColor;
                const solid = rgb(colour)[3] !== 0;
                return solid || !element.parentElement ? colour : ground(element.parentElement);
            };
            const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
            return [...document.querySelectorAll("body *:not(script)")].filter(own).map(element => {
                const pair = [getComputedStyle(element).color, ground(element)].map(light);
                const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
                return [element.innerText, ratio];
            }).filter(([text, ratio]) => ratio < 4.5);
        }"""
    )
    assert faint == []


def test_print_shows_every_experiment(shown: Page) -> None:
    shown.emulate_media(media="print")
    shown.set_viewport_size({"width": 700, "height": 1000})
    for figure in shown.locator(".beside").first.locator("figure").all():
        box = figure.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 700
