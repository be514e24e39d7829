"""The results of a crate that are to be made again, with the data at hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from os.path import relpath
from pathlib import Path

from slicewise.crate import Archive, open_crate
from slicewise.crate.contents import EXPERIMENTS, SETTINGS
from slicewise.crate.images import IMAGES
from slicewise.crate.private import own_start, started_from_files
from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256, write_bytes
from slicewise.reproduce.original import Original, read_settings, track_in
from slicewise.reproduce.recognised import name_cases
from slicewise.tracking import Connection
from slicewise.tracking.fetch import Fetched

SHARED = ("cases.tsv", "split.tsv")
OWN = (SETTINGS, "metrics.tsv", "environment.txt")
RUN = re.compile("[0-9a-f]{12,64}")


def bring_published(
    crate: Path, data: Path | None, results: Path, log: Callable[[str], None]
) -> list[Original]:
    """Bring what a crate says of its experiments to the folders in which they are made again.

    Parameters
    ----------
    crate : Path
        The zip.
    data : Path or None
        The folder of the data, or the table of layout table; None for phantoms, and for the
        images of the crate.
    results : Path
        The folder ``results``.
    log : callable
        Called with a line for people.

    Raises
    ------
    SlicewiseError
        When the crate is not whole, its settings do not fit the code here, or data are not there.
    """
    with open_crate(crate) as archive:
        originals = [_bring(archive, name, results) for name in archive.note.experiments]
        is_numbered = archive.note.numbered
        if data is None and archive.images:
            data = _unpack(archive, results, log)
            for original in originals:
                # what was excluded is not in it, nor any corrected mask
                original.settings["dataset"] |= {"exclude": [], "corrections": None}
    for original in originals:
        _place(original, crate, data)
    if is_numbered:
        name_cases(originals, log)
    track_in(Connection(results.resolve(), patient=True))
    return originals


def _unpack(archive: Archive, results: Path, log: Callable[[str], None]) -> Path:
    """Write the images of a crate, but for those that an earlier call wrote; return their folder.

    What a user put beside them is left alone.
    """
    digests = {name: archive.digests.get(name, "") for name in archive.images}
    place = results.resolve() / "reproduced" / f"{IMAGES}-{digest(sorted(digests.items()))[:12]}"
    for name, known in digests.items():
        path = place / Path(name).relative_to(IMAGES)
        if not path.is_file() or sha256(path) != known:
            write_bytes(path, archive.read(name))
    log(f"images: those of the crate, in {relpath(place)}")
    return place


def _bring(archive: Archive, name: str, results: Path) -> Original:
    published = archive.note.experiments[name]
    if not RUN.fullmatch(published.run):
        raise SlicewiseError(
            f"{archive.path}: {published.run!r} is the number of no run; ask whoever published it"
        )
    fetched = Fetched(name, published.tags, published.weights, published.run, published.starts)
    place = Original(fetched, results.resolve(), {}).files
    contents = {each: archive.read(each) for each in SHARED}
    contents |= {each: archive.read(f"{EXPERIMENTS}/{name}/{each}") for each in OWN}
    for each, content in contents.items():
        write_bytes(place / each, content)
    settings = read_settings(place / SETTINGS, results.parent, published.run, published.tags)
    if settings["run"] != [name]:
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
        _place_starts(original, crate, original.project)
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
    if dataset["corrections"] is not None:
        # a search for cases in the folder of the data may not come upon them
        outside = data.resolve().parent
        dataset["corrections"] = str(_beside(outside, dataset["corrections"], crate).resolve())
    if dataset["metadata"] is not None:
        table = dataset["metadata"]["table"]
        dataset["metadata"]["table"] = str(_beside(data, table, crate).resolve())
    split = original.settings["split"]
    if split["strata"] is not None:
        split["strata"] = str(_beside(data, split["strata"], crate).resolve())
    _place_starts(original, crate, data)


def _place_starts(original: Original, crate: Path, beside: Path) -> None:
    """Say in settings where models are that trainings start from, if they are not made again."""
    for training in started_from_files(original.settings):
        name = training["start_from"]
        if own_start(original.settings, name, original.results) is None:
            training["start_from"] = str(_beside(beside, name, crate).resolve())


def _beside(data: Path, name: str, crate: Path) -> Path:
    """Return what a crate does not hold, and has to lie with the data, or phantoms' results."""
    path = (data if data.is_dir() else data.parent) / name
    if not path.exists():
        raise SlicewiseError(
            f"{relpath(path)}: is missing, and the results of {crate} were made with it; get it "
            "from whoever published them, and put it there"
        )
    return path
