"""The organ folders of layout `ircad`: which all cases have, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.survey.extents import Extents, measured
from slicewise.survey.looking import Looker
from slicewise.volumes.dicom.archives import open_archive, safe_members
from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.formats import is_litter

MASKS = "MASKS_DICOM"


def organs_of(root: Path) -> list[str]:
    """Return the organ folders that all cases have, sorted.

    Parameters
    ----------
    root : Path
        The folder of the cases.
    """
    every = [_organs(case) for case in cases_of(root)]
    return sorted(set.intersection(*every)) if every else []


def cases_of(root: Path) -> list[Path]:
    """Return the masks of all cases: folders or zips."""
    masks = []
    for case in sorted(root.glob("3Dircadb*")):
        there = [case / MASKS, case / f"{MASKS}.zip"]
        masks += [path for path in there if path.exists()][:1]
    return masks


def _organs(masks: Path) -> set[str]:
    if masks.is_dir():
        return {p.name for p in masks.iterdir() if p.is_dir() and not is_litter(p.name)}
    with open_archive(masks) as archive:
        names = [PurePosixPath(member.filename) for member in safe_members(masks, archive)]
    return {name.parts[-2] for name in names if len(name.parts) > 2 and not is_litter(name)}


def sizes_of(root: Path, organs: Sequence[str], looker: Looker) -> Extents:
    """Measure organs in some of the cases.

    Parameters
    ----------
    root : Path
        The folder of the cases.
    organs : sequence of str
    looker : Looker
        However late it is, an organ is looked for until it is found: in another order, the body
        would hide the organs in it.
    """
    extents = Extents()
    cases = cases_of(root)
    for number in measured(len(cases)):
        for organ in organs:
            if looker.is_late and organ in extents.ml:
                continue
            extents.add(organ, size_of(cases[number], organ) or 0.0)
    return extents


def size_of(masks: Path, organ: str) -> float | None:
    """Return how large an organ of a case is, in ml; None where it cannot be read."""
    images = [masks.with_name(masks.name.replace("MASKS", "PATIENT", 1))]
    images += [masks.parent / "PATIENT_DICOM", masks.parent / "PATIENT_DICOM.zip"]
    series = next((path for path in images if path.exists()), None)
    if series is None:
        return None
    try:
        volume, _ = read_organ_masks(masks, {organ: organ}, series)
    except SlicewiseError:
        return None
    return int(np.count_nonzero(volume.array)) * volume.voxel_ml
