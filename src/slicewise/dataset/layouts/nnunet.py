"""The layout `nnunet`: `imagesTr/CASE_0000.*` and `labelsTr/CASE.*`."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.found import (
    FoundCase,
    is_left_aside,
    labels_are_names,
    listed,
    paired,
    stem_of,
)
from slicewise.errors import SlicewiseError
from slicewise.volumes.described import check_described, read_description


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the cases of the training folders, and of the test folders where these have masks."""
    training = _cases_of(root / "imagesTr", root / "labelsTr")
    path = root / "dataset.json"
    if path.is_file() and not labels_are_names(dataset):
        check_described(dataset.labels, path, read_description(path))
    if not (root / "labelsTs").is_dir():
        return training
    train = [FoundCase(f.name, f.image, f.mask, "train") for f in training]
    test = [
        FoundCase(f.name, f.image, f.mask, "test")
        for f in _cases_of(root / "imagesTs", root / "labelsTs")
    ]
    return train + test


def _cases_of(image_folder: Path, mask_folder: Path) -> list[FoundCase]:
    """Pair the images of one folder with the masks of another."""
    images = defaultdict(list)
    masks = defaultdict(list)
    other = []
    for path in sorted(image_folder.glob("*")):
        if not _is_image(path):
            continue
        match = re.fullmatch(r"(.+)_(\d{4})", stem_of(path.name))
        if match is None or match[2] != "0000":
            other.append(path.name)
            continue
        images[match[1]].append(path)
    if other:
        raise SlicewiseError(
            f"{image_folder}: {listed(other)}: only one channel, named CASE_0000, is supported; "
            "move the others away"
        )
    for path in sorted(mask_folder.glob("*")):
        if _is_image(path):
            masks[stem_of(path.name)].append(path)
    return paired(images, masks, None)


def _is_image(path: Path) -> bool:
    """Tell whether a file stands for an image."""
    # of formats in several files, the header stands for all
    suffixes = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".hdr.gz", ".mgz")
    return path.name.lower().endswith(suffixes) and not is_left_aside(path)
