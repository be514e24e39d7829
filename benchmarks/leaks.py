"""How well the leakage check tells the same scan from others: false alarms and copies found.

python benchmarks/leaks.py [--data DIR] [--cases 2000] [--scans 12]

Needs ircad/, msd_liver_2d/, msd_hippocampus/ and odd/totalsegmentator_torso/ below $SLICEWISE_DATA;
three patients are known to be in both of the first two. The first list has, by kind of data, how
many pairs of different patients there are and how many are called the same; the second, by kind of
copy, how many are found. Then come the time of comparing many cases and what is stored of each.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import ndimage

from slicewise.config import Dataset
from slicewise.dataset.duplicates import ALIKE, find_alike, likeness
from slicewise.dataset.finding import find_cases
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import Marks, Scan, pack
from slicewise.phantom.patient import phantom
from slicewise.volumes.read import read_sources, read_volume
from slicewise.volumes.volume import Volume

SETS = {
    "ircad": {"layout": "ircad", "labels": {"liver": "liver"}},
    "msd_liver_2d": {"layout": "pairs", "labels": {"liver": 1}},
    "msd_hippocampus": {"layout": "msd", "labels": {"anterior": 1}},
}
TRUE = {("3Dircadb1.1", "p049"), ("3Dircadb1.7", "p056"), ("3Dircadb1.17", "p067")}
CANVASES = (64, 96, 128, 192, 256)


def plain(array: np.ndarray) -> Volume:
    """Return a volume whose header says nothing."""
    return Volume(array, np.eye(4))


def on_canvas(array: np.ndarray, size: int, value: float = 0) -> np.ndarray:
    """Return an array in the middle of larger slices."""
    sides = [((size - n) // 2, size - n - (size - n) // 2) for n in array.shape[:2]]
    return np.pad(array, [*sides, (0, 0)], constant_values=value)


# --- scans of nobody -----------------------------------------------------------------------


def smooth(rng: np.random.Generator, shape: tuple[int, ...], pixels: float) -> np.ndarray:
    """Return smooth noise of deviation 1."""
    zoom = max(1.0, pixels)
    coarse = rng.normal(size=[int(n / zoom) + 4 for n in shape]).astype(np.float32)
    fine = ndimage.zoom(ndimage.gaussian_filter(coarse, 0.6), zoom, order=1)
    fine = fine[tuple(slice(n) for n in shape)]
    return (fine - fine.mean()) / fine.std()


def brain(number: int, shape: tuple[int, int, int] = (240, 240, 155)) -> np.ndarray:
    """Return a brain without its skull, as BraTS has them: all of one outline, zero around it."""
    rng = np.random.default_rng(number)
    x, y, z = (np.arange(n, dtype=np.float32) - n / 2 for n in shape)
    place = (x[:, None, None] / 68) ** 2 + (y[:, None] / 85) ** 2 + (z / 65) ** 2
    rough = smooth(np.random.default_rng(7), shape, 12)  # one anatomy
    inside = place < 1 + 0.03 * rough
    folds = smooth(rng, shape, 8) + 0.5 * smooth(rng, shape, 4) + 2 * rough
    shade = np.where(place < 0.1, 200, 500) + 60 * folds + rng.normal(0, 10, shape)
    return np.where(inside, np.maximum(shade, 1), 0).astype(np.int16)


def atrium(number: int) -> np.ndarray:
    """Return an MR-like chest with a large field of view and a shade of the coil."""
    body = phantom(number, seed=5, size=160, slices=(36, 44))[0].canonical().array
    rng = np.random.default_rng(number)
    shade = 1 + 0.3 * smooth(rng, body.shape, 60)
    tissue = np.clip(body.astype(np.float32) + 200, 0, 500)
    return on_canvas(np.maximum(tissue * shade, 0).astype(np.int16), 224)


# --- copies --------------------------------------------------------------------------------


def cropped(array: np.ndarray, share: float, deep: bool = True) -> np.ndarray:
    sides = [round(n * share) for n in array.shape]
    sides[2] = sides[2] if deep else 0
    return array[tuple(slice(cut, n - cut) for cut, n in zip(sides, array.shape, strict=True))]


def padded(array: np.ndarray, share: float) -> np.ndarray:
    sides = [(round(n * share),) * 2 for n in array.shape[:2]]
    return np.pad(array, [*sides, (2, 2)], constant_values=array.min())


def shifted(array: np.ndarray) -> np.ndarray:
    x, y = (round(0.1 * n) for n in array.shape[:2])
    moved = np.full_like(array, array.min())
    moved[x:, :-y] = array[:-x, y:]
    return moved


def resampled(array: np.ndarray, factor: float, depth: float = 1.0) -> np.ndarray:
    return ndimage.zoom(array.astype(np.float32), (factor, factor, depth), order=1)


def windowed(array: np.ndarray) -> np.ndarray:
    low, high = (-100, 250) if array.min() < -500 else np.percentile(array[array > 0], [5, 90])
    values = (np.clip(array.astype(np.float32), low, high) - low) * (255 / (high - low))
    return np.rint(values).astype(np.uint8)


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{f"padded by {p} %": lambda a, p=p: padded(a, p / 100) for p in (5, 10, 20)},
    **{f"cropped by {p} %": lambda a, p=p: cropped(a, p / 100) for p in (5, 10, 20)},
    "shifted by 10 %": shifted,
    "mirrored": lambda a: a[::-1],
    "upside down": lambda a: a[:, :, ::-1],
    "turned by 90°": lambda a: np.rot90(a),
    "resampled, 0.7": lambda a: resampled(a, 0.7),
    "resampled, 1.3 and 0.8": lambda a: resampled(a, 1.3, 0.8),
    "windowed, 8 bits": windowed,
    "inverted": lambda a: a.max().astype(np.int32) + a.min() - a,
    "saved again as float": lambda a: a.astype(np.float32) * 0.5 + 3,
    "cropped by 20 %, turned, inverted": lambda a: np.rot90(-cropped(a.astype(np.float64), 0.2)),
    "cropped by 10 %, resampled": lambda a: resampled(cropped(a, 0.1), 0.8),
    "cropped by 10 %, windowed": lambda a: windowed(cropped(a, 0.1)),
    "padded by 20 %, windowed": lambda a: padded(windowed(a), 0.2),
    "mirrored, resampled, windowed": lambda a: windowed(resampled(a[::-1], 0.8)),
}


# --- lists ---------------------------------------------------------------------------------


def kinds(marks: Marks, group: dict[str, str], small: dict[str, np.ndarray], number: int):
    """Yield by kind of data the scans of different patients."""
    for name in dict.fromkeys(group.values()):
        mine = {case: scan for case, scan in marks.items() if group[case] == name}
        if len(mine) > 1:
            yield name, mine
    for size in CANVASES:
        some = list(small.items())[: 3 * number]
        yield (
            f"msd_hippocampus on {size}",
            {name: slice_marks(plain(on_canvas(array, size))) for name, array in some},
        )
    yield "brains of one outline", {str(k): slice_marks(plain(brain(k))) for k in range(number)}
    yield "atrium-like", {str(k): slice_marks(plain(atrium(k))) for k in range(number)}
    yield (
        "phantoms",
        {
            str(k): slice_marks(phantom(k, seed=11, size=96, slices=(20, 24))[0])
            for k in range(2 * number)
        },
    )


def alarms(ours: Marks, theirs: Marks) -> list[tuple[str, str, float]]:
    """Return the pairs of different patients that are called the same."""
    return [(a, b, score) for a, b, score in find_alike(ours, theirs) if (a, b) not in TRUE]


def originals(stacks: dict[str, np.ndarray], small: dict[str, np.ndarray], number: int):
    """Yield by kind of data scans to copy."""
    yield "CT", list(stacks.values())
    yield "hippocampus", list(small.values())[:number]
    yield "brain", [brain(k) for k in range(max(2, number // 4))]
    body = [phantom(k, seed=11, size=128, slices=(24, 30))[0].canonical().array for k in range(4)]
    yield "phantom", body


def found(scans: list[np.ndarray], copy: Callable[[np.ndarray], np.ndarray]) -> Iterator[float]:
    for scan in scans:
        ours, theirs = {"a": slice_marks(plain(scan))}, {"b": slice_marks(plain(copy(scan)))}
        yield max([score for _, _, score in find_alike(ours, theirs)], default=0.0)


def strangers(scans: list[Scan], number: int, rng: np.random.Generator) -> dict[str, Scan]:
    """Return so many scans of nobody: marks of real ones, blurred by noise of their own."""
    made = {}
    for k in range(number):
        scan = scans[k % len(scans)]
        noise = rng.normal(0, 1, scan.marks.shape) * np.abs(scan.marks.astype(int)).std() * 1.5
        mixed = scan.marks + noise
        mixed *= 127 / np.abs(mixed).max(axis=-1, keepdims=True)
        keys = np.sort(rng.integers(0, 2**63, len(scan.keys), dtype=np.uint64))
        made[f"c{k}"] = replace(scan, marks=np.rint(mixed).astype(np.int8), keys=keys)
    return made


def read(data: Path) -> tuple[dict[str, Scan], dict[str, str], dict, dict]:
    marks: dict[str, Scan] = {}
    group, stacks, small = {}, {}, {}
    for name, settings in SETS.items():
        for case in find_cases(Dataset(name=name, root=name, **settings), data):
            image = read_sources(case.image)
            began = time.perf_counter()
            marks[case.name], group[case.name] = slice_marks(image), name
            spent = time.perf_counter() - began
            if name == "ircad":
                stacks[case.name] = image.canonical().array
                print(
                    f"{case.name}: {len(marks[case.name])} slices in {spent:.2f} s, "
                    f"{len(pack(marks[case.name])) / 1000:.0f} kB"
                )
            elif name == "msd_hippocampus":
                small[case.name] = image.canonical().array
    torso = read_volume(data / "odd/totalsegmentator_torso/ct.nii.gz")
    marks["torso"], group["torso"] = slice_marks(torso), "torso"
    return marks, group, stacks, small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SLICEWISE_DATA", "data")))
    parser.add_argument("--cases", type=int, default=2000, help="of the largest comparison")
    parser.add_argument("--threads", type=int, default=1, help="of the largest comparison")
    parser.add_argument("--scans", type=int, default=12, help="so many of each kind are made")
    options = parser.parse_args()
    if options.scans < 2:
        parser.error("--scans: two at least, as different patients are compared")
    marks, group, stacks, small = read(options.data)

    print(f"\nsame patient in two sets (limit {ALIKE})")
    for pair in sorted(TRUE):
        print(f"  {pair[0]} and {pair[1]}: {likeness(*(marks[case] for case in pair)):.3f}")

    print("\ndifferent patients: pairs, false alarms, the most alike, seconds")
    for name, scans in kinds(marks, group, small, options.scans):
        began = time.perf_counter()
        said = alarms(scans, scans)
        spent = time.perf_counter() - began
        few = list(combinations(list(scans)[:24], 2))
        nearest = max(likeness(scans[a], scans[b]) for a, b in few)
        number = len(scans) * (len(scans) - 1) // 2
        print(
            f"  {name}: {number}, {len(said)}, {nearest:.3f}, {spent:.1f}  {said[:3]}", flush=True
        )
    across = [pair for pair in alarms(marks, marks) if group[pair[0]] != group[pair[1]]]
    across = [pair for pair in across if pair[1::-1] not in TRUE]
    print(f"  all sets against each other: {len(across)} alarms {across[:3]}", flush=True)

    print("\ncopies that are found, and the least alike")
    for name, scans in originals(stacks, small, options.scans):
        for kind, copy in COPIES.items():
            scores = list(found(scans, copy))
            number = sum(score >= ALIKE for score in scores)
            print(f"  {name}, {kind}: {number} of {len(scores)}, {min(scores):.3f}", flush=True)

    rng = np.random.default_rng(0)
    scans = [marks[case] for case in marks if group[case] in ("ircad", "torso")]
    ours, theirs = (strangers(scans, options.cases, rng) for _ in range(2))
    theirs["copy"] = ours["c0"]
    began = time.perf_counter()
    pairs = find_alike(ours, theirs)
    spent = time.perf_counter() - began
    print(f"\n{len(ours)} cases against {len(theirs)}: {spent:.1f} s, found {pairs}")


if __name__ == "__main__":
    main()
