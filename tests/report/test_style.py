"""What all figures share."""

from __future__ import annotations

from matplotlib import rcParams

from slicewise.report.style import CYCLE, INK, clipped, rc_params


def test_settings_are_those_of_matplotlib_in_the_colours_of_the_page():
    settings = rc_params()
    assert settings.keys() <= rcParams.keys()
    assert settings["text.color"] == INK["light"]["text"]
    assert settings["figure.facecolor"] == INK["light"]["paper"]
    # a patient may be called $x$
    assert settings["text.parse_math"] is False


def test_colours_are_different():
    assert len(set(CYCLE)) == len(CYCLE)


def test_ink_of_a_light_page_becomes_that_of_a_dark_one_and_no_other_colour_does():
    light, dark = INK["light"], INK["dark"]
    assert light.keys() == dark.keys()
    assert len({*light.values(), *CYCLE}) == len(light) + len(CYCLE)


def test_names_are_cut_where_they_are_too_long():
    assert clipped("a" * 18) == "a" * 18
    assert clipped("a" * 19) == "a" * 17 + "…"
