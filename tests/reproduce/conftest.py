"""Settings of a run that is made again."""

from pathlib import Path
from typing import Any

import pytest

from slicewise.reproduce.original import read_settings
from tests.settings import used_settings

DATASET = "tiny"
CONFIG: dict[str, Any] = {
    "dataset": {"name": DATASET, "layout": "pairs", "root": "livers", "labels": {"liver": 1}},
    "split": {"validation": 1},
    "slices": {"axial48": {"plane": "axial", "size": 48}},
    "experiments": {
        "rich": {"slices": "axial48", "training": {"epochs": 6}},
        "plain": {"preset": "tutorial", "slices": "axial48", "training": {"epochs": 2}},
    },
    "run": ["rich", "plain"],
}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """The settings of a run, read as for a rerun from another folder."""
    path = tmp_path / "settings.yaml"
    path.write_text(used_settings(CONFIG, "plain"))
    read = read_settings(path, tmp_path, "x", {})
    path.unlink()  # as a configuration it would be found
    return read
