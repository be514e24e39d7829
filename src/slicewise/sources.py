"""Which files of the library something depends on, and which library it is that runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256
from slicewise.syntax import keep, syntax_of
from slicewise.wording import some

LIBRARY = Path(__file__).parent
NO_RESULT = {
    "__init__.py",
    "backends.py",
    "causes.py",
    "config",
    "errors.py",
    "files.py",
    "job.py",
    "jobs.py",
    "locks.py",
    "records.py",
    "retries.py",
    "sources.py",
    "stored.py",
    "surroundings.py",
    "syntax.py",
    "tracking",
    "wording.py",
}
"""What changes no result by itself: settings reach jobs as values, tracking only watches, what is
stored is read as it was written or refused, and numbers of things are spelled in one way in all
messages."""
TRAINED_BY = ("dataset", "metrics", "volumes")
"""Of these a training depends only on what it calls itself: the contents of slices are its inputs,
however they were read."""
CONVERSION = (
    "volumes/dicom",
    "volumes/fields",
    "volumes/freesurfer",
    "volumes/itk",
    "volumes/itk_child",
    "volumes/meta_image",
    "volumes/nrrd",
    "volumes/payload",
    "volumes/segments",
    "volumes/stated",
    "volumes/text_headers",
)
"""What reads formats that `convert` turns into NIfTI before any other rule reads them."""
READERS = ("nibabel", "numpy", "pydicom", "scikit-image", "scipy", "SimpleITK")
CODE = (".py", ".smk", ".j2", ".css", ".js")


# --- what code depends on ------------------------------------------------------------


def imports_of(path: Path) -> list[str]:
    """Return what a Python file imports, wherever in it, by dotted names.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    list of str
        Modules, and of ``from a import b`` both ``a`` and ``a.b``, which may
        be a module or a name in one; in the order of the file.

    Raises
    ------
    SlicewiseError
        When the file is no Python, or has a relative import.
    """
    return list(syntax_of(path).imports)


def sources_of(
    path: Path,
    library: Path = LIBRARY,
    direct: Collection[str] = (),
    without: Collection[str] = (),
) -> list[Path]:
    """Return the files of the library that a Python file depends on, itself left out.

    Parameters
    ----------
    path : Path
        A script, or a file of the library.
    library : Path
        The folder ``slicewise``; paths are returned below it as it is given.
    direct : collection of str
        Rooms of which only those files count that are imported from elsewhere,
        and not what these import in turn.
    without : collection of str
        Folders and files of the library, without their endings, that do not
        count, nor what they import.

    Returns
    -------
    list of Path
        Sorted; without what changes no result, see `NO_RESULT`.
    """
    reached: set[Path] = set()
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        for other in _imported(waiting.pop(), library):
            if other in seen:
                continue
            seen.add(other)
            name = _below(other, library)
            if name.parts[0] in NO_RESULT or _is_below(name, without):
                continue
            reached.add(other)
            if name.parts[0] not in direct:
                waiting.append(other)
    keep()
    return sorted(reached - {path})


def code_digest(path: Path) -> str:
    """Return a digest of what a file of code does.

    Of Python it is that of its syntax tree: comments, docstrings, blank lines
    and how lines are broken change nothing. Of other files it is that of their
    bytes.

    Parameters
    ----------
    path : Path
        A file of code.

    Raises
    ------
    SlicewiseError
        When Python cannot read it.
    """
    if path.suffix != ".py":
        return sha256(path)
    return syntax_of(path).digest


def code_digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the digests of files of code, named from ``scripts`` or ``slicewise`` on."""
    digests = {}
    for path in paths:
        tops = [n for n, part in enumerate(path.parts) if part in ("scripts", "slicewise")]
        digests["/".join(path.parts[tops[-1] :] if tops else path.parts[-1:])] = code_digest(path)
    return digests


def code_now(told: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of the files of code of a job as they are now that it runs them.

    They may have been edited, or a branch switched, since `snakemake` started.

    Parameters
    ----------
    told : mapping of str to str
        What `code_digests` gave then, which stands for files that are not found.
    """
    workflow = workflow_folder()
    places = {"slicewise": LIBRARY, "scripts": workflow and workflow / "scripts"}
    now = dict(told)
    for name in told:
        top, _, below = name.partition("/")
        place = places.get(top)
        if place is not None and (place / below).is_file():
            now[name] = code_digest(place / below)
    return now


def sources_digest(path: Path, library: Path = LIBRARY) -> str:
    """Return a digest of a file of the library, what it depends on, and what reads images."""
    files = [path, *sources_of(path, library, without=CONVERSION)]
    return digest([[code_digest(each) for each in files], [version(name) for name in READERS]])


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
    digests = {"library_sha256": digest(_contents(LIBRARY))}
    if workflow is not None and is_workflow(workflow):
        parts = [_contents(workflow / name) for name in ("rules", "scripts")]
        digests["workflow_sha256"] = digest([sha256(workflow / "Snakefile"), parts])
    return digests


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
    ours = _contents(own)
    others = _contents(LIBRARY)
    different = sorted(n for n in ours.keys() | others.keys() if ours.get(n) != others.get(n))
    if not different:
        return
    place = workflow.resolve()
    raise SlicewiseError(
        f"{place}: its jobs would not run its own library but that in {LIBRARY}, which differs "
        f"({some(different, 1, of='files')}); use the environment of this folder (make "
        f".venv/ready in it), install it (pip install -e {shlex.quote(str(place))}), or set "
        f"PYTHONPATH={shlex.quote(str(place / 'src'))}"
    )


def _contents(folder: Path) -> dict[str, str]:
    """Return the digest of each file of code below a folder, by its name there."""
    digests = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for name in names:
            if name.endswith(CODE) and not name.startswith("."):
                path = Path(place, name)
                digests[path.relative_to(folder).as_posix()] = sha256(path)
    return digests


# --- inside --------------------------------------------------------------------------


@cache
def _below(path: Path, library: Path) -> Path:
    return path.relative_to(library)


def _is_below(name: Path, places: Collection[str]) -> bool:
    """Tell whether a file of the library is one of these, or lies in one of these folders."""
    stem = name.with_suffix("").as_posix()
    return any(stem == place or stem.startswith(f"{place}/") for place in places)


def _imported(path: Path, library: Path) -> tuple[Path, ...]:
    """Return the files that an import runs: packages, modules, and modules named as parts."""
    return _files_of(syntax_of(path).imports, library)


@cache
def _files_of(names: tuple[str, ...], library: Path) -> tuple[Path, ...]:
    """Return the files that the import of names runs; looked for once, as `snakemake` starts."""
    ours = [name for name in names if name.partition(".")[0] == "slicewise"]
    return tuple(dict.fromkeys(each for name in ours for each in _files_of_one(name, library)))


@cache
def _files_of_one(name: str, library: Path) -> tuple[Path, ...]:
    place, _, last = name.rpartition(".")
    module = library.joinpath(*place.split(".")[1:], f"{last}.py")
    packages = _packages_of(name, library)
    return (*packages, module) if place and module.is_file() else packages


@cache
def _packages_of(name: str, library: Path) -> tuple[Path, ...]:
    above = name.rpartition(".")[0]
    others = _packages_of(above, library) if above else ()
    own = library.joinpath(*name.split(".")[1:], "__init__.py")
    return (*others, own) if own.is_file() else others
