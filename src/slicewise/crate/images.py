"""The images and masks of a data set, for a crate that is to hold them."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.config import Settings, load_settings
from slicewise.crate.private import last_part
from slicewise.dataset.case import Case
from slicewise.dataset.describe import describe_files
from slicewise.dataset.finding import find_cases
from slicewise.dataset.layouts.table import COLUMNS
from slicewise.dataset.lists import SUFFIX, write_rows
from slicewise.dataset.metadata import rows_of, table_of
from slicewise.dataset.tables import read_rows
from slicewise.errors import SlicewiseError
from slicewise.files import below, data_folder, write_bytes
from slicewise.volumes.formats import is_dicom

IMAGES = "images"
"""The folder in a crate that is what ``dataset.root`` was."""
OWNERS = (
    "They belong to those who acquired and drew them: the licence of this crate covers them only "
    "as far as these say so."
)
WITHOUT = "publish without --images"


@dataclass(frozen=True)
class ImageFile:
    """A file of the data set in a crate.

    Attributes
    ----------
    name : str
        Its path in the crate.
    content : Path or bytes
    what : str
        What it is.
    """

    name: str
    content: Path | bytes
    what: str


def image_files(
    settings: Mapping[str, Any], digests: Mapping[tuple[str, str], str]
) -> list[ImageFile]:
    """Return the files of a data set by which its cases are found again.

    Parameters
    ----------
    settings : mapping
        Of a run, complete.
    digests : mapping of (str, str) to str
        SHA-256 of image and mask of each case, by case and kind: of what was trained and scored.

    Raises
    ------
    SlicewiseError
        When there is none, as phantoms have no files; a file is DICOM, whose header may tell who
        the patient is, lies outside of the folder of the data, or is not what was read; or what
        would be packed is not the whole data set.
    """
    # an earlier version noted new scans, which another experiment may segment
    checked = load_settings({**settings, "segment": None}, dumped=True)
    dataset = checked.dataset
    if dataset.layout == "phantom":
        raise SlicewiseError(
            "--images: phantoms are made by the settings, and have no files; leave it out"
        )
    data = data_folder()
    root = below(data, dataset.root or "", "dataset.root")
    cases = find_cases(dataset, data)
    base = root.parent if root.is_file() else root
    files = [each for case in cases for each in _of_case(case, base, digests)]
    files += _tables(checked, root, {case.name for case in cases})
    files += _metadata(checked, root, cases)
    _check_whole(checked, root, cases, files)
    return files


def _of_case(case: Case, base: Path, digests: Mapping[tuple[str, str], str]) -> Iterator[ImageFile]:
    for kind, paths in (("image", case.image), ("mask", case.mask)):
        for path in paths:
            if is_dicom(path):
                raise SlicewiseError(
                    f"case {case.name}, {kind}: it is DICOM, whose header may tell who the patient "
                    f"is; {WITHOUT}, or convert to NIfTI, look at what is left, and train on that"
                )
            if not path.is_relative_to(base):
                raise SlicewiseError(
                    f"case {case.name}, {kind}: it lies outside of {base}, the folder of the data; "
                    f"move it there and run snakemake again, or {WITHOUT}"
                )
        if describe_files(paths).sha256 != digests.get((case.name, kind)):
            raise SlicewiseError(
                f"case {case.name}, {kind}: it is not the file that was trained or scored, by its "
                "SHA-256; bring that back, or run snakemake again"
            )
        for path in paths:
            name = f"{IMAGES}/{path.relative_to(base).as_posix()}"
            yield ImageFile(name, path, f"the {kind} of case {case.name}, as it was read")


def _tables(settings: Settings, root: Path, cases: Collection[str]) -> list[ImageFile]:
    """Return what a layout reads beside images and masks, without columns that nothing reads."""
    asked = {*settings.evaluation.by, settings.split.leave_out}
    layout = settings.dataset.layout
    channels = {f"image_{name.lower()}" for name in settings.dataset.channels or []}
    if layout == "table":
        kept = {*COLUMNS, *channels, *asked}
        content = _columns(root, kept, (*COLUMNS, *channels), cases)
        return [ImageFile(f"{IMAGES}/{root.name}", content, "the table of cases")]
    files = [root / "dataset.json"] if layout in ("msd", "nnunet") else []
    made = []
    if layout == "bids":
        files += root.rglob("*seg.tsv")
        kept = {"participant_id", *asked}
        if settings.dataset.bids is not None:
            kept.add(settings.dataset.bids.split)
        path = root / "participants.tsv"
        if path.is_file():
            content = _columns(path, kept, ("participant_id",))
            made = [ImageFile(f"{IMAGES}/{path.name}", content, "the subjects")]
    made += [
        ImageFile(
            f"{IMAGES}/{path.relative_to(root).as_posix()}", path, "what the data say of labels"
        )
        for path in sorted(files)
        if path.is_file()
    ]
    return made


def _metadata(settings: Settings, root: Path, cases: Sequence[Case]) -> list[ImageFile]:
    """Return the table of `dataset.metadata`, without columns that nothing reads."""
    metadata = settings.dataset.metadata
    if metadata is None:
        return []
    path = table_of(metadata, data_folder())
    if root.is_file() and path.name == root.name:
        raise SlicewiseError(
            f"--images: {path} and {root} are tables of one name, and one folder holds both in a "
            f"crate; rename one, or {WITHOUT}"
        )
    asked = {*settings.evaluation.by, settings.split.leave_out, settings.split.stratify}
    kept = [name for name in (metadata.patient, metadata.subset) if name is not None]
    kept += sorted(name for name in asked if name is not None)
    # a case is called by its name: a cell may have the path of its image on this machine
    lines = [
        [name, *(row.cells.get(column, "") for column in kept)]
        for name, rows in rows_of(path, metadata, cases, root).items()
        for row in rows
    ]
    write = write_rows if path.suffix.lower() == SUFFIX else _written
    content = write([metadata.case, *kept], lines)
    return [ImageFile(f"{IMAGES}/{path.name}", content, "what is known of the cases")]


def _columns(
    path: Path,
    kept: Collection[str | None],
    columns: Sequence[str],
    cases: Collection[str] | None = None,
) -> bytes:
    """Return a table with some of its columns, and the rows of some cases."""
    header, rows = read_rows(path, columns)
    names = [name for name in header if name in kept]
    lines = [
        [row.cells.get(name, "") for name in names]
        for row in rows
        if cases is None or row.cells.get("case") in cases
    ]
    return _written(names, lines)


def _written(header: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    stream = io.StringIO()
    table = csv.writer(stream, delimiter="\t", lineterminator="\n")
    table.writerow(header)
    table.writerows(lines)
    return stream.getvalue().encode()


def _check_whole(
    settings: Settings, root: Path, cases: Sequence[Case], files: Iterable[ImageFile]
) -> None:
    """Refuse files in which other cases are found than those that were trained and scored."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        for each in files:
            path = place / each.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(each.content, bytes):
                write_bytes(path, each.content)
            elif not path.exists():
                path.symlink_to(each.content.resolve())
        packed = place / IMAGES / (root.name if root.is_file() else "")
        changes: dict[str, Any] = {"root": str(packed), "exclude": [], "corrections": None}
        metadata = settings.dataset.metadata
        if metadata is not None:
            table = f"{IMAGES}/{last_part(metadata.table)}"
            changes["metadata"] = metadata.model_copy(update={"table": table})
        try:
            found = find_cases(settings.dataset.model_copy(update=changes), place)
        except SlicewiseError as error:
            why = str(error).replace(str(place / IMAGES), IMAGES)
            raise SlicewiseError(
                f"--images: the files of this data set cannot be packed, as with them alone its "
                f"cases are not found ({why}); {WITHOUT}"
            ) from error
    then, now = ([(c.name, c.patient, c.subset) for c in each] for each in (cases, found))
    if then != now:
        raise SlicewiseError(
            f"--images: in the files of this data set alone {len(now)} cases are found, and not "
            f"the {len(then)} of the results as they are; {WITHOUT}"
        )
