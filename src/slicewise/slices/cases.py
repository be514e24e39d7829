"""Cutting cases, and keeping what was cut from the same before."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slicewise.config import Content, Recipe
from slicewise.dataset.case_record import (
    CaseRecord,
    case_record_of,
    check_read,
    read_case_records,
)
from slicewise.dataset.truth import read_labels
from slicewise.errors import SlicewiseError
from slicewise.files import digest, sweep
from slicewise.records import differences
from slicewise.slices.bound import cut_words, keeps_more, lost_words
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import SliceGeometry, kept_geometry
from slicewise.slices.npy import StoredSlices
from slicewise.slices.suits import check_measured, suits
from slicewise.sources import sources_digest
from slicewise.volumes.channels import read_channel_images

logger = logging.getLogger(__name__)


def cut_cases(
    cases: Sequence[str],
    content: Content,
    recipe: Recipe,
    *,
    case_records: Path,
    images: Sequence[str],
    masks: Sequence[str],
    place: Path,
) -> dict[str, str]:
    """Cut a shard of cases by one recipe.

    Parameters
    ----------
    cases : sequence of str
        Their names.
    content : Content
        What they hold.
    recipe : Recipe
        How to cut.
    case_records : Path
        The file of their case records.
    images, masks : sequences of str
        NIfTI files of each case.
    place : Path
        The recipe's folder.

    Returns
    -------
    dict of str to str
        By case, the digest of all that was cut.

    Raises
    ------
    SlicewiseError
        When a case was checked for other content than it is to be cut for, or
        its files changed since.
    """
    code = sources_digest(Path(__file__))
    known = read_case_records([case_records])
    records = [case_record_of(known, case, case_records) for case in cases]
    if said := suits(place.name, recipe, records):
        logger.warning("%s", said)
    cut = {}
    for case_record, image, mask in zip(records, images, masks, strict=True):
        case = case_record.case
        _check_content(case_record, content, case_records)
        check_measured(recipe, content, case_record)
        version = digest([case_record.made_from, code])
        folder = SliceFolder.below(place, case)
        cut[case] = cut_case(
            Path(image),
            Path(mask),
            content,
            recipe,
            folder,
            version=version,
            case_record=case_record,
        )
    return cut


def _check_content(case_record: CaseRecord, content: Content, path: Path) -> None:
    """Refuse a case that was checked for other content than it is to be cut for."""
    decided = content.model_dump().keys() - content.once_read.keys()
    checked = {key: value for key, value in case_record.content.items() if key not in decided}
    changed = differences(checked, content.once_read) if checked else []
    if changed:
        raise SlicewiseError(
            f"{path}: case {case_record.case} was checked for other settings "
            f"({', '.join(changed)}); run snakemake again, which checks it anew"
        )


def cut_case(
    image: Path,
    mask: Path,
    content: Content,
    recipe: Recipe,
    folder: SliceFolder,
    *,
    version: str,
    case_record: CaseRecord | None = None,
) -> str:
    """Cut one case by one recipe, unless that was done already.

    Parameters
    ----------
    image, mask : Path
        NIfTI files that were ingested.
    content : Content
        What they hold.
    recipe : Recipe
        How to cut.
    folder : SliceFolder
        Where the slices go.
    version : str
        Stands for the contents of the files and the code; another one cuts anew.
    case_record : CaseRecord, optional
        Of the case: files that are cut have to be those that it describes.

    Returns
    -------
    str
        Digest of all that was cut.
    """
    # of the labels in their order, too: they are stored as numbers
    made_from = digest([version, content.model_dump(), recipe.model_dump()])
    geometry = kept_geometry(folder.geometry, made_from)
    if geometry is None or not _whole(folder, geometry):
        # last in and first out: it vouches for the arrays
        folder.geometry.unlink(missing_ok=True)
        sweep(folder.image, folder.mask, folder.geometry)
        if case_record is not None:
            check_read(case_record, "image", image)
            check_read(case_record, "mask", mask)
        geometry = _cut(image, mask, content, recipe, folder)
        _say_lost(folder.case, recipe, geometry)
        geometry.write(folder.geometry, made_from)
    # whatever it was made from, only what is there makes a training different
    return geometry.digest


def _cut(
    image: Path, mask: Path, content: Content, recipe: Recipe, folder: SliceFolder
) -> SliceGeometry:
    """Read a case and write its slices."""
    # whether a mask may be empty was decided when it was ingested
    channels = read_channel_images(image, content)
    named = dict(zip(content.channels, channels, strict=True)) if content.channels else None
    source = channels[0]
    return extract(
        source,
        read_labels(str(mask), content, source).array,
        list(content.labels),
        recipe,
        folder,
        intensity=content.intensity,
        contiguous=content.contiguous,
        partial=content.partial,
        every=named,
    )


def _say_lost(case: str, recipe: Recipe, geometry: SliceGeometry) -> None:
    """Say what of the labels a recipe loses in a case."""
    bound = geometry.recipe_bound
    pixels = np.sum(geometry.counts, axis=0)
    said = lost_words(bound)
    if recipe.oblique:
        gone = [name for name, left in zip(bound, pixels, strict=True) if not left]
        said = [f"of label {name} no pixel is left" for name in gone if bound[name].voxels]
    if said:
        logger.warning(
            "%s: cut %s, %s; what is lost is trained as background (%s keeps more)",
            case,
            cut_words(recipe),
            "; ".join(said),
            keeps_more(recipe),
        )


def _whole(folder: SliceFolder, geometry: SliceGeometry) -> bool:
    """Tell whether the arrays are there, of the shape that the geometry says."""
    try:
        StoredSlices(folder.image, geometry.image_shape)
        StoredSlices(folder.mask, geometry.shape)
    except SlicewiseError:
        return False
    return True
