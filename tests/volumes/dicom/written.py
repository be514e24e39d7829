"""What tests of DICOM write, and read with SimpleITK."""

import zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

UPRIGHT = (1, 0, 0, 0, 1, 0)


OBLIQUE = (0.8, 0.6, 0, -0.48, 0.64, 0.6)


SAGITTAL = (0, 1, 0, 0, 0, -1)


def zipped(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, top + file.relative_to(folder).as_posix())
    return path


def world(affine: np.ndarray, index: tuple[int, int, int]) -> np.ndarray:
    return (affine @ [*index, 1])[:3]


def by_simpleitk(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def turn_one(header, k):
    if k == 1:
        header.ImageOrientationPatient = list(SAGITTAL)


def resize_one(header, k):
    if k == 1:
        header.Rows, header.Columns = header.Columns, header.Rows


def respace_one(header, k):
    if k == 1:
        header.PixelSpacing = [0.9, 0.9]


def drop_pixels(header, k):
    if k == 1:
        del header.PixelData
