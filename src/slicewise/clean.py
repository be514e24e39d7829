"""What of the results may go to free the disk: how large it is, and what it costs to make again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.stored import read_stored_table
from slicewise.training.budget import clock
from slicewise.training.checkpoints import delete_checkpoints
from slicewise.wording import plural, some

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Kind:
    """A kind of what was made.

    Attributes
    ----------
    places : tuple of str
        Patterns of files and folders below ``results/<dataset>``.
    again : str
        What becomes of it.
    rules : tuple of str
        The rules whose jobs make it again, and what is made from it.
    vouching : tuple of str
        Patterns of records that say that it is there, and go before it.
    """

    places: tuple[str, ...]
    again: str
    rules: tuple[str, ...]
    vouching: tuple[str, ...] = ()


KINDS = {
    CHECKPOINTS: Kind(
        ("*/checkpoints",),
        "trainings that were stopped, or go on in a sweep, begin anew, and no others run",
        (),
    ),
    "converted": Kind(
        ("cases/*/image.nii.gz", "cases/*/mask.nii.gz"),
        "made again, with all that is made from it, trainings too, once anything is due",
        (
            *("phantom", "convert", "ingest", "slices", "teach", "rung", "train", "calibrate"),
            "weights",
            *("predict", "evaluate", "report"),
        ),
        ("cases/_shards",),
    ),
    "slices": Kind(
        ("slices",), "cut again where a training is due, and only for it", ("slices", "teach")
    ),
    "predictions": Kind(
        ("*/predictions",),
        "made again by the next run, with scores and pages",
        ("predict", "evaluate", "report", "compare"),
    ),
}


@dataclass(frozen=True)
class Part:
    """What there is of one kind.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    paths : tuple of Path
        Files and folders, in the order in which they go.
    files, bytes : int
        How many files these are, and how large.
    seconds : float
        That the jobs took which make it again, one after the other.
    """

    kind: str
    paths: tuple[Path, ...]
    files: int
    bytes: int
    seconds: float

    @property
    def in_words(self) -> str:
        """The kind, its size, what becomes of it and how long that takes."""
        if not self.files:
            return f"  {self.kind:<12} nothing there"
        took = f" ({clock(self.seconds)} of jobs)" if self.seconds else ""
        size = f"{size_in_words(self.bytes):>9}, {plural(self.files, 'file')}"
        return f"  {self.kind:<12} {size}: {KINDS[self.kind].again}{took}"


def parts_of(results: Path) -> list[Part]:
    """Return what there is of each kind.

    Parameters
    ----------
    results : Path
        ``results/<dataset>``.
    """
    return [_part(results, name, kind) for name, kind in KINDS.items()]


def delete(parts: Sequence[Part]) -> int:
    """Delete what there is of some kinds; checkpoints of trainings that run, or may run, stay.

    Returns
    -------
    int
        How many bytes stay.

    Raises
    ------
    SlicewiseError
        When something cannot be deleted.
    """
    for part in parts:
        for path in part.paths:
            if part.kind == CHECKPOINTS:
                delete_checkpoints(path)
                continue
            try:
                _delete(path)
            except OSError as error:
                named = Path(error.filename or path)
                # what lies deeper is named without its folder
                place = named if path in (named, *named.parents) else path
                raise SlicewiseError(
                    f"{place}: it cannot be deleted ({error.strerror}); what was deleted before "
                    "it is gone, and is made again where it is needed"
                ) from error
    left = (path for part in parts for path in part.paths if path.exists())
    return sum(file.lstat().st_size for path in left for file in _files(path))


def data_sets(results: Path, dataset: str | None = None) -> list[Path]:
    """Return the folders of all data sets, or of one.

    Raises
    ------
    SlicewiseError
        When there is none, or none of that name.
    """
    known = sorted(path.parent for path in results.glob("*/cases") if path.is_dir())
    if dataset is None and known:
        return known
    chosen = [path for path in known if path.name == dataset]
    if not chosen:
        names = some([path.name for path in known], 8) or "none"
        asked = "no results of a data set" if dataset is None else f"no results of {dataset!r}"
        raise SlicewiseError(f"{results}: it holds {asked}; there are: {names}")
    return chosen


def size_in_words(number: int) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> size_in_words(999)
    '999 B'
    >>> size_in_words(25_300_000)
    '25.3 MB'
    """
    power = min(4, max(0, (len(str(number)) - 1) // 3))
    return f"{number / 1000**power:.{1 if power else 0}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _part(results: Path, name: str, kind: Kind) -> Part:
    paths = _found(results, kind.places)
    sizes = [file.lstat().st_size for path in paths for file in _files(path)]
    vouching = _found(results, kind.vouching)
    timings = [results / "timings" / rule for rule in kind.rules]
    seconds = sum(_seconds(path) for place in timings for path in place.rglob("*.tsv"))
    gone = (*vouching, *paths) if sizes else ()
    return Part(name, gone, len(sizes), sum(sizes), seconds)


def _found(results: Path, places: Iterable[str]) -> tuple[Path, ...]:
    return tuple(path for place in places for path in sorted(results.glob(place)))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
    else:
        yield from (file for file in path.rglob("*") if file.is_symlink() or file.is_file())


def _seconds(timing: Path) -> float:
    """Return how long a job took by what Snakemake measured; 0 for what a kill left of that."""
    try:
        return float(read_stored_table(timing, ["s"], numbers=["s"])["s"].sum())
    except SlicewiseError:
        return 0.0


def _delete(path: Path) -> None:
    """Delete a file, or what is in a folder; a link to a folder on another disk stays."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
    elif not path.is_symlink():
        shutil.rmtree(path)
    else:
        for inside in path.iterdir():
            _delete(inside)
