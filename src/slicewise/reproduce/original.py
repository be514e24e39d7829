"""The run that is to be made again: found, and what describes it brought beside the new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from os.path import relpath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slicewise.config import load_settings
from slicewise.crate.private import own_start, start_place, started_from_files
from slicewise.errors import SlicewiseError
from slicewise.files import expanded
from slicewise.stored import read_stored
from slicewise.tracking import Connection, Run
from slicewise.tracking.connection import ADDRESS
from slicewise.tracking.fetch import Fetched, fetch
from slicewise.tracking.find import copy_files, find_run
from slicewise.tracking.journal import not_tracked
from slicewise.tracking.provenance import UNKNOWN
from slicewise.tracking.sent import SentRecords
from slicewise.tracking.store import absolute, file_of

NAMES = ("settings.yaml", "cases.tsv", "metrics.tsv", "environment.txt")
DIFF = "uncommitted.diff"


@dataclass(frozen=True)
class Original:
    """A run, and where it is made again.

    Attributes
    ----------
    fetched : Fetched
        What is known of it.
    results : Path
        The folder ``results`` that it was made in.
    settings : dict
        Its settings, for a rerun that starts in another folder.
    """

    fetched: Fetched
    results: Path
    settings: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where it is made again."""
        return _folder(self.results, self.fetched)

    @property
    def config(self) -> Path:
        """The configuration by which it is made again."""
        return self.folder / "settings.yaml"

    @property
    def files(self) -> Path:
        """Where the files are that describe it."""
        return self.folder / "original"

    @property
    def project(self) -> Path:
        """The folder that `snakemake` was run in."""
        return self.results.parent

    @property
    def experiment(self) -> str:
        """Name of its experiment, beside which settings have all that it learns from."""
        return str(self.settings["run"][0])

    @property
    def dataset(self) -> str:
        """Name of its data set."""
        return str(self.settings["dataset"]["name"])

    @property
    def made(self) -> Path:
        """The data set's results that are made again."""
        return self.folder / "results" / self.dataset


def bring_original(name: str, results: Path) -> Original:
    """Find a run, and bring what describes it to the folder in which it is made again.

    Parameters
    ----------
    name : str
        Its id, or its folder, see `reproduce`.
    results : Path
        The folder ``results``; a run that is named by a folder brings its own.

    Raises
    ------
    SlicewiseError
        When there is no such run, it lacks something, or its settings do not
        fit the code here.
    """
    run = find_run(name, results.resolve())
    connection = Connection(results.resolve() if run is None else run.results, patient=True)
    track_in(connection)
    with TemporaryDirectory() as place:
        fetched = _bring(connection, name, run, Path(place))
        files = _folder(connection.results, fetched) / "original"
        shutil.copytree(place, files, dirs_exist_ok=True)
    settings = read_settings(
        files / "settings.yaml", connection.results.parent, fetched.run_id, fetched.tags
    )
    place_starts(settings, connection.results)
    return Original(fetched, connection.results, settings)


def track_in(connection: Connection) -> None:
    """Have new runs tracked in a store, though their folder of results is another one."""
    os.environ[ADDRESS] = absolute(connection.uri) if connection.is_file else connection.uri


def _folder(results: Path, fetched: Fetched) -> Path:
    return results / "reproduced" / fetched.run_id[:12]


def _bring(connection: Connection, name: str, run: Run | None, place: Path) -> Fetched:
    """Bring what describes a run to a folder: of its own files, or else from MLflow."""
    known = None
    if run is not None:
        known = SentRecords(connection.store).of(run.folder).run_id or run.record.id
        own = copy_files(run, NAMES, place)
        if own is not None:
            # without it, what was not committed is not known
            copy_files(run, [DIFF], place)
            return replace(own, run_id=known)
    store = file_of(connection.uri)
    if connection.is_file and not store.is_file():
        raise SlicewiseError(not_tracked(connection.results, store))
    try:
        connection.probe()
        fetched = fetch(connection, known or name, NAMES, place)
    except SlicewiseError as error:
        if run is None:
            raise
        raise SlicewiseError(
            f"run {name}: its files in {relpath(connection.results)} were made anew since, and of "
            f"then MLflow has none ({error}); name a run that is whole"
        ) from error
    except Exception as error:
        raise SlicewiseError(f"{connection.why(error)}; try again later") from error
    if fetched.tags.get("git_dirty") == "true":
        with suppress(SlicewiseError):
            fetch(connection, fetched.run_id, [DIFF], place)
    return fetched


def read_settings(
    path: Path, project: Path, run_id: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """Read the settings of a run, for a rerun that starts in another folder."""
    try:
        written = read_stored(path, remedy="name a run that is whole")
        # runs of earlier versions noted new scans, which another experiment may segment
        checked = load_settings({**written, "segment": None}, dumped=True)
    except SlicewiseError as error:
        commit = tags.get("git_commit", UNKNOWN)
        there = f"; use the code of then: git worktree add ../then {commit[:12]}"
        there = "" if commit == UNKNOWN else there
        raise SlicewiseError(
            f"run {run_id}: its settings do not fit the code here ({error}){there}"
        ) from error
    # those of older runs do not say which they are of, and have one experiment
    wanted = checked.run or checked.named
    settings = checked.model_dump(mode="json")
    settings["run"] = wanted[:1]
    settings["split"]["check_against"] = [
        str((project / expanded(other, "split.check_against")).resolve())
        for other in settings["split"]["check_against"]
    ]
    # the run is tracked, but nothing is promoted by it
    settings["tracking"]["register"] = False
    return settings


def place_starts(settings: dict[str, Any], results: Path) -> None:
    """Let trainings start from the same models in another folder.

    What is made again with them is started from there, and not where it was made then.

    Parameters
    ----------
    settings : dict
        Complete settings, which are changed.
    results : Path
        The folder ``results`` that they were used in.
    """
    for training in started_from_files(settings):
        name = training["start_from"]
        own = own_start(settings, name, results)
        training["start_from"] = own or str(start_place(name, results).absolute())
