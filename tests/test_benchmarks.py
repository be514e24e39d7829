"""Every benchmark starts: what it imports is where it looks, and it says what it takes."""

import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
# imported by others
HELPERS = {"synthetic"}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts(path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(path.parent))
    if path.stem in HELPERS:
        assert runpy.run_path(str(path))["__doc__"]
        return
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    assert f"usage: {path.name}" in capsys.readouterr().out
