"""Masks that are stored as PNG pictures, one a slice of a DICOM series, as CHAOS has them."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import mask_values
from slicewise.volumes.dicom.series import image_grid
from slicewise.volumes.dicom.source import UID, opened
from slicewise.volumes.dicom.stack import Grid
from slicewise.volumes.formats import is_dicom
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

SUFFIX = ".png"
PLAIN = ("1", "L", "P", "I;16", "I;16B", "I;16L", "I")
"""Modes of Pillow with one number a pixel: grey of 1 to 16 bits, or the index of a palette."""

SPREAD = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies grey of fewer bits with, so that white is 255."""


def is_png_stack(paths: Sequence[Path]) -> bool:
    """Tell whether files are pictures, a slice each, by the name of any of them."""
    return any(path.suffix.lower() == SUFFIX for path in paths)


def read_png_mask(paths: Sequence[Path], series: Sequence[Path]) -> Volume:
    """Read a mask that is stored as PNG pictures, one a slice of a DICOM series.

    Parameters
    ----------
    paths : sequence of Path
        The pictures: grey of up to 16 bits, or with a palette, of which the indices are
        taken; as many and as large as the slices.
    series : sequence of Path
        The files of the image; only its headers are read.

    Returns
    -------
    Volume
        uint8 or uint16, on the same grid as ``read_series(series)``. A picture
        belongs to the slice whose file has its name, or, where names differ,
        to the one of the same place in the order of names, which then has to
        be an order of positions, too; a line says so.

    Raises
    ------
    SlicewiseError
        When pictures and slices do not belong together, or one is in colour or damaged.
    """
    place = paths[0].parent
    others = [path.name for path in paths if path.suffix.lower() != SUFFIX]
    if others:
        raise SlicewiseError(
            f"{place}: beside PNG pictures it holds {others[0]}; keep only the pictures of one mask"
        )
    if not is_dicom(series[0]):
        raise SlicewiseError(
            f"{place}: PNG pictures do not say where they lie, so they can be the mask of a DICOM "
            f"series only, and {series[0].name} is none; convert the mask to NIfTI"
        )
    source = series[0] if len(series) == 1 else series
    with opened(source) as files:
        grid = image_grid(files)
    first = grid.slices[0]
    stack = np.zeros((len(grid.slices), first.rows, first.columns), np.uint16)
    for path, index in zip(paths, _places(paths, grid, place), strict=True):
        stack[index] = _pixels(path, (first.columns, first.rows))
    return Volume(mask_values(stack.transpose(2, 1, 0), str(place)), grid.affine)


def _places(paths: Sequence[Path], grid: Grid, place: Path) -> list[int]:
    """Say which slice of the image each picture belongs to."""
    if len(paths) != len(grid.slices):
        raise SlicewiseError(
            f"{place}: it has {len(paths)} pictures, but the image has {len(grid.slices)} slices; "
            "complete it or exclude the case"
        )
    names = [one.name for one in grid.slices]
    if len(set(names)) < len(names):
        raise SlicewiseError(
            f"{place}: the image has many slices in a file, so that nothing says which picture "
            "belongs to which; convert the mask to NIfTI"
        )
    by_stem = {PurePosixPath(name).stem: index for index, name in enumerate(names)}
    if len(by_stem) == len(names) and {path.stem for path in paths} == by_stem.keys():
        return [by_stem[path.stem] for path in paths]
    in_order = sorted(range(len(names)), key=lambda index: natural(names[index]))
    if in_order not in (sorted(in_order), sorted(in_order, reverse=True)):
        raise SlicewiseError(
            f"{place}: its pictures are not called as the slices of the image, and the names of "
            "these are in another order than their positions, so that nothing says which picture "
            "belongs to which; convert the mask to NIfTI"
        )
    ranks = sorted(range(len(paths)), key=lambda index: natural(paths[index].name))
    places = [0] * len(paths)
    for rank, index in enumerate(ranks):
        places[index] = in_order[rank]
    if len(paths) > 1:
        logger.warning(
            "%s: pictures are not called as the slices of the image, and were paired with them in "
            "the order of names (%s with %s); look whether the mask lies on its organ",
            place,
            UID.sub("(UID)", paths[ranks[0]].name),
            UID.sub("(UID)", PurePosixPath(names[in_order[0]]).name),
        )
    return places


def natural(name: str) -> list[tuple[int, str]]:
    """Return what orders names as people do: 2 before 10.

    Examples
    --------
    >>> sorted(["m10.png", "m2.png", "m1.png"], key=natural)
    ['m1.png', 'm2.png', 'm10.png']
    """
    pieces = re.split(r"([0-9]+)", name)
    return [(int(piece or 0), "") if n % 2 else (0, piece) for n, piece in enumerate(pieces)]


def _pixels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Read the numbers of a picture, of shape (rows, columns)."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.mode not in PLAIN:
                raise SlicewiseError(
                    f"{path}: this picture is in colour, or partly transparent ({picture.mode}); "
                    "give grey pictures, or such with a palette, whose numbers are those of labels"
                )
            if picture.size != size:
                raise SlicewiseError(
                    f"{path}: it has {picture.size[0]} by {picture.size[1]} pixels, but the slices "
                    f"of the image have {size[0]} by {size[1]}; take the mask made for this image"
                )
            spread = SPREAD.get(str(picture.tile[0].args), 1)
            return np.asarray(picture).astype(np.uint16) // spread
    except UnidentifiedImageError as error:
        raise SlicewiseError(
            f"{path}: this is no PNG picture whatever its name says; export it again"
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SlicewiseError(
            f"{path}: the picture is cut short or damaged; copy or download it again"
        ) from error
