"""Curves by epoch."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from slicewise.report.curves import curves, curves_png
from slicewise.report.formats import png


def history(epochs: int = 5, validation: bool = True) -> pd.DataFrame:
    parts = ("train", "val") if validation else ("train",)
    columns = {
        f"{part}/{name}": np.linspace(0.1, 0.9, epochs)
        for part in parts
        for name in ("loss", "dice")
    }
    return pd.DataFrame({"epoch": range(epochs), **columns})


def test_curves_have_two_panels_with_training_dashed_and_validation_solid():
    figure = curves({"fold-0": history(), "fold-1": history()}, selected={"fold-0": 3})
    loss, dice = figure.axes
    assert (loss.get_ylabel(), dice.get_ylabel()) == ("Loss", "Dice")
    assert {line.get_linestyle() for line in loss.lines} >= {"--", "-"}
    colours = {line.get_color() for line in dice.lines if line.get_linestyle() == "--"}
    assert len(colours) == 2


def test_more_curves_than_colours_are_told_apart():
    names = [f"member-{n // 5}/fold-{n % 5}" for n in range(15)]
    figure = curves({name: history(40) for name in names}, panels=["dice"])
    (legend,) = figure.legends
    looks = {(line.get_color(), line.get_marker()) for line in legend.get_lines()[:15]}
    assert len(looks) == 15
    solid = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert {(line.get_color(), line.get_marker()) for line in solid} == looks


@pytest.mark.parametrize("empty", [False, True])
def test_curves_without_validation(empty):
    table = history(validation=False)
    if empty:
        table = table.assign(**{"val/loss": np.nan, "val/dice": np.nan})
    figure = curves({"fold-0": table})
    assert all(line.get_linestyle() == "--" for axes in figure.axes for line in axes.lines)
    assert "validation" not in [text.get_text() for text in figure.legends[0].texts]


def test_curves_of_a_single_epoch_and_of_none():
    assert png(curves({"fold-0": history(1)}))
    assert png(curves({}))


def test_curves_that_cannot_be_drawn_are_a_picture_that_says_so(monkeypatch, caplog):
    assert curves_png({"fold-0": history()}).startswith(b"\x89PNG")
    assert not caplog.records

    def fail(*given, **named):
        raise ValueError("no fonts – at all")

    monkeypatch.setattr("slicewise.report.curves.curves", fail)
    made = curves_png({"fold-0": history()})
    assert Image.open(io.BytesIO(made)).convert("L").getextrema()[0] < 128, "there is text"
    assert "The curves of the training could not be drawn (ValueError: no fonts" in caplog.text
