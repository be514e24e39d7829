"""The pages in a real browser: what is shown, what moves, and whether it can be read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from slicewise.config import Evaluation
from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.statistics import Masks, case_rows, metrics_table, summarise
from slicewise.report.cost import Cost
from slicewise.report.evidence import Evidence, Link
from slicewise.report.experiment import ReportedExperiment, experiment_report
from slicewise.report.gallery import CaseFigures
from slicewise.report.viewer import ShownCase, plane_views
from tests.pages import history

pytestmark = pytest.mark.slow  # a browser takes longer than the pages
CASES = ("worst", "middle", "best")
SPACING = (2.0, 2.0, 3.0)
LOADED = """() => Promise.all(Array.from(document.images, (image) => {
    image.loading = "eager";
    return image.decode().then(() => 0, () => 1);
})).then((failed) => failed.reduce((a, b) => a + b, 0))"""


def volumes(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image, a body, and the body moved, with an island."""
    truth, prediction = np.zeros((2, 60, 50, 30), np.uint8)
    truth[10:40, 10:40, 5:25] = 1
    prediction[14 - 2 * number : 44 - 2 * number, 10:40, 5:25] = 1
    prediction[50:55, 42:47, 26:29] = 1
    noise = np.random.default_rng(number).normal(0, 40, truth.shape)
    return noise + 100.0 * truth, truth, prediction


def flat_volumes() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Cases that have a single frame in one plane: a mask in one slice, and a single slice."""
    image, truth, prediction = volumes(1)
    inside = np.arange(60)[:, None, None] == 20
    return {
        "mask": (image, truth * inside, prediction * inside),
        "slice": (image[..., 12:13], truth[..., 12:13], prediction[..., 12:13]),
        "ordinary": (image, truth, prediction),
    }


def report(shown_volumes: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> str:
    rows, cases = [], []
    planes = ("axial", "coronal", "sagittal")
    for case, (image, truth, prediction) in shown_volumes.items():
        known = {"case": case, "patient": case, "subset": "test", "fold": None}
        rows += case_rows(known, Masks(truth, prediction, ["liver"], 0.012, SPACING), Evaluation())
        frames = 10 if case != "best" else 1
        shown = ShownCase(image, truth, prediction, SPACING, (-160, 240), {"liver": [1]})
        views = plane_views(shown, planes, frames)
        cases.append(CaseFigures(case, views=views))
    metrics = metrics_table(rows)
    grey = np.full((2, 8, 8), 90, np.uint8)
    return experiment_report(
        ReportedExperiment(
            dataset="phantom",
            experiment="baseline",
            summary=summarise(metrics),
            metrics=metrics,
            histories={"fold-0": history()},
            cases=cases,
            settings={"training": {"epochs": 4}},
            split=metrics[["case", "patient", "subset", "fold"]],
            provenance={"keras": "3"},
            samples={"images": grey, "masks": grey * 0},
            evidence=Evidence([Link("Scores", "f" * 64, "SHA-256 of metrics.tsv")], {}),
            costs=[Cost("train", 1, 90.0, 90.0, 1100.0, 1.8, 8000.0, 1440.0, 2.0)],
        )
    )


def long_report(labels: Sequence[str], lowest: float = 0.5) -> str:
    """A report of 25 patients by two sites, and of labels of some Dice."""
    _, truth, prediction = volumes(1)
    known = {"case": "p", "patient": "p", "subset": "test", "fold": None}
    masks = Masks(truth, prediction, ["liver"], 0.012, SPACING)
    (row,) = case_rows(known, masks, Evaluation())
    random = np.random.default_rng(0)
    rows = [
        {**row, "case": f"p{n:02d}", "patient": f"p{n:02d}", "label": label, **scores}
        for n in range(25)
        for label in labels
        for scores in [
            {"dice": max(random.uniform(lowest, 1), 0), "volume_error_ml": random.normal(0, 2000)}
        ]
    ]
    metrics = metrics_table(rows)
    cases = [f"p{n:02d}" for n in range(25)]
    return experiment_report(
        ReportedExperiment(
            dataset="phantom",
            experiment="baseline",
            summary=summarise(metrics),
            metrics=metrics,
            histories={"fold-0": history()},
            cases=[],
            settings={"training": {"epochs": 4}},
            split=metrics[["case", "patient", "subset", "fold"]].drop_duplicates(),
            provenance={"keras": "3"},
            groupings=[Grouping("site", "values", {"north": cases[:9], "south": cases[9:]})],
        )
    )


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("SLICEWISE_CI") == "1":
            pytest.fail("chromium is not installed: .ci/run has to install it")
        pytest.skip("chromium is not installed")
    with sync_playwright() as drivers:
        started = drivers.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    ordinary = {case: volumes(number) for number, case in enumerate(CASES)}
    path.write_text(report(ordinary), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def long_address(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "report.html"
    path.write_text(long_report([f"organ {k}" for k in range(12)]), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def wordy_address(tmp_path_factory):
    path = tmp_path_factory.mktemp("wordy") / "report.html"
    sides = [f"branches_of_the_common_carotid_artery_{side}" for side in ("left", "right")]
    path.write_text(long_report(sides, lowest=-0.5), encoding="utf-8")
    return path.as_uri()


@contextmanager
def opened(browser, address, width=1280, scheme="light", **more):
    """A page; complains of whatever its console says and of all that it asks for."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, **more
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: r.url.startswith("http") and wrong.append(r.url))
    try:
        page.goto(address)
        yield page
    finally:
        context.close()
    assert wrong == []


def viewer(page, case: str, plane: str):
    return page.get_by_role("group", name=f"Slices of {case}").locator(f"[data-plane={plane}]")


def place(view) -> tuple[int, float]:
    """The number of the slice and its Dice, as the caption has them."""
    text = view.locator("figcaption").inner_text()
    found = re.search(r"(\d+) of \d+, Dice ([\d.]+|–)", text)
    assert found, text
    return int(found[1]), float(found[2].replace("–", "nan"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wrong_and_all_can_be_read(browser, address, width, scheme):
    with opened(browser, address, width, scheme) as page:
        assert page.evaluate(LOADED) == 0
        assert page.evaluate("document.images.length") > 12
        sides = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert sides[0] <= sides[1], "the page itself scrolls sideways"
        for details in page.locator("details").all():
            details.evaluate("(element) => { element.open = true; }")
        # WCAG 2.1 AA: contrast of all text, names of all controls, headings, tables, …
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]}
        found = Axe().run(page, options=rules)
        assert found.violations_count == 0, found.generate_report()


def test_sliders_move_the_picture_its_outlines_and_its_caption(browser, address):
    with opened(browser, address) as page:
        view = viewer(page, "worst", "axial")
        slider, image = view.get_by_role("slider"), view.locator("img")
        bar = view.locator(".strip rect")
        slider.focus()
        page.keyboard.press("Home")
        first, source = place(view), image.get_attribute("src")
        assert bar.get_attribute("x") == "0"
        # the island, which the reference has not, is at the upper end
        page.keyboard.press("End")
        last = place(view)
        assert last == (29, 0)
        assert last[0] > first[0]
        assert image.get_attribute("src") != source
        assert bar.get_attribute("x") == str(last[0] - first[0])
        assert view.locator("path.truth").get_attribute("d") == ""
        assert view.locator("path.prediction").get_attribute("d").startswith("M")
        page.keyboard.press("ArrowLeft")
        assert first[0] < place(view)[0] < last[0]
        assert slider.get_attribute("aria-valuetext").startswith(f"{place(view)[0]} of 30")
        assert page.evaluate(LOADED) == 0


def test_a_click_moves_the_other_planes_and_the_wheel_goes_on(browser, address):
    with opened(browser, address) as page:
        axial, coronal, sagittal = (
            viewer(page, "worst", plane) for plane in ("axial", "coronal", "sagittal")
        )
        picture = axial.locator(".picture")
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        scrolled = page.evaluate("scrollY")
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        here = place(axial)[0]
        page.mouse.wheel(0, 60)
        page.wait_for_function(f"scrollY !== {scrolled}")
        assert place(axial)[0] == here, "the wheel scrolls the page until a view is chosen"
        picture.scroll_into_view_if_needed()
        # the patient's left and back lie right and low in the picture
        picture.click(position={"x": box["width"] - 3, "y": box["height"] - 3})
        low = place(sagittal)[0], place(coronal)[0]
        picture.click(position={"x": 3, "y": 3})
        high = place(sagittal)[0], place(coronal)[0]
        assert low[0] < high[0]
        assert low[1] < high[1]
        assert place(axial)[0] == here
        page.mouse.wheel(0, 120)
        expect(axial.locator(".place")).not_to_have_text(f"{here} of 30")
        # both lines are there, and meet where the click was
        assert axial.locator("path.cross").get_attribute("d").count("M") == 2


def test_outlines_can_be_switched_off(browser, address):
    with opened(browser, address) as page:
        shown = {
            name: viewer(page, "worst", "axial").locator(f"path.{name}")
            for name in ("truth", "prediction")
        }
        for outline in shown.values():
            expect(outline).to_be_visible()
        page.get_by_label("reference mask").uncheck()
        expect(shown["truth"]).to_be_hidden()
        expect(shown["prediction"]).to_be_visible()
        page.get_by_label("reference mask").check()
        page.get_by_label("prediction").uncheck()
        expect(shown["truth"]).to_be_visible()
        expect(shown["prediction"]).to_be_hidden()


def test_tables_sort(browser, address):
    with opened(browser, address) as page:
        table = page.get_by_role("table", name=re.compile("^Test patients"))
        names = table.locator("tbody th")
        assert names.all_inner_texts() == list(CASES)
        table.get_by_role("button", name="Recall").click()
        assert names.all_inner_texts() == list(CASES)
        table.get_by_role("button", name="Recall").click()
        assert names.all_inner_texts() == list(CASES)[::-1]
        table.get_by_role("button", name="Patient").click()
        assert names.all_inner_texts() == sorted(CASES)


@pytest.mark.parametrize("scripts", [True, False])
def test_paper_has_the_worst_slice_of_each_plane(browser, address, scripts):
    with opened(browser, address, java_script_enabled=scripts) as page:
        page.emulate_media(media="print")
        assert page.get_by_role("slider").count() == 0
        for case in CASES:
            for plane in ("axial", "coronal", "sagittal"):
                view = viewer(page, case, plane)
                expect(view.locator("img")).to_be_visible()
                expect(view.locator("path.truth")).to_be_attached()
                assert view.locator("img").evaluate("(image) => image.naturalWidth") > 10
                assert place(view)
        pictures = page.pdf().count(b"/Subtype /Image")
        assert pictures >= 3 * len(CASES)


def test_only_a_case_with_several_frames_has_sliders(browser, address):
    with opened(browser, address) as page:
        assert viewer(page, "worst", "axial").get_by_role("slider").count() == 1
        assert viewer(page, "best", "axial").get_by_role("slider").count() == 0
        assert isinstance(place(viewer(page, "best", "axial")), tuple)


def test_a_plane_of_one_frame_stops_no_slider(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report(flat_volumes()), encoding="utf-8")
    with opened(browser, path.as_uri()) as page:
        assert viewer(page, "mask", "sagittal").get_by_role("slider").count() == 0
        assert viewer(page, "slice", "axial").get_by_role("slider").count() == 0
        for case, plane in (("mask", "axial"), ("slice", "coronal"), ("ordinary", "axial")):
            view = viewer(page, case, plane)
            view.get_by_role("slider").focus()
            page.keyboard.press("Home")
            first = place(view)
            page.keyboard.press("End")
            assert place(view) != first
        # a click in a plane that scrolls goes past the one that does not
        picture = viewer(page, "mask", "axial").locator(".picture")
        picture.scroll_into_view_if_needed()
        picture.click(position={"x": 5, "y": 5})
        assert page.evaluate(LOADED) == 0


TEXTS = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"


def test_a_long_table_shows_its_worst_rows_and_finds_the_others(browser, long_address):
    with opened(browser, long_address) as page:
        card = page.locator(".card", has=page.get_by_role("heading", name="Test patients"))
        rows = card.locator("tbody tr")
        count = card.locator("output")
        expect(rows).to_have_count(200)
        expect(count).to_have_text("300 rows, 200 shown")
        first = rows.evaluate_all(TEXTS)
        card.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(300)
        every = rows.evaluate_all(TEXTS)
        assert every[:200] == first
        dice = [float(row[3]) for row in every]
        assert dice == sorted(dice)
        # rows that the script lays out are written like those of the page
        shapes = [re.sub(r"\d+", "0", " ".join(row[3:])) for row in every]
        assert set(shapes[200:]) <= set(shapes[:200])
        assert any("−" in shape for shape in shapes[200:])
        assert any(re.search(r"\d \d{3}\.", row[-2]) for row in every[200:])
        card.get_by_label("Label", exact=True).select_option("organ 7")
        expect(count).to_have_text("25 of 300 rows")
        card.get_by_label("site", exact=True).select_option("north")
        expect(count).to_have_text("9 of 300 rows")
        wanted = [row for row in every if row[1] == "organ 7" and row[2] == "north"]
        assert rows.evaluate_all(TEXTS) == wanted
        middle = (float(wanted[4][3]) + float(wanted[5][3])) / 2
        card.get_by_label("Dice at most").fill(f"{middle:.4f}")
        expect(count).to_have_text("5 of 300 rows")
        card.get_by_label("Rows with the words").fill(f"{wanted[2][0].upper()} organ")
        expect(count).to_have_text("1 of 300 rows")
        assert rows.evaluate_all(TEXTS) == [wanted[2]]
        # the order is that of all rows, also of those that were not laid out
        for name in ("Dice at most", "Rows with the words"):
            card.get_by_label(name).fill("")
        for name in ("Label", "site"):
            card.get_by_label(name, exact=True).select_option("")
        card.get_by_role("button", name="Dice", exact=True).click()
        best = rows.first.evaluate("row => row.cells[3].textContent.trim()")
        assert float(best) == max(dice)


@pytest.mark.parametrize("width", [1280, 390])
def test_many_labels_can_be_read(browser, long_address, width):
    with opened(browser, long_address, width) as page:
        sides = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        wide, screen = page.evaluate(sides)
        assert wide <= screen
        assert page.locator(".hero").bounding_box()["height"] < 1600
        names = page.locator(".hero table.labels tbody tr").evaluate_all(TEXTS)
        means = [float(row[1]) for row in names]
        assert len(means) == 12 and means == sorted(means)
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_long_names_fit_on_a_phone(browser, wordy_address):
    with opened(browser, wordy_address, 390) as page:
        sides = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        wide, screen = page.evaluate(sides)
        assert wide <= screen
        assert page.locator(".hero table.labels td").first.is_visible()
        assert "Patients" in page.locator(".hero table.labels thead").inner_text()
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_without_scripts_a_long_table_says_what_it_shows(browser, long_address):
    with opened(browser, long_address, java_script_enabled=False) as page:
        said = page.get_by_text("These are the 200 rows with the worst Dice of 300.")
        expect(said.first).to_be_visible()
