"""Data sets with one fault each, and `snakemake` run on them as a user would."""

import io
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import yaml
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests import forked

ROOT = Path(__file__).parents[2]
SNAKEMAKE = ROOT / ".venv" / "bin" / "snakemake"
SHAPE = (20, 24, 5)
AFFINE = np.array([[-0.8, 0, 0, 8], [0, -0.7, 0, 9], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])

UID = "1.2.826.0.1.3680043.8.498.777000777"
IDENTITY = {
    "PatientName": "Plantedname^Grete",
    "PatientID": "PLANTED-ID-4711",
    "PatientBirthDate": "19330703",
    "PatientAddress": "Plantedstreet 12",
    "StudyDate": "20190417",
    "SeriesDate": "20190418",
    "AcquisitionDate": "20190419",
    "ContentDate": "20190420",
    "StudyTime": "134713",
    "StudyID": "PLANTEDSTUDY8",
    "StudyDescription": "Planted study",
    "SeriesDescription": "Planted series",
    "ImageComments": "Planted image comment",
    "PatientComments": "Planted comment",
    "ReferringPhysicianName": "Plantedphysician^Otto",
    "InstitutionName": "Planted hospital",
    "StationName": "PLANTEDSTATION",
    "DeviceSerialNumber": "PLANTED5551234",
    "AccessionNumber": "PLANTEDACC99",
    "StudyInstanceUID": UID + ".1",
    "FrameOfReferenceUID": UID + ".4",
}
SECRETS = ["lanted", "PLANTED", "Grete", "Otto", "134713", UID]
SECRETS += ["19330703", "20190417", "20190418", "20190419", "20190420"]


@dataclass(frozen=True)
class Ran:
    """What a run of `snakemake` left behind."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def sentences(self) -> list[str]:
        """Our sentences on standard error, in their order."""
        return [line.strip() for line in self.err.splitlines() if line.startswith("error: ")]


def snakemake(folder: Path, *arguments: str, output: str = "full") -> Ran:
    """Run the workflow with `folder` as the place to work in and as the place of the data.

    What people see, and not all that Snakemake and its jobs say, is the `output` "".
    """
    # No MLflow server, thread setting or Snakemake profile of whoever runs the tests may matter.
    foreign = ("SLICEWISE_", "MLFLOW_", "SNAKEMAKE_", "PYTEST_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    ran = subprocess.run(
        [forked.python(), str(SNAKEMAKE), "--snakefile", str(ROOT / "Snakefile"), *arguments],
        cwd=folder,
        env={**clean, "SLICEWISE_DATA": str(folder), "SLICEWISE_OUTPUT": output},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr, folder)


def configure(folder: Path, dataset: dict, **blocks) -> Path:
    """Write a complete configuration with the recipe `r` and the experiment `e`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"dataset": {"name": "x", **dataset}, "slices": {"r": {}}}
    config |= {"experiments": {"e": {"slices": "r"}}, **blocks}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def table(folder: Path, rows: dict[str, tuple], columns=("image", "mask")) -> dict:
    """Write a table of cases; return the block `dataset` that reads it."""
    lines = [("case", *columns), *((name, *row) for name, row in rows.items())]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    return {"layout": "table", "root": "table.tsv", "labels": {"liver": 1}}


def scan(seed: int = 0, shape=SHAPE) -> np.ndarray:
    """A body in air, in Hounsfield units; each seed another patient."""
    array = np.full(shape, -1000, np.int16)
    noise = np.random.default_rng(seed).integers(0, 100, shape)
    array[4:-4, 4:-4] = noise[4:-4, 4:-4]
    return array


def organ(shape=SHAPE) -> np.ndarray:
    """A mask of one label."""
    array = np.zeros(shape, np.uint8)
    array[6:12, 6:12, 1:4] = 1
    return array


def nifti(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    """Write NIfTI; return its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path.name


def series(
    folder: Path,
    array: np.ndarray,
    places=None,
    shifts=None,
    uids=None,
) -> str:
    """Write a DICOM series full of identities that lies on `AFFINE`; return its folder's name.

    `places` are the positions of the slices in units of their spacing, `shifts`
    how far each is moved sideways in mm, `uids` the series each belongs to.
    """
    folder.mkdir(parents=True)
    count = array.shape[2]
    places = range(count) if places is None else places
    shifts = [0.0] * count if shifts is None else shifts
    uids = [2] * count if uids is None else uids
    for k, (place, shift, uid) in enumerate(zip(places, shifts, uids, strict=True)):
        one = pydicom.Dataset()
        for keyword, value in IDENTITY.items():
            setattr(one, keyword, value)
        one.SOPClassUID = CTImageStorage
        one.SOPInstanceUID = f"{UID}.3.{k}"
        one.SeriesInstanceUID = f"{UID}.{uid}"
        one.Modality = "CT"
        one.Rows, one.Columns = array.shape[1], array.shape[0]
        one.PixelSpacing = [0.7, 0.8]
        one.SliceThickness = 2.5
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [-8, -9 + shift, -30 + 2.5 * place]
        one.SamplesPerPixel = 1
        one.PhotometricInterpretation = "MONOCHROME2"
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit = 15
        one.PixelRepresentation = 0
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        one.PixelData = np.ascontiguousarray(array[..., k].T + 1024).astype("<u2").tobytes()
        # free text in a private element, too
        block = one.private_block(0x0029, "PLANTED VENDOR", create=True)
        block.add_new(0x10, "LO", "Planted private text")
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.MediaStorageSOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        # scanners name files by UID, and exports by the patient
        one.save_as(folder / f"{UID}.3.{k}.dcm", enforce_file_format=True)
    return folder.name


def zipped(folder: Path) -> str:
    """Turn a folder into a zip beside it; return its name."""
    path = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
    shutil.rmtree(folder)
    return path.name


def escaping_zip(path: Path) -> str:
    """Write a zip with a member that would land outside its folder; return its name."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../escaped.dcm", io.BytesIO(b"\0" * 128 + b"DICM").getvalue())
    return path.name


def half_written(folder: Path) -> list[str]:
    """Names of temporary files that were left."""
    return [p.name for p in folder.rglob(".*") if p.is_file() and ".snakemake" not in p.parts]


def real_data() -> Path:
    """Folder of the real data, there or not."""
    return Path(os.environ.get("SLICEWISE_DATA", ROOT.parent / "shared" / "data"))
