"""The layout `msd`, of the Medical Segmentation Decathlon: what `dataset.json` lists."""

from __future__ import annotations

from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.found import FoundCase, listed, stem_of
from slicewise.errors import SlicewiseError
from slicewise.volumes.described import check_described, read_description
from slicewise.volumes.formats import is_litter


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the cases that `dataset.json` lists for training."""
    path = root / "dataset.json"
    if not path.is_file():
        raise SlicewiseError(f"{path}: missing; the layout msd needs it beside imagesTr")
    description = read_description(path)
    try:
        items = [(Path(item["image"]), Path(item["label"])) for item in description["training"]]
    except (KeyError, TypeError) as error:
        raise SlicewiseError(
            f"{path}: not a Medical Segmentation Decathlon description ({error!r}); each entry of "
            "training needs an image and a label"
        ) from error
    # lists are written by machines, too, in folders that a file manager has seen
    items = [pair for pair in items if not any(is_litter(path) for path in pair)]
    missing = [str(p) for pair in items for p in pair if not (root / p).is_file()]
    if missing:
        raise SlicewiseError(
            f"{path}: lists files that are not there: {listed(missing)}; "
            "add them or take them off the list"
        )
    check_described(dataset.labels, path, description)
    return [
        FoundCase(stem_of(image.name), (root / image,), (root / mask,))
        for image, mask in sorted(items)
    ]
