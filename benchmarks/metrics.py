"""Time and memory of scoring a case (overlap, distances, pieces), against distances without a crop.

python benchmarks/metrics.py [--truth MASK --prediction MASK] [--repeats 5]

Both are timed in one run, in turn, so that a busy machine slows both; processor time is that of the
process. Without files it makes a pair of the size of a real liver in a real CT (512 x 512 x 129).
Prints one line of JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from slicewise.metrics import surface
from slicewise.metrics.failures import failures
from slicewise.metrics.overlap import overlap
from slicewise.metrics.surface import surface_distances
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume

SHAPE, SPACING = (512, 512, 129), (0.7, 0.7, 1.6)
TOLERANCE = 2.0


def synthetic() -> tuple[Volume, Volume]:
    """Return a body of 340 x 270 x 100 voxels, and it moved, smaller and with an island."""
    affine = np.diag([*SPACING, 1.0])
    x, y, z = (np.arange(n, dtype=np.float32) for n in SHAPE)

    def body(centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
        sides = zip((x[:, None, None], y[:, None], z), centre, radii, strict=True)
        return sum(((axis - c) / r) ** 2 for axis, c, r in sides) < 1

    truth = body((200, 250, 64), (170, 135, 50)) & ~body((330, 330, 40), (90, 90, 40))
    guess = body((203, 252, 65), (166, 136, 48)) & ~body((330, 330, 40), (80, 95, 40))
    guess |= body((420, 300, 90), (15, 12, 5))
    return Volume(truth, affine), Volume(guess, affine)


def score(truth: Volume, guess: Volume) -> dict[str, float]:
    """Do what the rule `evaluate` does to a case after reading it."""
    masks = truth.array, guess.array
    distances = surface_distances(*masks, truth.spacing, TOLERANCE)
    pieces = failures(*masks, truth.voxel_ml, truth.spacing)
    return overlap(*masks, truth.voxel_ml) | distances | pieces


def uncropped(truth: Volume, guess: Volume) -> dict[str, float]:
    """Do the same, but measure distances on the whole grid."""
    crop = surface.bounding_box
    surface.bounding_box = lambda mask: (slice(None),) * 3
    try:
        return score(truth, guess)
    finally:
        surface.bounding_box = crop


def timed(function: Callable, *arguments: Volume) -> tuple[float, float]:
    """Return seconds by the clock and of the processors."""
    begun = time.perf_counter(), time.process_time()
    function(*arguments)
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def peak_mib(arguments: list[str]) -> float:
    """Return what this script needs beyond its masks in another process, in MiB."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def resident_mib(key: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{key}:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--prediction", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", choices=["cropped", "whole"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.truth is None:
        pair = synthetic()
    else:
        volumes = map(read_volume, (options.truth, options.prediction))
        pair = tuple(Volume(volume.array > 0, volume.affine) for volume in volumes)
    if options.memory:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
        before = resident_mib("VmRSS")
        {"cropped": score, "whole": uncropped}[options.memory](*pair)
        print(resident_mib("VmHWM") - before)
        return
    scores = score(*pair)  # warm: modules are loaded
    runs = [(timed(score, *pair), timed(uncropped, *pair)) for _ in range(options.repeats)]
    files = [] if options.truth is None else ["--truth", str(options.truth)]
    files += [] if options.truth is None else ["--prediction", str(options.prediction)]
    peak = {what: peak_mib([*files, "--memory", what]) for what in ("cropped", "whole")}
    box = surface.bounding_box(pair[0].array | pair[1].array)
    result = {
        "shape": pair[0].array.shape,
        "box": [part.stop - part.start for part in box],
        "scores": {k: round(v, 4) for k, v in scores.items()},
        "seconds": round(statistics.median(one[0] for one, _ in runs), 2),
        "processor_seconds": round(statistics.median(one[1] for one, _ in runs), 2),
        "uncropped_to_cropped": round(statistics.median(all_[1] / one[1] for one, all_ in runs), 2),
        "peak_mib_beyond_masks": round(peak["cropped"]),
        "uncropped_peak_mib_beyond_masks": round(peak["whole"]),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
