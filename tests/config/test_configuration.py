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
        (None, "cannot be read"),
        (b"a: [", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- 1\n", "holds no settings"),
        (b"", "holds no settings"),
    ],
)
def test_what_is_none_is_a_sentence(tmp_path, content, said):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SlicewiseError, match=said) as caught:
        read_configuration([path])
    assert "mine.yaml" in str(caught.value)
