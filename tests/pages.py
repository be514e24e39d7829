"""What the tests of pages share: a parser of pages, and tables of scores."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd

from slicewise.evaluation.statistics import FAILURES

VOID = {"meta", "wbr", "link", "img", "br", "hr", "input", "source"}
DRAWN = {"path", "rect"}


class Page(HTMLParser):
    """Collects what the tests ask for and fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.scripts = 0
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.references += [given[name] for name in ("src", "href") if name in given]
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(given)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in VOID | DRAWN:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in DRAWN:
            return
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            return
        self.words += data
        if self.open and "tr" in self.open and self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def first_cells(self, names) -> list[str]:
        return [row[0] for row in self.rows if row and row[0] in names]


def table(dice: dict[str, float], subset: str = "test", labels=("liver",)) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": case,
            "patient": case,
            "subset": subset,
            "fold": None,
            "label": label,
            "dice": value,
            "jaccard": value / (2 - value),
            "precision": np.nan,
            "recall": value,
            "volume_ml": 1500.0,
            "predicted_ml": 1400.0,
            "volume_error_ml": -100.0,
            "volume_error_percent": -6.7,
        }
        for case, value in dice.items()
        for label in labels
    )


def summary(metrics: pd.DataFrame) -> dict:
    found: dict = {}
    for subset, part in metrics.groupby("subset"):
        for label in [*part["label"].unique(), "mean"]:
            values = part if label == "mean" else part[part["label"] == label]
            mean = float(values["dice"].mean())
            found.setdefault(subset, {})[label] = {
                "dice": {"mean": mean, "median": mean, "sd": None, "ci_low": mean - 0.1}
                | {"ci_high": mean + 0.01, "n": len(values)}
            }
    return found


def history() -> pd.DataFrame:
    epochs = np.arange(4)
    return pd.DataFrame(
        {"epoch": epochs, "timestamp": 1.7e9 + 30 * epochs, "train/loss": 0.5, "train/dice": 0.5}
    )


def measured(metrics: pd.DataFrame, hd95: list[float]) -> pd.DataFrame:
    """Add distances; NaN is a missed organ."""
    missed = np.isnan(hd95)
    return metrics.assign(
        hd95_mm=hd95, assd_mm=np.array(hd95) / 8, nsd=np.where(missed, 0, 0.9), tolerance_mm=1.5
    )


def pieces(metrics: pd.DataFrame, **columns: list[float]) -> pd.DataFrame:
    """Add what is wrong in whole pieces: nothing, but for what is given."""
    added = metrics.assign(**{name: columns.get(name, 0.0) for name in FAILURES})
    false = added["largest_false_ml"] > 0
    return added.assign(
        false_islands=false.astype(int),
        false_islands_ml=added["largest_false_ml"],
        largest_false_mm=np.where(false, 41.0, np.nan),
        missed_parts=(added["largest_missed_ml"] > 0).astype(int),
        missed_parts_ml=added["largest_missed_ml"],
    )
