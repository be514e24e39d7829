"""What an MLflow run should hold, as files: they are complete whether or not MLflow answers.

A run is a folder ``<experiment>/tracking/<fold>/<number>``, which no rule
declares, so that it outlives reruns:

- ``run.json``: name, settings, tags, digests of the data, scores, files, status (`RunRecord`);
- ``history.csv``: the epochs so far, each with its first timestamp;
- ``checkpoints``: models of some epochs, where they are wished;
- ``system.csv``: load of processors, memory and GPUs;
- ``sent.json``: what each store has taken (`SentRecord`, written by the mirror).

The highest number is the current run of its fold; those below were superseded.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise import __version__
from slicewise.errors import STOPPED, SlicewiseError
from slicewise.files import digest, sha256, write_bytes, write_text
from slicewise.stored import check_numbers, read_stored_table, refused
from slicewise.tracking.names import TABLE, without_file_names
from slicewise.tracking.run_record import (
    NotedFile,
    NotedNumber,
    Process,
    Registration,
    RunRecord,
    Status,
)
from slicewise.tracking.secrets import redact, redact_value
from slicewise.wording import of_results, plural

_log = logging.getLogger(__name__)

NOTE = "run.json"
HISTORY = "history.csv"
SYSTEM = "system.csv"
REASON = "stopped_because"
UNTIMED = ("timestamp", "images_per_second")
"""What differs between two trainings that give the same weights."""


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
    record : RunRecord
        Content of ``run.json``.
    rows : dict of int to dict
        Rows of ``history.csv`` by their epoch.
    is_copy : bool
        Whether somebody copied its folder from another experiment, which still has the run. Both
        have one id, and are one run to a store.

    Raises
    ------
    SlicewiseError
        When a file of it is damaged.
    """

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.changed = changed
        remedy = f"restore it from a copy, or delete {folder}, and the next training begins anew"
        noted = RunRecord.read(folder / NOTE, remedy)
        own = folder.absolute().parts[-5:-3]
        homes = _homes(noted) - {own}
        self.is_copy = _is_copy(folder, noted, homes)
        self.record = _moved(noted, homes, own)
        self.rows = {int(row["epoch"]): row for row in read_rows(folder / HISTORY)}

    @classmethod
    def create(
        cls,
        fold: Path,
        name: str,
        key: str,
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
        *,
        children: Sequence[str] | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> Run:
        """Begin a run of a fold (its folder): the next number.

        Parameters
        ----------
        fold : Path
            ``<experiment>/tracking/<fold>``.
        name, key : str
            See `RunRecord`.
        params, tags : mapping
            Settings, and where the run comes from; nested ones get dotted names.
        children : sequence of str, optional
            Folders of the runs of which this one takes the scores, below ``tracking``.
        known : mapping of str to object, optional
            What its record has of other runs from the first, as a job may be killed at any moment.
        """
        # also of one whose note is gone: what else it left is not this run's
        numbers = [int(path.name) for path in fold.glob("[0-9]*") if path.name.isdecimal()]
        folder = fold / f"{max(numbers, default=0) + 1:03d}"
        record = RunRecord(
            id=uuid.uuid4().hex,
            name=name,
            key=key,
            begun=now(),
            ended=None,
            status="RUNNING",
            process=None,
            params=_shown(params),
            tags=_shown({"workflow_version": __version__, **tags}),
            data={},
            metrics={},
            files={},
            models={},
            labels=[],
            children=None if children is None else list(children),
        )
        record.updated(**(known or {})).write(folder / NOTE)
        return cls(folder)

    @property
    def results(self) -> Path:
        """The folder ``results``, from which paths in the record are counted."""
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
        tags = {key: value for key, value in self.record.tags.items() if key != REASON}
        process = Process(host=socket.gethostname(), pid=os.getpid())
        self._set(tags=tags, status="RUNNING", ended=None, process=process)

    def epoch(self, row: Mapping[str, float]) -> dict[str, float]:
        """Take a row of the history, at its own time; return the row that counts.

        A training that was resumed, or begun anew with the same result, says
        epochs again: their first timestamp counts, so that no point is stored
        twice. One that came out differently is another run.
        """
        number = int(row["epoch"])
        row = dict(row)
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
        self._set(tags=self.record.tags | _shown(tags))

    def data(self, digests: Mapping[str, str]) -> None:
        """Note the data that go in: by context (train, validation, test), a digest of all files.

        What was scored on other data before is scored anew, even where it is
        the same number: a store ties each point to one data set.
        """
        self._set(data=self.record.data | dict(digests), metrics=self._anew(digests))

    def scored(self, values: Mapping[str, float | None], digests: Mapping[str, str]) -> None:
        """Note numbers and the data that they were scored on, as `metrics` and `data` do.

        In one step: what is sent in between would be tied to no data, or to others.
        """
        data = self.record.data | dict(digests)
        self._set(data=data, metrics=self._anew(digests) | self._fresh(values))

    def _anew(self, digests: Mapping[str, str]) -> dict[str, NotedNumber]:
        """Return all numbers, with a time of now for those of data that are no longer the same."""
        known = self.record.data
        time = now()
        changed = tuple(f"{c}/" for c, value in digests.items() if known.get(c, value) != value)
        metrics = dict(self.record.metrics)
        for name, noted in metrics.items():
            if name.startswith(changed) and noted.value is not None:
                metrics[name] = noted._replace(time=time)
        return metrics

    def metrics(self, values: Mapping[str, float | None]) -> None:
        """Note all numbers that belong to no epoch; one that did not change keeps its time.

        One that had a value and has none any more is noted as None, or the
        store would go on showing what it was.
        """
        self._set(metrics=self.record.metrics | self._fresh(values))

    def _fresh(self, values: Mapping[str, float | None]) -> dict[str, NotedNumber]:
        """Return the numbers that are not what they were."""
        known = self.record.metrics
        time = now()
        plain = {k: None if v is None or v != v else float(v) for k, v in values.items()}
        return {
            name: NotedNumber(value, time)
            for name, value in (dict.fromkeys(known) | plain).items()
            if self.record.number(name) != value
        }

    def files(self, files: Mapping[str, str | Path]) -> None:
        """Note finished files under ``results``, by the name of the artifact."""
        self._set(files=self.record.files | self._noted(files))

    def contents(self, contents: Mapping[str, bytes | str]) -> None:
        """Keep contents that are no file of a rule, and note them, by the name of the artifact."""
        for name, content in contents.items():
            data = redact_value(content).encode() if isinstance(content, str) else content
            write_bytes(self.folder / "files" / name, data)
        self.files({name: self.folder / "files" / name for name in contents})

    def forget(self, below: Sequence[str], kept: Collection[str]) -> None:
        """Note files no more that are there no more, and delete those that only the run keeps.

        Parameters
        ----------
        below : sequence of str
            What their names begin with.
        kept : collection of str
            The names of those that stay.
        """
        known = self.record.files
        gone = [name for name in known if name.startswith(tuple(below)) and name not in kept]
        self._set(files={name: noted for name, noted in known.items() if name not in gone})
        for name in gone:
            (self.folder / "files" / name).unlink(missing_ok=True)

    def models(self, models: Mapping[str, str | Path], labels: Sequence[str]) -> None:
        """Note the finished models that predict together, by name, and what they segment."""
        self._set(models=self._noted(models), labels=list(labels))

    def own_models(self) -> dict[str, Path]:
        """Return the noted models by name."""
        return {name: self.results / noted.path for name, noted in self.record.models.items()}

    def best_of(self, combinations: Sequence[str]) -> None:
        """Take runs of a sweep, by their folders from ``tracking``, for those it is the best of.

        With none it is the best of no sweep.
        """
        self._set(combinations=list(combinations) or None)

    def checkpoint(self, epoch: int, labels: Sequence[str], write: Callable[[Path], None]) -> None:
        """Keep the model of an epoch, once.

        Parameters
        ----------
        epoch : int
        labels : sequence of str
            What it segments.
        write : callable
            Writes it to a path.
        """
        kept = self.record.checkpoints or {}
        if str(epoch) in kept:
            return
        path = self.folder / "checkpoints" / f"epoch-{epoch}.keras"
        path.parent.mkdir(exist_ok=True)
        write(path)
        noted = self._noted({str(epoch): path})
        self._set(checkpoints=kept | noted, labels=list(labels))

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
        tags = {"gpu": facts["device"], "weights_digest": facts["weights_sha256"]}
        self._set(
            params=self.record.params | _shown(resolved),
            tags=self.record.tags | _shown(tags),
        )
        self.files(files)
        self.models({self.folder.parent.name: model}, labels)

    def register(self, name: str, patients: str, chosen: str = "") -> None:
        """Have the model registered under a name; see `Registration`."""
        known = self.record.register_
        since = now() if known is None else known.since
        self._set(register_=Registration(name=name, patients=patients, since=since, chosen=chosen))

    def finish(self, status: Status = "FINISHED", reason: str | None = None) -> None:
        """End the run, saying why where that is not clear.

        One that is finished ended with its last epoch, however long its scores were waited for.
        """
        tags = self.record.tags
        if reason is not None:
            tags = tags | {REASON: self.shown(reason)}
        epochs = [int(row["timestamp"]) for row in self.rows.values()]
        is_trained = status == "FINISHED" and epochs
        end = max(*epochs, self.record.begun) if is_trained else now()
        ended = self.record.ended or end
        self._set(tags=tags, status=status, ended=ended, process=None)

    def supersede(self, fresh: Run) -> None:
        """Note that another run of the fold replaces this one."""
        if self.record.is_running:
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
            killed = isinstance(error, STOPPED)
            reason = str(error).strip() or type(error).__name__
            self.finish("KILLED" if killed else "FAILED", reason)
            raise

    # -- inside ---------------------------------------------------------------

    @property
    def state(self) -> str:
        """A digest of all there is to send."""
        tables = [self.folder / name for name in (HISTORY, SYSTEM)]
        return digest([self.record.dumped(), *(sha256(path) for path in tables if path.is_file())])

    def sample(self, load: Mapping[str, float]) -> None:
        """Note the load of the machine, by MLflow's names of system metrics."""
        rows = read_rows(self.folder / SYSTEM)
        rows.append({"step": len(rows), "timestamp": now(), **load})
        write_text(self.folder / SYSTEM, pd.DataFrame(rows).to_csv(index=False))
        self.changed()

    def _set(self, **values: Any) -> None:
        self.record = self.record.updated(**values)
        self.record.write(self.folder / NOTE)
        self.changed()

    def _noted(self, files: Mapping[str, str | Path]) -> dict[str, NotedFile]:
        return {
            name: NotedFile(os.path.relpath(path, self.results), sha256(path))
            for name, path in files.items()
        }

    def _fork(self, number: int) -> None:
        """Go on as another run, which shares the epochs before a number."""
        old = self.record
        known = {key: getattr(old, key) for key in ("begun", "process", "data", "files")}
        told = (old.name, old.key, old.params, old.tags)
        fresh = Run.create(self.folder.parent, *told, known=known)
        self.supersede(fresh)
        self.folder = fresh.folder
        self.record = fresh.record
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
    return None if run is None or run.record.is_superseded else run


def all_runs(results: Path, dataset: str = "*") -> list[Path]:
    """Return the folders of all runs under results, newest first, parents after their children.

    In this order each tag that names another run finds it in the store. One
    whose files are damaged is left aside, which a line says, and so is a copy, which would bring
    back what its run had.
    """
    records: dict[Path, RunRecord] = {}
    for path in results.glob(f"{dataset}/*/tracking/*/*/{NOTE}"):
        try:
            run = Run(path.parent)
            if not run.is_copy:
                records[path.parent] = run.record
        except SlicewiseError as error:
            _warn_once(f"{error}; this run is left aside")
    return sorted(records, key=lambda f: (bool(records[f].below), -records[f].begun, f))


def not_tracked(results: Path, store: Path) -> str:
    """Say that there is no store, and what makes it: runs that were noted make it anew.

    Parameters
    ----------
    results : Path
    store : Path
        Its file, such as ``results/mlflow.db``.
    """
    noted = len(all_runs(results))
    if not noted:
        return f"{store}: no run is tracked yet; run snakemake first"
    return (
        f"{store}: it is not there any more, and {plural(noted, 'run')} can be sent anew from what "
        f"lies beside the results; run slicewise sync{of_results(results)}"
    )


@cache
def _warn_once(line: str) -> None:
    """Warn, once in this process."""
    _log.warning("%s", line)


def _homes(record: RunRecord) -> set[tuple[str, ...]]:
    """Return data set and experiment that a run had, by the files that only runs keep."""
    noted = [Path(file.path).parts for file in record.files.values()]
    return {parts[:2] for parts in noted if parts[2:3] == ("tracking",)}


def _is_copy(folder: Path, record: RunRecord, homes: set[tuple[str, ...]]) -> bool:
    """Tell whether all files of a run are noted elsewhere, where a run of its id still is."""
    if homes != _homes(record):
        return False
    for home in homes:
        with suppress(SlicewiseError):
            other = folder.parents[4].joinpath(*home, *folder.parts[-3:]) / NOTE
            if RunRecord.read(other, "").id == record.id:
                return True
    return False


def _moved(record: RunRecord, homes: set[tuple[str, ...]], own: tuple[str, ...]) -> RunRecord:
    """Return a record of which the files are noted where they lie now.

    Parameters
    ----------
    record : RunRecord
        As it was stored, perhaps before the experiment or its data set was renamed.
    homes : set of tuple of str
        What these were called before.
    own : tuple of str
        What they are called.
    """
    if not homes:
        return record
    datasets = {home[0] for home in homes}

    def here(files: Mapping[str, NotedFile]) -> dict[str, NotedFile]:
        placed = {}
        for name, file in files.items():
            parts = Path(file.path).parts
            if parts[:2] in homes:
                parts = (*own, *parts[2:])
            elif parts[0] in datasets:
                parts = (own[0], *parts[1:])
            placed[name] = file._replace(path="/".join(parts))
        return placed

    kept = None if record.checkpoints is None else here(record.checkpoints)
    return record.updated(files=here(record.files), models=here(record.models), checkpoints=kept)


def to_register(folders: Iterable[Path]) -> list[Path]:
    """Return those runs whose models are to be registered, oldest wish first.

    In this order each meets the champion that it met the first time.
    """
    since = {}
    for folder in folders:
        record = Run(folder).record
        if record.register_ is not None and not record.is_superseded:
            since[folder] = record.register_.since
    return sorted(since, key=lambda folder: (since[folder], folder))


def read_rows(path: Path) -> list[dict[str, float]]:
    """Read a table of points; the numbers that are missing are left out.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    if not path.is_file():
        return []
    if path.name == SYSTEM:
        remedy = "delete it: how busy the machine was is then not known"
        step = "step"
        key = "timestamp"
    else:
        remedy = f"restore it from a copy, or delete {path.parent}, and train anew"
        step = "epoch"
        key = "epoch"
    table = read_stored_table(
        path,
        ("timestamp",),
        key=(key,),
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
    """Flatten nested settings to dotted names.

    Examples
    --------
    >>> flatten({"network": {"filters": 8}, "seed": 1})
    {'network.filters': 8, 'seed': 1}
    """
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
