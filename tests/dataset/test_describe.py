"""Describing a case: what is said of it agrees with an independent computation."""

import gzip
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, inv_ornt_aff

from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.describe import CaseFiles, fingerprint, make_record
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack, unpack
from slicewise.errors import SlicewiseError
from slicewise.volumes.volume import Volume

AFFINE = np.array([[-0.8, 0, 0, 8], [0, 0.7, 0, -9], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
CONTENT = Content(
    intensity="hu",
    contiguous=True,
    labels={"liver": [1, 3], "tumour": [2]},
    other_labels="refuse",
)


def scan(seed: int = 0, shape=(12, 14, 6)) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 300, shape).astype(np.int16)


@pytest.fixture
def files(tmp_path):
    mask = np.zeros((12, 14, 6), np.uint8)
    mask[2:5, 2:6, 1:3] = 1
    mask[5:6, 2:6, 1:3] = 3
    mask[8:10, 8:10, 4] = 2
    image_path, mask_path = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image(scan(), AFFINE), image_path)
    nib.save(nib.Nifti1Image(mask, AFFINE), mask_path)
    return image_path, mask_path


def case_record(image_path, mask_path, content=CONTENT, **sources) -> CaseRecord:
    sources = {"image": [image_path], "mask": [mask_path], **sources}
    files = CaseFiles("case", "patient", image_path, mask_path, sources)
    return make_record(files, files.described(), content, "all of it")


def test_every_number_agrees_with_an_independent_computation(files):
    record = case_record(*files)
    voxels = scan().ravel().astype(float)
    assert (record.case, record.patient) == ("case", "patient")
    assert record.shape == [12, 14, 6]
    assert record.spacing == [0.8, 0.7, 2.5]
    assert record.orientation == "LAS"
    for path, kind in zip(files, ("image", "mask"), strict=True):
        source = getattr(record, kind)
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert source.bytes == path.stat().st_size
        assert source.file == path.name
    intensity = record.intensity
    assert (intensity["min"], intensity["max"]) == (voxels.min(), voxels.max())
    assert intensity["p50"] == pytest.approx(np.percentile(voxels, 50), abs=2)
    assert intensity["p99.5"] == pytest.approx(np.percentile(voxels, 99.5), abs=5)
    # a voxel is 0.8 × 0.7 × 2.5 mm = 1.4 mm³
    assert record.ml == {"liver": pytest.approx(32 * 0.0014), "tumour": pytest.approx(4 * 0.0014)}


def test_the_marks_are_those_of_the_image(files):
    marks = slice_marks(Volume(scan(), AFFINE))
    assert len(marks)
    assert pack(unpack(case_record(*files).marks)) == pack(marks)


def test_it_says_what_was_read_and_for_what_it_was_checked(files):
    record = case_record(*files)
    assert record.content == CONTENT.model_dump()
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert [record.read["image"], record.read["mask"]] == wanted
    assert record.made_from == "all of it"


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.3, 0.6]))
def test_how_much_of_a_label_is_one_piece_is_as_another_library_counts(seed, share):
    random = np.random.default_rng(seed)
    mask = (random.integers(1, 4, (12, 14, 6)) * (random.random((12, 14, 6)) < share)).astype("u1")
    with TemporaryDirectory() as folder:
        paths = Path(folder) / "image.nii.gz", Path(folder) / "mask.nii.gz"
        for path, array in zip(paths, (scan(), mask), strict=True):
            nib.save(nib.Nifti1Image(array, AFFINE), path)
        record = case_record(*paths)
        pile = case_record(*paths, CONTENT.model_copy(update={"contiguous": False}))
    for label, values in CONTENT.labels.items():
        own = sitk.GetImageFromArray(np.isin(mask, values).astype(np.uint8))
        parts = sitk.ConnectedComponent(own, True)
        # the largest first
        ordered = sitk.GetArrayFromImage(sitk.RelabelComponent(parts))
        expected = np.count_nonzero(ordered == 1) / np.count_nonzero(ordered)
        assert record.largest[label] == pytest.approx(expected, abs=1e-6)
    assert pile.largest == {}


def test_a_label_that_a_case_lacks_has_no_volume(files, tmp_path):
    content = CONTENT.model_copy(update={"labels": {"spleen": [9], **CONTENT.labels}})
    record = case_record(*files, content=content)
    assert record.ml["spleen"] == 0
    assert record.largest == {"liver": 1.0, "tumour": 1.0}


def test_a_healthy_patient_is_refused_unless_the_settings_say_so(files, tmp_path, refused):
    empty = tmp_path / "empty.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((12, 14, 6), np.uint8), AFFINE), empty)
    assert "dataset.empty_masks" in refused(case_record, files[0], empty)
    allowed = CONTENT.model_copy(update={"empty_masks": "allow"})
    assert case_record(files[0], empty, allowed).ml == {"liver": 0, "tumour": 0}
    # nothing else is allowed by it
    nib.save(nib.Nifti1Image(np.full((12, 14, 6), 9, np.uint8), AFFINE), empty)
    assert "does not name: 9" in refused(case_record, files[0], empty, allowed)


def test_what_is_there_never_has_no_volume(tmp_path):
    mask = np.zeros((12, 14, 6), np.uint8)
    mask[3, 3, 3] = 1
    affine = np.diag([0.01, 0.01, 0.01, 1])
    paths = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    for path, array in zip(paths, (scan(), mask), strict=True):
        nib.save(nib.Nifti1Image(array, affine), path)
    assert case_record(*paths).ml["liver"] == pytest.approx(1e-9, rel=0.01)
    assert case_record(*paths).ml["tumour"] == 0


def test_the_sources_are_described_and_named_in_what_is_refused(files, tmp_path, refused):
    slices = [tmp_path / "series" / f"image_{k}" for k in range(3)]
    slices[0].parent.mkdir()
    for k, path in enumerate(slices):
        path.write_bytes(bytes([k]) * 10)
    source = case_record(*files, image=slices).image
    assert (source.file, source.bytes) == ("series (3)", 30)
    slices[1].write_bytes(b"other bytes")
    assert case_record(*files, image=slices).image.sha256 != source.sha256
    # the user knows the series, not the file that was made of it
    empty = nib.Nifti1Image(np.zeros((12, 14, 6), np.uint8), AFFINE)
    nib.save(empty, tmp_path / "empty.nii.gz")
    masks = {"mask": [slices[0]]}
    message = refused(case_record, files[0], tmp_path / "empty.nii.gz", image=slices, **masks)
    assert message.startswith(str(slices[0]))


@pytest.mark.parametrize("many", [False, True], ids=["a file", "a folder"])
def test_names_made_of_a_uid_are_not_written_down(files, tmp_path, many):
    # scanners and archives name files and folders after the UIDs of a study
    uid = "1.2.826.0.1.3680043.8.498.777000777"
    slices = [tmp_path / uid / f"{uid}.{k}.dcm" for k in range(3 if many else 1)]
    slices[0].parent.mkdir()
    for path in slices:
        path.write_bytes(b"slice")
    assert uid not in json.dumps(case_record(*files, image=slices).dump())


def test_both_files_are_checked(files, tmp_path, refused):
    nib.save(nib.Nifti1Image(scan().astype(np.uint8), AFFINE), tmp_path / "wrapped.nii.gz")
    assert "Hounsfield" in refused(case_record, tmp_path / "wrapped.nii.gz", files[1])
    beside = AFFINE.copy()
    beside[0, 3] += 0.5
    nib.save(nib.Nifti1Image(scan(), beside), tmp_path / "beside.nii.gz")
    message = refused(case_record, tmp_path / "beside.nii.gz", files[1])
    assert "not on the grid of its image" in message
    assert "dataset.masks to resample" in message


def test_a_mask_stored_otherwise_is_brought_onto_its_image_and_said(files, tmp_path, caplog):
    plain = case_record(*files)
    assert "mask_stored" not in plain.dump()
    labels = nib.load(files[1]).get_fdata().astype(np.uint8)
    turn = np.array([[-1, 0, 0, labels.shape[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    flipped = tmp_path / "flipped.nii.gz"
    nib.save(nib.Nifti1Image(np.ascontiguousarray(labels[::-1]), AFFINE @ turn), flipped)
    turned_round = case_record(files[0], flipped)
    assert turned_round.ml == plain.ml
    assert turned_round.dump()["mask_stored"]["how"] == "flipped"
    assert f"{flipped}: the mask is stored with axes flipped; brought onto" in caplog.text
    beside = AFFINE.copy()
    beside[:3, 3] += 0.25 * AFFINE[:3, 2]
    moved = tmp_path / "moved.nii.gz"
    nib.save(nib.Nifti1Image(labels, beside), moved)
    resample = CONTENT.model_copy(update={"masks": "resample"})
    beside = case_record(files[0], moved, resample)
    assert beside.mask_stored["off_voxels"] == pytest.approx(0.25)
    assert "0.62 mm (0.25 voxels)" in caplog.text or "0.63 mm (0.25 voxels)" in caplog.text


# --- fingerprint ---------------------------------------------------------------------------


def turned(volume: Volume, axes: str) -> Volume:
    """The same voxels stored along other axes."""
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(volume.affine), axcodes2ornt(axes)
    )
    return Volume(
        nib.orientations.apply_orientation(volume.array, turn),
        volume.affine @ inv_ornt_aff(turn, volume.array.shape),
    )


@settings(max_examples=40, deadline=None)
@given(
    st.permutations(["RL", "AP", "SI"]),
    st.tuples(*[st.integers(0, 1)] * 3),
    st.sampled_from([np.int16, np.int32, np.float32, np.float64]),
)
def test_the_fingerprint_ignores_orientation_and_type(axes, flips, dtype):
    original = Volume(scan(), AFFINE)
    code = "".join(axis[flip] for axis, flip in zip(axes, flips, strict=True))
    other = turned(Volume(original.array.astype(dtype), AFFINE), code)
    assert other.orientation == code
    assert fingerprint(other) == fingerprint(original)


def test_the_fingerprint_ignores_compression_scaling_and_header(tmp_path):
    image = nib.Nifti1Image(scan(), AFFINE)
    nib.save(image, tmp_path / "a.nii.gz")
    image.header["descrip"] = b"another header"
    nib.save(image, tmp_path / "b.nii")
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress((tmp_path / "b.nii").read_bytes(), 1))
    # stored as unsigned, with an intercept, as many converters do
    scaled = nib.Nifti1Image((scan().astype(np.int32) + 1024).astype(np.uint16), AFFINE)
    scaled.header.set_slope_inter(1, -1024)
    stored = tmp_path / "d.nii"
    nib.save(scaled, stored)
    from slicewise.volumes.read import read_volume

    volumes = [read_volume(tmp_path / name) for name in ("a.nii.gz", "b.nii", "c.nii.gz", "d.nii")]
    assert np.array_equal(volumes[0].array, volumes[3].array)
    assert len({fingerprint(volume) for volume in volumes}) == 1


def test_rounding_of_float_does_not_matter():
    array = np.random.default_rng(1).normal(100, 30, (12, 14, 6)).astype(np.float32).round(1)
    one = Volume(array, AFFINE)
    two = Volume((array.astype(np.float64) + 1e-5).astype(np.float32), AFFINE)
    assert fingerprint(one) == fingerprint(two)


@pytest.mark.parametrize("scale", [1e-5, 1, 1e7], ids=["small", "usual", "large"])
def test_other_scans_have_other_fingerprints(scale):
    # MR may hold any unit: fractions of one, or numbers beyond 32 bits once multiplied
    noise = [np.random.default_rng(k).random((12, 14, 6)) * 300 * scale for k in range(5)]
    marks = {fingerprint(Volume(array.astype(np.float32), AFFINE)) for array in noise}
    assert len(marks) == 5


def test_one_other_voxel_is_another_scan():
    changed = scan()
    changed[3, 3, 3] += 1
    assert fingerprint(Volume(changed, AFFINE)) != fingerprint(Volume(scan(), AFFINE))


def test_another_shape_of_the_same_bytes_is_another_scan():
    one, two = np.zeros((4, 6, 5), np.int16), np.zeros((6, 4, 5), np.int16)
    one[0, 0, 0] = two[0, 0, 0] = 9
    assert fingerprint(Volume(one, np.eye(4))) != fingerprint(Volume(two, np.eye(4)))


def test_a_real_scan_has_the_same_fingerprint_however_it_is_stored(real_data, tmp_path):
    from slicewise.volumes.read import read_volume
    from slicewise.volumes.write import write_nifti

    volume = read_volume(real_data / "odd" / "totalsegmentator_torso" / "ct.nii.gz")
    write_nifti(tmp_path / "copy.nii", turned(volume, "PIR"))
    assert fingerprint(read_volume(tmp_path / "copy.nii")) == fingerprint(volume)


def test_what_nobody_drew_is_neither_label_nor_background(files, caplog):
    content = CONTENT.model_copy(update={"ignore": 255})
    image = nib.load(files[1])
    stored = np.asanyarray(image.dataobj).copy()
    record = case_record(*files, content)
    assert record.undrawn is None and "undrawn" not in record.dump()
    stored[3] = 255
    nib.save(nib.Nifti1Image(stored, image.affine), files[1])
    caplog.clear()
    with caplog.at_level("INFO"):
        part = case_record(*files, content)
    assert "8.3 % of its voxels are undrawn" in caplog.text
    assert part.undrawn == pytest.approx((stored == 255).mean())
    voxel = 0.8 * 0.7 * 2.5 / 1000
    assert part.ml["liver"] == pytest.approx(np.isin(stored, (1, 3)).sum() * voxel, abs=1e-4)
    assert part.ml["liver"] < record.ml["liver"]
    assert part.content["ignore"] == 255
    with pytest.raises(SlicewiseError, match=r"values that dataset\.labels .* does not name: 255"):
        case_record(*files)
