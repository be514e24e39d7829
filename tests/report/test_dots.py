"""A dot for every patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from slicewise.report.dots import dice_dots
from slicewise.report.formats import svg


def metrics(labels=("liver", "spleen"), subsets=("test", "test", "validation")) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": f"case-{number}",
            "patient": f"case-{number}",
            "subset": subset,
            "label": label,
            "dice": 0.9 - 0.05 * number,
        }
        for number, subset in enumerate(subsets)
        for label in labels
    )


def test_dots_have_a_row_a_label_and_a_dot_a_test_patient():
    axes = dice_dots(metrics()).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["liver", "spleen"]
    assert [len(dots.get_offsets()) for dots in axes.collections] == [2, 2]


def test_dots_say_of_how_many_they_are_and_may_be_none():
    table = metrics(subsets=("test",) * 3)
    table.loc[table["label"] == "spleen", "dice"] = [0.9, np.nan, np.nan]
    table.loc[table["label"] == "liver", "dice"] = np.nan
    figure = dice_dots(table)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["liver\n0 of 3", "spleen\n1 of 3"]
    assert svg(figure)


def test_dots_mark_the_interval_of_the_summary():
    summary = {"test": {"liver": {"dice": {"mean": 0.8, "ci_low": 0.7, "ci_high": 0.85}}}}
    axes = dice_dots(metrics(labels=("liver",)), summary).axes[0]
    marked = [list(map(float, line.get_xdata())) for line in axes.lines]
    assert [0.7, 0.85] in marked
    assert [0.8] in marked


def test_dots_show_validation_where_there_is_no_test_patient():
    table = metrics(subsets=("validation",) * 3)
    axes = dice_dots(table).axes[0]
    assert len(axes.collections[0].get_offsets()) == 3
