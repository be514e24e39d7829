"""The layout `nnunet`: `imagesTr/CASE_0000.*` and `labelsTr/CASE.*`."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.channels import check_described_channels, with_channels
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
    training = _cases_of(root / "imagesTr", root / "labelsTr", dataset)
    path = root / "dataset.json"
    if path.is_file() and not labels_are_names(dataset):
        check_described(dataset.labels, path, read_description(path))
    if path.is_file() and dataset.channels is not None:
        check_described_channels(dataset.channels, path, read_description(path))
    tested = []
    if any(not is_left_aside(path) for path in (root / "labelsTs").glob("*")):
        tested = _cases_of(root / "imagesTs", root / "labelsTs", dataset)
    if not tested:
        return training
    train = [replace(case, subset="train") for case in training]
    return train + [replace(case, subset="test") for case in tested]


def _cases_of(image_folder: Path, mask_folder: Path, dataset: Dataset) -> list[FoundCase]:
    """Pair the images of one folder with the masks of another."""
    channels = dataset.channels or [""]
    images: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    masks = defaultdict(list)
    other = []
    for path in sorted(image_folder.glob("*")):
        if not _is_image(path):
            continue
        match = re.fullmatch(r"(.+)_(\d{4})", stem_of(path.name))
        if match is None or int(match[2]) >= len(channels):
            other.append(path.name)
            continue
        images[match[1]][channels[int(match[2])]].append(path)
    if other:
        _refuse_others(image_folder, other, dataset.channels)
    for path in sorted(mask_folder.glob("*")):
        if _is_image(path):
            masks[stem_of(path.name)].append(path)
    if dataset.channels is None:
        return paired({name: files[""] for name, files in images.items()}, masks, None)
    firsts = {name: next(iter(files.values()))[:1] for name, files in images.items()}
    cases = paired(firsts, masks, None, dataset.exclude)
    return [with_channels(case, images[case.name], dataset) for case in cases]


def _refuse_others(folder: Path, names: list[str], channels: list[str] | None) -> None:
    """Refuse images of more channels than are named, or of none."""
    if channels is None:
        raise SlicewiseError(
            f"{folder}: {listed(names)}: images of one channel are named CASE_0000; name the "
            "channels in dataset.channels where there are several, or move the others away"
        )
    raise SlicewiseError(
        f"{folder}: {listed(names)}: dataset.channels names {len(channels)} channels "
        f"({', '.join(channels)}), whose files are CASE_0000 to CASE_{len(channels) - 1:04d}; name "
        "all channels, or move the others away"
    )


def _is_image(path: Path) -> bool:
    """Tell whether a file stands for an image."""
    # of formats in several files, the header stands for all
    suffixes = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".hdr.gz", ".mgz")
    return path.name.lower().endswith(suffixes) and not is_left_aside(path)
