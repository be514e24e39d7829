"""Numbers, sizes and lines of text headers, and what is none."""

import pytest

from slicewise.volumes.fields import (
    LARGEST,
    LONGEST_LINE,
    LieError,
    lines_of,
    number,
    product,
    sane,
    whole,
)


@pytest.mark.parametrize(("word", "value"), [("1", 1), ("-1.5e3", -1500), (".5", 0.5), ("+2.", 2)])
def test_numbers(word, value):
    assert number(word) == value


@pytest.mark.parametrize("word", ["", "x", "1e999", "nan", "inf", "1 2", "0x1", "1" * 65, "\u0661"])
def test_no_numbers(word):
    with pytest.raises(LieError, match="where a number is due"):
        number(word)


def test_whole_numbers_have_limits_and_a_default():
    fields = {"n": "3", "x": "3.0", "large": "9" * 30}
    assert whole(fields, "n", 3, 3) == 3
    assert whole(fields, "absent", 0, 9, 4) == 4
    for key, least, most in (("n", 4, 9), ("n", 0, 2), ("x", 0, 9), ("large", 0, 9)):
        with pytest.raises(LieError, match=f"for {key}"):
            whole(fields, key, least, most)
    with pytest.raises(LieError, match="for absent"):
        whole(fields, "absent", 0, 9)


def test_sizes_are_multiplied():
    assert product(["7", "6", "5"]) == 210
    for sizes in (["7", "0"], ["7", "-1"], ["7", "x"], ["7", "1.0"]):
        with pytest.raises(LieError, match="sizes"):
            product(sizes)


def test_what_no_scanner_makes_is_not_sane():
    assert sane(LARGEST) == LARGEST
    with pytest.raises(LieError, match="than any scanner makes"):
        sane(LARGEST + 1)


def test_lines_end_where_the_next_begins():
    content = b"NRRD\na: 1\r\n\nvoxels"
    lines = list(lines_of(content, 5))
    assert lines == [("a: 1", 11), ("", 12), ("voxels", 18)]
    assert content[11:12] == b"\n"


@pytest.mark.parametrize("content", [b"a\rb\n", b"a\0b\n", b"x" * (LONGEST_LINE + 1)])
def test_lines_that_are_no_text_or_have_no_end(content):
    with pytest.raises(LieError):
        list(lines_of(content, 0))


def test_remarks_may_be_long():
    assert len(list(lines_of(b"# " + b"x" * LONGEST_LINE + b"\n", 0))) == 1
    assert len(list(lines_of(b"key:=" + b"x" * LONGEST_LINE + b"\n", 0))) == 1
