"""Where a result comes from: commit, versions, host."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
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
    return {"git_commit": commit, "git_dirty": str(dirty).lower()}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()


def provenance(folder: Path) -> dict[str, str]:
    """Return commit, versions of the packages that matter, Python, host and Slurm job."""
    found = git_state(folder)
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["python"] = platform.python_version()
    found["machine"] = platform.machine()
    if job := os.environ.get("SLURM_JOB_ID"):
        found["slurm_job"] = job
    return found
