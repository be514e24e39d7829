"""The same scan is found whatever was done to it, and other scans are not taken for it."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from slicewise.dataset import duplicates, suspects
from slicewise.dataset.duplicates import ALIKE, find_alike, likeness
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import Scan
from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume

PATIENTS = 10
DAMAGED = "the file is damaged or was edited"


@cache
def scan(index: int, size: int = 96) -> Volume:
    return phantom(index, seed=11, size=size, slices=(20, 24))[0]


@cache
def marks(index: int) -> Scan:
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
    assert max(scores) < ALIKE - 0.05
    every = {str(index): marks(index) for index in range(PATIENTS)}
    assert find_alike(every, every) == []


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("x", [1, -1])
@pytest.mark.parametrize("y", [1, -1])
def test_all_eight_ways_to_lay_a_slice_are_one(swap, x, y):
    square = scan(4).canonical().array
    laid = (square.swapaxes(0, 1) if swap else square)[::x, ::y]
    assert likeness(marks(4), slice_marks(Volume(laid, np.eye(4)))) > 0.998


def test_within_a_data_set_each_pair_is_told_once_and_none_with_itself():
    every = {"b": marks(2), "c": marks(5), "a": slice_marks(without_header(scan(2)))}
    assert [pair[:2] for pair in find_alike(every, every)] == [("a", "b")]
    assert find_alike(every, every) == [("a", "b", likeness(every["a"], every["b"]))]


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_found_is_what_a_look_at_every_pair_finds(monkeypatch, threads):
    monkeypatch.setattr(duplicates, "KEPT", 2)
    changed = [COPIES["windowed"], COPIES["lower third"], COPIES["one slice"], PARTS["inverted"]]
    ours = {f"a{index}": marks(index) for index in range(6)}
    theirs = {f"b{index}": marks(index) for index in range(4, 10)}
    for number, change in enumerate(changed):
        original = scan(number) if number < 3 else scan(number).canonical().array
        copy = change(original)
        copy = copy if isinstance(copy, Volume) else Volume(copy, np.eye(4))
        theirs[f"copy{number}"] = slice_marks(copy)
    every = {(a, b): likeness(ours[a], theirs[b]) for a in ours for b in theirs}
    alike = {pair: score for pair, score in every.items() if score >= ALIKE}
    assert {pair for pair in alike if pair[1].startswith("copy")} == {
        (f"a{number}", f"copy{number}") for number in range(len(changed))
    }
    found = find_alike(ours, theirs, threads)
    assert {(a, b): score for a, b, score in found} == alike


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
    assert len(found) == 0
    assert likeness(found, marks(1)) == -1
    assert find_alike({"plain": found}, {"plain": found, "1": marks(1)}) == []
    assert find_alike({"1": marks(1)}, {"plain": found}) == []


def test_nothing_is_alike_in_empty_data_sets():
    assert find_alike({}, {"1": marks(1)}) == []
    assert find_alike({}, {}) == []


def few(index: int, *slices: int) -> Scan:
    return slice_marks(part(scan(index), *slices))


def test_a_slice_is_found_among_more_cases_than_fit_a_block(monkeypatch):
    for name in ("TOGETHER", "DESCRIBED", "ROWS"):
        monkeypatch.setattr(suspects, name, 1)
    every = {str(index): marks(index) for index in range(PATIENTS)}
    ours = {"a": few(3, 5), "b": few(8, 6, 7, 8), **{f"c{k}": marks(6) for k in range(4)}}
    found = {pair[:2] for pair in find_alike(ours, every)}
    assert found == {("a", "3"), ("b", "8"), *((f"c{k}", "6") for k in range(4))}


# --- content -------------------------------------------------------------------------------


def small(index: int) -> np.ndarray:
    """A crop without a border, whose patients have one anatomy."""
    return np.clip(scan(index).canonical().array[24:66, 20:76, 2:18], -150, 250)


def filled(array: np.ndarray, size: int, value: float) -> Volume:
    x, y = ((size - n) // 2 for n in array.shape[:2])
    out = np.full((size, size, array.shape[2]), value, array.dtype)
    out[x : x + array.shape[0], y : y + array.shape[1]] = array
    return Volume(out, np.eye(4))


@pytest.mark.parametrize("value", [0, -1000, -1024, 3071])
@pytest.mark.parametrize("size", [64, 150])
def test_a_common_canvas_makes_nobody_alike(size, value):
    every = {str(k): slice_marks(filled(small(k), size, value)) for k in range(6)}
    assert find_alike(every, every) == []
    plain = {name: slice_marks(Volume(small(int(name)), np.eye(4))) for name in every}
    assert {(a, b) for a, b, _ in find_alike(every, plain)} == {(name, name) for name in every}


def test_an_outline_that_all_share_makes_nobody_alike():
    x, y = np.ogrid[-1:1:72j, -1:1:80j]
    inside = (x**2 + y**2 < 0.6)[..., None]
    every = {}
    for k in range(6):
        noise = np.random.default_rng(k).normal(0, 1, (72, 80, 9))
        shades = 300 + 400 * blurred(noise)
        every[str(k)] = slice_marks(Volume(np.where(inside, shades, 0), np.eye(4)))
    assert find_alike(every, every) == []


def blurred(noise: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(noise, 2)


def cut(array: np.ndarray, share: float) -> np.ndarray:
    sides = [round(share * n) for n in array.shape]
    return array[tuple(slice(c, n - c) for c, n in zip(sides, array.shape, strict=True))]


def moved(array: np.ndarray) -> np.ndarray:
    out = np.full_like(array, array.min())
    out[7:, :-9] = array[:-7, 9:]
    return out


PARTS = {
    "padded": lambda a: np.pad(a, [(12, 12), (16, 16), (0, 0)], constant_values=a.min()),
    "padded on one side": lambda a: np.pad(a, [(0, 19), (3, 0), (2, 0)], constant_values=-2000),
    "cropped by 5 %": lambda a: cut(a, 0.05),
    "cropped by 20 %": lambda a: cut(a, 0.2),
    "cropped on two sides": lambda a: a[17:, :-20],
    "shifted": moved,
    "inverted": lambda a: a.max() + a.min() - a,
    "inverted and windowed": lambda a: 200 - np.clip(a, -100, 200),
    "cropped, turned, mirrored, inverted, as float": lambda a: np.rot90(
        -cut(a.astype(np.float64), 0.2)
    )[::-1, :, ::-1],
}


@pytest.mark.parametrize("change", PARTS.values(), ids=PARTS)
def test_a_part_of_a_canvas_is_found_among_others(change):
    others = {str(index): marks(index) for index in range(PATIENTS)}
    copy = slice_marks(Volume(change(scan(2).canonical().array), np.eye(4)))
    assert [pair[:2] for pair in find_alike({"copy": copy}, others)] == [("copy", "2")]
    assert [pair[:2] for pair in find_alike(others, {"copy": copy})] == [("2", "copy")]


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
    assert find_alike(piles, piles) == []
