"""Synthetic DICOM with planted identities, and the way to the real data."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from slicewise.errors import SlicewiseError

UID = "1.2.826.0.1.3680043.8.498.777000777"
PLANTED = {
    "PatientName": "Plantedname^Grete",
    "PatientID": "PLANTED-ID-4711",
    "PatientBirthDate": "19330703",
    "StudyDate": "20190417",
    "AcquisitionDate": "20190418",
    "StudyDescription": "Planted study of Grete",
    "SeriesDescription": "Planted series of Grete",
    "PatientComments": "Planted comment",
    "InstitutionName": "Planted hospital",
    "AccessionNumber": "PLANTEDACC99",
    "StudyInstanceUID": UID + ".1",
}
SECRETS = [UID, "lanted", "PLANTED", "Grete", "19330703", "20190417", "20190418"]
UPRIGHT = (1, 0, 0, 0, 1, 0)
OBLIQUE = (0.8, 0.6, 0, -0.48, 0.64, 0.6)


@pytest.fixture
def real_data() -> Path:
    """Folder of the real data, or skip."""
    default = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("SLICEWISE_DATA", default))
    if not (folder / "odd").is_dir():
        pytest.skip(f"the real data are not at {folder}; set SLICEWISE_DATA to their folder")
    return folder


@pytest.fixture
def refused(caplog, capfd) -> Callable:
    """Call something that must be refused; return the message after checking its form."""

    def call(function, *arguments, **options) -> str:
        with pytest.raises(SlicewiseError) as caught:
            function(*arguments, **options)
        message = str(caught.value)
        assert "\n" not in message
        assert ";" in message or ", so " in message, "the message must say what to do"
        everything = message + caplog.text + "".join(capfd.readouterr())
        assert not [secret for secret in SECRETS if secret in everything]
        return message

    return call


@pytest.fixture
def write_series() -> Callable:
    """Return the function that writes a DICOM series."""
    return _write_series


def _write_series(
    folder: Path,
    count: int = 5,
    orientation=UPRIGHT,
    step: float = 2.5,
    stored: np.ndarray | None = None,
    edit: Callable[[pydicom.Dataset, int], None] = lambda header, k: None,
    name: Callable[[int], str] = lambda k: f"image_{(7 * k + 3) % 11}",
    series: str = UID + ".2",
) -> np.ndarray:
    """Write a series of 12 columns and 16 rows whose file names are out of order.

    Returns
    -------
    ndarray, shape (columns, rows, slices)
        The stored values, in the order of position.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if stored is None:
        stored = np.random.default_rng(5).integers(0, 3000, (12, 16, count)).astype(np.int16)
    normal = np.cross(orientation[:3], orientation[3:])
    for k in range(count):
        header = pydicom.Dataset()
        for keyword, value in PLANTED.items():
            setattr(header, keyword, value)
        header.SOPClassUID = CTImageStorage
        header.SOPInstanceUID = f"{UID}.3.{k}"
        header.SeriesInstanceUID = series
        header.Modality = "CT"
        header.InstanceNumber = count - k
        header.Rows, header.Columns = stored.shape[1], stored.shape[0]
        header.PixelSpacing = [0.8, 0.7]
        header.SliceThickness = 3
        header.ImageOrientationPatient = list(orientation)
        position = np.array([-10.5, 20.25, -30]) + k * step * normal
        header.ImagePositionPatient = [round(float(v), 6) for v in position]
        header.SamplesPerPixel = 1
        header.PhotometricInterpretation = "MONOCHROME2"
        bits = stored.dtype.itemsize * 8
        header.BitsAllocated = header.BitsStored = bits
        header.HighBit = bits - 1
        header.PixelRepresentation = int(stored.dtype.kind == "i")
        header.RescaleSlope, header.RescaleIntercept = 1, -1024
        header.PixelData = np.ascontiguousarray(stored[..., k].T).tobytes()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.MediaStorageSOPClassUID = CTImageStorage
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        edit(header, k)
        header.save_as(folder / name(k), enforce_file_format=True)
    return stored


def dcm2niix() -> str | None:
    """Return the program, or None where it is not installed."""
    beside = Path(sys.executable).parent / "dcm2niix"
    return str(beside) if beside.is_file() else shutil.which("dcm2niix")
