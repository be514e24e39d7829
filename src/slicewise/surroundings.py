"""What a run finds on the machine: processors, streams, a name of its user, places to write."""

from __future__ import annotations

import errno
import getpass
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from slicewise.errors import OF_SYSTEM, SlicewiseError

SLOTS = ("NSLOTS", "SLURM_CPUS_PER_TASK", "LSB_DJOB_NUMPROC")
"""Variables by which Grid Engine, Slurm and LSF tell a job how many processors are its own."""


def available_threads() -> int:
    """Return the number of processors this process may use.

    Not every scheduler holds a job to those that it gave it, and nodes have more or fewer.
    """
    bound = hasattr(os, "sched_getaffinity")
    usable = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    told = [os.environ.get(name, "") for name in SLOTS]
    return min([usable, *(int(text) for text in told if text.isdecimal() and int(text) > 0)])


def give_names() -> None:
    """Name the user and a home where there are none, for this process and its children.

    In a container, a number may have no name; Snakemake and MLflow take it for
    granted that users have one.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"uid-{os.getuid()}"
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()


def give_streams() -> None:
    """Open nothing in the place of standard streams that are closed, as those of a daemon may be.

    Python has None for them; and the next file that is opened would take the number of one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  it stays open
            setattr(sys, name, stream)


def check_writable(places: Iterable[Path]) -> None:
    """Check that this user may write in folders, or make them.

    Raises
    ------
    SlicewiseError
        When one cannot be written.
    """
    for place in places:
        there = next(path for path in (place, *place.absolute().parents) if path.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            read_only = os.statvfs(there).f_flag & os.ST_RDONLY
            code = errno.EROFS if read_only else errno.EACCES
            raise SlicewiseError(f"{there}: {OF_SYSTEM[code]}")


def folders_of(results: Path, dataset: str) -> Iterator[Path]:
    """Yield the folders of a data set's results, as deep as those of its experiments."""
    yield results
    yield results / dataset
    for pattern in ("*/", "*/*/"):
        yield from sorted(path for path in (results / dataset).glob(pattern) if path.is_dir())


def check_image(image: str | None) -> None:
    """Check that jobs that are to run in containers have an image; else they would run without.

    Parameters
    ----------
    image : str, optional
        A file, or an address with a scheme (``docker://``), which Snakemake fetches.

    Raises
    ------
    SlicewiseError
        When none is named, or its file is not there.
    """
    if not image:
        raise SlicewiseError(
            "--sdm apptainer: no image is named; build one (apptainer build slicewise.sif "
            "deploy/slicewise.def) and export SLICEWISE_IMAGE=$PWD/slicewise.sif"
        )
    if "://" not in image and not Path(image).is_file():
        raise SlicewiseError(f"{image}: SLICEWISE_IMAGE names this image, and there is none")


def gpus_asked(number: str) -> int | None:
    """Return how many GPUs a training or a prediction asks for.

    Parameters
    ----------
    number : str
        What SLICEWISE_GPUS says.

    Returns
    -------
    int or None
        None for 0, which to Kubernetes is a request, too.

    Raises
    ------
    SlicewiseError
        When it is no number of GPUs.

    Examples
    --------
    >>> gpus_asked("2"), gpus_asked("0")
    (2, None)
    """
    if not re.fullmatch("[0-9]+", number):
        raise SlicewiseError(
            f"SLICEWISE_GPUS: {number!r} is no number of GPUs; give one, 0 where there are none, "
            "or unset it"
        )
    return int(number) or None
