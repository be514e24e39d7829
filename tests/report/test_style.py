"""What all figures share."""

from __future__ import annotations

from matplotlib import rcParams

from slicewise.report.style import CYCLE, INK, clipped, clipped_apart, rc_params


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
    assert clipped("a" * 10 + "b" * 9) == "a" * 9 + "…" + "b" * 8


def test_names_that_differ_somewhere_are_told_apart():
    # of TotalSegmentator
    sides = clipped_apart(["subclavian_artery_left", "subclavian_artery_right", "liver"])
    assert len(set(sides.values())) == 3
    assert max(map(len, sides.values())) == 18
    middle = ["vessels_of_the_4_arteries", "vessels_of_the_5_arteries"]
    assert list(clipped_apart(middle).values()) == middle
