"""What each job of the workflow asks for and takes, in three sizes.

python benchmarks/memory.py [--sizes small medium large] [--labels 20] [--gpus]

Makes two patients of each size, runs the whole workflow on them (two folds, so that one is trained
on and the other one validated, predicted, scored and drawn), and prints of every rule the most that
a job asked for in its first attempt and the most that one took: the peak of its own process
(VmHWM of Linux; `ru_maxrss` would begin with what Snakemake takes), noted as it ends.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from synthetic import ct

from slicewise.job import asked_for
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"small": (96, 96, 40), "medium": (256, 256, 120), "large": (512, 512, 400)}
RULES = (
    *("convert", "ingest", "cases", "split", "leakage", "slices", "plan", "train", "predict"),
    *("evaluate", "report", "compare"),
)
NOTING = """
import atexit, sys
def note():
    with open("/proc/self/status") as status, open({target!r}, "a") as stream:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        print(sys.argv[0], round(peak * 1024 / 1e6), file=stream)
atexit.register(note)
"""


def patient(folder: Path, number: int, shape: tuple[int, int, int], labels: int) -> None:
    """Write a CT with a liver in bands, of which each is a label."""
    image, mask = ct(shape, number)
    inside = np.flatnonzero(mask.array.any(axis=(1, 2)))
    bands = np.zeros(shape[0], np.uint8)
    bands[inside] = 1 + np.arange(len(inside)) * labels // len(inside)
    mask = Volume(mask.array * bands[:, None, None], mask.affine)
    for name, volume in (("orig", image), ("liver", mask)):
        path = folder / f"p{number}_{name}.nii.gz"
        write_nifti(path, volume)


def configuration(shape: tuple[int, int, int], labels: int) -> dict[str, object]:
    """Return settings of a short training on all that a validation and a prediction do."""
    names = {f"l{k}": k for k in range(1, labels + 1)}
    return {
        "dataset": {
            "name": "memory",
            "layout": "pairs",
            "root": "volumes",
            "labels": names,
            "pairs": {"train": ".", "test": None},
        },
        # their bodies are the same, as only those of one patient are
        "split": {"test": 0, "folds": 2, "not_the_same": [["p1", "p2"]]},
        "slices": {"axial": {"size": min(256, shape[0])}},
        "experiments": {
            "e": {
                "slices": "axial",
                "network": {"filters": [16, 32, 64, 128]},
                "postprocessing": {"largest_component": True, "fill_holes": True},
                "optimizer": {"learning_rate": 0.01, "ema": None},
                "training": {"epochs": 1, "steps_per_epoch": 12, "precision": "float32"},
            }
        },
    }


def measure(
    place: Path, shape: tuple[int, int, int], labels: int, gpus: int
) -> dict[str, tuple[float, float]]:
    """Run the workflow; return what each rule asked for and took, MB."""
    (place / "data" / "volumes").mkdir(parents=True)
    for number in (1, 2):
        patient(place / "data" / "volumes", number, shape, labels)
    config, notes = place / "config.yaml", place / "peaks.txt"
    config.write_text(yaml.safe_dump(configuration(shape, labels)), encoding="utf-8")
    (place / "site").mkdir()
    text = NOTING.format(target=str(notes))
    (place / "site" / "sitecustomize.py").write_text(text, encoding="utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--directory", str(place), "--workflow-profile", "none", "--cores", "2"),
            *("--configfile", str(config), "--quiet", "all"),
        ],
        env={**os.environ, "PYTHONPATH": str(place / "site"), "SLICEWISE_GPUS": str(gpus)},
        check=True,
    )
    peaks: dict[str, float] = {}
    for line in notes.read_text(encoding="utf-8").splitlines():
        found = re.search(r"\.(\w+)\.py (\d+)$", line)
        if found:
            peaks[found[1]] = max(peaks.get(found[1], 0.0), float(found[2]))
    logs = place / "results" / "memory" / "logs"
    asked = {
        rule: max(asked_for(log).get("mem_mb", 0.0) for log in (logs / rule).rglob("*.log"))
        for rule in RULES
        if (logs / rule).is_dir()
    }
    return {rule: (asked[rule], peaks[rule]) for rule in RULES if rule in asked and rule in peaks}


def main() -> None:
    """Measure, and print a table for benchmarks/README.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument(
        "--gpus", type=int, default=0, help="as SLICEWISE_GPUS; 0 counts activations"
    )
    options = parser.parse_args()
    found = {}
    for name in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measure(Path(folder), SIZES[name], options.labels, options.gpus)
    shown = [f"{name}, {' × '.join(map(str, SIZES[name]))}" for name in found]
    print(f"| rule | {' | '.join(shown)} |")
    print(f"| --- |{' --- |' * len(shown)}")
    for rule in RULES:
        cells = [rows.get(rule) for rows in found.values()]
        if any(cells):
            texts = [f"{c[0]:,.0f} / {c[1]:,.0f}" if c else "–" for c in cells]
            print(f"| `{rule}` | {' | '.join(texts)} |")
    over = [f"{r} ({n})" for n, rows in found.items() for r, (a, p) in rows.items() if p > a]
    if over:
        sys.exit(f"more than was asked for: {', '.join(over)}")


if __name__ == "__main__":
    main()
