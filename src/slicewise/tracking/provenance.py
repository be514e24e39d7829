"""Where a result comes from: commit, versions, host."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

PACKAGES = (
    "slicewise",
    "snakemake",
    "tensorflow",
    "keras",
    "mlflow",
    "numpy",
    "nibabel",
    "scikit-image",
    "SimpleITK",
)


def git_state(folder: Path) -> dict[str, str]:
    """Return the commit and whether files differ from it; empty outside a repository."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"git_commit": commit.strip(), "git_dirty": str(dirty).lower()}


def git_diff(folder: Path) -> str:
    """Return how the tracked files differ from the commit; empty outside a repository."""
    try:
        return _git(folder, "diff", "--no-ext-diff", "--no-color", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        timeout=20,
    )
    return done.stdout


def place(folder: Path) -> dict[str, str]:
    """Return where something is made: commit, host and Slurm job."""
    found = {**git_state(folder), "host": socket.gethostname()}
    if job := os.environ.get("SLURM_JOB_ID"):
        found["slurm_job"] = job
    return found


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter most, of Python and of the machine."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"python": platform.python_version(), "machine": platform.machine()}


def environment() -> dict[str, str]:
    """Return the version of every installed package."""
    return dict(sorted({d.name.lower(): d.version for d in distributions()}.items()))
