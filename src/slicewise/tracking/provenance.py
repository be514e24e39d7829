"""Where a result comes from: commit, versions, host."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path

from slicewise.sources import library_digests, workflow_folder

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


UNKNOWN = "unknown"
CODE = ("Snakefile", "rules", "scripts", "src/slicewise")
"""What of a clone is the code that runs: a file of it that git was never told of counts too."""


def git_state(workflow: Path | None) -> dict[str, str]:
    """Return slicewise's own commit, and whether files differ from it.

    Parameters
    ----------
    workflow : Path or None
        The folder of the Snakefile. A repository that merely surrounds it is
        somebody else's, and does not count.

    Returns
    -------
    dict of str to str
        ``git_commit``, which may be unknown, and ``git_dirty`` if it is not.
    """
    try:
        if workflow is None or _root(workflow) != workflow.resolve():
            return {"git_commit": UNKNOWN}
        return {
            "git_commit": _git(workflow, "rev-parse", "HEAD").strip(),
            "git_dirty": str(_is_dirty(workflow) or bool(_untracked(workflow))).lower(),
        }
    except (OSError, subprocess.SubprocessError):
        return {"git_commit": UNKNOWN}


def project_state(folder: Path, workflow: Path | None) -> dict[str, str]:
    """Return the commit of the repository that a folder lies in, where it is not slicewise's own.

    Parameters
    ----------
    folder : Path
        Where results are made.
    workflow : Path or None
        The folder of the Snakefile.

    Returns
    -------
    dict of str to str
        ``project_commit`` and ``project_dirty``; empty where there is none.
    """
    try:
        if workflow is not None and _root(folder, ours=False) == workflow.resolve():
            return {}
        return {
            "project_commit": _git(folder, "rev-parse", "HEAD", ours=False).strip(),
            "project_dirty": str(_is_dirty(folder, ours=False)).lower(),
        }
    except (OSError, subprocess.SubprocessError):
        return {}


def git_diff(workflow: Path | None) -> str:
    """Return how slicewise's files differ from its commit, new files of code included.

    Empty where its commit is not known.
    """
    if git_state(workflow)["git_commit"] == UNKNOWN or workflow is None:
        return ""
    options = ("--no-ext-diff", "--no-color")
    try:
        changed = _git(workflow, "diff", *options, "HEAD")
        new = [
            # it ends with 1, as there is a difference
            _git(workflow, "diff", *options, "--no-index", "--", os.devnull, name, ends=1)
            for name in _untracked(workflow)
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join([changed, *new])


def file_of_commit(workflow: Path, commit: str, name: str) -> bytes | None:
    """Return a file of slicewise as a commit has it; None where that is not known here."""
    try:
        if _root(workflow) != workflow.resolve():
            return None
        return _git(workflow, "show", f"{commit}:{name}").encode()
    except (OSError, subprocess.SubprocessError):
        return None


def repository(workflow: Path) -> str | None:
    """Return where slicewise was cloned from, if that is an address that others can reach.

    Nothing in it logs in; a folder, or a name without a dot in it, is told to nobody.
    """
    try:
        if _root(workflow) != workflow.resolve():
            return None
        address = _git(workflow, "remote", "get-url", "origin").strip()
    except (OSError, subprocess.SubprocessError):
        return None
    by_ssh = re.fullmatch(r"(?:ssh://)?git@([\w.-]+\.\w+)[:/]([\w./-]+)", address)
    if by_ssh:
        return f"https://{by_ssh[1]}/{by_ssh[2]}"
    public = re.fullmatch(r"https://(?:[^/]*@)?([\w-]+(?:\.[\w-]+)+/[\w./-]+)", address)
    return f"https://{public[1]}" if public else None


def _root(folder: Path, *, ours: bool = True) -> Path:
    top = _git(folder, "rev-parse", "--show-toplevel", ours=ours)
    return Path(top.removesuffix("\n")).resolve()


def _is_dirty(folder: Path, *, ours: bool = True) -> bool:
    return bool(_git(folder, "status", "--porcelain", "--untracked-files=no", ours=ours))


def _untracked(workflow: Path) -> list[str]:
    names = _git(workflow, "ls-files", "-z", "--others", "--exclude-standard", "--", *CODE)
    return [name for name in names.split("\0") if name]


def _git(folder: Path, *arguments: str, ends: int = 0, ours: bool = True) -> str:
    # git answers nothing about a clone of another user, lest its settings run commands of theirs;
    # the code of slicewise's own clone runs here anyway
    trust = ["-c", f"safe.directory={folder.resolve()}"] if ours else []
    # in a hook, these name the repository that it belongs to
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *trust, "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=20,
        env={**kept, "GIT_OPTIONAL_LOCKS": "0"},
    )
    if done.returncode != ends:
        raise subprocess.CalledProcessError(done.returncode, done.args)
    return done.stdout


def place() -> dict[str, str]:
    """Return where something is made: slicewise's commit and code, the project, host, Slurm job."""
    workflow = workflow_folder()
    tags = {
        **git_state(workflow),
        **library_digests(workflow),
        **project_state(Path(), workflow),
        "host": socket.gethostname(),
    }
    if job := os.environ.get("SLURM_JOB_ID"):
        tags["slurm_job"] = job
    return tags


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter most, of Python and of the machine."""
    numbers = {}
    for package in PACKAGES:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return numbers | {"python": platform.python_version(), "machine": platform.machine()}


def environment() -> dict[str, str]:
    """Return the version of every installed package."""
    return dict(_installed())


@cache
def _installed() -> dict[str, str]:
    """Read what is installed, which takes a moment, once for all runs of a process."""
    named = [*filter(None, map(_name_and_version, distributions()))]
    # of two of a name the first is what is imported
    return dict(sorted(dict(reversed(named)).items()))


def _name_and_version(package: Distribution) -> tuple[str, str] | None:
    """Read two lines of what is known of a package; nothing where an installation was broken off.

    `Distribution.metadata` reads its whole description as an e-mail each time it is asked.
    """
    head, _, _ = (package.read_text("METADATA") or package.read_text("PKG-INFO") or "").partition(
        "\n\n"
    )
    said = dict(re.findall(r"^(Name|Version): *(\S+)", head, re.M))
    if said.keys() != {"Name", "Version"}:
        return None
    return said["Name"].lower(), said["Version"]
