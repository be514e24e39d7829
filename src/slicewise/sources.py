"""Which files of the library something depends on, by what they import."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path

from slicewise.files import digest

LIBRARY = Path(__file__).parent
NO_RESULT = {
    "__init__.py",
    "backends.py",
    "config",
    "errors.py",
    "files.py",
    "job.py",
    "records.py",
    "sources.py",
    "tracking",
}
"""What changes no result by itself: settings reach jobs as values, and tracking only watches."""
TRAINED_BY = ("metrics", "volumes")
"""Of these a training depends only on what it calls itself: the contents of slices are its inputs,
however they were read."""
READERS = ("nibabel", "numpy", "pydicom", "scikit-image", "scipy", "SimpleITK")
_IMPORT = re.compile(r"^[ \t]*from slicewise([.\w]*) import (\([^)]*\)|[^\n(]+)", re.M)


def sources_of(path: Path, library: Path = LIBRARY, direct: Collection[str] = ()) -> list[Path]:
    """Return the files of the library that a Python file depends on, itself left out.

    Parameters
    ----------
    path : Path
        A script, or a file of the library.
    library : Path
        The folder ``slicewise``; paths are returned below it as it is given.
    direct : collection of str
        Packages of which only those files count that are imported from
        elsewhere, and not what these import in turn.

    Returns
    -------
    list of Path
        Sorted; without what changes no result, see `NO_RESULT`.
    """
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for other in _imported(waiting.pop(), library):
            room = other.relative_to(library).parts[0]
            if other not in found and room not in NO_RESULT:
                found.add(other)
                if room not in direct:
                    waiting.append(other)
    return sorted(found - {path})


def sources_digest(path: Path, library: Path = LIBRARY) -> str:
    """Return a digest of a file of the library, what it depends on, and what reads images."""
    texts = [each.read_text(encoding="utf-8") for each in (path, *sources_of(path, library))]
    return digest([texts, [version(name) for name in READERS]])


def _imported(path: Path, library: Path) -> Iterator[Path]:
    """Yield the files that an import runs: packages, modules, and modules named as parts."""
    for module, names in _IMPORT.findall(path.read_text(encoding="utf-8")):
        parts = module.strip(".").split(".") if module else []
        place = library.joinpath(*parts)
        packages = (library.joinpath(*parts[:n]) / "__init__.py" for n in range(len(parts) + 1))
        named = re.findall(r"(\w+)(?: as \w+)?", names)
        modules = [place.with_suffix(".py"), *(place / f"{name}.py" for name in named)]
        inside = [place / name / "__init__.py" for name in named]
        yield from (each for each in (*packages, *modules, *inside) if each.is_file())
