"""The page of a sweep."""

from __future__ import annotations

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from slicewise.evaluation.statistics import summarise
from slicewise.evaluation.sweep import Tried
from slicewise.report.sweep import ShownSweep, sweep_page
from tests.masks import HIT, NOTHING, scored
from tests.pages import Page, table
from tests.report.test_browser import browser, opened

__all__ = ["browser"]


def tried(name: str, rate: float, *dice: float | None, failed: str = "") -> Tried:
    values = {"optimizer.learning_rate": rate, "augmentation": None}
    return Tried(f"base-{name}", values, list(dice), 5 * 2 ** len(dice), 120.0, failed)


TRIED = [
    tried("a", 0.0001, 0.5, 0.6),
    tried("b", 0.001, 0.6, 0.7, 0.81),
    tried("c", 0.01, 0.4),
    tried("d", 0.1, failed="the loss is no number in epoch 2"),
]


def summary(validation: float, test: float, patients: int = 4) -> dict:
    tables = [
        table({f"{subset}-{k}": mean for k in range(patients)}).assign(subset=subset)
        for subset, mean in (("validation", validation), ("test", test))
    ]
    return summarise(pd.concat(tables))


def written(**changed) -> str:
    shown = {
        "dataset": "two",
        "experiment": "base",
        "tried": TRIED,
        "epochs": [10, 20, 40],
        "best": "base-b",
        "summaries": {"base": summary(0.81, 0.77), "base-seed2": summary(0.79, 0.74)},
        "links": {"base": "../base/report.html", "base-seed2": "../base-seed2/report.html"},
        "page": "results/two/base/sweep.html",
    }
    return sweep_page(ShownSweep(**{**shown, **changed}))


def test_only_the_best_and_its_seeds_have_a_test_dice() -> None:
    text = written()
    page = Page(text)
    assert any(row[:3] == ["base", "0.810", "0.770"] for row in page.rows)
    assert any(row[:3] == ["base-seed2", "0.790", "0.740"] for row in page.rows)
    assert text.count("0.770") == text.count("0.740")
    for name in ("base-a", "base-c", "base-d"):
        row = next(row for row in page.rows if row and row[0] == name)
        assert not {"0.770", "0.740"} & {*row}
    assert {"../base/report.html", "../base-seed2/report.html"} <= {*page.references}
    assert "it alone was predicted on test patients" in page.words
    assert "the best of 4: flattered by the choice" in page.words


def test_it_says_how_few_chose_who_failed_and_what_it_took() -> None:
    page = Page(written())
    assert "With 4 validation patients the order of combinations" in page.words
    assert "1 combination failed." in page.words
    assert "base-d: the loss is no number in epoch 2" in page.words
    # 20 + 40 + 10 + 5 epochs
    assert "75 epochs of training in 8.0 min" in page.words
    assert "85 epochs less than all of them to the end" in page.words
    many = {"base": summary(0.8, 0.7, patients=30)}
    assert "Few chose" not in written(summaries=many)


def test_the_convention_of_challenges_is_told() -> None:
    patients = {"a": [(HIT, HIT)], "b": [(NOTHING, NOTHING)]}
    counting = summarise(scored(patients, "validation", absent_labels="challenge"))
    words = Page(written(summaries={"base": counting})).words
    assert "Labels that are not there count in the means" in words
    assert "not there" not in Page(written()).words


def test_without_test_patients_it_claims_none() -> None:
    only = {"base": summarise(table({"v-1": 0.8, "v-2": 0.8}).assign(subset="validation"))}
    text = written(summaries=only)
    assert "test patients" not in Page(text).words and "Test Dice" not in Page(text).words


def test_names_are_written_as_they_are() -> None:
    values = {"network.activation": "<b>"}
    odd = [Tried("base-a", values, [0.5], 10, 1.0), Tried("base-b", values, [0.6], 10, 1.0)]
    assert "<b>" not in written(tried=odd, epochs=[10])


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "sweep.html"
    path.write_text(written(), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_read_on_any_screen(browser, address, width, scheme):
    with opened(browser, address, width, scheme) as page:
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
        assert found.violations_count == 0, found.generate_report()
