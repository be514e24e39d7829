"""What an MLflow run should hold, as files: they are complete whether or not MLflow answers.

A run is a folder ``<experiment>/tracking/<fold>/<number>``, which no rule
declares, so that it outlives reruns:

- ``run.json``: name, settings, tags, digests of the data, scores, files, status;
- ``history.csv``: the epochs so far, each with its first timestamp;
- ``system.csv``: load of processors, memory and GPUs;
- ``sent.json``: what each store has taken (written by the mirror).

The highest number is the current run of its fold; those below were superseded.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, Field

from slicewise import __version__
from slicewise.errors import SlicewiseError, StoppedError
from slicewise.files import digest, sha256, write_bytes, write_text
from slicewise.stored import (
    Count,
    Form,
    Loose,
    Name,
    check_numbers,
    read_stored,
    read_stored_table,
    refused,
)
from slicewise.tracking.names import TABLE, without_file_names
from slicewise.tracking.secrets import redact, redact_value

_log = logging.getLogger(__name__)

NOTE, HISTORY, SYSTEM, SENT = "run.json", "history.csv", "system.csv", "sent.json"
REASON = "stopped_because"
UNTIMED = ("timestamp", "images_per_second")
"""What differs between two trainings that give the same weights."""


def _is_point(value: list[Any]) -> list[Any]:
    number, time = value
    if not (number is None or type(number) in (int, float)) or type(time) is not int:
        raise ValueError("a metric is a number and its time")
    return value


class _Process(Loose):
    host: Name
    pid: Annotated[int, Field(gt=0, lt=2**31)]


class _Wish(Loose):
    name: Name
    patients: Name
    since: Count


_Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]
_Point = Annotated[list[Any], Field(min_length=2, max_length=2), AfterValidator(_is_point)]


class _Note(Loose):
    id: Name
    name: Name
    key: str
    begun: Count
    ended: Count | None
    status: Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
    process: _Process | None
    params: dict[str, str]
    tags: dict[str, str]
    data: dict[str, str]
    metrics: dict[str, _Point]
    files: dict[str, _Pair]
    models: dict[str, _Pair]
    labels: list[str]
    children: list[Name] = Field([])
    superseded_by: Name = "-"
    register_: Annotated[_Wish | None, Field(alias="register")] = None


FORM = Form(_Note)


class Run:
    """One run.

    Parameters
    ----------
    folder : Path
        ``<experiment>/tracking/<fold>/<number>``.
    changed : callable
        Called without arguments whenever there is something to send.

    Attributes
    ----------
    note : dict
        Content of ``run.json``.

    Raises
    ------
    SlicewiseError
        When a file of it is damaged.
    """

    def __init__(self, folder: Path, changed: Any = lambda: None) -> None:
        self.folder, self.changed = folder, changed
        remedy = f"restore it from a copy, or delete {folder}, and the next training begins anew"
        self.note: dict[str, Any] = read_stored(folder / NOTE, FORM, remedy)
        self.rows = {int(row["epoch"]): row for row in read_rows(folder / HISTORY)}

    @classmethod
    def create(
        cls,
        fold: Path,
        name: str,
        key: str,
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
        **more: Any,
    ) -> Run:
        """Begin a run of a fold (its folder): the next number."""
        # also of one whose note is gone: what else it left is not this run's
        known = [int(path.name) for path in fold.glob("[0-9]*") if path.name.isdecimal()]
        folder = fold / f"{max(known, default=0) + 1:03d}"
        note = {
            "id": uuid.uuid4().hex,
            "name": name,
            "key": key,
            "begun": now(),
            "ended": None,
            "status": "RUNNING",
            "process": None,
            "params": _shown(params),
            "tags": _shown({"workflow_version": __version__, **tags}),
            "data": {},
            "metrics": {},
            "files": {},
            "models": {},
            "labels": [],
            **more,
        }
        write_text(folder / NOTE, json.dumps(note, indent=1))
        return cls(folder)

    @property
    def results(self) -> Path:
        """The folder ``results``, from which paths in the note are counted."""
        return self.folder.parents[4]

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.folder.parents[3].name

    def shown(self, text: str) -> str:
        """Return free text without secrets and without names of source files, on one line."""
        # a secret with a line break in it is no longer found once that is a blank
        try:
            named = without_file_names(redact(text), self.results / self.dataset / TABLE)
        except SlicewiseError:
            return f"the log says why ({TABLE} is damaged, so names of files could not be left out)"
        return " ".join(named.split())

    # -- what stages say -------------------------------------------------------

    def working(self) -> None:
        """Note that this process works on the run."""
        self.note["tags"].pop(REASON, None)
        self._set(
            status="RUNNING",
            ended=None,
            process={"host": socket.gethostname(), "pid": os.getpid()},
        )

    def epoch(self, row: Mapping[str, float]) -> dict[str, float]:
        """Take a row of the history, at its own time; return the row that counts.

        A training that was resumed, or begun anew with the same result, says
        epochs again: their first timestamp counts, so that no point is stored
        twice. One that came out differently is another run.
        """
        number, row = int(row["epoch"]), dict(row)
        known = self.rows.get(number)
        if known is not None:
            if _timeless(known) == _timeless(row):
                return known
            self._fork(number)
        self.rows[number] = row
        write_text(self.folder / HISTORY, pd.DataFrame(self.rows.values()).to_csv(index=False))
        self.changed()
        return row

    def tag(self, tags: Mapping[str, Any]) -> None:
        """Set tags; nested ones get dotted names."""
        self._set(tags=self.note["tags"] | _shown(tags))

    def data(self, digests: Mapping[str, str]) -> None:
        """Note the data that go in: by context (train, validation, test), a digest of all files."""
        self._set(data=self.note["data"] | dict(digests))

    def metrics(self, values: Mapping[str, float | None]) -> None:
        """Note all numbers that belong to no epoch; one that did not change keeps its time.

        One that had a value and has none any more is noted as None, or the
        store would go on showing what it was.
        """
        known, time = self.note["metrics"], now()
        plain = {k: None if v is None or v != v else float(v) for k, v in values.items()}
        fresh = {
            k: [v, time]
            for k, v in (dict.fromkeys(known) | plain).items()
            if known.get(k, [None])[0] != v
        }
        self._set(metrics=known | fresh)

    def files(self, files: Mapping[str, str | Path]) -> None:
        """Note finished files under ``results``, by the name of the artifact."""
        found = {
            name: [os.path.relpath(path, self.results), sha256(path)]
            for name, path in files.items()
        }
        self._set(files=self.note["files"] | found)

    def contents(self, contents: Mapping[str, bytes | str]) -> None:
        """Keep contents that are no file of a rule, and note them, by the name of the artifact."""
        for name, content in contents.items():
            data = redact_value(content).encode() if isinstance(content, str) else content
            write_bytes(self.folder / "files" / name, data)
        self.files({name: self.folder / "files" / name for name in contents})

    def models(self, models: Mapping[str, str | Path], labels: Sequence[str]) -> None:
        """Note the finished models that predict together, by name, and what they segment."""
        found = {
            name: [os.path.relpath(path, self.results), sha256(path)]
            for name, path in models.items()
        }
        self._set(models=found, labels=list(labels))

    def own_models(self) -> dict[str, Path]:
        """Return the noted models by name."""
        return {name: self.results / path for name, (path, _) in self.note["models"].items()}

    def trained(
        self,
        facts: Mapping[str, Any],
        files: Mapping[str, str | Path],
        model: str | Path,
        labels: Sequence[str],
    ) -> None:
        """Take what a training made; the run stays open for its evaluation."""
        # versions are in environment.txt
        resolved = {"resolved": {k: v for k, v in facts.items() if k != "versions"}}
        self.note["params"] |= _shown(resolved)
        self.tag({"gpu": facts["device"], "weights_digest": facts["weights_sha256"]})
        self.files(files)
        self.models({self.folder.parent.name: model}, labels)

    def register(self, name: str, patients: str) -> None:
        """Have the model registered under a name.

        `patients` is a digest of the validation patients and their ground
        truth: only models that share it are compared.
        """
        since = self.note.get("register", {}).get("since", now())
        self._set(register={"name": name, "patients": patients, "since": since})

    def finish(self, status: str = "FINISHED", reason: str | None = None) -> None:
        """End the run, saying why where that is not clear."""
        if reason is not None:
            self.note["tags"][REASON] = self.shown(reason)
        self._set(status=status, ended=self.note["ended"] or now(), process=None)

    def supersede(self, fresh: Run) -> None:
        """Note that another run of the fold replaces this one."""
        if self.note["status"] == "RUNNING":
            self.finish("KILLED", "it was begun anew")
        self._set(superseded_by=fresh.folder.name)

    @contextmanager
    def ending_with_errors(self) -> Iterator[None]:
        """End the run as KILLED or FAILED, with the reason, where an error leaves the block.

        MLflow would show it as running for ever.
        """
        try:
            yield
        except BaseException as error:
            killed = isinstance(error, StoppedError | KeyboardInterrupt)
            reason = str(error).strip() or type(error).__name__
            self.finish("KILLED" if killed else "FAILED", reason)
            raise

    # -- inside ---------------------------------------------------------------

    @property
    def state(self) -> str:
        """A digest of all there is to send."""
        tables = [self.folder / name for name in (HISTORY, SYSTEM)]
        return digest([self.note, *(sha256(path) for path in tables if path.is_file())])

    def sample(self, load: Mapping[str, float]) -> None:
        """Note the load of the machine, by MLflow's names of system metrics."""
        rows = read_rows(self.folder / SYSTEM)
        rows.append({"step": len(rows), "timestamp": now(), **load})
        write_text(self.folder / SYSTEM, pd.DataFrame(rows).to_csv(index=False))
        self.changed()

    def _set(self, **values: Any) -> None:
        self.note |= values
        write_text(self.folder / NOTE, json.dumps(self.note, indent=1))
        self.changed()

    def _fork(self, number: int) -> None:
        """Go on as another run, which shares the epochs before a number."""
        note = self.note
        fresh = Run.create(
            self.folder.parent, note["name"], note["key"], note["params"], note["tags"]
        )
        kept = {k: note[k] for k in ("begun", "process", "data", "files")}
        self.supersede(fresh)
        self.folder, self.note = fresh.folder, fresh.note | kept
        self.rows = {k: row for k, row in self.rows.items() if k < number}


def current_run(fold: Path) -> Run | None:
    """Return the current run of a fold, if one was begun.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    folder = max((path.parent for path in fold.glob(f"*/{NOTE}")), default=None)
    run = None if folder is None else Run(folder)
    # one that was superseded by a run whose folder was deleted has other weights
    return None if run is None or "superseded_by" in run.note else run


def all_runs(results: Path, dataset: str = "*") -> list[Path]:
    """Return the folders of all runs under results, newest first, parents after their children.

    In this order each tag that names another run finds it in the store. One
    whose files are damaged is left aside, which a line says.
    """
    notes: dict[Path, dict[str, Any]] = {}
    for path in results.glob(f"{dataset}/*/tracking/*/*/{NOTE}"):
        try:
            notes[path.parent] = Run(path.parent).note
        except SlicewiseError as error:
            _say_once(f"{error}; this run is left aside")
    return sorted(notes, key=lambda f: ("children" in notes[f], -notes[f]["begun"], f))


@cache
def _say_once(line: str) -> None:
    """Warn, once in this process."""
    _log.warning("%s", line)


def to_register(folders: Iterable[Path]) -> list[Path]:
    """Return those runs whose models are to be registered, oldest wish first.

    In this order each meets the champion that it met the first time.
    """
    notes = {folder: Run(folder).note for folder in folders}
    wanted = [f for f, note in notes.items() if "register" in note and "superseded_by" not in note]
    return sorted(wanted, key=lambda f: (notes[f]["register"]["since"], f))


def read_rows(path: Path) -> list[dict[str, float]]:
    """Read a table of points; the numbers that are missing are left out.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    if not path.is_file():
        return []
    remedy, step = f"restore it from a copy, or delete {path.parent}, and train anew", "epoch"
    if path.name == SYSTEM:
        remedy, step = "delete it: how busy the machine was is then not known", "step"
    table = read_stored_table(
        path,
        ("timestamp",),
        key=("timestamp",) if path.name == SYSTEM else (step,),
        separator=",",
        remedy=remedy,
        float_precision="round_trip",
    )
    check_numbers(path, table, table.columns, remedy, between=(-math.inf, math.inf))
    whole = table[table.columns.intersection([step, "timestamp"])]
    check_numbers(path, whole, whole.columns, remedy, between=(0, 2**62))
    if whole.isna().to_numpy().any():
        raise refused(path, "a row has no time", remedy)
    return [{str(k): v for k, v in row.items() if v == v} for row in table.to_dict("records")]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def now() -> int:
    """Return milliseconds since 1970."""
    return int(time.time() * 1000)


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    """Return settings or tags as MLflow takes them: dotted names, texts without secrets."""
    return {key: redact_value(str(value)) for key, value in flatten(values).items()}


def _timeless(row: Mapping[str, float]) -> dict[str, float]:
    return {k: v for k, v in row.items() if k not in UNTIMED and v == v}
