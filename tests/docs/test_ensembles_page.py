"""What docs/ensembles.md says to write is accepted, and trains what the page says."""

import re
from pathlib import Path

import yaml

from slicewise.config import load_settings
from slicewise.training.weights import ERRORS, FEWEST, STEPS, choices

PAGE = (Path(__file__).parents[2] / "docs" / "ensembles.md").read_text(encoding="utf-8")


def test_its_example_trains_all_members():
    written = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    dataset = {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}}
    sizes = {"axial256": 256, "coronal256": 256, "sagittal256": 256, "axial128": 128}
    slices = {name: {"plane": name.rstrip("0123456789"), "size": n} for name, n in sizes.items()}
    settings = load_settings({"dataset": dataset, "slices": slices, **written})
    assert settings.wanted == ["axial", "together"]
    assert settings.trained == ["axial", "planes", "volume"]


def test_it_says_when_weights_are_fitted():
    assert (ERRORS, FEWEST, STEPS) == (2, 4, 10)
    for words in ("twice its standard error", "fewer than four patients", "in tenths"):
        assert words in " ".join(PAGE.split())


def test_it_says_in_which_parts_weights_are_tried():
    steps = {n: min(weight for weight in choices(n)[1:].flat if weight) for n in range(2, 8)}
    assert [round(1 / steps[n]) for n in (2, 3, 4, 5)] == [10, 10, 10, 6]
    assert steps[5] < steps[6] < steps[7]
    assert "(of five members in sixths, of more in coarser parts yet)" in " ".join(PAGE.split())
