"""Which slicewise this is: its version, and the commit that it was taken from."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from slicewise import __version__
from slicewise.sources import LIBRARY, workflow_folder
from slicewise.tracking.provenance import UNKNOWN, git_state

SHORT = 7
"""So many digits of a commit are shown, as git does."""


def full_version() -> str:
    """Return the version with the commit, where it is known, as PEP 440 has local versions.

    A clone is asked for its commit, and whether its files differ from it; a wheel has it in its
    version, where ``setup.py`` wrote it.

    Returns
    -------
    str
        Such as ``0.1.0+g1a2b3c4``, or ``0.1.0+g1a2b3c4.dirty``; release 0.1.0 is tag v0.1.0.
    """
    state = git_state(workflow_folder())
    if state["git_commit"] != UNKNOWN:
        edited = ".dirty" if state["git_dirty"] == "true" else ""
        return f"{__version__}+g{state['git_commit'][:SHORT]}{edited}"
    try:
        installed = distribution("slicewise")
    except PackageNotFoundError:
        return __version__
    # what is installed may be another one than what runs
    is_this = str(installed.locate_file("slicewise")) == str(LIBRARY)
    return installed.version if is_this else __version__
