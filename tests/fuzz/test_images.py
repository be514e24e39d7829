"""Damaged images of every format are read or refused, and nothing else comes of them."""

import gzip
import zipfile

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from slicewise.config import Dataset
from slicewise.dataset.case import Case
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import read_marks, write_marks
from slicewise.dataset.shapes import size_of
from slicewise.slices.npy import StoredSlices, write_slices
from slicewise.volumes.companions import whole_volume
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.nifti import has_lost_geometry, read_note
from slicewise.volumes.read import read_sources
from slicewise.volumes.volume import Volume
from tests.fuzz.harness import Target, check, fuzz, number_of_inputs
from tests.scans import _write_series

pytestmark = pytest.mark.slow  # `make fuzz` does more of it
VOXELS = (np.arange(210, dtype="<i2") - 50).reshape(7, 6, 5)
AFFINE = np.diag([0.7, 0.8, 2.5, 1.0])
GEOMETRY = "space directions: (1,0,0) (0,1,0) (0,0,2)\nspace origin: (0,0,0)\n"


def nibabel_file(name, kind=nib.Nifti1Image, at=0):
    def write(folder):
        nib.save(kind(VOXELS.copy(), AFFINE), folder / name)
        return sorted(path for path in folder.iterdir())

    return write


def itk_file(name, compressed=False):
    def write(folder):
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(folder / name), compressed)
        return sorted(path for path in folder.iterdir())

    return write


def nrrd_file(name, encoding, pack=bytes):
    def write(folder):
        body = pack(VOXELS.tobytes())
        if encoding == "ascii":
            body = " ".join(map(str, VOXELS.ravel())).encode()
        head = (
            "NRRD0004\n# a remark\ntype: short\ndimension: 3\nspace: left-posterior-superior\n"
            f"sizes: 5 6 7\n{GEOMETRY}kinds: domain domain domain\nendian: little\n"
            f'encoding: {encoding}\nspace units: "mm" "mm" "mm"\nnote:=a value\n'
        )
        if name.endswith(".nhdr"):
            (folder / "a.raw.gz").write_bytes(body)
            (folder / name).write_text(f"{head}data file: a.raw.gz\n")
        else:
            (folder / name).write_bytes(f"{head}\n".encode() + body)
        return sorted(path for path in folder.iterdir())

    return write


def dicom_files(syntax=None, zipped=False):
    def write(folder):
        _write_series(folder, 3, name=lambda k: f"{k}.dcm")
        paths = sorted(folder.iterdir())
        for path in paths if syntax is not None else ():
            one = pydicom.dcmread(path)
            if syntax == RLELossless:
                one.compress(syntax)
            one.file_meta.TransferSyntaxUID = syntax
            one.save_as(path)
        if not zipped:
            return paths
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.name)
                path.unlink()
        return [folder / "a.zip"]

    return write


def read(folder):
    """Read what is there as jobs do, after what is asked of headers before."""
    files = whole_volume(min(folder.iterdir(), key=rank))
    if files[0].suffix == ".dcm":
        files = tuple(sorted(folder.iterdir()))
    assert size_of(
        Case("c", "p", files, files), Dataset(name="d", root=".", layout="pairs", labels={"a": 1})
    )
    has_lost_geometry(files[0])
    if is_nifti(files[0]):
        read_note(files[0])
    volume = read_sources(files)
    assert volume.array.ndim == 3
    assert volume.array.size > 0
    assert np.isfinite(volume.affine).all()


def rank(path):
    """Headers before what they name."""
    return path.suffix in (".raw", ".zraw", ".gz", ".img"), path.name


def write_slices_file(folder):
    write_slices(folder / "image.npy", [VOXELS], VOXELS.shape, VOXELS.dtype)
    return [folder / "image.npy"]


def read_slices_file(folder):
    assert StoredSlices(folder / "image.npy", VOXELS.shape).read([0, 6]).shape == (2, 6, 5)


def write_marks_file(folder):
    marks = slice_marks(Volume(VOXELS, np.eye(4)))
    write_marks(folder / "cases.npz", {"a": marks, "b": marks})
    return [folder / "cases.npz"]


def read_marks_file(folder):
    assert set(read_marks(folder / "cases.npz", ["a", "b"])) == {"a", "b"}


def gunzip(content):
    return gzip.decompress(content)


TARGETS = [
    Target("nii", nibabel_file("a.nii"), read),
    Target("nii2", nibabel_file("a.nii", nib.Nifti2Image), read),
    Target("nii.gz", nibabel_file("a.nii.gz"), read, gunzip, gzip.compress),
    Target("pair", nibabel_file("a.img", nib.Nifti1Pair), read),
    Target("mgz", nibabel_file("a.mgz", nib.MGHImage), read, gunzip, gzip.compress),
    Target("mgh", nibabel_file("a.mgh", nib.MGHImage), read),
    Target("nrrd", nrrd_file("a.nrrd", "raw"), read),
    Target("nrrd, gzip", nrrd_file("a.nrrd", "gzip", gzip.compress), read),
    Target("nrrd, text", nrrd_file("a.nrrd", "ascii"), read),
    Target("nhdr", nrrd_file("a.nhdr", "gzip", gzip.compress), read),
    Target("mha", itk_file("a.mha"), read),
    Target("mha, compressed", itk_file("a.mha", True), read),
    Target("mhd", itk_file("a.mhd"), read),
    Target("mhd, compressed", itk_file("a.mhd", True), read),
    Target("dicom", dicom_files(), read),
    Target("dicom, RLE", dicom_files(RLELossless), read),
    Target("dicom, deflated", dicom_files(DeflatedExplicitVRLittleEndian), read),
    Target("npy", write_slices_file, read_slices_file),
    Target("npz", write_marks_file, read_marks_file),
    Target("dicom, zip", dicom_files(zipped=True), read),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_images_are_read_or_refused(target, tmp_path):
    check([fuzz(target, tmp_path / "fuzz", number_of_inputs(60))])
