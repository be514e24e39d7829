"""Which files of the library something depends on, and which library it is that runs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256

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
    "surroundings.py",
    "tracking",
}
"""What changes no result by itself: settings reach jobs as values, and tracking only watches."""
TRAINED_BY = ("dataset", "metrics", "volumes")
"""Of these a training depends only on what it calls itself: the contents of slices are its inputs,
however they were read."""
READERS = ("nibabel", "numpy", "pydicom", "scikit-image", "scipy", "SimpleITK")
CODE = ("*.py", "*.smk", "*.j2", "*.css", "*.js")
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


# --- which library runs --------------------------------------------------------------


def workflow_folder() -> Path | None:
    """Return the folder of the Snakefile whose script this process runs.

    Outside of a job that is the clone which the library lies in, if it lies in
    one; None for a library that was installed by itself.
    """
    # what Snakemake runs is a copy, which is told the script's own name
    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    for file in (Path(script).absolute(), LIBRARY):
        place = file.parent.parent
        if is_workflow(place):
            return place
    return None


def is_workflow(folder: Path) -> bool:
    """Tell whether a folder holds slicewise's own Snakefile, rules and scripts."""
    parts = ("Snakefile", "rules/common.smk", "scripts/train.py")
    return all((folder / part).is_file() for part in parts)


def library_digests(workflow: Path | None) -> dict[str, str]:
    """Return the SHA-256 of the library that runs and, where it is known, of its workflow.

    Parameters
    ----------
    workflow : Path or None
        The folder of the Snakefile.

    Returns
    -------
    dict of str to str
        ``library_sha256``: names and contents of the files of the package that
        was imported; ``workflow_sha256``: of Snakefile, rules and scripts.
        Neither depends on where they lie.
    """
    found = {"library_sha256": digest(_contents(LIBRARY))}
    if workflow is not None and is_workflow(workflow):
        parts = [_contents(workflow / name) for name in ("rules", "scripts")]
        found["workflow_sha256"] = digest([sha256(workflow / "Snakefile"), parts])
    return found


def refuse_other_library(workflow: Path) -> None:
    """Refuse to run a workflow with the library of another one, unless they are the same.

    Parameters
    ----------
    workflow : Path
        The folder of the Snakefile. Without a library beside it, as in an
        image, any will do.

    Raises
    ------
    SlicewiseError
        Naming both folders, a file that differs and what to do.
    """
    own = workflow / "src" / "slicewise"
    if not (own / "__init__.py").is_file() or own.resolve() == LIBRARY.resolve():
        return
    ours, others = _contents(own), _contents(LIBRARY)
    different = sorted(n for n in ours.keys() | others.keys() if ours.get(n) != others.get(n))
    if not different:
        return
    more = f" and {len(different) - 1} more files" if len(different) > 1 else ""
    place = workflow.resolve()
    raise SlicewiseError(
        f"{place}: its jobs would not run its own library but that in {LIBRARY}, which differs "
        f"({different[0]}{more}); use the environment of this folder (make .venv/ready in it), "
        f"install it (pip install -e {place}), or set PYTHONPATH={place / 'src'}"
    )


def _contents(folder: Path) -> dict[str, str]:
    """Return the digest of each file of code below a folder, by its name there."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if any(path.match(pattern) for pattern in CODE):
                found[path.relative_to(folder).as_posix()] = sha256(path)
    return found


# --- inside --------------------------------------------------------------------------


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
