"""The page that leads to all others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from slicewise.evaluation.statistics import summarise
from slicewise.report.index import PLACES, ListedExperiment, index_page
from tests.masks import HIT, NOTHING, scored
from tests.pages import Page, table
from tests.report.test_browser import browser, opened

__all__ = ["browser"]
ROOT = Path(__file__).parents[2]
TRAINED = datetime(2026, 11, 27, 14, 58, tzinfo=UTC)


def listed(name: str, **dice: float | None) -> ListedExperiment:
    """An experiment with the same Dice for two patients of each subset."""
    tables = [
        table({f"{subset}-{k}": mean for k in range(2)}).assign(subset=subset)
        for subset, mean in dice.items()
    ]
    return ListedExperiment(name, summarise(pd.concat(tables)), TRAINED)


def written(*experiments: ListedExperiment, crossed: bool = False) -> str:
    return index_page("two", experiments, 9, crossed=crossed, page="results/two/index.html")


def test_experiments_go_by_validation_and_not_by_test():
    page = Page(
        written(listed("b", test=0.9, validation=0.5), listed("a", test=0.6, validation=0.8))
    )
    assert page.first_cells(["a", "b"]) == ["a", "b"]
    row = next(row for row in page.rows if row and row[0] == "a")
    assert row == ["a", "0.800", "2", "0.600", "–", "2", "2026-11-27 14:58"]
    assert "a/report.html" in page.references
    assert {"comparison.html", "data.html"} <= {*page.references}


def test_a_sweep_is_linked_where_there_is_one():
    swept = ListedExperiment("a", {}, None, swept=True)
    page = Page(written(swept, listed("b", test=0.2, validation=0.1)))
    assert "a/sweep.html" in page.references and "b/sweep.html" not in page.references
    assert "The validation Dice of the best of a sweep is flattered, too" in page.words
    assert "best of a sweep" not in Page(written(listed("b", test=0.2, validation=0.1))).words


def test_the_convention_of_challenges_is_told_of_those_who_have_it():
    patients = {"a": [(HIT, HIT)], "b": [(NOTHING, NOTHING)]}
    counting = summarise(scored(patients, absent_labels="challenge"))
    plain = ListedExperiment("plain", summarise(scored(patients)), TRAINED)
    words = Page(written(plain, ListedExperiment("silent", counting, TRAINED))).words
    assert "Labels that are not there count in the means of silent: as 1" in words
    assert "not there" not in Page(written(plain)).words


def test_what_is_not_known_is_a_dash_and_comes_last():
    unknown = ListedExperiment("a", {}, None)
    page = Page(written(unknown, listed("z", validation=0.1)))
    assert page.first_cells(["a", "z"]) == ["z", "a"]
    assert next(row for row in page.rows if row and row[0] == "a") == ["a", "–", "–", "–"]
    assert "Test Dice" not in page.words


def test_held_out_patients_are_called_so():
    assert "Held-out Dice" in Page(written(listed("a", validation=0.5), crossed=True)).words


def test_names_and_numbers_are_written_as_they_are():
    page = written(ListedExperiment("a<b>", {}, None))
    assert "a<b>" not in page
    assert "1 training on 9 cases" in page


def test_what_the_readme_of_results_lists_is_explained():
    """What lies directly in the folder of a data set or of an experiment."""
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    tree = text.split("  <dataset>/\n")[1].split("  reproduced/")[0]
    names = re.findall(r"^ {4,6}(\S+)(?: {2}|$)", tree, re.M)
    explained = " ".join(path for files in PLACES.values() for path in files)
    assert len(names) > 20
    for name in names:
        first = name.removeprefix("…/").split("/")[0]
        # folders of cases are explained as a whole
        assert first in explained or first == "index.html", name


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    (folder / "a").mkdir()
    (folder / "a" / "report.html").write_text("<title>the report</title>", encoding="utf-8")
    page = written(*(listed(name, test=0.6, validation=0.8) for name in ("a", "long-" * 12)))
    (folder / "index.html").write_text(page, encoding="utf-8")
    return (folder / "index.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_read_on_any_screen(browser, address, width, scheme):
    with opened(browser, address, width, scheme) as page:
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
        assert found.violations_count == 0, found.generate_report()
        page.get_by_role("link", name="a", exact=True).click()
        expect(page).to_have_title("the report")
