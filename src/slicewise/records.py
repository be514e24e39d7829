"""What each result was made from, in a file beside it that travels with the results.

Snakemake keeps such notes below ``.snakemake``, where they are lost by the
commonest remedies (deleting the folder, ``--touch``, ``--cleanup-metadata``).
So each job leaves a record of its own, ``_made/<first output>.json`` beside its
first output: the settings it was told, the code it ran by, and SHA-256 of what
it read and wrote. Records name files relative to the folder that they describe,
so results can be moved.

A job that works on many cases declares one file, the record of its shard, and
names what else it makes in ``params.makes``: of that Snakemake knows nothing,
so the record of the job holds it, and the look at the start misses it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from slicewise.errors import SlicewiseError
from slicewise.files import digest, keep_json, read_json, sha256, write_json, write_text
from slicewise.sources import code_now
from slicewise.wording import some

FOLDER = "_made"  # beside folders of cases, too: no case can be called so
SHARDS = "_shards"
"""Where the records of shards lie, beside folders and files of cases: no case can be called so."""
SWEPT = ("sweep.html", "sweep.tsv")
"""What only an experiment has whose settings are the best of a sweep."""
RESULTS = "results"
CODE = ("code", "training", "slices", "teaching")
"""Names of params that hold digests of code."""
VOLUMES = ("image", "image_sources", "mask", "mask_sources")
"""Names of inputs that are large: they are read again only where they were touched."""
OUTSIDE = ("others", "other_marks")
"""Names of inputs from other data sets or from anybody, whose makers may have left no record."""
STAMPED = (*VOLUMES, *OUTSIDE)
"""Names of inputs of which a record holds size and time of change, too."""
AHEAD = 60 * 10**9
"""Nanoseconds by which clocks of machines that share files may differ; a job takes as long."""
MAKES = "makes"
"""Name of the param with the files that a job makes beside what it declares."""
SCORES = "metrics.tsv"
MIXED = "ensemble.json"
SCORED = ("config.yaml", MIXED)
"""Names of files that say which models scores are of."""
OUTDATED = "not scored yet (the scores that lie there are of an earlier training)"
SHOWN = 4
FORMER = "former"
"""Below the folder of a record, what an output was before, so that it can be put back."""
FORMERS = 3
"""How many of them are kept of an output."""


Volumes = dict[str, list[list[Any]]]
"""By the name of the input, of each of its files bytes, time of change (ns) and SHA-256."""


class Told(Protocol):
    """What Snakemake hands to a script, as far as it is needed here."""

    rule: str
    log: Any
    resources: Any
    input: Any
    output: Any
    params: Any


def paths_told(told: Told, name: str) -> list[str]:
    """Return where the volumes of a job lie that reads them by the records of cases.

    They are no inputs, of which Snakemake would keep a list beside each output,
    but for results in a bucket, from which only inputs are fetched.

    Parameters
    ----------
    told : object
        What Snakemake told the job.
    name : str
        Name of the input or, where there is none, of the param.
    """
    return _listed(told.input, name) or _listed(told.params, name)


def record_path(output: str | os.PathLike[str]) -> Path:
    """Return where the record of a job lies, by the first of its outputs."""
    path = Path(output)
    return path.parent / FOLDER / f"{path.name}.json"


def check_made(paths: Iterable[str | Path]) -> None:
    """Compare results with the records of the jobs that made them, where these are there.

    Raises
    ------
    SlicewiseError
        When a file is not what the job wrote that made it.
    """
    makers = Makers()
    for path in map(Path, paths):
        _check_one(makers, path)


def _check_one(makers: Makers, path: Path) -> str:
    """Return the SHA-256 of a result, after a look at the record of its maker."""
    sha = sha256(path)
    wrote = makers.of(path)
    if wrote is not None and wrote != sha:
        raise SlicewiseError(
            f"{path}: it is not what the job wrote that made it; delete it and run "
            "snakemake again, which makes it anew"
        )
    return sha


def scores_are_current(folder: Path) -> bool:
    """Tell whether scores are of the models that lie there now, and not of earlier ones.

    Parameters
    ----------
    folder : Path
        ``results/<dataset>/<experiment>``.

    Returns
    -------
    bool
        As far as the record of the job tells that scored them; True where none does.
    """
    record = read_record(record_path(folder / SCORES))
    inputs = {} if record is None else record["inputs"]
    read = {name: sha for name, sha in inputs.items() if Path(name).name in SCORED}
    if not read:
        return True
    # an experiment may have become an ensemble since, or an ensemble an experiment
    if (MIXED in read) != (folder / MIXED).is_file():
        return False
    # members lie beside their ensemble; not resolved: results may be links to another disk
    now = {Path(os.path.normpath(folder / name)): sha for name, sha in read.items()}
    return all(sha256(path) == sha for path, sha in now.items() if path.is_file())


def is_made_from(result: Path, source: Path) -> bool:
    """Tell whether a result was made from a file that lies beside it as it is now.

    Parameters
    ----------
    result : Path
        The first output of a job.
    source : Path
        An input of it that is a result, too.

    Returns
    -------
    bool
        As far as the record of the job tells; True where nothing has a record.
    """
    record = read_record(record_path(result))
    if record is None:
        # a job that was killed has none, but what it read has
        return Makers().of(source) is None
    read = record["inputs"].get(os.path.relpath(source, result.parent))
    return read is None or not source.is_file() or sha256(source) == read


class Recorder:
    """Compares what a job reads with what its makers wrote, and leaves the job's own record.

    Parameters
    ----------
    told : object
        What Snakemake told the job: rule, input, output, params. Where the
        first output is not below ``results`` (in a bucket), nothing is done.
    """

    def __init__(self, told: Told) -> None:
        self.told = told
        self.outputs = [str(path) for path in told.output]
        self.makes = [str(path) for path in told.params.get(MAKES) or []]
        self.active = bool(self.outputs) and is_result(self.outputs[0])
        self.path = record_path(self.outputs[0]) if self.outputs else Path()
        self.code: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.volumes: Volumes = {}
        self.former: dict[str, Any] | None = None

    def begin(self, *, whole: bool = False) -> None:
        """Forget the old record, and compare the inputs with the records of their makers.

        Parameters
        ----------
        whole : bool
            Whether all that is read of the job's work is in its outputs, which stay as they are
            until it writes them at its end. Their record then holds until then, too, also where the
            job is killed. What made it due may be taken back, such as a case that needed
            too much memory.

        Raises
        ------
        SlicewiseError
            When a file is not what the job wrote that made it, or a volume is of the future.
        """
        if not self.active:
            return
        self.former = read_record(self.path)
        if not whole:
            self.path.unlink(missing_ok=True)
        self.code = code_now(code_of(self.told.params))
        makers = Makers()
        for path in self._made_inputs():
            self.inputs[path] = _check_one(makers, Path(path))
        volumes = {name: _listed(self.told.input, name) for name in STAMPED}
        refuse_future(path for paths in volumes.values() for path in paths)
        # before they are read: one that changes meanwhile differs from the record
        self.volumes = stamps(volumes)

    def finish(self) -> None:
        """Write the record: the outputs are there."""
        if not self.active:
            return
        told = self.told
        base = Path(self.outputs[0]).parent
        record = {
            "made": int(time.time() * 1000),
            "rule": told.rule,
            "settings": told.params.get("cfg"),
            "code": self.code,
            "inputs": {os.path.relpath(path, base): sha for path, sha in self.inputs.items()},
            "volumes": self.volumes,
            "makes": {os.path.relpath(path, base): stamped(path) for path in self.makes},
            "outputs": {os.path.relpath(path, base): sha256(path) for path in self.outputs},
        }
        write_json(self.path, record)

    def fail(self) -> None:
        """Forget the old record, unless what it is of is still there: the job has failed."""
        if self.former is None:
            return
        base = Path(self.outputs[0]).parent
        there = [path for path in self.outputs if Path(path).exists()]
        if self.former["outputs"] != {os.path.relpath(path, base): sha256(path) for path in there}:
            self.path.unlink(missing_ok=True)

    def _made_inputs(self) -> Iterator[str]:
        """Yield the inputs that are results of other jobs and no volumes."""
        left_out = {path for name in VOLUMES for path in _listed(self.told.input, name)}
        for path in dict.fromkeys(map(str, self.told.input)):
            if path not in left_out and is_result(path):
                yield path


def is_result(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file lies where results do, which a prefix stands before in a module.

    What a bucket holds lies below a folder of Snakemake's own.
    """
    parts = Path(path).parts
    return RESULTS in parts and not Path(path).is_absolute() and parts[0] != ".snakemake"


def _listed(inputs: Any, name: str) -> list[str]:
    named = inputs.get(name) or []
    return [named] if isinstance(named, str) else [str(path) for path in named]


def code_of(params: Any) -> dict[str, str]:
    """Return the digests of the code that a job was told to run, by the names of files."""
    return {file: sha for name in CODE for file, sha in (params.get(name) or {}).items()}


def stamps(volumes: Mapping[str, Sequence[str]]) -> Volumes:
    """Return bytes, time of change (ns) and SHA-256 of files, by the name of the input."""
    return {name: [stamped(path) for path in paths] for name, paths in volumes.items() if paths}


def refuse_future(paths: Iterable[str]) -> None:
    """Refuse files that were changed in the future, by this machine's clock.

    To Snakemake, what is made of one is older than it, so it would delete that.

    Raises
    ------
    SlicewiseError
        Naming the first one.
    """
    now = time.time_ns()
    for path in paths:
        changed = [0, *_stamp(path)][-1]
        if changed > now + AHEAD:
            when = datetime.fromtimestamp(changed // 10**9, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise SlicewiseError(
                f"{path}: it was last changed in the future ({when}), so what is made of it would "
                "count as older; set the clock of this machine right, or touch the file, and all "
                "such ones (find FOLDER -newermt now)"
            )


def stamped(path: str) -> list[Any]:
    """Return bytes, time of change (ns) and SHA-256 of a file."""
    return [*_stamp(path), sha256(path)]


def _stamp(path: str) -> list[int]:
    """Return size and time of change (ns) of a file; of one that is missing, nothing."""
    try:
        status = Path(path).stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


@dataclass
class Makers:
    """What the records beside files say of these.

    Attributes
    ----------
    known : dict
        SHA-256 of each file, by folder; a folder is read once.
    """

    known: dict[Path, dict[str, str]] = field(default_factory=dict)

    def of(self, path: Path) -> str | None:
        """Return the SHA-256 that a file had when it was made; None if no record has it."""
        # not resolved: results may be links to another disk
        folder = Path(os.path.normpath(path.parent))
        if folder not in self.known:
            self.known[folder] = self._read(folder)
        return self.known[folder].get(path.name)

    @staticmethod
    def _read(folder: Path) -> dict[str, str]:
        digest_of: dict[str, str] = {}
        # a job of fewer cases may have left the record of one of more: the last made counts
        for record in _in_order(folder / FOLDER):
            digest_of |= record["outputs"]
        for record in _in_order(folder / SHARDS / FOLDER):
            beside = {Path(name): sha for name, (*_, sha) in record.get("makes", {}).items()}
            here = {path.name: sha for path, sha in beside.items() if path.parent == Path("..")}
            digest_of |= here
        return digest_of


def _in_order(folder: Path) -> list[dict[str, Any]]:
    """Read the records of a folder, the last made last."""
    records = filter(None, map(read_record, folder.glob("[!.]*.json")))
    return sorted(records, key=lambda each: each["made"])


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a record; None where there is none that can be read."""
    try:
        stored = read_json(path)
    except (OSError, ValueError):
        return None
    return stored if _is_record(stored) else None


def _is_record(stored: Any) -> bool:
    """Tell whether this is what `Recorder.finish` writes, whoever edited it meanwhile."""

    def of_texts(value: Any) -> bool:
        return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())

    def stamp(value: Any) -> bool:
        # one that was missing has its hash alone
        kinds = [type(each) for each in value] if isinstance(value, list) else []
        return kinds in ([int, int, str], [str])

    if not isinstance(stored, dict) or type(stored.get("made")) is not int:
        return False
    volumes = stored.get("volumes", {})
    makes = stored.get("makes", {})
    return (
        "settings" in stored
        and all(of_texts(stored.get(name)) for name in ("code", "inputs", "outputs"))
        and isinstance(makes, dict)
        and all(map(stamp, makes.values()))
        and isinstance(volumes, dict)
        and all(isinstance(each, list) and all(map(stamp, each)) for each in volumes.values())
    )


@dataclass(frozen=True)
class Asked:
    """What a job would be told now.

    Attributes
    ----------
    outputs : sequence of str
        The job's files.
    settings : JSON-like
        Its settings.
    code : mapping of str to str
        The digest of each file of its code.
    volumes : mapping of str to sequence of str
        Files of volumes and of others, by the name of the input (see `STAMPED`). One
        that has the size and the time of change of then is the same.
    ignored : sequence of str
        Inputs that may differ.
    makes : sequence of str
        What it makes beside its outputs.
    """

    outputs: Sequence[str]
    settings: Any
    code: Mapping[str, str]
    volumes: Mapping[str, Sequence[str]]
    ignored: Sequence[str] = ()
    makes: Sequence[str] = ()


class Look:
    """A look at the records of all jobs of a run before it starts.

    Files are not read but for their records, and volumes
    that were touched since, so it costs little: a small file a job.

    Attributes
    ----------
    touched : dict
        Records of which volumes were touched and are the same, as they had
        better be; see `note_touched`.
    """

    def __init__(self) -> None:
        self.makers = Makers()
        self.touched: dict[Path, dict[str, Any]] = {}
        self._kept: list[str] = []
        self._now = 0
        self._stamps: dict[str, list[int]] = {}
        self._read: dict[str, str] = {}

    def stale_because(self, asked: Asked) -> str | None:
        """Say why files are not what a job would make now.

        Parameters
        ----------
        asked : Asked
            What it would be told.

        Returns
        -------
        str or None
            Such as ``made with other settings (content.labels)``; None where all
            is as it would be made, or where an output is missing, so that the job
            runs in any case.
        """
        if not all(Path(path).exists() for path in asked.outputs):
            return None
        place = record_path(asked.outputs[0])
        record = read_record(place)
        if record is None:
            return "no record says what it was made from"
        return self._stale(place, record, asked)

    def put_back(self, asked: Asked) -> bool:
        """Put back what an output was before, where a job would make just that now.

        What is there is kept in its stead. It had a time of its own, so that
        what was made from it is no older than it: a plan that was made for other settings, before
        these were taken back, makes no training run again.

        Parameters
        ----------
        asked : Asked
            What a job of a single, small output would be told.

        Returns
        -------
        bool
            Whether it was put back.
        """
        path = Path(asked.outputs[0])
        place = record_path(path)
        folder = place.parent / FORMER / path.name
        newest_first = sorted(folder.glob("[!.]*.json"), key=_changed, reverse=True)
        known = [each for each in map(_read_former, newest_first) if each is not None]
        fitting = [each for each in known if self._stale(place, each["record"], asked) is None]
        if not _keep_former(path, folder, newest_first) or not fitting:
            return False
        try:
            write_text(path, fitting[0]["text"])
            os.utime(path, ns=(fitting[0]["time"], fitting[0]["time"]))
            write_json(place, fitting[0]["record"])
        except (OSError, SlicewiseError):
            return False
        self.makers.known.pop(Path(os.path.normpath(path.parent)), None)
        self._stamps.pop(str(path), None)
        return True

    def _stale(self, place: Path, record: dict[str, Any], asked: Asked) -> str | None:
        """Say why what a record is of is not what a job would make now."""
        if {Path(path).name for path in asked.outputs} != {
            Path(path).name for path in record["outputs"]
        }:
            return "made together with others"
        changed = differences(record["settings"], json.loads(json.dumps(asked.settings)))
        if changed:
            return f"made with other settings ({some(changed, SHOWN)})"
        edited = differences(record["code"], dict(asked.code))
        if edited:
            return f"made by other code ({some(edited, SHOWN)})"
        another = self._another(place, record, asked.volumes) or self._lost(
            place, record, asked.makes
        )
        if another:
            return another
        base = Path(asked.outputs[0]).parent
        skipped = {os.path.normpath(path) for path in asked.ignored}
        for name, sha in record["inputs"].items():
            path = Path(os.path.normpath(base / name))
            wrote = self.makers.of(path)
            if wrote not in (None, sha) and str(path) not in skipped:
                return f"made from another {path}"
        return None

    def keep(
        self, outputs: Sequence[str], inputs: Sequence[str], beside: Sequence[str] = ()
    ) -> None:
        """Let results that are as they would be made be no older than what they were made from.

        A copy has times in the order of copying, and Snakemake goes by them
        where it has no notes. Once one is out of order all get one time, or
        what was made from it would be.

        Parameters
        ----------
        outputs : sequence of str
            A job's files; where one is missing, nothing is done.
        inputs : sequence of str
            Its volumes. What its record names comes in addition.
        beside : sequence of str
            What Snakemake takes for outputs, too, where it is there: how long
            the job took.
        """
        base = Path(outputs[0]).parent
        record = read_record(record_path(outputs[0]))
        times = [self._time(path) for path in outputs]
        if record is None or 0 in times:
            return
        times += filter(None, map(self._time, beside))
        late = [*outputs, *beside]
        self._kept += late
        if not self._now:
            made = [os.path.normpath(base / name) for name in record["inputs"]]
            if max(map(self._time, [*inputs, *made]), default=0) <= min(times):
                return
            self._now = time.time_ns()
            late = self._kept
        for path in late:
            with suppress(OSError):
                os.utime(path, ns=(self._now, self._now))

    def _time(self, path: str) -> int:
        if path not in self._stamps:
            self._stamps[path] = _stamp(path)
        return self._stamps[path][1] if self._stamps[path] else 0

    def note_touched(self) -> None:
        """Correct the times in records, so that what was touched is read but once."""
        for place, record in self.touched.items():
            # results of others may be read only
            keep_json(place, record)
        self.touched.clear()

    def _another(
        self, place: Path, record: dict[str, Any], volumes: Mapping[str, Sequence[str]]
    ) -> str | None:
        """Say which volume, or which file of others, is not what was read then."""
        then: Volumes = record.get("volumes", {})
        given = {name: paths for name, paths in volumes.items() if paths}
        if {n: len(p) for n, p in given.items()} != {n: len(p) for n, p in then.items()}:
            return "made from other files"
        now: Volumes = {}
        for name, paths in given.items():
            for path, (*stamp, sha) in zip(paths, then[name], strict=True):
                if path not in self._stamps:
                    self._stamps[path] = _stamp(path)
                # one that is missing is made again where something needs it, and compared then
                stamp_now = self._stamps[path] or stamp
                if stamp_now != stamp and self._sha256(path) != sha:
                    return f"made from another {path}"
                now.setdefault(name, []).append([*stamp_now, sha])
        if now != then:
            self.touched[place] = {**record, "volumes": now}
        return None

    def _lost(self, place: Path, record: dict[str, Any], makes: Sequence[str]) -> str | None:
        """Say which file that a job made beside its outputs is missing, or is another one."""
        base = place.parent.parent
        then = record.get("makes", {})
        now: dict[str, list[Any]] = {}
        for path in makes:
            name = os.path.relpath(path, base)
            if name not in then:
                return f"made without {path}"
            *stamp, sha = then[name]
            current = _stamp(path)
            if not current:
                return f"{path} is missing"
            if current != stamp and self._sha256(path) != sha:
                return f"{path} is not what the job wrote that made it"
            now[name] = [*current, sha]
        if now != then:
            known = self.touched.get(place, record)
            self.touched[place] = {**known, "makes": now}
        return None

    def _sha256(self, path: str) -> str | None:
        if path not in self._read:
            with suppress(OSError):
                self._read[path] = sha256(path)
        return self._read.get(path)


def made_at(asked: Asked) -> int:
    """Return when the files of a job were made, in milliseconds since 1970, by their record."""
    record = read_record(record_path(asked.outputs[0]))
    return 0 if record is None else int(record["made"])


def inputs_of(output: str) -> dict[str, str]:
    """Return the SHA-256 of each result that a job has read, by its record.

    Parameters
    ----------
    output : str
        Its first output, from whose folder on paths are noted.
    """
    record = read_record(record_path(output))
    base = Path(output).parent
    inputs = {} if record is None else record["inputs"]
    return {os.path.normpath(base / name): sha for name, sha in inputs.items()}


def _changed(path: Path) -> int:
    return [0, *_stamp(str(path))][-1]


def _read_former(path: Path) -> dict[str, Any] | None:
    """Read what an output was before; None where it cannot be read."""
    try:
        stored = read_json(path)
        whole = _is_record(stored["record"]) and isinstance(stored["text"], str)
        return stored if whole and type(stored["time"]) is int else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep_former(path: Path, folder: Path, newest_first: Sequence[Path]) -> bool:
    """Keep an output with its record; return whether nothing is lost if another is put there."""
    record = read_record(record_path(path))
    if not path.exists():
        return True
    if record is None or record["outputs"].get(path.name) != sha256(path):
        return False
    former = {
        "time": path.stat().st_mtime_ns,
        "record": record,
        "text": path.read_text(encoding="utf-8"),
    }
    own = folder / f"{digest(record)}.json"
    for old in [each for each in newest_first if each != own][FORMERS - 1 :]:
        old.unlink(missing_ok=True)
    return keep_json(own, former)


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Return the dotted names of what differs between two nested values, orders included."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [name or "all"]
    changed = []
    for key in dict.fromkeys([*old, *new]):
        below = f"{name}.{key}" if name else str(key)
        if key not in old or key not in new:
            changed.append(below)
        else:
            changed += differences(old[key], new[key], below)
    if not changed and list(old) != list(new):
        changed.append(f"the order of {name or 'all'}")
    return changed
