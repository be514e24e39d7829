"""What thousands of cases cost: planning, jobs, ingest, slices, memory.

python benchmarks/scale.py [--cases 20 200 2000 20000] [--made 2000] [--folder DIR]

All cases are hard links to one tiny CT. For each number of cases it plans a run from nothing
(`snakemake -n`: seconds, memory, jobs, and what Slurm is sent with profiles/slurm), stands in empty
files for all results, has Snakemake note them as made (`--touch`), writes the records that jobs
leave, and plans again, when nothing is to be done. Up to `--made` cases it lets the real jobs
ingest and cut them. It trains a few steps of a small network on as many cases (all the same files)
and gives the memory of that process. Prints a line of JSON for each number of cases.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from slicewise.config import Content, Experiment, Recipe
from slicewise.phantom.patient import phantom
from slicewise.slices.batches import SliceSet
from slicewise.slices.cases import cut_case
from slicewise.slices.folder import SliceFolder
from slicewise.volumes.write import write_nifti

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "dataset": {
        "name": "many",
        "layout": "pairs",
        "root": "many",
        "labels": {"liver": 1},
        "other_labels": "background",
        "pairs": {"train": "", "test": None},
    },
    "slices": {"axial48": {"size": 48}, "every2": {"every": 2}},
    "experiments": {"one": {"slices": "axial48"}, "two": {"slices": "every2"}},
}
CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="background")
EXPERIMENT = Experiment.model_validate(
    {
        "slices": "axial48",
        "network": {"filters": [4, 8]},
        "training": {"epochs": 1, "steps_per_epoch": 20, "precision": "float32", "threads": 1},
    }
)


RECORDING = """
import os
import sys
from pathlib import Path
from snakemake.cli import main
from slicewise import records

def note(look, asked):
    base = Path(asked.outputs[0]).parent
    for path in asked.makes:
        Path(path).touch()  # no output, so that Snakemake did not stand in for it
    record = {
        "made": 1,
        "settings": asked.settings,
        "code": dict(asked.code),
        "inputs": {},
        "volumes": records.stamps(asked.volumes),
        "makes": {os.path.relpath(p, base): records.stamped(p) for p in asked.makes},
        "outputs": {Path(path).name: EMPTY for path in asked.outputs},
    }
    records.write_json(records.record_path(asked.outputs[0]), record)

EMPTY = records.sha256(sys.argv.pop(1))
records.Look.stale_because = note
main()
"""
"""A `snakemake` that writes the records of all jobs, as if they had been run just so."""


def make_data(folder: Path, cases: int) -> None:
    """Write one small CT with its liver, and link it as often as there are cases."""
    one = folder / "data" / "one"
    arrays = dict(zip(("orig", "liver"), phantom(1, seed=7, size=48, slices=(8, 10)), strict=True))
    for kind, volume in arrays.items():
        write_nifti(one / f"{kind}.nii.gz", volume, dtype=np.int16 if kind == "orig" else np.uint8)
        (folder / "data" / "many").mkdir(exist_ok=True)
        for number in range(cases):
            link = folder / "data" / "many" / f"c{number:06d}_{kind}.nii.gz"
            link.hardlink_to(one / f"{kind}.nii.gz")
    (folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS))


def measured(command: Sequence[str], folder: Path) -> tuple[str, dict[str, float]]:
    """Run a command to its end; return what it printed, and what it took."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "SLICEWISE_DATA": str(folder / "data")},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(started.pid, 0)
        seconds = time.perf_counter() - begun
        said.seek(0)
        text = said.read()
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    took = {"s": seconds, "cpu_s": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1000}
    return text, {name: round(value, 1) for name, value in took.items()}


def snakemake(folder: Path, *arguments: str) -> tuple[str, dict[str, float]]:
    program = str(Path(sys.executable).parent / "snakemake")
    return measured([program, *_arguments(*arguments)], folder)


def _arguments(*arguments: str) -> list[str]:
    """Return the arguments of a `snakemake` that runs this workflow in another folder."""
    where = ["--snakefile", str(ROOT / "Snakefile")]
    where += ["--workflow-profile", str(ROOT / "profiles" / "default")]
    return [*where, *arguments, "--configfile", "config.yaml"]


def jobs_of(plan: str) -> dict[str, int]:
    """Return how many jobs of each stage a dry run would do."""
    table = re.search(r"^stage +jobs +takes +why\n(.*?)^together ", plan, re.M | re.S)
    rows = (line.split() for line in table[1].splitlines()) if table else ()
    return {stage: int(count) for stage, count, *_ in rows}


def submissions(jobs: dict[str, int], profile: Path) -> int | None:
    """Return how many jobs a cluster is sent: groups of a profile are sent as one, `plan` is not.

    A group holds the jobs of a batch (ingest, then slices) once for each of its
    components.
    """
    if not profile.is_file():
        return None
    settings = yaml.safe_load(profile.read_text())
    groups, components = settings.get("groups", {}), settings.get("group-components", {})
    alone = sum(count for rule, count in jobs.items() if rule not in {*groups, "plan"})
    chains: dict[str, int] = {}
    for rule, group in groups.items():
        chains[group] = max(chains.get(group, 0), jobs.get(rule, 0))
    return alone + sum(-(-count // components.get(group, 1)) for group, count in chains.items())


def stand_in(folder: Path) -> None:
    """Make empty results, which Snakemake takes for real ones."""
    summary, _ = snakemake(folder, "--summary")
    for line in summary.splitlines():
        if line.startswith("results/"):
            path = folder / line.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
    # many at once, as the jobs that are ready are weighed each time that one is done
    snakemake(folder, "--touch", "--forceall", "--cores", "500", "--quiet")
    recording = [sys.executable, "-c", RECORDING, str(path)]
    measured([*recording, *_arguments("--dry-run", "--quiet")], folder)


def make_slices(folder: Path, cases: int) -> dict[str, float]:
    """Ingest and cut all cases by both recipes; return the seconds of processes for each."""
    # the leakage check would not let one image pass under many names
    snakemake(folder, "--cores", "2", "--quiet", "all", "--until", "slices", "cases")
    spent = {}
    for rule in ("ingest", "slices"):
        timings = (folder / "results" / "many" / "timings" / rule).rglob("*.tsv")
        rows = [row for path in timings for row in csv.DictReader(path.open(), delimiter="\t")]
        spent[rule] = round(sum(float(row["s"]) for row in rows) / cases, 3)
    return spent


def train(folder: Path, cases: int) -> None:
    """Train a few steps on one case as often as asked."""
    from slicewise.network.card import make_card
    from slicewise.training.inputs import TrainingInputs
    from slicewise.training.loop import train as fit

    one = folder / "data" / "one"
    cut = SliceFolder.below(folder / "alone", "one")
    files = (one / "orig.nii.gz", one / "liver.nii.gz")
    cut_case(*files, CONTENT, Recipe(size=48), cut, version="1")
    folders = [SliceFolder(f"c{k}", cut.image, cut.mask, cut.geometry) for k in range(cases)]
    card = make_card(CONTENT, Recipe(size=48), EXPERIMENT)
    where = folder / "checkpoints"
    slices = SliceSet(folders, **EXPERIMENT.reading)
    inputs = TrainingInputs(slices, SliceSet([]), EXPERIMENT, card)
    fit(inputs, lambda case: np.zeros(0), where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[20, 200, 2000, 20_000])
    parser.add_argument("--made", type=int, default=2000, help="up to how many are really cut")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary one")
    parser.add_argument("--train", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.folder, options.train)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        for cases in options.cases:
            folder = Path(place) / str(cases)
            make_data(folder, cases)
            found: dict[str, object] = {"cases": cases}
            plan, found["from_nothing"] = snakemake(folder, "--dry-run")
            found["jobs"] = jobs_of(plan)
            found["submissions"] = submissions(
                found["jobs"], ROOT / "profiles" / "slurm" / "config.yaml"
            )
            if cases <= options.made:
                found["seconds_a_case"] = make_slices(folder, cases)
            stand_in(folder)
            plan, found["nothing_to_do"] = snakemake(folder, "--dry-run")
            assert "Nothing to be done" in plan, plan[-2000:]
            command = [sys.executable, __file__, "--folder", str(folder), "--train", str(cases)]
            _, found["training"] = measured(command, folder)
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
