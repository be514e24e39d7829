"""The same scan is found whatever was done to it, and other scans are not taken for it."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.volumes import fingerprint
from slicewise.volumes.fingerprint import (
    ALIKE,
    COEFFICIENTS,
    beside,
    find_alike,
    likeness,
    pack,
    read_marks,
    slice_marks,
    unpack,
    write_marks,
)
from slicewise.volumes.phantom import phantom
from slicewise.volumes.volume import Volume

PATIENTS = 10
DAMAGED = "the file is damaged or was edited"


@cache
def scan(index: int, size: int = 96) -> Volume:
    return phantom(index, seed=11, size=size, slices=(20, 24))[0]


@cache
def marks(index: int) -> np.ndarray:
    return slice_marks(scan(index))


def resampled(volume: Volume, spacing: tuple[float, float, float]) -> Volume:
    """The same body on another grid."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.T).astype(np.float32))
    image.SetSpacing(volume.spacing)
    old = np.array(volume.spacing)
    size = np.rint(np.array(volume.array.shape) * old / spacing).astype(int).tolist()
    origin = ((np.array(spacing) - old) / 2).tolist()
    made = sitk.Resample(image, size, sitk.Transform(), sitk.sitkLinear, origin, spacing)
    scale = np.diag([*(np.array(spacing) / old), 1.0])
    return Volume(sitk.GetArrayFromImage(made).T, volume.affine @ scale)


def windowed(volume: Volume, low: float, high: float) -> Volume:
    values = (np.clip(volume.array, low, high) - low) * (255 / (high - low))
    return Volume(np.rint(values).astype(np.uint8), volume.affine)


def without_header(volume: Volume) -> Volume:
    """Turned and mirrored, with a header that does not say so."""
    turned = np.rot90(volume.canonical().array)[:, ::-1, ::-1]
    return Volume(turned, np.eye(4))


def part(volume: Volume, *slices: int) -> Volume:
    canonical = volume.canonical()
    return Volume(canonical.array[:, :, list(slices)], canonical.affine)


COPIES = {
    "resampled": lambda v: resampled(v, (4.0, 4.0, 7.0)),
    "finer": lambda v: resampled(v, tuple(0.7 * s for s in v.spacing)),
    "turned": without_header,
    "windowed": lambda v: windowed(v, -160, 240),
    "narrow window": lambda v: windowed(v, 0, 255),
    "scaled": lambda v: Volume(v.array * 0.25 + 100, v.affine),
    "noisy": lambda v: Volume(
        v.array + np.random.default_rng(1).normal(0, 20, v.array.shape), v.affine
    ),
    "lower third": lambda v: part(v, *range(7)),
    "a pile of slices": lambda v: part(v, 17, 3, 9),
    "one slice": lambda v: part(v, 11),
    "all at once": lambda v: without_header(
        windowed(resampled(part(v, 5, 12), (4.5, 4.5, v.spacing[2])), -100, 240)
    ),
    "of another scanner": lambda v: scan(2, 128),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_a_changed_copy_is_found_among_others(change):
    others = {str(index): marks(index) for index in range(PATIENTS)}
    found = find_alike({"copy": slice_marks(change(scan(2)))}, others)
    assert [pair[:2] for pair in found] == [("copy", "2")]
    assert ALIKE <= found[0][2] <= 1.0001
    assert [(b, a) for a, b, _ in found] == [
        pair[:2] for pair in find_alike(others, {"copy": slice_marks(change(scan(2)))})
    ]


def test_other_patients_are_not_alike():
    scores = [likeness(marks(a), marks(b)) for a, b in combinations(range(PATIENTS), 2)]
    assert max(scores) < ALIKE - 0.03
    every = {str(index): marks(index) for index in range(PATIENTS)}
    assert {(a, b) for a, b, _ in find_alike(every, every)} == {(name, name) for name in every}


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("x", [1, -1])
@pytest.mark.parametrize("y", [1, -1])
def test_all_eight_ways_to_lay_a_slice_are_one(swap, x, y):
    square = scan(4).canonical().array
    laid = (square.swapaxes(0, 1) if swap else square)[::x, ::y]
    assert likeness(marks(4), slice_marks(Volume(laid, np.eye(4)))) > 0.998


def test_a_quarter_has_to_be_laid_the_same_way():
    # whatever is alike in single slices by chance lies in one way here, in another there
    square = part(scan(4), *range(2, 18)).array
    ways = [np.rot90(square[:, :, k], k)[:: 1 if k % 8 < 4 else -1] for k in range(16)]
    each = [slice_marks(Volume(way[:, :, None], np.eye(4))) for way in ways]
    assert min(likeness(marks(4), one) for one in each) >= ALIKE
    assert likeness(marks(4), np.concatenate(each)) < ALIKE


def test_the_bound_is_never_below_the_likeness():
    rng = np.random.default_rng(3)
    rows = np.concatenate([marks(1), rng.integers(-127, 128, (20, COEFFICIENTS)).astype(np.int8)])
    values = fingerprint._unit(rows)
    bounds = fingerprint._bounds(values) @ fingerprint._bounds(values).T
    assert np.allclose(np.diag(bounds), 1, atol=1e-5)
    for turned in fingerprint._turns(values):
        assert np.all(turned @ values.T <= bounds + 1e-5)


def test_the_marks_are_few_and_the_same_to_the_bit():
    volume = scan(5)
    found = slice_marks(volume)
    assert found.dtype == np.int8
    assert found.shape[1] == COEFFICIENTS
    assert len(found) <= volume.array.shape[2]
    assert found.tobytes() == slice_marks(volume).tobytes()
    # slices that repeat add nothing
    thick = Volume(np.repeat(volume.canonical().array, 4, axis=2), np.eye(4))
    assert len(slice_marks(thick)) == len(found)


@pytest.mark.parametrize(
    "array",
    [
        np.full((20, 24, 3), -1000, np.int16),
        np.zeros((1, 1, 1), np.float32),
        np.pad(np.ones((2, 2, 2)), ((9, 9), (9, 9), (0, 0))),
    ],
    ids=["plain", "one voxel", "a dot"],
)
def test_slices_without_contrast_have_no_mark_and_match_nothing(array):
    found = slice_marks(Volume(array, np.eye(4)))
    assert found.shape == (0, COEFFICIENTS)
    assert likeness(found, marks(1)) == -1
    assert find_alike({"plain": found}, {"plain": found, "1": marks(1)}) == []
    assert find_alike({"1": marks(1)}, {"plain": found}) == []


def test_nothing_is_alike_in_empty_data_sets():
    assert find_alike({}, {"1": marks(1)}) == []
    assert find_alike({}, {}) == []


def test_a_slice_is_found_among_more_cases_than_fit_a_block(monkeypatch):
    monkeypatch.setattr(fingerprint, "BLOCK", 16)
    every = {str(index): marks(index) for index in range(PATIENTS)}
    ours = {"a": marks(3)[5:6], "b": marks(8)[6:9], **{f"c{k}": marks(6) for k in range(4)}}
    found = {pair[:2] for pair in find_alike(ours, every)}
    assert found == {("a", "3"), ("b", "8"), *((f"c{k}", "6") for k in range(4))}


# --- files ---------------------------------------------------------------------------------


def test_a_passport_holds_them_as_text():
    assert np.array_equal(unpack(pack(marks(1))), marks(1))
    assert unpack(pack(marks(1)[:0])).shape == (0, COEFFICIENTS)


def test_they_lie_beside_the_table(tmp_path):
    path = beside(tmp_path / "cases.tsv")
    assert path == tmp_path / "cases.npz"
    stored = {"001": marks(1), "NA": marks(1)[:0], "b": marks(2)}
    write_marks(path, stored)
    found = read_marks(path, ["NA", "b", "001"])
    assert list(found) == list(stored)
    assert all(np.array_equal(found[case], stored[case]) for case in stored)
    first = path.read_bytes()
    write_marks(path, stored)
    assert path.read_bytes() == first


def test_where_there_are_none_or_others_a_gate_must_not_open(tmp_path, monkeypatch, refused):
    path = tmp_path / "cases.npz"
    assert refused(read_marks, path, ["a"]).startswith(f"{path}: it is missing")
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "METHOD", fingerprint.METHOD + 1)
        write_marks(path, {"a": marks(1)})
    assert refused(read_marks, path, ["a"]).startswith(f"{path}: another version")


def test_a_file_that_is_damaged_or_of_another_table_is_refused(tmp_path, refused):
    path = tmp_path / "cases.npz"
    write_marks(path, {"a": marks(1), "b": marks(2)})
    message = refused(read_marks, path, ["a", "c"])
    assert message.startswith(f"{path}: it holds other cases")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(content)
        assert DAMAGED in refused(read_marks, path, ["a", "b"])
    write_marks(path, {"a": marks(1)})
    np.savez(path, cases=np.array(["a"]))
    assert DAMAGED in refused(read_marks, path, ["a"])


# --- real data -----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_patients_of_ircad_are_found_in_the_liver_task_and_nobody_else(real_data):
    from slicewise.volumes.read import read_volume

    piles = {
        path.name[:4]: slice_marks(read_volume(path))
        for path in sorted((real_data / "msd_liver_2d" / "raw").glob("*/*_orig.nii.gz"))
    }
    assert len(piles) == 102
    stacks = {
        number: slice_marks(
            read_volume(real_data / "ircad" / f"3Dircadb1.{number}" / "PATIENT_DICOM.zip")
        )
        for number in ("1", "7", "17")
    }
    found = {pair[:2] for pair in find_alike(stacks, piles)}
    assert found == {("1", "p049"), ("7", "p056"), ("17", "p067")}
    assert {(a, b) for a, b, _ in find_alike(piles, piles)} == {(case, case) for case in piles}
