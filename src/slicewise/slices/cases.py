"""Cutting cases, and keeping what was cut from the same before."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Content, Recipe
from slicewise.errors import SlicewiseError
from slicewise.files import digest, kept_json, sweep, write_json
from slicewise.slices.batches import SliceFolder, SliceSet
from slicewise.slices.bound import cut_words, lost_words
from slicewise.slices.extract import extract
from slicewise.volumes.checks import label_indices
from slicewise.volumes.read import read_image, read_volume

logger = logging.getLogger(__name__)


def cut_case(
    image: Path, mask: Path, content: Content, recipe: Recipe, folder: SliceFolder, version: str
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

    Returns
    -------
    str
        Digest of all that was cut.
    """
    made_from = digest([version, content.model_dump(), recipe.model_dump()])
    geometry = kept_json(folder.geometry, made_from)
    if geometry is None or not _whole(folder):
        # last in and first out: it vouches for the arrays
        folder.geometry.unlink(missing_ok=True)
        sweep(folder.image, folder.mask, folder.geometry)
        labels = label_indices(read_volume(mask), str(mask), content.labels, content.other_labels)
        geometry = extract(
            read_image(image, content),
            labels,
            list(content.labels),
            recipe,
            content.intensity,
            folder.image,
            folder.mask,
            content.contiguous,
        )
        _say_lost(folder.case, recipe, geometry)
        geometry["made_from"] = made_from
        write_json(folder.geometry, geometry)
    # whatever it was made from, only what is there makes a training different
    return digest({key: value for key, value in geometry.items() if key != "made_from"})


def _say_lost(case: str, recipe: Recipe, geometry: dict[str, Any]) -> None:
    """Say what of the labels a recipe loses in a case."""
    bound, pixels = geometry["recipe_bound"], np.sum(geometry["counts"], axis=0)
    said = lost_words(bound)
    if recipe.oblique:
        gone = [name for name, left in zip(bound, pixels, strict=True) if not left]
        said = [f"of label {name} no pixel is left" for name in gone if bound[name]["voxels"]]
    if said:
        logger.warning(
            "%s: cut %s, %s; what is lost is trained as background (a larger size keeps more)",
            *(case, cut_words(recipe), "; ".join(said)),
        )


def _whole(folder: SliceFolder) -> bool:
    try:
        SliceSet([folder])
    except (SlicewiseError, KeyError):
        return False
    return True
