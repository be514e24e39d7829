"""Configurations as users write them."""

import pytest

from slicewise.config.configuration import read_configuration
from slicewise.errors import SlicewiseError


def test_a_later_file_is_laid_over(tmp_path):
    first = tmp_path / "first.yaml"
    first.write_text("a: {b: 1, c: 2}\nd: [1, 2]\n")
    second = tmp_path / "second.json"
    second.write_text('{"a": {"c": 3}, "d": [4]}')
    assert read_configuration([first, second]) == {"a": {"b": 1, "c": 3}, "d": [4]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file or directory; correct the path"),
        (b"a: [", "line 1: while parsing a flow node, expected the node content"),
        (b'a: 1\nb: "c\nd: 2\n', r"while scanning a quoted scalar \(line 2\), found unexpected"),
        (b"a:\n  b: 1\n\tc: 2\n", r"line 3: .*; write blanks for the tab in this line"),
        (b"a: 1\n---\nb: 2\n", "line 2: .*, but found another document; correct it"),
        (b"a: 1\nb: \x00\n", r"line 2: YAML takes no character U\+0000; delete it"),
        (b"a: 1\nb: \xfc\n", "line 2: it is no text in UTF-8; save it so"),
        (b"a: 2024-13-45\n", r"it has a value that is none in YAML \(month must be in 1..12\)"),
        (b"- 1\n", "holds no settings"),
        (b"", "holds no settings"),
    ],
)
def test_what_is_none_is_a_sentence(tmp_path, content, said):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SlicewiseError, match=f"mine.yaml: .*{said}"):
        read_configuration([path])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", r"line 4: c is there twice \(also in line 3\); keep one"),
        ("labels: {liver: 1, liver: 2}\n", "line 1: liver is there twice; keep one"),
        ("labels: {1: a, 0x1: b}\n", "line 1: 0x1 is there twice; keep one"),
        ("- a: 1\n  'a': 2\n", r"line 2: a is there twice \(also in line 1\); keep one"),
        ('{"a": {"b": 1,\n\t"b": 2}}', "b is there twice in a map; keep one"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SlicewiseError, match=f"mine.yaml: {said}"):
        read_configuration([path])


def test_a_key_over_a_merged_one_is_no_repeat(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("x: {y: {z: &z {<<: {k: 0, j: 3}, k: 1}}}\nw: {<<: *z, k: 5}\n")
    assert read_configuration([path]) == {
        "x": {"y": {"z": {"k": 1, "j": 3}}},
        "w": {"k": 5, "j": 3},
    }
    # as Snakemake takes it
    path.write_text('{\n\t"a": 1\n}\n')
    assert read_configuration([path]) == {"a": 1}
