"""Writing the crate of scored experiments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slicewise.crate.archive import CRATE, METADATA, write_zip
from slicewise.crate.contents import Contents, is_tracked, read_contents
from slicewise.crate.described import describe
from slicewise.crate.images import IMAGES, OWNERS
from slicewise.crate.numbers import Names
from slicewise.errors import SlicewiseError
from slicewise.tracking.provenance import repository

README = "README.md"
NUMBERED = """Cases and patients have numbers, in the order of their names. In the data, the case
of a number is found by the SHA-256 of image and mask in `cases.tsv`."""
IMAGES_ASKED = (
    "Whose are the images and masks in the crate, may you give them away, and under which licence? "
    "Their files are in it as they are: does a header or a face in them say who somebody is?"
)
LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*|https?://[^\s@]+")


@dataclass(frozen=True)
class Wanted:
    """How a crate is written.

    Attributes
    ----------
    workflow : Path or None
        The folder of the Snakefile.
    licence : str, optional
        Of the crate: an identifier of SPDX, or an address.
    images : bool
        Whether the files of the data set are in it.

    Raises
    ------
    SlicewiseError
        When the licence is neither.
    """

    workflow: Path | None
    licence: str | None = None
    images: bool = False

    def __post_init__(self) -> None:
        if self.licence is not None and not LICENCE.fullmatch(self.licence):
            raise SlicewiseError(
                f"--license: {self.licence!r} is no licence; give its identifier of spdx.org, such "
                "as CC-BY-4.0, or its address"
            )


@dataclass(frozen=True)
class Planned:
    """A crate that is to be written, or why there is none.

    Attributes
    ----------
    wanted : Wanted or None
    contents : Contents or None
        What it holds.
    why_not : str
        Why it holds nothing.
    """

    wanted: Wanted | None
    contents: Contents | None = None
    why_not: str = ""


def gather_crate(
    wanted: Wanted | None, folders: Sequence[Path], names: Names | None = None
) -> Planned:
    """Gather what the crate of experiments holds, if there can be one.

    Parameters
    ----------
    wanted : Wanted or None
        None for no crate.
    folders : sequence of Path
        See `read_contents`.
    names : Names, optional
        What cases and patients are called; by default as in results.

    Raises
    ------
    SlicewiseError
        As of `read_contents`.
    """
    if wanted is None:
        return Planned(None, why_not="none was asked for")
    if wanted.images and names is not None:
        raise SlicewiseError(
            "--images: names of files are those of cases, so they go with --names only; give it, "
            "if everybody may read the names"
        )
    if wanted.workflow is None:
        why = "the Snakefile is neither here nor beside the library; run this in the clone"
        return Planned(wanted, why_not=why)
    for folder in folders:
        if not is_tracked(folder):
            why = f"{folder} has no tracked run, so its settings are not known; train again"
            return Planned(wanted, why_not=why)
    return Planned(wanted, read_contents(folders, wanted.workflow, names, wanted.images))


def questions_of(planned: Planned) -> list[str]:
    """Return what only the authors of a crate can answer."""
    if planned.contents is None:
        return []
    said = planned.wanted is not None and planned.wanted.licence is not None
    licence = "Under which licence may others use the crate (`--license`)?"
    names = (
        "Does the name of a case or patient say who somebody is? The crate has them as `results/` "
        "has."
    )
    return [
        *([] if said else [licence]),
        "Who trained and scored, and who publishes it? The crate names nobody.",
        *([] if planned.contents.names.hidden else [names]),
        *([IMAGES_ASKED] if planned.contents.images else []),
    ]


def write_crate(planned: Planned, path: Path) -> str:
    """Write a crate: RO-Crate 1.1 of the profile Workflow Run Crate, as a zip.

    Parameters
    ----------
    planned : Planned
        See `gather_crate`; the same contents give the same bytes.
    path : Path
        The zip. One of an earlier call is deleted where there is none now.

    Returns
    -------
    str
        A line for people.
    """
    contents = planned.contents
    wanted = planned.wanted
    if contents is None or wanted is None:
        path.unlink(missing_ok=True)
        return f"no {path.name}: {planned.why_not}"
    contents.files[README] = _readme(contents).encode()
    source = None if wanted.workflow is None else repository(wanted.workflow)
    metadata = describe(contents, wanted.licence, source)
    write_zip(path, {**contents.files, METADATA: metadata})
    return f"what others make it again by: {path}"


def _readme(contents: Contents) -> str:
    commits = sorted({each.tags.get("git_commit", "unknown") for each in contents.ran})
    experiments = ", ".join(each.name for each in contents.ran)
    where = "none of which is in here."
    again = f"slicewise reproduce {CRATE} --data FOLDER"
    if contents.images:
        where = f"which are in `{IMAGES}/`. {OWNERS}"
        again = f"slicewise reproduce {CRATE}"
    numbers = f"{NUMBERED}\n\n" if contents.names.hidden else ""
    return f"""# {contents.dataset}: {experiments}

Settings, models and scores of trained segmentation, with the SHA-256 of every image and mask,
{where} `experiments/<name>/metrics.tsv` has the scores of each case, and
`ro-crate-metadata.json` says of each file what it is.

{numbers}With slicewise (commit {" and ".join(commits)}) and the data, this makes the Dice again
and says how far it is from the published one:

    {again}
"""
