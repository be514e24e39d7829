"""One DICOM series, read as a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.volumes import padding
from slicewise.volumes.dicom import scouts
from slicewise.volumes.dicom.pixels import check_rescale, intensities
from slicewise.volumes.dicom.slices import say_aside, slices_of
from slicewise.volumes.dicom.source import SourceFiles, opened
from slicewise.volumes.dicom.stack import Grid, stacked
from slicewise.volumes.volume import Volume


def read_series(
    source: Path | Sequence[Path],
    member_prefix: str | None = None,
    *,
    rescaled: bool = True,
    fill: bool = True,
) -> Volume:
    """Read one DICOM series as a volume in Hounsfield units.

    Localizers, reports and screenshots that lie beside it are left aside with a line.

    Parameters
    ----------
    source : pathlib.Path or sequence of pathlib.Path
        A folder (searched to any depth), a zip, or the files themselves.
    member_prefix : str, optional
        Read only the files whose path below the folder or in the zip starts so.
    rescaled : bool
        Whether to apply the rescale slope and intercept; else the values are those stored.
    fill : bool
        Whether padding becomes air in CT, and the lowest other value where it
        lies far off in other images, with a line. Not of masks, and not of
        values as stored.

    Returns
    -------
    Volume
        Array of shape (columns, rows, slices), the rescale slope and intercept
        applied: int16 where the values fit, else int32; float32 where the
        slope or intercept is no integer. Slices are in the order of their
        position along the normal, never of their names.

    Raises
    ------
    SlicewiseError
        When the files are no single, evenly spaced, untilted series.
    """
    with opened(source, member_prefix) as files:
        grid = image_grid(files)
        if rescaled:
            check_rescale(files, grid.slices)
        else:
            plain = (replace(s, slope=1.0, intercept=0.0) for s in grid.slices)
            grid = replace(grid, slices=tuple(plain))
        filled = fill and rescaled
        volume = Volume(intensities(files, grid, filled), grid.affine)
        if filled and grid.slices[0].modality == "CT":
            return padding.as_air(volume, files.shown)
        return volume


def image_grid(files: SourceFiles) -> Grid:
    """Find the one series of an image, whatever localizers lie beside it."""
    slices, other = scouts.keep_one_series(slices_of(files, beside=True))
    kept, turned = scouts.without_turned(slices)
    try:
        grid = stacked(kept, files)
    except SlicewiseError:
        if not turned:
            raise
        # what lies otherwise is missed in the stack, so it is no localizer
        return stacked(slices, files)
    aside = [*other, *turned]
    say_aside(files, [(name, "localizer") for name in dict.fromkeys(s.name for s in aside)])
    return grid
