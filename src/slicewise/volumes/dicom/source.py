"""Where the files of a series are: a folder, a zip, or a list of files, all read the same way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.archives import open_archive, safe_members
from slicewise.volumes.formats import is_litter

UID = re.compile(r"\d+(\.\d+){4,}")
"""A DICOM identifier, which no message may show."""


@dataclass(frozen=True)
class SourceFiles:
    """Files of a folder or members of a zip, read the same way.

    Attributes
    ----------
    shown : str
        How messages name the folder or zip.
    names : tuple of str
        Paths of the files below it, in order.
    open : callable
        From a name to a stream of bytes.
    """

    shown: str
    names: tuple[str, ...]
    open: Callable[[str], BinaryIO]

    def only(self, names: Sequence[str], within: str) -> SourceFiles:
        """Return the same source reduced to some of its files."""
        return SourceFiles(f"{self.shown}, {within}", tuple(names), self.open)

    def file(self, name: str) -> str:
        """Name one file to the user.

        Scanners like to name files after their UID, which must not be shown:
        the number among the files in order of their names stands in for it.
        """
        return f"{self.shown}: {self.short(name)}"

    def short(self, name: str) -> str:
        """Name one file as `file` does, without its folder."""
        short = PurePosixPath(name).name
        number = f"file {self.names.index(name) + 1} of {len(self.names)} in order of names"
        return number if UID.search(short) else short


@contextmanager
def opened(
    source: Path | Sequence[Path], member_prefix: str | None = None
) -> Iterator[SourceFiles]:
    """Open a folder, a zip or a list of files; members of a zip stay in memory.

    Parameters
    ----------
    source : pathlib.Path or sequence of pathlib.Path
        A folder (searched to any depth), a zip, or the files themselves.
    member_prefix : str, optional
        Take only files whose path below the folder or in the zip starts so.

    Yields
    ------
    SourceFiles

    Raises
    ------
    SlicewiseError
        When there is no such file, or the zip is refused (see `safe_members`).
    """
    if not isinstance(source, (str, os.PathLike)):
        paths = [Path(path) for path in source]
        if len(paths) != 1:
            yield _listed(paths, member_prefix)
            return
        source = paths[0]
    source = Path(source)
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        yield _below(source, paths, member_prefix)
    elif not source.exists():
        raise SlicewiseError(
            f"{source}: there is no such file, folder or zip; check the path and dataset.root"
        )
    elif source.suffix.lower() != ".zip":
        yield _listed([source], member_prefix)
    else:
        with open_archive(source) as archive:
            names = [m.filename for m in safe_members(source, archive) if not m.is_dir()]
            yield SourceFiles(
                str(source),
                _wanted(names, member_prefix),
                lambda name: archive.open(name),  # type: ignore[return-value, arg-type]
            )


def _listed(paths: list[Path], member_prefix: str | None) -> SourceFiles:
    """Give explicit files, shown to the user by the folder they share."""
    if not paths:
        raise SlicewiseError("DICOM series: the list of its files is empty; name at least one file")
    for path in paths:
        if not path.is_file():
            raise SlicewiseError(f"{path}: there is no such file; check the path and dataset.root")
    return _below(Path(os.path.commonpath([path.parent for path in paths])), paths, member_prefix)


def _below(root: Path, paths: Sequence[Path], member_prefix: str | None) -> SourceFiles:
    names = sorted(path.relative_to(root).as_posix() for path in paths)
    return SourceFiles(
        str(root), _wanted(names, member_prefix), lambda name: (root / name).open("rb")
    )


def _wanted(names: Sequence[str], prefix: str | None) -> tuple[str, ...]:
    """Leave out what file managers, archivers and DICOM media add to a series."""
    return tuple(
        sorted(
            name
            for name in names
            if (prefix is None or name.startswith(prefix))
            and not any(part.startswith(".") for part in PurePosixPath(name).parts)
            and not is_litter(PurePosixPath(name))
            and PurePosixPath(name).name.upper() != "DICOMDIR"
        )
    )
