"""Where the time and the memory of an experiment went, stage by stage."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from slicewise.errors import SlicewiseError
from slicewise.job import RESOURCES, asked_for
from slicewise.stored import AGAIN, read_stored_table

SHARED = ("phantom", "convert", "ingest", "cases", "split", "leakage")
"""Stages that all experiments of a data set share, in their order."""
OWN = ("plan", "train", "calibrate", "weights", "predict", "evaluate")
TITLES = {
    "phantom": "Making phantoms",
    "convert": "Converting to NIfTI",
    "ingest": "Reading and checking",
    "cases": "Table of cases",
    "split": "Split",
    "leakage": "Looking for leaks",
    "slices": "Cutting slices",
    "teach": "Asking the teacher",
    "plan": "Plan of the training",
    "train": "Training",
    "calibrate": "Calibration of the expected Dice",
    "weights": "Weights of the members",
    "predict": "Prediction",
    "evaluate": "Scoring",
}


TIMES = ("s", "max_rss", "cpu_time")
NO_TIMES = pd.DataFrame(columns=list(TIMES), dtype=float)


@dataclass(frozen=True)
class Cost:
    """What the jobs of one stage took; of a job that ran again, its last run.

    Attributes
    ----------
    stage : str
        The rule.
    jobs : int
        How many there were.
    minutes : float
        Of all of them, one after the other.
    longest : float
        Minutes of the longest.
    peak_mb : float or None
        Greatest resident memory of any, in MB; None where all were too short to be measured.
    cores : float or None
        Processors in use, averaged over the time of all jobs.
    asked_mb, asked_minutes, asked_cores : float or None
        The most that a job had asked for, where it is known.
    """

    stage: str
    jobs: int
    minutes: float
    longest: float
    peak_mb: float | None
    cores: float | None
    asked_mb: float | None = None
    asked_minutes: float | None = None
    asked_cores: float | None = None

    @property
    def title(self) -> str:
        """The stage in words."""
        return TITLES.get(self.stage, self.stage)


def read_costs(
    folder: Path,
    recipes: Sequence[str],
    jobs: Mapping[str, Collection[str]] | None = None,
    teacher: str | None = None,
) -> list[Cost]:
    """Read what the stages of an experiment took.

    Parameters
    ----------
    folder : Path
        ``results/<dataset>/<experiment>``. Beside it, ``timings`` holds a
        folder for each rule, of the files that Snakemake's ``benchmark:``
        writes, and ``logs`` the same, which say what was asked for.
    recipes : sequence of str
        The slice recipes that it reads.
    jobs : mapping of str to collection of str, optional
        By stage, the names of its jobs: others are of a data set as it once
        was. Of a stage that is not named all count.
    teacher : str, optional
        The experiment that it learns from.

    Returns
    -------
    list of Cost
        In the order of the stages; a stage without a file is left out.
    """
    timings = folder.parent / "timings"
    experiment = folder.name
    measured = [(rule, sorted((timings / rule).rglob("*.tsv"))) for rule in SHARED]
    cut = [path for recipe in recipes for path in (timings / "slices" / recipe).rglob("*.tsv")]
    measured.append(("slices", cut))
    if teacher is not None:
        told = [timings.glob(f"teach/{teacher}/fold-*/{recipe}/*.tsv") for recipe in recipes]
        measured.append(("teach", [path for paths in told for path in sorted(paths)]))
    for rule in OWN:
        own = timings / rule
        measured.append((rule, [*own.glob(f"{experiment}.tsv"), *own.glob(f"{experiment}/*")]))
    counted = (
        (rule, [p for p in paths if jobs is None or p.stem in jobs.get(rule, [p.stem])])
        for rule, paths in measured
    )
    costs = [_cost(rule, paths) for rule, paths in counted if paths]
    return [cost for cost in costs if cost.jobs]


def _cost(rule: str, paths: Sequence[Path]) -> Cost:
    tables = {path: _timing(path) for path in paths}
    known = {path: table for path, table in tables.items() if table is not None}
    jobs = pd.concat([NO_TIMES, *known.values()])
    seconds = float(jobs["s"].sum())
    asked = pd.DataFrame([asked_for(_log(path)) for path in known], columns=list(RESOURCES))
    work = jobs["cpu_time"].astype(float).sum(min_count=1)
    return Cost(
        rule,
        len(known),
        seconds / 60,
        float(jobs["s"].max()) / 60,
        _most(jobs["max_rss"]),
        None if pd.isna(work) or not seconds else float(work) / seconds,
        _most(asked["mem_mb"]),
        _most(asked["runtime"]),
        _most(asked["_cores"]),
    )


def _timing(path: Path) -> pd.DataFrame | None:
    """Read what Snakemake measured of a job; None for what a kill or an editor left of it."""
    try:
        return read_stored_table(path, TIMES, numbers=TIMES, na_values=["-", "NA"])
    except SlicewiseError as error:
        line = str(error).replace(AGAIN, "what that job took is left out of the report")
        logging.getLogger(__name__).warning("%s", line)
        return None


def _log(timing: Path) -> Path:
    folder = next(parent for parent in timing.parents if parent.name == "timings")
    return (folder.with_name("logs") / timing.relative_to(folder)).with_suffix(".log")


def _most(values: pd.Series) -> float | None:
    most = values.astype(float).max()
    return None if pd.isna(most) else float(most)
