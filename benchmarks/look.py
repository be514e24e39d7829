"""Time and memory of looking at one CT, against merely reading it, and of the page of many cases.

python benchmarks/look.py [--image IMAGE --mask MASK] [--repeats 5] [--cases 2000]

Without files it makes a pair of the size of a real CT (512 x 512 x 129). What the rule `ingest`
does to the same files is timed as well, as it comes first. Seconds are those of the clock and of
processors: of a busy machine only the latter are to be trusted. Prints one line of JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from extract import synthetic

from slicewise.config import Content
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack
from slicewise.report.data import ShownData, data_page
from slicewise.report.looking import CaseVolumes, look_at_case
from slicewise.report.seen import SeenCase, SeenData
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="background")
EMPTY = pack(slice_marks(Volume(np.zeros((8, 8, 4), np.int16), np.eye(4))))
"""Marks of a scan that shows nothing."""


def ingested(image: Path, mask: Path, folder: Path) -> CaseVolumes:
    """Do what the rule `ingest` does."""
    sources = {"image": [image], "mask": [mask]}
    files = CaseFiles("a", "a", image, mask, sources)
    (record,) = ingest([files], CONTENT, str(time.time()), folder)
    return CaseVolumes(record, image, mask)


def unchecked(image: Path, mask: Path) -> CaseVolumes:
    """Return the files with a record that knows nothing of them."""
    source = {"file": image.name, "sha256": "unknown"}
    record = CaseRecord(
        case="a",
        patient="a",
        image=source,
        mask=source,
        shape=[1, 1, 1],
        spacing=[1.0, 1.0, 1.0],
        orientation="RAS",
        lost=False,
        intensity={},
        ml={},
        fingerprint="unknown",
        marks=EMPTY,
        made_from="nothing",
    )
    return CaseVolumes(record, image, mask)


def page_of(case: CaseVolumes, number: int) -> str:
    """Write the page of so many cases that look alike and are no copies of each other."""
    look = look_at_case(case, CONTENT)
    random = np.random.default_rng(0)
    cases = []
    for n in range(number):
        known = {"case": f"c{n:05d}", "patient": f"p{n:05d}"}
        ml = {"liver": float(random.normal(1500, 200))}
        record = case.record.model_copy(update={**known, "fingerprint": str(n), "ml": ml})
        seen = look.model_copy(update={"case": known["case"]})
        assigned = Assignment(known["case"], known["patient"], "train", None)
        cases.append(SeenCase(record, seen, assigned))
    # all are one scan: the search for copies is timed by leaks.py
    alone = [
        replace(each, record=each.record.model_copy(update={"marks": EMPTY})) for each in cases
    ]
    return data_page(ShownData("synthetic", SeenData(alone, ["liver"], "hu")))


def timed(function, *arguments) -> tuple[float, float]:
    """Return the seconds of the clock and of processors."""
    begun = time.perf_counter()
    used = time.process_time()
    function(*arguments)
    return time.perf_counter() - begun, time.process_time() - used


def read(image: Path, mask: Path) -> None:
    """Read the same files; the least there is to do."""
    read_volume(image)
    read_volume(mask)


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
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", type=int, default=2000, help="on the page that is timed")
    parser.add_argument("--memory", choices=["none", "look"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if options.image is None:
            options.image, options.mask = synthetic(folder)
        pair = options.image, options.mask
        if options.memory:
            if options.memory == "look":
                look_at_case(unchecked(*pair), CONTENT)
            status = Path("/proc/self/status").read_text(encoding="ascii")
            print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
            return
        case = ingested(*pair, folder)
        look_at_case(case, CONTENT)  # warm: files are in the cache, modules are loaded
        times: dict[str, list[tuple[float, float]]] = {"look": [], "read": [], "ingest": []}
        for _ in range(options.repeats):
            times["look"].append(timed(look_at_case, case, CONTENT))
            times["read"].append(timed(read, *pair))
            times["ingest"].append(timed(ingested, *pair, folder))
        common = ["--image", str(pair[0]), "--mask", str(pair[1])]
        alone, peak = (peak_mib([*common, "--memory", what]) for what in ("none", "look"))
        begun = time.process_time()
        page = page_of(case, options.cases)
        seconds = time.process_time() - begun
        volume = read_volume(options.image).array
    median = {
        f"{kind}_{name}": statistics.median(each[place] for each in times[name])
        for name in times
        for place, kind in enumerate(("seconds", "cpu_seconds"))
    }
    together = median["cpu_seconds_look"] + median["cpu_seconds_ingest"]
    print(
        json.dumps(
            {
                "shape": volume.shape,
                **{name: round(value, 2) for name, value in median.items()},
                "minutes_200_on_2_cores": round(200 * together / 2 / 60, 1),
                "peak_mib": round(peak - alone, 1),
                "volumes_in_memory": round((peak - alone) / (volume.nbytes / 2**20), 2),
                "page_cases": options.cases,
                "page_cpu_seconds": round(seconds, 1),
                "page_mb": round(len(page.encode()) / 1e6, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
