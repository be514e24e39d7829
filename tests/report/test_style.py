"""What all figures share."""

from __future__ import annotations

import pytest
from matplotlib import rcParams

from slicewise.report.style import CYCLE, INK, clipped, rc_params


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_settings_are_those_of_matplotlib_in_the_colours_of_the_page(theme):
    settings = rc_params(theme)
    assert settings.keys() <= rcParams.keys()
    assert settings["text.color"] == INK[theme]["text"]
    assert settings["figure.facecolor"] == INK[theme]["paper"]
    # a patient may be called $x$
    assert settings["text.parse_math"] is False


def test_colours_are_different():
    assert len(set(CYCLE)) == len(CYCLE)


def test_names_are_cut_where_they_are_too_long():
    assert clipped("a" * 18) == "a" * 18
    assert clipped("a" * 19) == "a" * 17 + "…"
