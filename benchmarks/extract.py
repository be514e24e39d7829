"""Time and memory of cutting one case into slices, against merely reading and writing it.

python benchmarks/extract.py [--image IMAGE --mask MASK] [--size 256 | --every 2] [--repeats 5]

Both are timed in one run, in turn, so that a busy machine slows both. Without files it makes a
pair of the size of a real CT (512 x 512 x 129). Prints one line of JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from synthetic import ct

from slicewise.config import Recipe
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.volumes.checks import label_indices
from slicewise.volumes.read import read_volume
from slicewise.volumes.write import write_nifti

LABELS = {"liver": [1]}


def synthetic(folder: Path) -> tuple[Path, Path]:
    """Write a made-up image and its mask."""
    paths = folder / "image.nii.gz", folder / "mask.nii.gz"
    for path, volume in zip(paths, ct(), strict=True):
        write_nifti(path, volume)
    return paths


def cut(image: Path, mask: Path, recipe: Recipe, folder: Path) -> None:
    """Do what the rule `slices` does."""
    labels = label_indices(read_volume(mask), str(mask), LABELS, "background")
    one = SliceFolder.below(folder.parent, folder.name)
    extract(read_volume(image), labels, list(LABELS), recipe, one, intensity="hu")


def copy(image: Path, mask: Path, like: Path, folder: Path) -> None:
    """Read the same files and write arrays of the same size and type; the least there is to do."""
    read_volume(image)
    read_volume(mask)
    for name in ("image.npy", "mask.npy"):
        array = np.load(like / name, mmap_mode="r", allow_pickle=False)
        np.save(folder / name, np.zeros(array.shape, array.dtype))


def timed(function, *arguments) -> float:
    begun = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begun


def peak_mib(arguments: list[str]) -> float:
    """Return the peak memory of this script in another process, in MiB."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path)
    parser.add_argument("--mask", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--plane", default="axial")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", choices=["none", "cut"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = options.size if options.every == 1 else None
    recipe = Recipe(plane=options.plane, size=size, every=options.every)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if options.memory:
            if options.memory == "cut":
                cut(options.image, options.mask, recipe, folder)
            # not getrusage: that begins with the memory of the process that started this one
            status = Path("/proc/self/status").read_text(encoding="ascii")
            print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
            return
        if options.image is None:
            options.image, options.mask = synthetic(folder)
        first, second = folder / "cut", folder / "copy"
        first.mkdir()
        second.mkdir()
        pair = options.image, options.mask
        cut(*pair, recipe, first)  # warm: files are in the cache, modules are loaded
        times: dict[str, list[float]] = {"cut": [], "copy": []}
        for _ in range(options.repeats):
            times["cut"].append(timed(cut, *pair, recipe, first))
            times["copy"].append(timed(copy, *pair, first, second))
        volume = read_volume(options.image).array
        common = ["--image", str(pair[0]), "--mask", str(pair[1]), "--plane", options.plane]
        common += ["--size", str(options.size), "--every", str(options.every)]
        alone, peak = (peak_mib([*common, "--memory", what]) for what in ("none", "cut"))
        mib = volume.nbytes / 2**20
    median = {name: statistics.median(seconds) for name, seconds in times.items()}
    ratios = [a / b for a, b in zip(times["cut"], times["copy"], strict=True)]
    result = {
        "shape": volume.shape,
        "dtype": str(volume.dtype),
        "recipe": recipe.model_dump(),
        "seconds_cut": round(median["cut"], 3),
        "seconds_read_and_write": round(median["copy"], 3),
        "ratio": round(statistics.median(ratios), 2),
        "volume_mib": round(mib, 1),
        "peak_mib": round(peak - alone, 1),
        "volumes_in_memory": round((peak - alone) / mib, 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
