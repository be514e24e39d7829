"""Questions and answers."""

import pytest

from slicewise.survey.asking import asked
from slicewise.survey.said import Other, Said

KNOWN = Said(("a",), 1, "seen")
GUESS = Said(("b", "c"), "x", "looks so", "Which?", (Other("y", "otherwise"), Other(None, "no")))


@pytest.mark.parametrize(
    ("answers", "value"),
    [([""], "x"), (["1"], "x"), (["2"], "y"), (["3"], None), (["[1, 2]"], [1, 2]),
     (["{", "2"], "y"), (["{a: 1, a: 2}", "2"], "y"), (["z"], "z")],
)  # fmt: skip
def test_one_question_a_thing_and_the_first_guess_is_the_default(answers, value):
    left = list(answers)
    lines = []
    known, answered = asked([KNOWN, GUESS], lambda _: left.pop(0), lines.append)
    assert known is KNOWN
    assert (answered.value, answered.question, left) == (value, "", [])
    assert "Which? (looks so)" in lines[0]
    assert (answered.why == "looks so") == (value == "x")
