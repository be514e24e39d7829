"""The layout `ircad`: a folder a case, of a DICOM series and of a folder an organ."""

from __future__ import annotations

from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.found import (
    FoundCase,
    files_of_series,
    is_left_aside,
    listed,
    paired,
)
from slicewise.errors import SlicewiseError
from slicewise.volumes.formats import is_litter


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the folders `3Dircadb1.N`, with zips or what was in them."""
    images: dict[str, list[Path]] = {}
    masks: dict[str, list[Path]] = {}
    folders = (p for p in root.glob("3Dircadb*") if p.is_dir() and not is_left_aside(p))
    for folder in sorted(folders):
        for stem, sources in (("PATIENT_DICOM", images), ("MASKS_DICOM", masks)):
            candidates = [p for p in (folder / stem, folder / f"{stem}.zip") if p.exists()]
            if candidates:
                sources[folder.name] = candidates
    organs = [str(organ) for organ in dataset.labels.values()]
    return [
        f
        if f.name in dataset.exclude or f.lacks
        else FoundCase(f.name, files_of_series(f.image[0]), _files_of_masks(f.mask[0], organs))
        for f in paired(images, masks, None)
    ]


def _files_of_masks(path: Path, organs: list[str]) -> tuple[Path, ...]:
    """Return the files of the organs that are labels, in the order of the labels."""
    if not path.is_dir():
        return (path,)
    missing = [organ for organ in organs if not (path / organ).is_dir()]
    if missing:
        there = sorted(p.name for p in path.iterdir() if p.is_dir() and not is_litter(p.name))
        raise SlicewiseError(
            f"{path}: no organ folder called {missing[0]}; there are: {listed(there)}; correct "
            "dataset.labels or exclude the case"
        )
    return tuple(file for organ in organs for file in files_of_series(path / organ))
