"""The layout `pairs`: images and masks beside each other, named by patterns."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from slicewise.config import Dataset, Pairs
from slicewise.dataset.case import Subset
from slicewise.dataset.layouts.found import FoundCase, is_left_aside, paired
from slicewise.errors import SlicewiseError


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the cases of one folder, or of a training and a test folder."""
    pairs = dataset.pairs or Pairs()
    folders: list[tuple[str | None, Subset]] = [(pairs.train, "train")]
    if pairs.test is None:
        folders = [(pairs.train, None)]
    else:
        folders.append((pairs.test, "test"))
    cases = []
    for folder, subset in folders:
        place = root / (folder or "")
        if not place.is_dir():
            raise SlicewiseError(
                f"{place}: this folder is missing; make it, or set dataset.pairs.train and "
                "dataset.pairs.test"
            )
        images = _matching(place, pairs.image)
        masks = _matching(place, pairs.mask)
        cases += paired(images, masks, subset)
    return cases


def _matching(folder: Path, pattern: str) -> dict[str, list[Path]]:
    """Return the files that match a pattern, by what stands for its star."""
    before, after = pattern.split("*")
    matching = defaultdict(list)
    for path in sorted(folder.glob(pattern)):
        if is_left_aside(path):
            continue
        matching[path.name[len(before) : len(path.name) - len(after)]].append(path)
    return matching
