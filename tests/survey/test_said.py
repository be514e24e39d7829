"""Settings and what they follow from."""

from slicewise.survey.said import Other, Said, some_of


def test_a_setting_is_known_unless_a_question_says_otherwise():
    said = Said(("a", "b"), 1, "seen")
    assert (said.question, said.others) == ("", ())
    assert Said(("a",), 1, "", "which?", (Other(2, "if"),)).others[0].value == 2


def test_of_many_names_a_few_are_given():
    assert some_of(["a"]) == "a"
    assert some_of(list("abcde")) == "a, b, c and 2 more"
