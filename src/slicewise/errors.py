"""What users are meant to read instead of a traceback."""

from __future__ import annotations

import errno
from collections.abc import Sequence

FULL = (errno.ENOSPC, errno.EDQUOT)
"""No space, on the disk or of a user."""
OF_SYSTEM = {
    **dict.fromkeys(FULL, "no space left on the disk; free some and rerun"),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM),
        "this user may not read or write it; ask its owner for that right, or work in a folder of "
        "your own",
    ),
    errno.EROFS: "the file system is read-only; work in a folder that can be written",
    errno.EFBIG: "larger than files may be here; raise the limit (ulimit -f) or that of the file "
    "system, and rerun",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n) and rerun",
    errno.ENAMETOOLONG: "the name is longer than the file system takes; choose shorter names",
}
"""What users can do about errors of the operating system."""
NO_TEMPORARY = "No usable temporary directory"
"""How Python says that there is no folder for temporary files."""
WORKFLOW = ("keras", "matplotlib", "mlflow", "requests", "rocrate", "snakemake", "urllib3")
"""Modules of the extra ``workflow`` of pyproject.toml, which trains, reports and tracks;
``slicewise[light]`` lacks it."""


class SlicewiseError(Exception):
    """A fault in the input, the settings or the surroundings of a job.

    Its message is one sentence for the user: the file or key, what is wrong
    with it, and what to do. It is shown without a traceback.
    """


class PassingError(SlicewiseError):
    """A fault of the surroundings, such as too little memory: another attempt may do without it."""


class DivergedError(SlicewiseError):
    """A training came to numbers that are none: with its settings it leads nowhere."""


class StoppedError(PassingError):
    """Nothing is wrong: a job was told to stop, and goes on when it is run again."""


STOPPED = (StoppedError, KeyboardInterrupt)
"""What ends a job that was told to stop."""


class SeveralErrors(SlicewiseError):
    """Faults of several cases that one job met, each with its own sentence.

    Parameters
    ----------
    errors : sequence of SlicewiseError
        At least one.
    """

    def __init__(self, errors: Sequence[SlicewiseError]) -> None:
        super().__init__(" ".join(map(str, errors)))
        self.errors = list(errors)


def explained(error: OSError, path: object = None) -> str | None:
    """Return the sentence for an error of the operating system that users can do something about.

    Parameters
    ----------
    error : OSError
    path : path-like, optional
        What is named where the error names no file.

    Returns
    -------
    str or None
        None for other errors, which are faults of ours.
    """
    if error.filename is None and NO_TEMPORARY in (error.strerror or ""):
        return (
            "TMPDIR: temporary files can be written nowhere, neither there nor in /tmp or the "
            "current folder; export TMPDIR=FOLDER with one that can be written and has room"
        )
    said = OF_SYSTEM.get(error.errno or 0)
    place = error.filename2 or error.filename or path
    return None if said is None else f"{place}: {said}" if place is not None else said


def not_installed(module: str) -> str | None:
    """Return the sentence for a module that training, reports and tracking take.

    Parameters
    ----------
    module : str
        As an import named it, also with a part of it: ``mlflow.client``.

    Returns
    -------
    str or None
        None for a module that is always there, whose lack is a fault.
    """
    top = module.split(".")[0]
    if top not in WORKFLOW:
        return None
    return (
        f"{top}: this needs it, and what is installed is for new scans with exported models alone; "
        "install the rest, in the folder of slicewise, with "
        "python -m pip install --editable '.[tensorflow]'"
    )
