"""The jobs of a "cluster" that is no more than processes of this machine.

A job is known by the process that leads it and the time that this one started (a number alone is
used again), and its processes by a variable that they inherit. What it ended with is a file.
"""

import os
from contextlib import suppress
from pathlib import Path

FOLDER = Path(os.environ.get("PROCESSES", ".snakemake/processes"))
NAME = "PROCESSES_JOB"


def stat_of(process: int) -> list[str]:
    """Return what the kernel says of a process from its state on; nothing if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def runs(process: int) -> bool:
    """Tell whether a process is there and has not ended."""
    return stat_of(process)[:1] not in ([], ["Z"], ["X"])


def name_of(process: int) -> str:
    """Return by what a job is known that a process leads: its number and when it started."""
    fields = stat_of(process)
    return f"{process}-{fields[19]}" if fields else ""


def leader(job: str) -> list[int]:
    """Return the process that leads a job, if it runs."""
    number = job.partition("-")[0]
    there = number.isdigit() and name_of(int(number)) == job and runs(int(number))
    return [int(number)] if there else []


def members(job: str) -> list[int]:
    """Return the processes of a job that its leader has started."""
    marked = f"{NAME}={job}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marked in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return [process for process in found if runs(process)]


def memory_of(processes: list[int]) -> float:
    """Return how many MB some processes take."""
    pages = [int(fields[21]) for process in processes if (fields := stat_of(process))]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def signal_to(processes: list[int], number: int) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)
