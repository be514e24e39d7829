"""The results of a crate that are to be made again, with the data at hand."""

from __future__ import annotations

import re
from os.path import relpath
from pathlib import Path
from typing import Any

from slicewise.crate import Archive, open_crate
from slicewise.crate.contents import EXPERIMENTS, SETTINGS
from slicewise.crate.private import STORES
from slicewise.errors import SlicewiseError
from slicewise.files import write_bytes
from slicewise.reproduce.original import Original, read_settings, track_in
from slicewise.tracking import Connection
from slicewise.tracking.fetch import Fetched

SHARED = ("cases.tsv", "split.tsv")
OWN = (SETTINGS, "metrics.tsv", "environment.txt")
RUN = re.compile("[0-9a-f]{12,64}")


def bring_published(crate: Path, data: Path | None, results: Path) -> list[Original]:
    """Bring what a crate says of its experiments to the folders in which they are made again.

    Parameters
    ----------
    crate : Path
        The zip.
    data : Path or None
        The folder of the data, or the table of layout table; None for phantoms.
    results : Path
        The folder ``results``.

    Raises
    ------
    SlicewiseError
        When the crate is not whole, its settings do not fit the code here, or data are not there.
    """
    with open_crate(crate) as archive:
        originals = [_bring(archive, name, results) for name in archive.note.experiments]
    for original in originals:
        _place(original, crate, data)
    track_in(Connection(results.resolve(), patient=True))
    return originals


def _bring(archive: Archive, name: str, results: Path) -> Original:
    published = archive.note.experiments[name]
    if not RUN.fullmatch(published.run):
        raise SlicewiseError(
            f"{archive.path}: {published.run!r} is the number of no run; ask whoever published it"
        )
    fetched = Fetched(name, published.tags, published.weights, published.run)
    place = Original(fetched, results.resolve(), {}).files
    contents = {each: archive.read(each) for each in SHARED}
    contents |= {each: archive.read(f"{EXPERIMENTS}/{name}/{each}") for each in OWN}
    for each, content in contents.items():
        write_bytes(place / each, content)
    settings = read_settings(place / SETTINGS, results.parent, published.run, published.tags)
    if [*settings["experiments"]] != [name]:
        raise SlicewiseError(
            f"{archive.path}: settings of {name} are those of another experiment; ask whoever "
            "published it"
        )
    return Original(fetched, results.resolve(), settings)


def _place(original: Original, crate: Path, data: Path | None) -> None:
    """Say in settings where data are here, and what else lay on the machine that published."""
    dataset = original.settings["dataset"]
    if dataset["layout"] == "phantom":
        if data is not None:
            raise SlicewiseError(f"{data}: phantoms are made and not read; leave --data out")
        return
    root = dataset["root"]
    if data is None:
        raise SlicewiseError(
            f"{crate}: images are not in it; name the folder of the data with --data (it was "
            f"called {root})"
        )
    if not data.exists():
        raise SlicewiseError(f"{relpath(data)}: there is no such folder; correct --data")
    is_table = dataset["layout"] == "table" and data.is_dir()
    dataset["root"] = str((_beside(data, root, crate) if is_table else data).resolve())
    split = original.settings["split"]
    if split["strata"] is not None:
        split["strata"] = str(_beside(data, split["strata"], crate).resolve())
    training: dict[str, Any] = original.settings["experiments"][original.experiment]["training"]
    start = training.get("start_from")
    if start is not None and not start.startswith(STORES):
        training["start_from"] = str(_beside(data, start, crate).resolve())


def _beside(data: Path, name: str, crate: Path) -> Path:
    """Return a file or folder that the crate does not hold, and that has to lie with the data."""
    path = (data if data.is_dir() else data.parent) / name
    if not path.exists():
        raise SlicewiseError(
            f"{relpath(path)}: is missing, and the results of {crate} were made with it; get it "
            "from whoever published them, and put it there"
        )
    return path
