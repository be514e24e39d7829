"""How well the gate tells the same scan from others, on real data.

python benchmarks/leaks.py [--data DIR] [--cases 2000]

Needs ircad/, msd_liver_2d/, msd_hippocampus/ and odd/totalsegmentator_torso/ below $SLICEWISE_DATA;
three patients are known to be in both of the first two. Prints the likeness of the true pairs,
that of the nearest others in and across all sets, how many single slices of a windowed, resampled,
turned copy are found, and the time of the marks and of comparing many cases.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from slicewise.config.schema import Dataset
from slicewise.volumes.fingerprint import ALIKE, find_alike, likeness, slice_marks
from slicewise.volumes.layouts import find_cases
from slicewise.volumes.read import read_sources, read_volume
from slicewise.volumes.volume import Volume

SETS = {
    "ircad": {"layout": "ircad", "labels": {"liver": "liver"}},
    "msd_liver_2d": {"layout": "pairs", "labels": {"liver": 1}},
    "msd_hippocampus": {"layout": "msd", "labels": {"anterior": 1}},
}
TRUE = {("3Dircadb1.1", "p049"), ("3Dircadb1.7", "p056"), ("3Dircadb1.17", "p067")}
WINDOWS = ((0, 255), (-160, 240), (-50, 150), (-1000, 1000))


def windowed(image: Volume, low: float, high: float, mm: float) -> np.ndarray:
    """Return the slices of a scan as 8-bit, resampled in the plane, turned and mirrored."""
    x, y, _ = image.spacing
    grid = sitk.GetImageFromArray(np.ascontiguousarray(image.array.T).astype(np.float32))
    grid.SetSpacing((x, y, 1.0))
    across, along, number = image.array.shape
    small = sitk.Resample(
        grid,
        [int(across * x / mm), int(along * y / mm), number],
        sitk.Transform(),
        sitk.sitkLinear,
        ((mm - x) / 2, (mm - y) / 2, 0.0),
        (mm, mm, 1.0),
    )
    values = np.clip(sitk.GetArrayFromImage(small).T, low, high)
    return np.rot90(np.rint((values - low) * (255 / (high - low))).astype(np.uint8))[::-1]


def strangers(scans: list[np.ndarray], number: int, rng: np.random.Generator) -> dict:
    """Return marks of so many scans of nobody: real ones of CT, blurred by noise of their own."""
    made = {}
    for k in range(number):
        marks = scans[k % len(scans)].astype(np.float32)
        noise = rng.normal(0, 1, marks.shape[1]) * np.abs(marks).std() * 1.5
        mixed = marks + noise
        made[f"c{k}"] = np.rint(mixed * (127 / np.abs(mixed).max(axis=1, keepdims=True)))
    return {case: marks.astype(np.int8) for case, marks in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SLICEWISE_DATA", "data")))
    parser.add_argument("--cases", type=int, default=2000, help="of the largest comparison")
    options = parser.parse_args()

    marks, group, stacks = {}, {}, {}
    for name, settings in SETS.items():
        for case in find_cases(Dataset(name=name, root=name, **settings), options.data):
            image = read_sources(case.image)
            began = time.perf_counter()
            marks[case.name] = slice_marks(image)
            spent = time.perf_counter() - began
            group[case.name] = name
            if name == "ircad":
                stacks[case.name] = image.canonical()
                print(f"{case.name}: {len(marks[case.name])} marks in {spent:.2f} s")
    torso = options.data / "odd/totalsegmentator_torso/ct.nii.gz"
    marks["torso"], group["torso"] = slice_marks(read_volume(torso)), "torso"

    print(f"\nsame patient (limit {ALIKE})")
    for pair in sorted(TRUE):
        print(f"  {pair[0]} and {pair[1]}: {likeness(*(marks[case] for case in pair)):.3f}")
    print("different patients: pairs, median, 99 %, the nearest three")
    found: dict[tuple[str, str], list[tuple[float, str, str]]] = {}
    for a, b in combinations(marks, 2):
        if (a, b) not in TRUE:
            score = likeness(marks[a], marks[b])
            found.setdefault((group[a], group[b]), []).append((score, a, b))
    for (one, other), pairs in found.items():
        scores = [score for score, _, _ in pairs]
        nearest = ", ".join(f"{s:.3f} ({a}, {b})" for s, a, b in sorted(pairs, reverse=True)[:3])
        middle, high = np.quantile(scores, [0.5, 0.99])
        print(f"  {one} x {other}: {len(pairs)}, {middle:.3f}, {high:.3f}, {nearest}")
    alarms = sum(score >= ALIKE for pairs in found.values() for score, _, _ in pairs)
    print(f"false alarms: {alarms} of {sum(map(len, found.values()))}")

    print("\nsingle slices of the ircad stacks, 8-bit, 1.3 mm, turned: least, 5 %, share found")
    for low, high in WINDOWS:
        scores = []
        for case, image in stacks.items():
            copy = windowed(image, low, high, 1.3)
            for k in range(copy.shape[2]):
                scores.append(
                    likeness(marks[case], slice_marks(Volume(copy[:, :, k : k + 1], np.eye(4))))
                )
        least, few = np.quantile(scores, [0, 0.05])
        share = np.mean(np.array(scores) >= ALIKE)
        print(f"  {low} to {high} HU: {least:.3f}, {few:.3f}, {share:.3f} of {len(scores)}")

    rng = np.random.default_rng(0)
    scans = [marks[case] for case in marks if group[case] in ("ircad", "torso")]
    ours, theirs = (strangers(scans, options.cases, rng) for _ in range(2))
    theirs["copy"] = ours["c0"][30:31]
    began = time.perf_counter()
    pairs = find_alike(ours, theirs)
    spent = time.perf_counter() - began
    print(f"\n{len(ours)} cases against {len(theirs)}: {spent:.1f} s, found {pairs}")


if __name__ == "__main__":
    main()
