"""Settings as text."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.survey.said import Other, Said
from slicewise.survey.writing import written

KEYS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=9
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | KEYS,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), max_size=3))
def test_what_is_written_is_read_back_whatever_it_is(config):
    said = [
        Said((block, key), value, "why # not: this\nor that")
        for block, keys in config.items()
        for key, value in keys.items()
    ]
    assert (yaml.safe_load(written(said, ["head"])) or {}) == config


def test_each_value_has_its_reason_behind_it_and_guesses_their_alternatives():
    guess = Said(("a", "c"), "x", "seen", "Which?", (Other("y", "otherwise"),))
    text = written([Said(("a", "b"), [1, 2], "two were seen"), guess], ["top"])
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines == [
        "# top",
        "",
        "a:",
        "b: [1, 2] # two were seen",
        "# not in the data, so the first guess is written: Which?",
        "c: x # seen",
        "# c: y # if: otherwise",
    ]
