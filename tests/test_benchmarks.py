"""Every benchmark starts: what it imports is where it looks, and it says what it takes."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from slicewise.volumes.volume import Volume

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


def test_distances_on_the_whole_grid_are_those_of_the_cropped_one(monkeypatch):
    path = BENCHMARKS[0].with_name("metrics.py")
    benchmark = runpy.run_path(str(path))
    boxes = []
    crop = benchmark["surface"].bounding_box
    truth = np.zeros((16, 16, 12), bool)
    truth[4:9, 4:10, 3:8] = True
    pair = [Volume(mask, np.eye(4)) for mask in (truth, np.roll(truth, 1, 0))]
    monkeypatch.setattr(
        benchmark["surface"], "bounding_box", lambda mask: boxes.append(mask) or crop(mask)
    )
    cropped = benchmark["score"](*pair)
    assert len(boxes) == 1
    whole = benchmark["uncropped"](*pair)
    # the whole grid is asked for in place of the box
    assert len(boxes) == 1
    assert whole == pytest.approx(cropped, nan_ok=True)
