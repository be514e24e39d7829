"""The examples in docstrings do what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "src" / "slicewise"
SHOWN = [
    path.relative_to(LIBRARY.parent).with_suffix("")
    for path in sorted(LIBRARY.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.as_posix())
def test_examples_show_what_comes_out(path):
    module = importlib.import_module(".".join(path.parts))
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testmod(module, optionflags=options)
    assert tried
    assert not failed
