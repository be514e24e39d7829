"""The layout `phantom`: patients that are made on the spot."""

from __future__ import annotations

from pathlib import Path

from slicewise.config import Dataset, Phantom
from slicewise.dataset.layouts.found import FoundCase


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Name so many phantoms; they have no files yet."""
    phantom = dataset.phantom or Phantom()
    return [FoundCase(f"phantom_{index:03d}", (), ()) for index in range(1, phantom.cases + 1)]
