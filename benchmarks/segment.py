r"""What `slicewise segment` takes: its start apart from the scans, by TensorFlow and by ONNX.

python benchmarks/segment.py [--scans 4] [--filters 16 32 64 128 256] [--size 256]
python benchmarks/segment.py --shape 512 512 1000 --scans 1 --labels 3 \
    --planes axial coronal sagittal

Runs the real command in a process of its own on one scan, and on several, with the same untrained
model as `.keras` and as `.onnx`. What one scan takes beyond what a further one takes is the start:
imports, the model, the first batch. Also printed is what the command itself calls its start-up, and
the peak of memory (VmHWM of Linux). Masks of an untrained model are noise, the hardest there is for
what follows the network. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from predict_throughput import untrained
from synthetic import ct

from slicewise.segmenting.export import export
from slicewise.segmenting.models import choose
from slicewise.volumes.write import write_nifti

STARTUP = re.compile(r"after ([\d.]+) s of start-up")


def timed(scans: list[Path], model: Path, output: Path, batch: int) -> dict[str, float]:
    """Run the command; return its seconds, those that it calls start-up, and its peak in MB."""
    shutil.rmtree(output, ignore_errors=True)
    command = [
        *(sys.executable, "-m", "slicewise.cli", "segment", *map(str, scans)),
        *("--model", str(model), "--output", str(output), "--batch", str(batch)),
    ]
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    peaks: list[float] = [0]
    watching = threading.Thread(target=watch, args=(process.pid, peaks))
    watching.start()
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    watching.join()
    if status:
        raise SystemExit(said)
    return {
        "seconds": seconds,
        "startup": float(STARTUP.search(said)[1]),
        "processor": used.ru_utime + used.ru_stime,
        "peak_mb": peaks[-1],
    }


def watch(pid: int, peaks: list[float]) -> None:
    """Note the peak of a process until it ends: `ru_maxrss` would begin with that of this one."""
    while True:
        try:
            text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        except OSError:
            return
        found = re.search(r"VmHWM:\s+(\d+)", text)
        if found is None:  # it has ended
            return
        peaks.append(int(found[1]) * 1024 / 1e6)
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filters", type=int, nargs="+", default=[16, 32, 64, 128, 256])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 129])
    parser.add_argument("--scans", type=int, default=4, help="1: memory alone is of interest")
    parser.add_argument("--labels", type=int, default=1)
    parser.add_argument("--planes", nargs="*", default=[])
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    options.flip, options.shift, options.fill = "none", 0, False
    told = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models = {"keras": folder / "model.keras", "onnx": folder / "model.onnx"}
        untrained(options).save(models["keras"])
        export(choose(str(models["keras"])), models["onnx"])
        scans = [folder / f"scan{k}.nii.gz" for k in range(options.scans)]
        for k, path in enumerate(scans):
            write_nifti(path, ct(tuple(options.shape), k)[0])
        for name, model in models.items():
            one = timed(scans[:1], model, folder / "one", options.batch)
            told[name] = {"one_scan": one}
            if options.scans > 1:
                all_scans = timed(scans, model, folder / "all", options.batch)
                more = options.scans - 1
                marginal = (all_scans["seconds"] - one["seconds"]) / more
                told[name] |= {
                    "all_scans": all_scans,
                    "a_scan_more": marginal,
                    "processor_a_scan_more": (all_scans["processor"] - one["processor"]) / more,
                    "start": one["seconds"] - marginal,
                    "hundred_over_marginal": (one["seconds"] + 99 * marginal) / (100 * marginal),
                }
    settings = {name: getattr(options, name) for name in ("shape", "size", "filters", "labels")}
    print(
        json.dumps(settings | {"planes": options.planes, "scans": options.scans} | told, indent=1)
    )


if __name__ == "__main__":
    main()
