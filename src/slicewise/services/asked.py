"""What a scan that somebody sent becomes: its mask, and what is known of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slicewise.errors import FULL, PassingError, SeveralErrors, SlicewiseError
from slicewise.segmenting.models import Chosen
from slicewise.segmenting.pages import Output, write_pages
from slicewise.segmenting.progress import Progress
from slicewise.segmenting.run import Order, segment_scans
from slicewise.segmenting.scans import SUFFIXES, Found, find_scans

Wanted = Literal["mask", "seg", "table", "all"]
ZIP = ".zip"
TAKEN = (*SUFFIXES, ZIP)
"""How names of files that can be sent end; a zip has the slices of a DICOM series."""
SHUT_OUT = (".mhd", ".nhdr", ".hdr", ".hdr.gz", ".img", ".img.gz")
"""Volumes of two files: a zip would have to hold both."""
ENDINGS = tuple(ending for ending in TAKEN if ending not in SHUT_OUT)


@dataclass(frozen=True)
class Asked:
    """How scans are segmented.

    Attributes
    ----------
    chosen : Chosen
        The models.
    offset, batch : int
        See `slicewise.segmenting.run.Order`.
    """

    chosen: Chosen
    offset: int = 0
    batch: int = 8


def ending_of(name: str) -> str:
    """Return the ending by which the kind of a file is known; nothing else of a name is used.

    Raises
    ------
    SlicewiseError
        When no file of this kind can be read alone.
    """
    ending = next((each for each in ENDINGS if name.lower().endswith(each)), None)
    if ending is None:
        raise SlicewiseError(
            f"the name must end in one of {', '.join(ENDINGS)}; a DICOM series is sent as one zip"
        )
    return ending


def answer(
    path: Path, asked: Asked, wanted: Wanted, log: Callable[[str], None]
) -> tuple[bytes, str, str]:
    """Segment what was sent, and return what was wanted of it.

    Parameters
    ----------
    path : Path
        The file that was sent, in a folder of its own, in which all is made.
    asked : Asked
    wanted : {"mask", "seg", "table", "all"}
        The mask as NIfTI, the DICOM SEG of a series, ``volumes.tsv``, or a zip of everything.
    log : callable
        Called with each line about a scan, which says nothing of a patient.

    Returns
    -------
    content : bytes
    name, kind : str
        What a file of it is called, and its media type.

    Raises
    ------
    SlicewiseError
        When it is no scan, or one that the model cannot be shown; by names that were sent to us.
    """
    try:
        return _answer(path, asked, wanted, log)
    except SlicewiseError as error:
        # where it lies here is nobody's business
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL
        kind = PassingError if full or isinstance(error, PassingError) else SlicewiseError
        raise kind(_without(path.parent, str(error))) from None


def _answer(
    path: Path, asked: Asked, wanted: Wanted, log: Callable[[str], None]
) -> tuple[bytes, str, str]:
    found = find_scans([path])
    _check(found, wanted)
    output = Output(path.parent / "made")
    order = Order(asked.chosen, output, asked.offset, asked.batch)
    lines = [*found.aside]
    quiet = Progress(len(found.scans), io.StringIO())
    outcome = segment_scans(found.scans, order, lines.append, quiet)
    for line in lines:
        log(_without(path.parent, line))
    if wanted != "all" or not outcome.made:
        _raise(outcome.errors)
    write_pages(output, asked.chosen.title, [_without(path.parent, f) for f in outcome.failures])
    if wanted == "all":
        return _zipped(output.folder), "slicewise.zip", "application/zip"
    if wanted == "table":
        return (output.folder / "volumes.tsv").read_bytes(), "volumes.tsv", TABLE
    (scan,) = found.scans
    if wanted == "seg":
        return output.seg(scan.name).read_bytes(), "mask.dcm", "application/dicom"
    return output.mask(scan.name).read_bytes(), "mask.nii.gz", "application/gzip"


TABLE = "text/tab-separated-values; charset=utf-8"


def _check(found: Found, wanted: Wanted) -> None:
    """Refuse what has no scan, or several where one mask is wanted."""
    if found.failures:
        raise SlicewiseError(" ".join(found.failures))
    if wanted in ("mask", "seg") and len(found.scans) > 1:
        raise SlicewiseError(
            f"{len(found.scans)} series were sent; ask for all of their masks, or send one"
        )
    if wanted == "seg" and not all(scan.dicom for scan in found.scans):
        raise SlicewiseError("a DICOM SEG is made of a DICOM series only; ask for the mask instead")


def _raise(errors: list[SlicewiseError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        passing = all(isinstance(error, PassingError) for error in errors)
        raise (PassingError if passing else SlicewiseError)(str(SeveralErrors(errors)))


def _without(folder: Path, text: str) -> str:
    return text.replace(f"{folder}/", "")


def _zipped(folder: Path) -> bytes:
    """Return a zip of what people use; records stay."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as files:
        for path in sorted(folder.rglob("*")):
            below = path.relative_to(folder)
            if path.is_file() and below.parts[0] != "_scans":
                files.write(path, str(below))
    return stream.getvalue()
