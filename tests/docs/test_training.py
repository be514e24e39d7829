"""What docs/training.md says to write is accepted, and is no default already."""

import re
from pathlib import Path

import pytest
import yaml

from slicewise.config import Experiment, load_settings

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
DATASET = {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}}


def statements(block: str) -> list[dict]:
    """Split a block that shows alternatives: each begins at the margin."""
    parts = re.split(r"^(?=\S)", block, flags=re.M)
    return [yaml.safe_load(part) for part in parts if part.strip()]


@pytest.mark.parametrize("block", BLOCKS)
def test_settings_of_the_page_are_accepted(block):
    found = statements(block)
    whole = {key: value for one in found for key, value in one.items()}
    if "experiments" in whole:
        assert load_settings({"dataset": DATASET, **whole}).experiments
        return
    for one in found:
        load_settings(
            {"dataset": DATASET, "slices": {"a": {}}, "experiments": {"e": {"slices": "a", **one}}}
        )
        assert Experiment(slices="a", **one) != Experiment(slices="a"), f"{one} is the default"


def test_named_settings_exist():
    settings = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for name in re.findall(r"`(?:\w+\.)?(\w+)(?:: [^`]*)?`", PAGE):
        if name.islower() and name not in {
            "null",
            "kill",
            "snakemake",
            "oblique",
            "make",
            "envvars",
        }:
            known = f"`{name}`" in settings or f"| {name} " in settings or name in settings
            assert known or name.startswith(("resolved", "weights", "steps", "yaml")), name
