"""What a run would do, stage by stage, and why; what a dry run ends with, and `slicewise why`."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import read_json, write_json
from slicewise.job import MARK
from slicewise.running import snakemake
from slicewise.wording import plural, some

ASKED = "SLICEWISE_PLANNED"
"""Variable of the environment that names a file for the jobs of a dry run, in JSON."""
NAMED = 3
"""Jobs that are named of those with one reason."""
CAUSES = 3
"""Reasons that are told apart in a line of the table."""
FOLLOWS = "made from what is made again"
NOT_MADE = "not made yet"
UNMADE = "MissingRuleException"
"""What Snakemake calls it that no rule makes a file, which may be there all the same."""


class Reason(Protocol):
    """What Snakemake says of a job that it would run."""

    forced: bool
    input_changed: bool
    code_changed: bool
    software_stack_changed: bool
    params_changed: object
    missing_output: set[object]
    incomplete_output: set[object]
    updated_input: set[object]
    updated_input_run: set[object]


@dataclass(frozen=True)
class PlannedJob:
    """A job that a run would do.

    Attributes
    ----------
    stage : str
        Its rule.
    name : str
        Which of the rule's jobs it is; empty of the only one.
    outputs : list of str
        Its files.
    cause : str
        Why it would run, see `cause_of`.
    timing : str
        Where Snakemake notes how long it took; empty of what is not timed.
    """

    stage: str
    name: str
    outputs: list[str]
    cause: str
    timing: str = ""


def cause_of(reason: Reason, stale: str = "") -> str:
    """Say in words why a job would run.

    Parameters
    ----------
    reason : object
        What Snakemake says.
    stale : str
        What its record says that it was made from, where that is something else now.
    """
    own = {str(path) for path in reason.updated_input - reason.updated_input_run}
    said = (
        (stale, stale),
        (reason.missing_output, NOT_MADE),
        (reason.incomplete_output, "left unfinished"),
        (own, f"{some(sorted(own), NAMED)} was changed"),
        (reason.params_changed, "made with other settings"),
        (reason.code_changed, "made by other code"),
        (reason.input_changed, "made from other files"),
        (reason.software_stack_changed, "made in another environment"),
        (reason.updated_input_run, FOLLOWS),
        (reason.forced, "asked for again"),
    )
    return next((words for holds, words in said if holds), FOLLOWS)


def table(jobs: Sequence[PlannedJob]) -> list[str]:
    """List the stages of a run: how many jobs, why, and how long they took before.

    Parameters
    ----------
    jobs : sequence of PlannedJob
        In the order of stages.

    Returns
    -------
    list of str
        Lines; none where nothing is to be done.
    """
    if not jobs:
        return []
    stages = list(dict.fromkeys(job.stage for job in jobs))
    rows = [("stage", "jobs", "takes", "why")]
    total = 0.0
    unknown = []
    for stage in stages:
        own = [job for job in jobs if job.stage == stage]
        seconds = _seconds(own)
        if seconds is None:
            unknown.append(stage)
        total += seconds or 0.0
        rows.append((stage, str(len(own)), _duration(seconds), _why(own)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{stage:<{widths[0]}}  {count:>{widths[1]}}  {takes:>{widths[2]}}  {why}"
        for stage, count, takes, why in rows
    ]
    of = plural(len(jobs), "job")
    if len(unknown) == len(stages):
        return [*lines, f"together {of}; how long they take is not known yet"]
    rest = f", and {some(unknown, NAMED)}" if unknown else ""
    return [*lines, f"together {of}: {_duration(total)} one after the other{rest}, as before"]


def sentences(path: str, jobs: Sequence[PlannedJob]) -> list[str]:
    """Say of a file why it would be made again, or that it would not.

    Parameters
    ----------
    path : str
        The file.
    jobs : sequence of PlannedJob
        All that would be done for it, its own job among them.
    """
    if not jobs:
        return [f"{path} is as it would be made now."]
    own = next((job for job in jobs if path in job.outputs), None)
    cause = FOLLOWS if own is None else own.cause
    if not Path(path).exists():
        would = "1 job would make it" if len(jobs) == 1 else f"{len(jobs)} jobs would make it"
        head = f"{path} is not there; {would}."
    elif cause == FOLLOWS:
        head = f"{path} would be made again, as what it is made from would be."
    else:
        head = f"{path} would be made again: {cause}."
    changed = [job for job in jobs if job.cause not in (FOLLOWS, NOT_MADE) and job is not own]
    alike: dict[tuple[str, str], list[PlannedJob]] = {}
    for job in changed:
        alike.setdefault((job.stage, job.cause), []).append(job)
    listed = [
        f"  {some([job.outputs[0] for job in same], NAMED)}: {cause}"
        for (_, cause), same in alike.items()
    ]
    return [head, *(["What changed:"] if listed else []), *listed]


def write_planned(path: str, jobs: Iterable[PlannedJob]) -> None:
    """Write what a run would do, for `why` to read."""
    write_json(path, [asdict(job) for job in jobs])


def why(path: Path, configuration: Sequence[Path], workflow: Path) -> list[str]:
    """Say why a file of the results would be made again, by a dry run.

    Parameters
    ----------
    path : Path
        The file, below ``results``.
    configuration : sequence of Path
        YAML files, a later one laid over; none for the default.
    workflow : Path
        The folder of the Snakefile.

    Returns
    -------
    list of str
        Lines.

    Raises
    ------
    SlicewiseError
        When the configuration is wrong, or does not make the file.
    """
    # Snakemake knows its files by paths from here alone
    name = os.path.relpath(path)
    command = [
        snakemake(),
        # first, as --configfile would swallow it
        name,
        *("--snakefile", str(workflow.resolve() / "Snakefile"), "--cores", "1", "--dry-run"),
    ]
    if configuration:
        command += ["--configfile", *map(str, configuration)]
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "planned.json"
        done = subprocess.run(
            command,
            env=os.environ | {ASKED: str(answer)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not answer.exists():
            said = [line for line in done.stderr.splitlines() if line.startswith(MARK)]
            raise SeveralErrors(
                [SlicewiseError(line.removeprefix(MARK)) for line in said]
                or [_unmade(path, f"{done.stdout}\n{done.stderr}".strip(), configuration)]
            )
        jobs = [PlannedJob(**job) for job in read_json(answer)]
    return sentences(name, jobs)


def _unmade(path: Path, said: str, configuration: Sequence[Path]) -> SlicewiseError:
    """Return why a dry run failed, by what Snakemake said of it."""
    if UNMADE not in said:
        return SlicewiseError(f"{path}: {said or 'the dry run failed'}")
    given = " + ".join(map(str, configuration)) or "the default configuration"
    return SlicewiseError(
        f"{path}: no job of {given} makes this; name a file that slicewise targets lists, from "
        "the folder that results lies in, and by --configfile the configuration that it is of"
    )


def _why(jobs: Sequence[PlannedJob]) -> str:
    """Name the reasons of a stage's jobs, the most frequent first."""
    causes: dict[str, list[PlannedJob]] = {}
    for job in jobs:
        causes.setdefault(_brief(job.cause), []).append(job)
    ordered = sorted(causes.items(), key=lambda item: -len(item[1]))
    if len(ordered) == 1:
        return ordered[0][0]
    said = [
        f"{len(own)} {cause}: {some([job.name for job in own], NAMED)}"
        for cause, own in ordered[:CAUSES]
    ]
    if len(ordered) > CAUSES:
        said.append(f"{sum(len(own) for _, own in ordered[CAUSES:])} for other reasons")
    return "; ".join(said)


def _brief(cause: str) -> str:
    """Name the first alone of what changed.

    >>> _brief("made by other code (a.py, b.py and 4 more)")
    'made by other code (a.py and 5 more)'
    """
    begin, bracket, rest = cause.partition(" (")
    if not bracket or not rest.endswith(")"):
        return cause
    names, _, more = rest.removesuffix(" more)").removesuffix(")").partition(" and ")
    first, *others = names.split(", ")
    unnamed = int(more) if more.isdigit() else 0
    count = len(others) + unnamed
    return f"{begin} ({first} and {count} more)" if count else f"{begin} ({first})"


def _seconds(jobs: Iterable[PlannedJob]) -> float | None:
    """Return how long jobs take, by what they or others of their stage took; None if unknown."""
    own = []
    lacking = 0
    for job in jobs:
        seconds = _measured(Path(job.timing)) if job.timing else None
        if seconds is None:
            lacking += 1
        else:
            own.append(seconds)
    if lacking and not own:
        others = (Path(job.timing).parent for job in jobs if job.timing)
        beside = [path for folder in dict.fromkeys(others) for path in sorted(folder.glob("*.tsv"))]
        own_of_stage = [each for each in map(_measured, beside) if each is not None]
        if not own_of_stage:
            return None
        return lacking * sum(own_of_stage) / len(own_of_stage)
    return sum(own) * (1 + lacking / max(len(own), 1))


def _measured(path: Path) -> float | None:
    """Read the seconds that Snakemake measured of a job; None where there are none."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return sum(float(row["s"]) for row in csv.DictReader(stream, delimiter="\t")) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
