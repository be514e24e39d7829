"""Reading NRRD and MetaImage, whose headers are text, and the segmentations of 3D Slicer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from slicewise.errors import SlicewiseError
from slicewise.volumes import companions, itk
from slicewise.volumes.geometry import LPS_TO_RAS, in_millimetres, is_lost
from slicewise.volumes.opening import must_exist
from slicewise.volumes.scaling import scaled
from slicewise.volumes.segments import Segment, label_map, segments_of
from slicewise.volumes.stated import check_stated
from slicewise.volumes.volume import Volume

SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
NRRD_HEADER = 1 << 16
"""Where a NRRD header is looked for; it ends with the first empty line."""


def read_text_header(path: Path) -> Volume:
    """Read NRRD or MetaImage."""
    image = _itk_image(path)
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        image = image[(slice(None),) * (image.GetDimension() - 1) + (0,)]
    size = " × ".join(map(str, image.GetSize()))
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise SlicewiseError(
            f"{path}: it has several numbers a voxel; give an image with one real number a voxel"
        )
    if image.GetDimension() != 3:
        raise SlicewiseError(
            f"{path}: it has {image.GetDimension()} dimensions ({size}) instead of 3; "
            "give one 3-D volume a file"
        )
    affine = _itk_affine(image, path)
    array = scaled(sitk.GetArrayFromImage(image).transpose(2, 1, 0), 1, 0)
    return Volume(array, affine, is_lost(affine))


def read_segmentation(paths: Sequence[Path], labels: Mapping[str, Any]) -> Volume:
    """Read a segmentation of 3D Slicer, of one layer or several."""
    layers, segments, affine = read_layers(paths)
    return Volume(label_map(layers, segments, labels, paths[0]), affine, is_lost(affine))


def read_layers(paths: Sequence[Path]) -> tuple[list[np.ndarray], list[Segment], np.ndarray]:
    """Return the layers of a segmentation of 3D Slicer, its segments, and its affine."""
    path = paths[0]
    companions.check_whole(paths)
    image = _itk_image(path)
    if image.GetDimension() != 3:
        raise SlicewiseError(
            f"{path}: it has {image.GetDimension()} dimensions instead of 3 and layers; save it "
            "again with 3D Slicer"
        )
    layers = image.GetNumberOfComponentsPerPixel()
    array = sitk.GetArrayFromImage(image)
    array = array.reshape(*array.shape[:3], layers).transpose(2, 1, 0, 3)
    fields = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    segments = segments_of(fields, layers, str(path))
    return [array[..., layer] for layer in range(layers)], segments, _itk_affine(image, path)


def _itk_image(path: Path) -> sitk.Image:
    """Return a NRRD or MetaImage file as SimpleITK has it."""
    must_exist(path)
    promised = check_stated(path, companions.check_data(path))
    # named, because it knows suffixes in lower case only
    reader = "NrrdImageIO" if path.suffix.lower() in companions.NRRD else "MetaImageIO"
    try:
        image = itk.read_image(path, reader, promised)
    except RuntimeError as error:
        raise SlicewiseError(
            f"{path}: the file cannot be read (damaged, or its data file is missing); "
            "copy it again or convert it to NIfTI"
        ) from error
    return image


def _itk_affine(image: sitk.Image, path: Path) -> np.ndarray:
    """Return the affine of an image of three dimensions, to RAS+ mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    unit = _itk_unit(image, path)
    return in_millimetres(LPS_TO_RAS @ affine, unit, image.GetSize(), path)


def _itk_unit(image: sitk.Image, path: Path) -> str:
    """Return the unit of length of a NRRD or MetaImage header, which ITK does not heed.

    NRRD has a unit for each axis (``space units``, or ``units``); they must agree.
    """
    if image.HasMetaDataKey("ITK_VoxelUnits"):
        return str(image.GetMetaData("ITK_VoxelUnits"))
    if not path.name.lower().endswith((".nrrd", ".nhdr")):
        return ""
    with path.open("rb") as stream:
        header = stream.read(NRRD_HEADER).split(b"\n\n")[0].split(b"\r\n\r\n")[0]
    text = header.decode("utf-8", errors="replace")
    field = re.search(r"^(?:space )?units:(.*)$", text, re.M)
    units = dict.fromkeys(re.findall(r'"([^"]*)"|(\S+)', field[1])) if field else {}
    named = [quoted or plain for quoted, plain in units if quoted or plain]
    if len(named) > 1:
        raise SlicewiseError(
            f"{path}: its header measures its axes in several units ({', '.join(named)}); write it "
            "again in millimetres"
        )
    return named[0] if named else ""
