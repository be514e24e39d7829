"""Dice over patients and over minutes: ours by its plan, with nnU-Net and MONAI beside it.

python benchmarks/curves.py --configfile config/msd_hippocampus.yaml --patients 2 5 10 --minutes 1 3
python benchmarks/curves.py --configfile config/msd_hippocampus.yaml --patients 5 20 --minutes 1 3 \
    --rivals nnunet-3d monai --rival-env ../rivals --threads 2

Each method learns from the same nested subsets of the training patients, for so many minutes of
training on the same cores, and segments the same patients, whom none trains on. These are drawn
from the training patients, too, so that those who are tested on in the configuration choose
nothing; --final takes these instead. Ours runs through the workflow (`preset: auto`); a rival runs
in a process of an environment of its own (benchmarks/rivals.txt says how it is made). All masks
are scored by the same code, which is compared with SimpleITK each time.

What is done is kept in results/curves-<name>-…, and is not done again unless what was asked for, or
the data, changed. Appends a table to benchmarks/curves.md; --figure draws it.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import SimpleITK as sitk
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rivals import METHODS
from study import ROOT, Overlay, commit, patients_of, run

from slicewise.config import Content, Settings, load_settings, merge
from slicewise.config.configuration import read_configuration
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.efforts import BUDGETS
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import name_hash, split_cases
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.truth import read_labels
from slicewise.errors import SlicewiseError
from slicewise.evaluation.cases import predicted_cases, score_cases
from slicewise.evaluation.comparison import holm
from slicewise.evaluation.intervals import describe
from slicewise.evaluation.paired import paired
from slicewise.evaluation.statistics import by_patient
from slicewise.files import data_folder, digest, read_json, sha256, write_json
from slicewise.report.style import CYCLE, rc_params
from slicewise.volumes.read import read_image
from slicewise.volumes.write import write_nifti

OURS = "slicewise"
RIVALS = ROOT / "benchmarks/rivals.py"
AGREES = 1e-9
"""How far the Dice of SimpleITK may be from ours, which count the same voxels."""


# --- who is learnt from, and who is tested on ------------------------------------------


@dataclass(frozen=True)
class People:
    """Who is tested on, and who may be learnt from.

    Attributes
    ----------
    below : dict
        The configuration, whose split tests on the right patients.
    cases : dict of str to Case
        All of the data set.
    tested : list of str
        Cases that are tested on.
    ranked : list of str
        Patients that are learnt from: of each number the first ones.
    """

    below: Overlay
    cases: dict[str, Case]
    tested: list[str]
    ranked: list[str]

    def learnt(self, patients: int) -> list[str]:
        """Return the cases of so many patients.

        Raises
        ------
        SlicewiseError
            When there are fewer.
        """
        if patients > len(self.ranked):
            raise SlicewiseError(
                f"--patients {patients}: {len(self.ranked)} patients are left to learn from "
                f"beside {len(self.tested)} cases that are tested on; ask for fewer"
            )
        chosen = set(self.ranked[:patients])
        return sorted(name for name, case in self.cases.items() if case.patient in chosen)


def people_of(path: Path, options: Namespace) -> People:
    """Return who is tested on and who may be learnt from.

    Patients are ranked by a hash of seed and name, so those of a larger number hold those of a
    smaller one. Who is tested on does not depend on the seed.
    """
    below = read_configuration([path])
    kept, stated = patients_of(below, None)
    drawn = {"folds", "leave_out", "stratify", "validation", "test"}
    split: Overlay = {k: v for k, v in below.get("split", {}).items() if k not in drawn}
    there = found_cases(below)
    if options.final:
        tested = sorted(set(there) - kept)
        # the layout says it, or the rank of all patients does, of whom these come first
        test = {} if stated else {"test": len({there[name].patient for name in tested})}
        return _ranked({**below, "split": split | test}, there, tested, kept, options.seed)
    if stated and below["dataset"]["layout"] != "pairs":
        raise SlicewiseError(f"{path}: its layout says who is tested on; give --final")
    if stated:
        below = merge(below, {"dataset": {"pairs": {"test": None}}})
        there = found_cases(below)
    below = {**below, "split": {**split, "test": options.tested}}
    pool = [case for case in there.values() if case.name in kept]
    if len({case.patient for case in pool}) <= options.tested:
        raise SlicewiseError(
            f"--tested {options.tested}: {path} has {len(pool)} cases that it does not test on; "
            "leave some to learn from"
        )
    assigned = split_cases(pool, load_settings(below).split, data_folder())
    tested = sorted(each.case for each in assigned if each.subset == "test")
    return _ranked(below, there, tested, kept - set(tested), options.seed)


def _ranked(
    below: Overlay, cases: dict[str, Case], tested: list[str], left: set[str], seed: int
) -> People:
    patients = {cases[name].patient for name in left}
    ranked = sorted(patients, key=lambda name: (name_hash(seed, "curves", name), name))
    return People(below, cases, tested, ranked)


def found_cases(configuration: Overlay) -> dict[str, Case]:
    """Return the cases of a data set by name."""
    cases = find_cases(load_settings(configuration).dataset, data_folder())
    return {case.name: case for case in cases}


@dataclass(frozen=True)
class Part:
    """So many patients to learn from, and those that are tested on, as a data set of its own.

    Attributes
    ----------
    patients : int
        How many.
    name : str
        Of the data set.
    configuration : dict
        Its configuration, with an experiment for each number of minutes.
    settings : Settings
        The same, checked.
    cases : dict of str to Case
        Its cases.
    split : dict of str to Assignment
        Where each is: to be tested on, or learnt from (some of these may validate, for ours).
    """

    patients: int
    name: str
    configuration: Overlay
    settings: Settings
    cases: dict[str, Case]
    split: dict[str, Assignment]

    def named(self, *, tested: bool) -> list[str]:
        """Return the names of the cases that are tested on, or of those that are learnt from."""
        return sorted(k for k, each in self.split.items() if (each.subset == "test") == tested)


def experiment(minutes: float) -> str:
    """Return the name of our training of so many minutes.

    >>> experiment(0.5), experiment(3)
    ('auto-0.5', 'auto-3')
    """
    return f"auto-{minutes:g}"


def part_of(people: People, patients: int, options: Namespace) -> Part:
    """Return the data set of so many patients.

    Raises
    ------
    SlicewiseError
        When there are fewer, or it would test on others.
    """
    learnt = people.learnt(patients)
    kept = {*learnt, *people.tested}
    final = "-final" if options.final else ""
    name = f"curves-{people.below['dataset']['name']}{final}-{patients}-seed{options.seed}"
    training = {"epochs": None, "threads": options.threads, "seed": options.seed}
    experiments = {
        experiment(minutes): {
            "preset": "auto",
            "effort": options.effort,
            "training": {**training, "minutes": minutes},
        }
        for minutes in options.minutes
    }
    excluded = sorted({*people.below["dataset"].get("exclude", []), *people.cases} - kept)
    configuration = {
        **people.below,
        "dataset": {**people.below["dataset"], "name": name, "exclude": excluded},
        "experiments": experiments,
        "run": list(experiments),
    }
    settings = load_settings(configuration)
    cases = {name: people.cases[name] for name in sorted(kept)}
    split = split_cases(list(cases.values()), settings.split, data_folder())
    part = Part(patients, name, configuration, settings, cases, {each.case: each for each in split})
    if part.named(tested=True) != people.tested:
        raise SlicewiseError(
            f"dataset {name}: its split tests on other patients than were chosen; leave out what "
            "else decides about them in split"
        )
    return part


# --- what is asked for, and what was done ------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A method, learning from so many patients for so many minutes.

    Attributes
    ----------
    method : str
        `OURS`, or a rival's name.
    part : Part
        The patients.
    minutes : float
        Of training.
    """

    method: str
    part: Part
    minutes: float

    def folder(self, place: Path) -> Path:
        """Return where it keeps what it made."""
        return place / "results" / self.part.name / "curves" / f"{self.method}-{self.minutes:g}"

    def asked(self, options: Namespace) -> dict[str, Any]:
        """Return all that its result depends on, but for the code of the library."""
        part = self.part
        files = [path for case in part.cases.values() for path in (*case.image, *case.mask)]
        stored = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        settings = part.settings.model_dump(mode="json", include={"dataset", "split", "evaluation"})
        own = {"effort": options.effort} if self.method == OURS else {"code": sha256(RIVALS)}
        return {
            "method": self.method,
            "minutes": self.minutes,
            "threads": options.threads,
            "seed": options.seed,
            "learnt": part.named(tested=False),
            "tested": part.named(tested=True),
            "data": digest([settings, stored]),
            **own,
        }


def ours(cell: Cell, options: Namespace) -> tuple[dict[str, Path], dict[str, Any]]:
    """Train, predict and score through the workflow; return the masks and what it took."""
    part = cell.part
    name = experiment(cell.minutes)
    text = yaml.safe_dump({**part.configuration, "run": [name]}, sort_keys=False)
    run(text, part.name, options)
    results = options.place / "results" / part.name
    tables = sorted((results / f"timings/predict/{name}").glob("*.tsv"))
    seconds = sum(float(pd.read_csv(path, sep="\t")["s"].iloc[0]) for path in tables)
    job = pd.read_csv(results / f"timings/train/{name}/fold-0.tsv", sep="\t")
    masks = {case: results / name / f"predictions/{case}.nii.gz" for case in part.cases}
    predicted = sum(path.exists() for path in masks.values())
    record = TrainingRecord.read(str(results / name / "fold-0/config.yaml"))
    took = {
        "training_s": record.resolved.seconds,
        # of the whole job, with its start
        "processor_s": float(job["cpu_time"].iloc[0]),
        "steps": record.resolved.steps,
        # of the patients that validate, too
        "prediction_s": seconds / predicted,
        "versions": {each: version(each) for each in ("keras", "tensorflow")},
    }
    return {case: masks[case] for case in part.named(tested=True)}, took


def rival(cell: Cell, options: Namespace) -> tuple[dict[str, Path], dict[str, Any]]:
    """Let a rival learn and segment in its own process; return the masks and what it took."""
    folder = cell.folder(options.place)
    if not cell.part.settings.dataset.content.contiguous and cell.method != "nnunet-2d":
        raise SlicewiseError(
            f"dataset {cell.part.name}: its slices are no neighbours, and {cell.method} takes "
            "volumes; ask for nnunet-2d alone"
        )
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write_raw(cell.part, work, options.place)
        asked = {
            "method": cell.method,
            "seconds": cell.minutes * 60,
            "threads": options.threads,
            "seed": options.seed,
        }
        write_json(work / "asked.json", asked)
        # what stands in these would be imported instead of what the environment has
        ours_alone = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        environment = {k: v for k, v in os.environ.items() if k not in ours_alone}
        # threads that wait do not spin, as what augments beside them has the same processors
        threads = {"OMP_NUM_THREADS": str(options.threads), "OMP_WAIT_POLICY": "passive"}
        log = folder / "log.txt"
        with log.open("w", encoding="utf-8") as stream:
            done = subprocess.run(
                [str(options.rival_env / "bin/python"), str(RIVALS), str(work)],
                env=environment | threads,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode or not (work / "done.json").exists():
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            why = said[-1] if said else f"it ended with {done.returncode}"
            raise SlicewiseError(f"{cell.method}: {why} (all of it: {log})")
        masks = {
            case: _as_ours(cell.part, case, work, folder, options.place)
            for case in cell.part.named(tested=True)
        }
        return masks, read_json(work / "done.json")


def file_of(kind: str, part: Part, case: str, place: Path) -> Path:
    """Return the NIfTI file of an image or a mask: its source, or what was made of it."""
    sources = getattr(part.cases[case], kind)
    if sources and not part.cases[case].needs_conversion:
        return sources[0]
    return place / "results" / part.name / "cases" / case / f"{kind}.nii.gz"


def write_raw(part: Part, work: Path, place: Path) -> None:
    """Write cases as nnU-Net wants them: labels are numbered from 1 on, whatever masks hold."""
    content = part.settings.dataset.content
    if content.regions or content.channels or content.ignore is not None:
        raise SlicewiseError(
            f"dataset {part.name}: rivals are told of labels of one channel alone; leave out "
            "regions, channels and ignore, or --rivals"
        )
    for subset, tested in (("Tr", False), ("Ts", True)):
        for folder in ("images", "labels"):
            (work / f"raw/{folder}{subset}").mkdir(parents=True)
        for case in part.named(tested=tested):
            image = read_image(file_of("image", part, case, place), content)
            write_nifti(work / f"raw/images{subset}/{case}_0000.nii.gz", image)
            if not tested:
                mask = read_labels(str(file_of("mask", part, case, place)), content, image)
                write_nifti(work / f"raw/labels{subset}/{case}.nii.gz", mask)
    channel = "CT" if content.intensity == "hu" else "image"
    described = {
        "channel_names": {"0": channel},
        "labels": {"background": 0, **{k: i for i, k in enumerate(content.labels, start=1)}},
        "numTraining": len(part.named(tested=False)),
        "file_ending": ".nii.gz",
    }
    write_json(work / "raw/dataset.json", described)


def _as_ours(part: Part, case: str, work: Path, folder: Path, place: Path) -> Path:
    """Keep a rival's mask with the mask values of the data set, which are scored."""
    content = part.settings.dataset.content
    image = read_image(file_of("image", part, case, place), content)
    found = sitk.ReadImage(str(work / f"predictions/{case}.nii.gz"))
    numbers = sitk.GetArrayFromImage(found).transpose()
    written = sitk.ReadImage(str(work / f"raw/imagesTs/{case}_0000.nii.gz"))
    here, there = (_grid(each) for each in (found, written))
    if numbers.shape != image.array.shape or not np.allclose(here, there, atol=1e-3):
        raise SlicewiseError(f"{case}: a rival's mask is not on the grid of its image")
    values = np.array([0, *(own[0] for own in content.labels.values())], np.uint8)
    path = folder / f"predictions/{case}.nii.gz"
    write_nifti(path, type(image)(values[numbers], image.affine))
    return path


def _grid(image: sitk.Image) -> list[float]:
    return [*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()]


# --- scores -------------------------------------------------------------------------------


def scores(part: Part, masks: Mapping[str, Path], place: Path) -> dict[str, dict[str, float]]:
    """Return the Dice by label, and then by patient, on the grids of the images.

    Raises
    ------
    SlicewiseError
        When SimpleITK counts another Dice.
    """
    content = part.settings.dataset.content
    cases = list(masks)
    truth = [str(file_of("mask", part, case, place)) for case in cases]
    predicted = predicted_cases(
        [part.split[case] for case in cases], truth, [str(masks[case]) for case in cases]
    )
    table = score_cases(predicted, content, part.settings.evaluation)
    if not content.regions:
        for each in predicted:
            rows = table[table["case"] == each.assigned.case]
            dice = dict(zip(rows["label"], rows["dice"], strict=True))
            check(dice, each.mask, each.prediction, content)
    labels = {label: table[table["label"] == label] for label in dict.fromkeys(table["label"])}
    if len(labels) == 1:
        labels = {}
    return {
        label: {str(k): float(v) for k, v in by_patient(rows, "dice").dropna().items()}
        for label, rows in {"mean": table, **labels}.items()
    }


def check(dice: Mapping[str, float], truth: str, prediction: str, content: Content) -> None:
    """Refuse a Dice that SimpleITK does not count of the same two files."""
    measure = sitk.LabelOverlapMeasuresImageFilter()
    frame = read_labels(prediction, content)
    pair = [
        sitk.GetImageFromArray(each.array) for each in (read_labels(truth, content, frame), frame)
    ]
    measure.Execute(*pair)
    for number, label in enumerate(content.labels, start=1):
        if math.isnan(dice[label]):
            continue
        other = measure.GetDiceCoefficient(number)
        if abs(other - dice[label]) > AGREES:
            raise SlicewiseError(
                f"{prediction}: Dice of {label} is {dice[label]:.6f}, and {other:.6f} by SimpleITK"
            )


def result_of(cell: Cell, options: Namespace) -> dict[str, Any]:
    """Return what a cell came to: what was made before, or what is made now.

    Raises
    ------
    SlicewiseError
        When a rival ends without masks, or with masks on another grid.
    """
    folder = cell.folder(options.place)
    kept = folder / "cell.json"
    asked = cell.asked(options)
    if kept.exists():
        made: dict[str, Any] = read_json(kept)
        if made["asked"] == asked:
            return made
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"{cell.method}: {cell.part.patients} patients, {cell.minutes:g} min", flush=True)
    load = os.getloadavg()[0]
    masks, took = (ours if cell.method == OURS else rival)(cell, options)
    made = {
        "asked": asked,
        "commit": commit(),
        "date": str(datetime.now(UTC).date()),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "took": took,
        "dice": scores(cell.part, masks, options.place),
    }
    write_json(kept, made)
    return made


# --- what comes of it ---------------------------------------------------------------------

Row = dict[str, Any]


def row_of(cell: Cell, made: Mapping[str, Any], reference: Mapping[str, Any]) -> Row:
    """Return the figures of a cell, and how it differs from ours there, paired by patient."""
    dice = made["dice"]["mean"]
    told = describe(np.array(list(dice.values())))
    row: Row = {
        "patients": cell.part.patients,
        "minutes": cell.minutes,
        "method": cell.method,
        **{key: told[key] for key in ("mean", "ci_low", "ci_high", "n")},
        "labels": {k: float(np.mean(list(v.values()))) for k, v in made["dice"].items()},
        "worst": min(dice.values()),
        "load": made["load"],
        **made["took"],
    }
    if cell.method != OURS:
        both = sorted(dice.keys() & reference["dice"]["mean"].keys())
        pair = [np.array([one[name] for name in both]) for one in (reference["dice"]["mean"], dice)]
        found = paired(*pair)
        row |= {"difference": found.mean, "low": found.ci_low, "high": found.ci_high, "p": found.p}
    return row


def table_of(parts: Sequence[Part], options: Namespace) -> tuple[list[Row], list[str]]:
    """Return the figures of all cells, ours first in each, and what could not be made."""
    rows: list[Row] = []
    failures: list[str] = []
    for part in parts:
        for minutes in options.minutes:
            reference = result_of(Cell(OURS, part, minutes), options)
            rows.append(row_of(Cell(OURS, part, minutes), reference, reference))
            for method in options.rivals:
                cell = Cell(method, part, minutes)
                try:
                    rows.append(row_of(cell, result_of(cell, options), reference))
                except SlicewiseError as error:
                    print(error, file=sys.stderr)
                    failures.append(f"{part.patients} patients, {minutes:g} min, {error}")
    compared = [row for row in rows if "p" in row]
    for row, p in zip(compared, holm([row["p"] for row in compared]), strict=True):
        row["p_holm"] = p
    return rows, failures


def _interval(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f" [{low:{form}}, {high:{form}}]"


def markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    labels = [label for label in rows[0]["labels"] if label != "mean"]
    names = (
        *("patients", "min", "method", "Dice, 95 %", *labels, "worst"),
        *(f"difference to {OURS}, 95 %", "p, corrected"),
        *("training, s", "processor, s", "steps", "prediction, s a scan", "load"),
    )
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    for row in rows:
        difference = ("", "")
        if "p" in row:
            difference = (
                f"{row['difference']:+.4f}{_interval(row['low'], row['high'], '+.4f')}",
                f"{row['p_holm']:.2g}",
            )
        cells = (
            *(str(row["patients"]), f"{row['minutes']:g}", row["method"]),
            f"{row['mean']:.4f}{_interval(row['ci_low'], row['ci_high'], '.4f')}",
            *(f"{row['labels'][label]:.4f}" for label in labels),
            *(f"{row['worst']:.3f}", *difference),
            *(f"{row['training_s']:.0f}", f"{row['processor_s']:.0f}", str(row["steps"])),
            *(f"{row['prediction_s']:.2f}", " to ".join(f"{load:.0f}" for load in row["load"])),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def section(path: Path, rows: Sequence[Row], failures: Sequence[str], options: Namespace) -> str:
    """Return what is appended to the page."""
    versions = {name: number for row in rows for name, number in row["versions"].items()}
    whose = "the test patients of the configuration" if options.final else "training patients"
    told = (
        f"{rows[0]['n']} patients were tested on, {whose}; seed {options.seed}; "
        f"{options.threads} threads of {processor()}; "
        f"{', '.join(f'{name} {number}' for name, number in sorted(versions.items()))}."
    )
    busiest = max(row["load"][0] for row in rows)
    # what ran before a cell was one of ours, too
    if busiest > options.threads + 1:
        told += (
            f" The machine had other work to do (load up to {busiest:.0f} before a cell): minutes "
            "were worth less, and not the same for all."
        )
    lines = [
        f"\n## {path.stem}, {datetime.now(UTC).date()}, commit {commit()}\n",
        f"```console\npython benchmarks/curves.py {shlex.join(options.command)}\n```\n",
        f"{told}\n",
        markdown(rows),
        *(["", *(f"Not made: {failure}" for failure in failures)] if failures else []),
    ]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Return what processor this is, as far as the system says."""
    listed = Path("/proc/cpuinfo")
    named = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    models = [line.split(":", 1)[1].strip() for line in named if line.startswith("model name")]
    return models[0] if models else platform.machine()


def draw(rows: Sequence[Row]) -> Figure:
    """Draw Dice over patients, a panel for each number of minutes, with 95 % intervals as bands."""
    minutes = list(dict.fromkeys(row["minutes"] for row in rows))
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(1 + 3 * len(minutes), 3.3), layout="constrained")
        panels = figure.subplots(1, len(minutes), squeeze=False, sharey=True)[0]
        for axes, each in zip(panels, minutes, strict=True):
            _draw_panel(axes, [row for row in rows if row["minutes"] == each])
            axes.set(title=f"{each:g} min of training", xlabel="Patients", xscale="log")
            counts = sorted({row["patients"] for row in rows})
            axes.set_xticks(counts, [str(count) for count in counts])
            axes.minorticks_off()
        panels[0].set(ylabel="Dice", ylim=(0, 1))
        panels[-1].legend(loc="lower right")
    return figure


def _draw_panel(axes: Axes, rows: Sequence[Row]) -> None:
    for colour, method in zip(CYCLE, (OURS, *METHODS), strict=False):
        own = sorted((row for row in rows if row["method"] == method), key=lambda r: r["patients"])
        if not own:
            continue
        counts = [row["patients"] for row in own]
        axes.plot(counts, [row["mean"] for row in own], "o-", color=colour, label=method)
        bounds = [[row[key] or row["mean"] for row in own] for key in ("ci_low", "ci_high")]
        axes.fill_between(counts, *bounds, color=colour, alpha=0.15, linewidth=0)


# --- what is asked for --------------------------------------------------------------------


def parsed(arguments: Sequence[str]) -> Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="curves.py")
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--patients", type=int, nargs="+", required=True, help="to learn from")
    parser.add_argument("--minutes", type=float, nargs="+", required=True, help="of each training")
    parser.add_argument("--rivals", nargs="+", default=[], choices=list(METHODS))
    parser.add_argument("--rival-env", type=Path, help="environment of the rivals")
    parser.add_argument("--effort", choices=list(BUDGETS), default="laptop", help="of our plan")
    parser.add_argument("--seed", type=int, default=1, help="of subsets and trainings")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="and processors")
    parser.add_argument("--tested", type=int, default=24, help="patients to test on")
    parser.add_argument("--final", action="store_true", help="test on the test patients instead")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/curves.md")
    parser.add_argument("--figure", type=Path, help="draw the table, as .svg or .png")
    parser.add_argument("--place", type=Path, default=ROOT, help="a folder with the workflow")
    options = parser.parse_args(arguments)
    if min(*options.patients, 1) < 1 or min(*options.minutes, 1) <= 0:
        parser.error("--patients and --minutes are above 0")
    if options.rivals:
        if options.rival_env is None:
            parser.error("--rivals need --rival-env; benchmarks/rivals.txt says how it is made")
        if not (options.rival_env / "bin/python").exists():
            parser.error(f"--rival-env {options.rival_env}: there is no bin/python in it")
    options.patients = sorted(set(options.patients))
    options.minutes = sorted(set(options.minutes))
    # what study.py asks for, too
    options.cores, options.at_once = str(options.threads), 1
    options.command = list(arguments)
    return options


def main() -> None:
    """Make all cells, print their table and append it to the page."""
    options = parsed(sys.argv[1:])
    if hasattr(os, "sched_setaffinity"):
        # whatever processes a method starts, it has these processors and no others
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, usable[: options.threads])
    path = options.configfile.resolve()
    try:
        people = people_of(path, options)
        parts = [part_of(people, patients, options) for patients in options.patients]
        rows, failures = table_of(parts, options)
    except SlicewiseError as error:
        raise SystemExit(f"error: {error}") from None
    except subprocess.CalledProcessError:
        raise SystemExit(
            "error: our training failed, as Snakemake says above; mend that and give the same "
            "command again, which goes on from there"
        ) from None
    text = section(path, rows, failures, options)
    print(text)
    with options.out.open("a", encoding="utf-8") as page:
        page.write(text)
    if options.figure is not None:
        draw(rows).savefig(options.figure)
    if failures:
        raise SystemExit(f"{len(failures)} of {len(rows) + len(failures)} cells were not made")


if __name__ == "__main__":
    main()
