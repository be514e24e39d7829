"""All files of a volume are known, whatever they are called, and none outside of its folder."""

import gzip
import hashlib
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.config import Dataset
from slicewise.dataset.describe import describe_files
from slicewise.dataset.finding import find_cases
from slicewise.volumes.companions import Folders, data_files, whole_volume
from slicewise.volumes.header import read_header
from slicewise.volumes.read import read_sources, read_volume
from tests.volumes.written import meta

VOXELS = np.random.default_rng(3).integers(-1000, 1000, (7, 6, 5)).astype(np.int16)
RAW = VOXELS.tobytes(order="F")
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 7 6 5\n"
    "ElementSpacing = 1 1 2\nElementType = MET_SHORT\nElementDataFile = "
)
NRRD = (
    "NRRD0004\n# data file: remark.raw\ntype: short\ndimension: 3\nsizes: 7 6 5\n"
    "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,2)\n"
    "endian: little\nencoding: raw\nspace origin: (0,0,0)\ndatafile:=remark.raw\n"
)
SLICES = "".join(f"parts/s{k:02d}.bin\n" for k in range(3, 8))
HEADERS = {
    "meta, alike": ("ct.mhd", META + "ct.raw\n", ["ct.raw"]),
    "meta, another name": ("ct.mhd", META + "voxels.bin\n", ["voxels.bin"]),
    "meta, a blank": ("ct.mhd", META + "a ct.bin\n", ["a ct.bin"]),
    "meta, a list": ("ct.mhd", META + "LIST\n" + SLICES, SLICES.split()),
    "meta, a list of slices": ("ct.mhd", META + "LIST 2\n" + SLICES, SLICES.split()),
    "meta, a pattern": ("ct.mhd", META + "parts/s%02d.bin 3 7 1\n", SLICES.split()),
    "meta, beside attached ones": ("ct.mha", META + "ct.raw\n", ["ct.raw"]),
    "meta, dots": ("ct.1.5mm.mhd", META + "ct.1.5mm.raw\n", ["ct.1.5mm.raw"]),
    "meta, upper case": ("CT.MHD", META + "CT.RAW\n", ["CT.RAW"]),
    "meta, Windows lines": ("ct.mhd", (META + "v.bin\n").replace("\n", "\r\n"), ["v.bin"]),
    "meta, not only Latin": ("ct.mhd", META + "Ångström.bin\n", ["Ångström.bin"]),
    "meta, below": ("ct.mhd", META + "./parts/../parts/v.bin\n", ["parts/v.bin"]),
    "nrrd, alike": ("ct.nhdr", NRRD + "data file: ct.raw\n", ["ct.raw"]),
    "nrrd, another name": ("ct.nhdr", NRRD + "Data File: voxels.bin\n", ["voxels.bin"]),
    "nrrd, older key": ("ct.nhdr", NRRD + "datafile: v.bin\n", ["v.bin"]),
    "nrrd, a list": ("ct.nhdr", NRRD + "data file: LIST\n" + SLICES, SLICES.split()),
    "nrrd, a pattern": ("ct.nhdr", NRRD + "data file: parts/s%02d.bin 3 7 1\n", SLICES.split()),
    "nrrd, beside attached ones": ("ct.nrrd", NRRD + "data file: ct.raw\n", ["ct.raw"]),
    "nrrd, upper case": ("CT.NHDR", NRRD + "data file: CT.RAW\n", ["CT.RAW"]),
}


def volume(folder: Path, name: str, header: str, files: list[str], raw: bytes = RAW) -> Path:
    """Write a header and its data files."""
    size = len(raw) // len(files)
    for k, file in enumerate(files):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(raw[k * size : (k + 1) * size])
    (folder / name).write_bytes(header.encode())
    return folder / name


@pytest.mark.parametrize("kind", HEADERS)
def test_all_files_of_a_volume_are_found_and_read(tmp_path, kind):
    name, header, files = HEADERS[kind]
    path = volume(tmp_path, name, header, files)
    (tmp_path / "other.raw").write_bytes(b"of another volume")
    found = whole_volume(path)
    assert found == (path, *(tmp_path / file for file in files))
    assert np.array_equal(read_sources(found).array, VOXELS)
    # a change of any of them is another digest
    before = describe_files(found)
    assert before.file == name
    assert before.bytes == len(RAW) + path.stat().st_size
    for file in found:
        kept = file.read_bytes()
        file.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        assert describe_files(found).sha256 != before.sha256
        file.write_bytes(kept)
    assert describe_files(found) == before


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_other_programs_write_is_found_without_opening_it(tmp_path, suffix, packed):
    image = sitk.GetImageFromArray(VOXELS.transpose(2, 1, 0))
    path = tmp_path / f"ct.v1{suffix}"
    sitk.WriteImage(image, str(path), packed)
    header = path.read_bytes()
    path.write_bytes(b"")  # planning must not look into it
    found = whole_volume(path)
    assert set(found) == set(tmp_path.iterdir()) and len(found) == 2
    path.write_bytes(header)
    assert np.array_equal(read_sources(found).array, VOXELS)


PAIRS = [
    ("ct.hdr", "ct.img"),
    ("ct.v1.hdr", "ct.v1.img"),
    ("CT.HDR", "CT.IMG"),
    ("ct.hdr", "ct.img.gz"),
    ("ct.hdr.gz", "ct.img.gz"),
]


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("half", [0, 1])
def test_a_pair_is_found_by_either_half(tmp_path, names, kind, half):
    affine = np.diag([-0.8, 0.7, 2.5, 1.0])
    nib.save(kind(VOXELS, affine), tmp_path / "x.img")
    for name, written in zip(names, ("x.hdr", "x.img"), strict=True):
        content = (tmp_path / written).read_bytes()
        (tmp_path / written).unlink()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    header, image = (tmp_path / name for name in names)
    found = whole_volume((header, image)[half])
    assert found == (header, image)
    for read in (read_sources(found), read_volume((header, image)[half])):
        assert np.array_equal(read.array, VOXELS)
        assert np.allclose(read.affine, affine)
    one = describe_files(found).sha256
    data = gzip.decompress(image.read_bytes()) if image.suffix == ".gz" else image.read_bytes()
    other = data[:-1] + bytes([data[-1] ^ 1])
    image.write_bytes(gzip.compress(other) if image.suffix == ".gz" else other)
    assert describe_files(found).sha256 != one


@pytest.mark.parametrize("name", ["ct.hdr", "ct.img"])
def test_half_a_pair_is_one_sentence(tmp_path, refused, name):
    nib.save(nib.Nifti1Pair(VOXELS, np.eye(4)), tmp_path / "ct.img")
    other = {"ct.hdr": "ct.img", "ct.img": "ct.hdr"}[name]
    (tmp_path / other).unlink()
    found = whole_volume(tmp_path / name)
    assert found == (tmp_path / name,)
    assert f"of which {other} is missing" in refused(read_sources, found)


def test_two_halves_of_one_kind_are_refused(tmp_path, refused):
    nib.save(nib.Nifti1Pair(VOXELS, np.eye(4)), tmp_path / "ct.img")
    (tmp_path / "ct.img.gz").write_bytes(gzip.compress((tmp_path / "ct.img").read_bytes()))
    said = refused(read_sources, whole_volume(tmp_path / "ct.hdr"))
    assert "it belongs to both ct.img and ct.img.gz" in said


def test_analyze_images_do_not_say_where_left_is(tmp_path, refused):
    nib.save(nib.AnalyzeImage(VOXELS, np.eye(4)), tmp_path / "ct.img")
    assert "Analyze 7.5" in refused(read_sources, whole_volume(tmp_path / "ct.img"))
    assert "Analyze 7.5" in refused(read_header, tmp_path / "ct.hdr")
    (tmp_path / "ct.hdr").write_bytes(b"no header")
    assert "Analyze 7.5" not in refused(read_header, tmp_path / "ct.hdr")


@pytest.mark.parametrize("cut", ["ct.hdr", "ct.img"])
def test_a_damaged_pair_is_one_sentence(tmp_path, refused, cut):
    nib.save(nib.Nifti1Pair(VOXELS, np.eye(4)), tmp_path / "ct.img")
    content = (tmp_path / cut).read_bytes()
    (tmp_path / cut).write_bytes(content[: len(content) // 2])
    refused(read_sources, whole_volume(tmp_path / "ct.hdr"))


OUTSIDE = ["../outside.raw", "parts/../../outside.raw", "/etc/hostname", "..", "a\0b"]


@pytest.mark.parametrize("start", [META, NRRD + "data file: "], ids=["meta", "nrrd"])
@pytest.mark.parametrize("name", [*OUTSIDE, "LIST\n../outside.raw", "../s%d.raw 1 5 1"])
def test_no_file_outside_of_the_folder_is_read(tmp_path, refused, start, name):
    folder = tmp_path / "in"
    path = volume(folder, "ct.mhd" if start == META else "ct.nhdr", start + name + "\n", ["x"])
    (tmp_path / "outside.raw").write_bytes(RAW)
    assert whole_volume(path) == (path,)
    assert "outside of its own folder" in refused(read_sources, [path])
    assert "outside of its own folder" in refused(read_volume, path)


def test_an_absolute_name_of_a_file_in_the_folder_will_do(tmp_path):
    path = volume(tmp_path, "ct.mhd", f"{META}{tmp_path}/v.bin\n", ["v.bin"])
    assert np.array_equal(read_sources(whole_volume(path)).array, VOXELS)


SENSELESS = ["s%d%d.raw 1 5 1", "s%s.raw 1 5 1", "s%n.raw 1 5 1", "s%d.raw 1 5", "s%d.raw a b c"]


@pytest.mark.parametrize("start", [META, NRRD + "data file: "], ids=["meta", "nrrd"])
@pytest.mark.parametrize(
    "name", [*SENSELESS, "s%d.raw 1 5 0", "s%d.raw 1 999999999 1", "", "ct.mhd"]
)
def test_names_that_make_no_sense_never_reach_the_reader(tmp_path, refused, start, name):
    """Which takes a pattern as a format of C, and crashes."""
    path = tmp_path / ("ct.mhd" if start == META else "ct.nhdr")
    path.write_text(start + name.replace("ct.mhd", path.name) + "\n")
    assert "names no data files" in refused(read_sources, whole_volume(path))


def test_missing_data_are_named(tmp_path, refused):
    path = volume(tmp_path, "ct.mhd", META + "LIST\n" + SLICES, SLICES.split())
    (tmp_path / "parts/s05.bin").unlink()
    said = refused(read_sources, whole_volume(path))
    assert "it names 's05.bin' as its data, and there is no such file" in said
    path = volume(tmp_path / "b", "ct.mhd", META + "CT.RAW\n", ["ct.raw"])
    assert "(there is ct.raw)" in refused(read_sources, whole_volume(path))


def test_a_header_that_names_other_data_than_planned_is_refused(tmp_path, refused):
    path = volume(tmp_path, "ct.mhd", META + "v.bin\n", ["v.bin"])
    (tmp_path / "ct.raw").write_bytes(RAW[::-1])
    found = whole_volume(path)
    assert found == (path, tmp_path / "ct.raw")
    assert "it names v.bin as its data, but ct.raw beside it" in refused(read_sources, found)
    # with two candidates, the header is asked
    (tmp_path / "ct.zraw").touch()
    assert whole_volume(path) == (path, tmp_path / "v.bin")


@pytest.mark.parametrize(("suffix", "other"), [(".nrrd", ".nhdr"), (".mha", ".mhd")])
def test_data_that_no_name_tells_of_are_refused(tmp_path, refused, suffix, other):
    start = META if suffix == ".mha" else NRRD + "data file: "
    path = volume(tmp_path, f"ct{suffix}", start + "v.bin\n", ["v.bin"])
    found = whole_volume(path)
    assert found == (path,)
    said = refused(read_sources, found)
    assert "its voxels lie in v.bin" in said and other in said
    renamed = path.rename(path.with_suffix(other))
    assert np.array_equal(read_sources(whole_volume(renamed)).array, VOXELS)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz", ".nii", ".dcm", ".zip"])
def test_a_file_by_itself_stays_alone(tmp_path, suffix):
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / "x.nrrd"))
    shutil.copy(tmp_path / "x.nrrd", path)
    assert whole_volume(path) == (path,)
    (tmp_path / "ct.raw").touch()  # of something else
    assert whole_volume(path) == (path,)


def test_a_detached_header_may_hold_its_voxels_itself(tmp_path):
    path = tmp_path / "ct.mhd"
    path.write_bytes(f"{META}LOCAL\n".encode() + RAW)
    assert whole_volume(path) == (path,)
    assert np.array_equal(read_sources([path]).array, VOXELS)


def test_each_folder_is_listed_once(tmp_path, monkeypatch):
    listed = []
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    for k in range(5):
        volume(tmp_path, f"c{k}.mhd", META + f"c{k}.raw\n", [f"c{k}.raw"])
    folders = Folders()
    for k in range(5):
        assert len(whole_volume(tmp_path / f"c{k}.mhd", folders)) == 2
    assert listed == [tmp_path]


# --- in the layouts ------------------------------------------------------------------------


def cases(folder: Path, layout: str, **keys) -> dict[str, tuple[set[str], set[str]]]:
    settings = Dataset(name="x", layout=layout, root=folder.name, labels={"liver": 1}, **keys)
    return {
        case.name: tuple(
            {str(path.relative_to(folder)) for path in files} for files in (case.image, case.mask)
        )
        for case in find_cases(settings, folder.parent)
    }


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_pairs_have_all_files(tmp_path):
    touch(tmp_path, "raw/p.1_orig.mhd", "raw/p.1_orig.raw", "raw/p.1_liver.hdr")
    touch(tmp_path, "raw/p.1_liver.img")
    pairs = {"train": "raw", "test": None, "image": "*_orig.mhd", "mask": "*_liver.img"}
    assert cases(tmp_path, "pairs", pairs=pairs) == {
        "p.1": (
            {"raw/p.1_orig.mhd", "raw/p.1_orig.raw"},
            {"raw/p.1_liver.hdr", "raw/p.1_liver.img"},
        )
    }


def test_a_table_has_all_files(tmp_path):
    touch(tmp_path, "a/ct.MHD", "a/ct.ZRAW", "a/seg.nhdr", "a/seg.raw.gz")
    (tmp_path / "t.tsv").write_text("case\timage\tmask\nk\ta/ct.MHD\ta/seg.nhdr\n")
    settings = Dataset(name="x", layout="table", root="t.tsv", labels={"liver": 1})
    (case,) = find_cases(settings, tmp_path)
    assert [path.name for path in case.image] == ["ct.MHD", "ct.ZRAW"]
    assert [path.name for path in case.mask] == ["seg.nhdr", "seg.raw.gz"]
    assert case.needs_conversion


def test_a_decathlon_has_all_files(tmp_path):
    touch(tmp_path, "imagesTr/k.mhd", "imagesTr/k.raw", "labelsTr/k.hdr", "labelsTr/k.img.gz")
    (tmp_path / "dataset.json").write_text(
        '{"training": [{"image": "./imagesTr/k.mhd", "label": "./labelsTr/k.img.gz"}]}'
    )
    assert cases(tmp_path, "msd") == {
        "k": ({"imagesTr/k.mhd", "imagesTr/k.raw"}, {"labelsTr/k.hdr", "labelsTr/k.img.gz"})
    }


def test_nnunet_has_all_files(tmp_path):
    touch(tmp_path, "imagesTr/k.a_0000.mhd", "imagesTr/k.a_0000.raw", "labelsTr/k.a.hdr")
    touch(tmp_path, "labelsTr/k.a.img", "imagesTr/b_0000.NHDR", "imagesTr/b_0000.RAW")
    touch(tmp_path, "labelsTr/b.NII.GZ")
    assert cases(tmp_path, "nnunet") == {
        "b": ({"imagesTr/b_0000.NHDR", "imagesTr/b_0000.RAW"}, {"labelsTr/b.NII.GZ"}),
        "k.a": (
            {"imagesTr/k.a_0000.mhd", "imagesTr/k.a_0000.raw"},
            {"labelsTr/k.a.hdr", "labelsTr/k.a.img"},
        ),
    }


def test_image_and_mask_share_no_file(tmp_path, refused):
    """As they do where a program wrote c.mhd and c.nhdr, and c.raw twice."""
    touch(tmp_path, "c.mhd", "c.nhdr", "c.raw")
    (tmp_path / "t.tsv").write_text("case\timage\tmask\nk\tc.mhd\tc.nhdr\n")
    settings = Dataset(name="x", layout="table", root="t.tsv", labels={"liver": 1})
    assert "c.raw is a file of both image and mask" in refused(find_cases, settings, tmp_path)


def test_headers_alike_are_told_apart(tmp_path):
    """Two scans whose headers are the same to the byte."""
    found = []
    for k, raw in enumerate((RAW, RAW[::-1])):
        path = volume(tmp_path / str(k), "ct.mhd", META + "ct.raw\n", ["ct.raw"], raw)
        found.append(describe_files(whole_volume(path)).sha256)
    assert found[0] != found[1]
    header = hashlib.sha256((tmp_path / "0/ct.mhd").read_bytes()).hexdigest()
    assert header == hashlib.sha256((tmp_path / "1/ct.mhd").read_bytes()).hexdigest()
    assert len(data_files(tmp_path / "0/ct.mhd")) == 1


def test_a_data_file_with_a_name_that_no_file_system_takes_is_not_there(tmp_path, refused):
    for name in ("x" * 5000, "%d" + "x" * 5000, "a%0d 1 9999999999999999999999 1"):
        content = meta().split(b"LOCAL")[0] + name.encode()
        (tmp_path / "a.mhd").write_bytes(content)
        refused(read_volume, tmp_path / "a.mhd")
