"""A picture that fails costs a line, never the numbers beside it."""

from __future__ import annotations

import pytest

from slicewise.errors import SlicewiseError
from slicewise.report.undrawn import Undrawn, drawn


def failing(error: BaseException):
    def draw():
        raise error

    return draw


def test_what_can_be_drawn_is_handed_on(caplog):
    assert drawn("A dot", lambda: b"dot") == b"dot"
    assert not caplog.records


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError("broken data stream when writing image file"), "OSError: broken data stream"),
        (MemoryError(), "MemoryError"),
        (ValueError("two\nlines."), "ValueError: two lines"),
    ],
)
def test_what_fails_is_a_sentence_and_its_cause_is_in_the_log(error, why, caplog):
    made = drawn("The dots of the patients", failing(error))
    assert isinstance(made, Undrawn)
    assert made.sentence.startswith(f"The dots of the patients could not be drawn ({why}")
    assert "\n" not in made.sentence
    (record,) = caplog.records
    assert record.getMessage() == made.sentence
    assert record.exc_info[1] is error


@pytest.mark.parametrize("error", [SlicewiseError("a.nii: cut short"), KeyboardInterrupt()])
def test_faults_of_the_input_and_stops_are_none_of_a_picture(error):
    with pytest.raises(type(error)):
        drawn("A dot", failing(error))
