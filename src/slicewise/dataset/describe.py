"""A case record describes one case: its files, geometry, intensities and labels."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Content
from slicewise.dataset.duplicates import all_marks, pack, slice_marks
from slicewise.files import digest, sha256
from slicewise.volumes.checks import check_image, count_values, label_indices
from slicewise.volumes.companions import is_header
from slicewise.volumes.dicom.source import UID
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.percentiles import percentiles
from slicewise.volumes.placing import on_image, say_stored
from slicewise.volumes.read import read_image, read_volume
from slicewise.volumes.repeats import check_repeats
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

PERCENTILES = (0.5, 5, 50, 95, 99.5)


def make_record(
    case: str,
    patient: str,
    image_path: Path,
    mask_path: Path,
    sources: Mapping[str, Sequence[Path]],
    content: Content,
) -> dict[str, Any]:
    """Read, check and describe one case.

    Parameters
    ----------
    case, patient : str
        Names.
    image_path, mask_path : Path
        NIfTI files.
    sources : mapping of {"image", "mask"} to paths
        The files they come from: themselves, a file with those that belong to
        it, or a DICOM series.
    content : Content
        What the files should hold.

    Returns
    -------
    dict
        Files with SHA-256, how the mask is stored where not on the image's grid
        (`mask_stored`, see `Stored`), shape, spacing (mm), orientation, whether the image
        has lost its geometry, intensity percentiles, millilitres per label, a
        fingerprint of the voxels and the marks of its slices, by which a
        changed copy is found.

    Raises
    ------
    SlicewiseError
        When image or mask fails a check.
    """
    shown = {kind: str(files[0]) for kind, files in sources.items()}
    image = read_image(image_path, content, shown["image"])
    check_image(image, shown["image"], content.intensity, content.offset)
    _say_lost(image, shown["image"], content)
    mask = with_spacing(read_volume(mask_path), content.spacing)
    labels = label_indices(
        mask,
        shown["mask"],
        content.labels,
        content.other_labels,
        may_be_empty=content.empty_masks == "allow",
    )
    before = count_values(labels)
    labels, stored = on_image(
        labels,
        mask.affine,
        image.array.shape,
        image.affine,
        shown["mask"],
        shown["image"],
        content.masks,
        lost=image.lost or mask.lost,
    )
    counts = count_values(labels)
    if stored is not None:
        say_stored(stored, shown["mask"], before, counts, list(content.labels))
    del mask  # what follows looks at the image and the labels, and all may be large
    marks = all_marks(image)
    if content.contiguous:
        check_repeats(image, marks, labels, shown["image"])
    del labels
    values = percentiles(image.array, PERCENTILES)
    return {
        "case": case,
        "patient": patient,
        "image": describe_files(sources["image"]),
        "mask": describe_files(sources["mask"]),
        # of a mask on its image's grid there is nothing to say
        **({} if stored is None else {"mask_stored": stored.record()}),
        "shape": list(image.array.shape),
        "spacing": [round(v, 6) for v in image.spacing],
        "orientation": image.orientation,
        "lost": image.lost,
        "intensity": {
            "min": float(image.array.min()),
            **{f"p{p:g}": float(v) for p, v in zip(PERCENTILES, values, strict=True)},
            "max": float(image.array.max()),
        },
        "ml": {
            name: _rounded(float(counts[index]) * image.voxel_ml)
            for index, name in enumerate(content.labels, start=1)
        },
        "fingerprint": fingerprint(image),
        "marks": pack(slice_marks(image, marks)),
    }


def _say_lost(image: Volume, path: str, content: Content) -> None:
    """Say that an image does not know the size of its voxels."""
    if not image.lost:
        return
    sizes = " × ".join(f"{v:g}" for v in image.spacing)
    source = "1 mm is made up" if content.spacing is None else "by dataset.spacing"
    logger.warning(
        "%s: its header has lost the geometry (it has no place, and 1 × 1 × 1 mm); its voxels are "
        "taken as %s mm (%s), and what is left and right is not known",
        *(path, sizes, source),
    )


def _rounded(ml: float) -> float:
    """Round to a tenth of a microlitre, but what is there never to nothing."""
    return round(ml, 4) or float(f"{ml:.3g}")


def describe_files(paths: Sequence[Path]) -> dict[str, Any]:
    """Name the files that an image or mask comes from: file, SHA-256 (of all hashes), bytes."""
    hashes = [sha256(path) for path in paths]
    alone = len(paths) == 1 or is_header(paths[0])
    name = paths[0].name if alone else f"{paths[0].parent.name} ({len(paths)})"
    return {
        "file": UID.sub("(UID)", name),  # scanners name files and folders by it
        "sha256": hashes[0] if len(hashes) == 1 else digest(hashes),
        "bytes": sum(path.stat().st_size for path in paths),
    }


def fingerprint(image: Volume) -> str:
    """Return a hash of the voxels that ignores header, compression, type and orientation.

    The same scan stored under another name, as another type or with axes
    flipped has the same fingerprint; a resampled one has not (`all_marks` finds it).
    """
    array, step = image.canonical().array, 1.0
    if array.dtype.kind == "f" and any(np.any(np.rint(part) != part) for part in array):
        # What float rounding changes must not matter, in whatever unit: a 4096th of the range.
        step = 2.0 ** np.floor(np.log2(float(array.max()) - float(array.min()))) / 4096
    found = hashlib.sha256(repr(array.shape).encode())
    for part in array:
        # adding 0 makes -0 a 0
        found.update((np.rint(part.astype(np.float64) / step) + 0.0).tobytes())
    return found.hexdigest()
