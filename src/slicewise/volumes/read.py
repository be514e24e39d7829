"""Reading volumes of every supported format."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slicewise.config import Content
from slicewise.errors import SlicewiseError
from slicewise.volumes import companions, freesurfer, padding, text_headers
from slicewise.volumes.checks import mask_values
from slicewise.volumes.dicom.annotations import annotation_kind, read_annotations
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.formats import is_dicom, is_nifti
from slicewise.volumes.freesurfer import read_freesurfer
from slicewise.volumes.geometry import check_geometry, with_spacing
from slicewise.volumes.nifti import read_channels_of, read_nifti
from slicewise.volumes.opening import in_a_sentence, must_exist
from slicewise.volumes.segments import has_segments
from slicewise.volumes.text_headers import read_segmentation, read_text_header
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)


@in_a_sentence
def read_volume(path: Path) -> Volume:
    """Read a volume of any supported format.

    Parameters
    ----------
    path : pathlib.Path
        NIfTI (``.nii``, ``.nii.gz``, or a pair ``.hdr`` and ``.img``), NRRD or
        MetaImage (``.nrrd``, ``.nhdr``, ``.mha``, ``.mhd``), FreeSurfer's
        (``.mgz``, ``.mgh``), or a folder,
        ``.zip`` or single slice of DICOM.

    Returns
    -------
    Volume
        Array of shape (i, j, k) as stored, with its affine to RAS+ mm.

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, or no volume, or its voxels have a
        size that no scanner makes (see `check_geometry`).
    """
    path = Path(path)
    name = path.name.lower()
    if is_nifti(path) or companions.is_pair(path):
        return read_nifti(path)[0]
    if name.endswith(text_headers.SUFFIXES):
        return read_text_header(path)
    if name.endswith(freesurfer.SUFFIXES):
        return read_freesurfer(path)
    if is_dicom(path):
        return _series(path, path)
    must_exist(path)
    raise SlicewiseError(
        f"{path}: this is no format that can be read; give NIfTI (.nii, .nii.gz), NRRD (.nrrd), "
        "MetaImage (.mha, .mhd), FreeSurfer's .mgz, or a folder or zip of DICOM"
    )


@in_a_sentence
def read_sources(paths: Sequence[Path], *, fill: bool = True) -> Volume:
    """Read a volume from its source files: a file and those that belong to it, or a series.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The files.
    fill : bool
        Whether padding of DICOM becomes air; not that of masks.

    Raises
    ------
    SlicewiseError
        As `read_volume`; also when the file names others than these as its data.
    """
    if companions.is_header(paths[0]):
        must_exist(paths[0])
        companions.check_whole(paths)
        return read_volume(paths[0])
    if len(paths) == 1 and not is_dicom(paths[0]):
        return read_volume(paths[0])
    if len(paths) == 1:
        return _series(paths[0], paths[0], fill=fill)
    return _series(paths, paths[0].parent, fill=fill)


def read_image(path: Path, content: Content, shown: str | None = None) -> Volume:
    """Read an image as a data set means it.

    Parameters
    ----------
    path : pathlib.Path
        NIfTI file of an image.
    content : Content
        ``dataset.offset`` is added to all voxels, ``dataset.spacing`` is the
        size of voxels whose file says nothing of it. Padding becomes air where
        ``dataset.intensity`` is ``hu``.
    shown : str, optional
        How a line names the image that says how much was padding; none without.

    Returns
    -------
    Volume
        Of several channels, `Content.shown_channel`, or else the first. Of a
        case that lacks it, the first that it has.
    """
    if content.channels is None:
        return as_meant(read_volume(path), content, shown)
    image, _ = read_channels_of(path)
    names = content.channels
    wanted = 0 if content.shown_channel is None else names.index(content.shown_channel)
    for position in (wanted, *range(len(names))):
        channel = image.array[..., position]
        # a missing one has one value
        if channel.min() != channel.max():
            wanted = position
            break
    return as_meant(replace(image, array=image.array[..., wanted]), content, shown)


def as_meant(volume: Volume, content: Content, shown: str | None = None) -> Volume:
    """Return an image, or a channel, with intensities and voxel size as `read_image` has them."""
    volume = with_spacing(volume, content.spacing).plus(content.offset)
    return padding.as_air(volume, shown) if content.intensity == "hu" else volume


def read_mask(
    paths: Sequence[Path],
    labels: Mapping[str, Any] | None = None,
    image: Imaged | None = None,
    overlaps: str = "later",
) -> Volume:
    """Read a mask from its source files, of whatever type its values are.

    A DICOM mask is often written into a copy of its CT's header. Where the
    rescale intercept turns its values into none of a mask, the stored ones
    are taken, with a line that says so.

    Parameters
    ----------
    paths : sequence of Path
        The source files.
    labels : mapping, optional
        ``dataset.labels``, which the segments of a segmentation of 3D Slicer
        or of DICOM are compared with; see `label_map` and `read_annotations`.
        No other file has names.
    image : Imaged, optional
        What the mask was drawn on. Segmentations of DICOM need it.
    overlaps : {"refuse", "later"}
        What becomes of voxels of several labels in segmentations of DICOM.

    Returns
    -------
    Volume
        The label values, uint8 or uint16.

    Raises
    ------
    SlicewiseError
        When the files cannot be read, or a value is no whole number from 0 to 65535.
    """
    shown = str(paths[0] if len(paths) == 1 else paths[0].parent)
    if image is not None and annotation_kind(paths[0]) is not None:
        return read_annotations(paths, labels, image, overlaps)
    _refuse_pictures(paths, shown)
    if labels is not None and has_segments(paths[0]):
        return read_segmentation(paths, labels)
    if any(isinstance(value, str) for value in (labels or {}).values()):
        raise SlicewiseError(
            f"{shown}: dataset.labels gives names of segments, and this file names none (3D Slicer "
            "writes them into .seg.nrrd, DICOM into SEG and RTSTRUCT); give mask values in "
            "dataset.labels"
        )
    volume = read_sources(paths, fill=False)
    try:
        return replace(volume, array=mask_values(volume.array, shown))
    except SlicewiseError:
        stored = _mask_as_stored(paths, shown)
        if stored is None:
            raise
    logger.warning(
        "%s: this mask carries the rescale slope and intercept of an image; its values are taken "
        "as they are stored",
        shown,
    )
    return stored


def _refuse_pictures(paths: Sequence[Path], shown: str) -> None:
    """Refuse PNG, which `read_png_mask` reads with the series that it lies on."""
    if paths[0].suffix.lower() == ".png":
        raise SlicewiseError(
            f"{shown}: PNG pictures are read where they are the whole mask of a DICOM series, not "
            "as a file a label; put the labels into one picture a slice, or convert them to NIfTI"
        )


def _mask_as_stored(paths: Sequence[Path], shown: str) -> Volume | None:
    """Read the stored values of DICOM; None where these are none of a mask, or it is no DICOM."""
    if len(paths) == 1 and not is_dicom(paths[0]):
        return None
    stored = read_series(paths[0] if len(paths) == 1 else paths, rescaled=False)
    try:
        return replace(stored, array=mask_values(stored.array, shown))
    except SlicewiseError:
        return None


def _series(source: Path | Sequence[Path], place: Path, *, fill: bool = True) -> Volume:
    """Read a DICOM series, whose lengths are in millimetres."""
    volume = read_series(source, fill=fill)
    check_geometry(volume.affine, volume.array.shape, place)
    return volume
