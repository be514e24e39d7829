"""A folder of studies as an archive exports them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian

from tests.volumes.dicom.drawn import write_rtstruct, write_seg

ROOT_UID = "1.2.826.0.1.3680043.8.498.777000777"
ORGAN = np.zeros((12, 16, 5), bool)
ORGAN[3:8, 4:11, 1:4] = True


def of_patient(patient: str, study: str = "1") -> Callable[[pydicom.Dataset, int], None]:
    """Return what gives slices a patient and UIDs of their own."""
    number = sum(map(ord, patient))

    def edit(header: pydicom.Dataset, k: int) -> None:
        header.PatientID = patient
        header.PatientName = "Plantedname^Grete"
        header.StudyInstanceUID = f"{ROOT_UID}.{number}.{study}"
        header.FrameOfReferenceUID = f"{ROOT_UID}.{number}.{study}.5"
        header.SOPInstanceUID = f"{header.SeriesInstanceUID}.{k}"
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID

    return edit


def voxels(patient: str, study: str = "1", series: str | int = "1") -> np.ndarray:
    """Return the stored values of a series, shape (columns, rows, slices)."""
    rng = np.random.default_rng(sum(map(ord, f"{ROOT_UID}.{patient}.{study}.{series}")))
    return rng.integers(0, 3000, ORGAN.shape).astype(np.int16)


def write_study(
    folder: Path,
    write_series: Callable,
    patient: str,
    *,
    study: str = "1",
    series: str = "1",
    mask: str | None = "SEG",
) -> str:
    """Write a series with its mask, files numbered in one folder; return its SeriesInstanceUID."""
    uid = f"{ROOT_UID}.{sum(map(ord, patient))}.{study}.{series}"
    stored = voxels(patient, study, series)
    own = folder / f"{uid}.images"
    edit = of_patient(patient, study)
    write_series(own, 5, stored=stored, edit=edit, series=uid)
    if mask == "SEG":
        write_seg(folder / f"{series}M", own, {"Liver": ORGAN})
    if mask == "RTSTRUCT":
        corners = [(2.5, 3.5), (7.5, 3.5), (7.5, 10.5), (2.5, 10.5)]
        points = [(-10.5 + x * 0.7, 20.25 + y * 0.8, -27.5) for x, y in corners]
        write_rtstruct(folder / f"{series}R", own, {"Liver": [np.array(points)]})
    return uid


def write_report(path: Path, patient: str = "PLANTED-ID-4711") -> None:
    """Write a structured report."""
    header = pydicom.Dataset()
    header.SOPClassUID = BasicTextSRStorage
    header.SOPInstanceUID = f"{ROOT_UID}.4"
    header.PatientID = patient
    header.SeriesInstanceUID = f"{ROOT_UID}.44"
    header.Modality = "SR"
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


def write_modalities(
    folder: Path,
    write_series: Callable,
    patient: str,
    *names: str,
    study: str = "1",
    series: int = 1,
    mask: str | None = "SEG",
) -> None:
    """Write series of a study in folders called as they call themselves; the first has a mask.

    A name is a SeriesDescription, after a Modality and a colon where it is no MR.
    """
    edit = of_patient(patient, study)
    place = folder / names[0].split(":")[-1]
    for number, name in enumerate(names, start=series):
        *modality, description = name.split(":")

        def called(header, k, modality=modality, description=description):
            edit(header, k)
            header.Modality = modality[0] if modality else "MR"
            header.SeriesDescription = description

        uid = f"{ROOT_UID}.{sum(map(ord, patient))}.{study}.{number}"
        stored = voxels(patient, study, number)
        write_series(folder / description, 5, stored=stored, edit=called, series=uid)
    if mask is not None:
        write_seg(folder / f"{series}M", place, {"Liver": ORGAN})
