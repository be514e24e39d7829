"""What docs/sweep.md says to write is accepted, and costs what the page says."""

import re
from pathlib import Path

import jsonschema
import yaml

from slicewise.config import json_schema, load_settings
from tests.settings import LEAST

PAGE = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text(encoding="utf-8")
GRID, SAMPLE = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))


def with_experiment(experiment: dict) -> dict:
    return {**LEAST, "slices": {"axial256": {"size": 256}}, "experiments": {"baseline": experiment}}


def test_the_grid_takes_as_many_epochs_as_the_page_counts():
    config = with_experiment(GRID["experiments"]["baseline"])
    jsonschema.validate(config, json_schema())
    settings = load_settings(config)
    made = settings.sweeps["baseline"]
    assert settings.wanted == ["baseline", "baseline-seed2", "baseline-seed3"]
    assert f"`{next(iter(made.candidates))}`" in PAGE
    assert f"= {made.epochs} epochs, instead of {60 * len(made.candidates)}" in PAGE


def test_the_sample_is_accepted():
    config = with_experiment({"slices": "axial256", **SAMPLE})
    jsonschema.validate(config, json_schema())
    assert len(load_settings(config).combinations) == 20
