"""What each result was made from, in a file beside it that travels with the results.

Snakemake keeps such notes below ``.snakemake``, where they are lost by the
commonest remedies (deleting the folder, ``--touch``, ``--cleanup-metadata``).
So each job leaves a record of its own, ``_made/<first output>.json`` beside its
first output: the settings it was told, the code it ran by, and SHA-256 of what
it read and wrote. Records name files relative to the folder that they describe,
so results can be moved.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from slicewise.errors import SlicewiseError
from slicewise.files import read_json, sha256, write_json

FOLDER = "_made"  # beside folders of cases, too: no case can be called so
RESULTS = "results"
CODE = ("code", "training")
"""Names of inputs that are code."""
VOLUMES = ("image", "images", "image_sources", "mask", "masks", "mask_sources", "truth")
"""Names of inputs that are too large to be read for a record; passports have their SHA-256."""
SOURCES = ("image", "mask", "image_sources", "mask_sources")
"""Those of them whose sizes are compared where volumes are read for the first time."""
READING = ("convert", "ingest")
SHOWN = 4


class Told(Protocol):
    """What Snakemake hands to a script, as far as it is needed here."""

    rule: str
    log: Any
    resources: Any
    input: Any
    output: Any
    params: Any


def record_path(output: str | os.PathLike[str]) -> Path:
    """Return where the record of a job lies, by the first of its outputs."""
    path = Path(output)
    return path.parent / FOLDER / f"{path.name}.json"


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
        self.active = bool(self.outputs) and Path(self.outputs[0]).parts[0] == RESULTS
        self.path = record_path(self.outputs[0]) if self.outputs else Path()
        self.inputs: dict[str, str] = {}

    def begin(self) -> None:
        """Forget the old record, and compare the inputs with the records of their makers.

        Raises
        ------
        SlicewiseError
            When a file is not what the job wrote that made it.
        """
        if not self.active:
            return
        self.path.unlink(missing_ok=True)
        makers = Makers()
        for path in self._made_inputs():
            self.inputs[path] = found = sha256(path)
            wrote = makers.of(Path(path))
            if wrote is not None and wrote != found:
                raise SlicewiseError(
                    f"{path}: it is not what the job wrote that made it; delete it and run "
                    "snakemake again, which makes it anew"
                )

    def finish(self) -> None:
        """Write the record: the outputs are there."""
        if not self.active:
            return
        told, base = self.told, Path(self.outputs[0]).parent
        record = {
            "made": int(time.time() * 1000),
            "rule": told.rule,
            "settings": told.params.get("cfg"),
            "code": code_digests(path for name in CODE for path in _listed(told.input, name)),
            "inputs": {os.path.relpath(path, base): sha for path, sha in self.inputs.items()},
            "bytes": sizes({name: _listed(told.input, name) for name in SOURCES})
            if kind_of(told.rule) in READING
            else {},
            "outputs": {os.path.relpath(path, base): sha256(path) for path in self.outputs},
        }
        write_json(self.path, record)

    def _made_inputs(self) -> Iterator[str]:
        """Yield the inputs that are results of other jobs and no volumes."""
        left_out = {path for name in (*CODE, *VOLUMES) for path in _listed(self.told.input, name)}
        for path in dict.fromkeys(map(str, self.told.input)):
            if path not in left_out and Path(path).parts[0] == RESULTS:
                yield path


def kind_of(rule: str) -> str:
    """Return what kind of rule it is: some are there once for each batch."""
    return rule.partition("_")[0]


def _listed(inputs: Any, name: str) -> list[str]:
    found = inputs.get(name) or []
    return [found] if isinstance(found, str) else [str(path) for path in found]


def code_digests(paths: Iterable[str | Path]) -> dict[str, str]:
    """Return the SHA-256 of files of code, named from ``scripts`` or ``slicewise`` on."""
    found = {}
    for path in map(Path, paths):
        parts = path.parts
        tops = [n for n, part in enumerate(parts) if part in ("scripts", "slicewise")]
        found["/".join(parts[tops[-1] :] if tops else parts[-1:])] = sha256(path)
    return found


def sizes(files: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Return the bytes of files; those that are missing count as -1."""

    def size(path: str) -> int:
        try:
            return Path(path).stat().st_size
        except OSError:
            return -1

    return {name: [size(path) for path in paths] for name, paths in files.items() if paths}


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
        records = [read_record(path) for path in (folder / FOLDER).glob("[!.]*.json")]
        found: dict[str, str] = {}
        # a job of fewer cases may have left the record of one of more: the last made counts
        for record in sorted(filter(None, records), key=lambda each: each["made"]):
            found |= record["outputs"]
        return found


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a record; None where there is none that can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and {"made", "settings", "code", "inputs", "outputs"} <= {
        *found
    }
    return found if whole else None


class Look:
    """A look at the records of all jobs of a run before it starts.

    Files are not read but for their records and the library's code, so it costs
    little: a small file a job.
    """

    def __init__(self) -> None:
        self.makers = Makers()
        self._code: dict[str, tuple[str, str]] = {}

    def stale_because(
        self,
        outputs: Sequence[str],
        settings: Any,
        code: Sequence[str],
        sources: Mapping[str, Sequence[str]],
        ignored: Sequence[str] = (),
    ) -> str | None:
        """Say why files are not what a job would make now.

        Parameters
        ----------
        outputs : sequence of str
            The job's files.
        settings : JSON-like
            What it would be told.
        code : sequence of str
            The files of its code.
        sources : mapping of str to sequence of str
            Source files whose sizes are compared, by the name of the input.
        ignored : sequence of str
            Inputs that may differ.

        Returns
        -------
        str or None
            Such as ``made with other settings (content.labels)``; None where all
            is as it would be made, or where a file is missing, so that the job
            runs in any case.
        """
        if not all(Path(path).exists() for path in outputs):
            return None
        record = read_record(record_path(outputs[0]))
        if record is None:
            return "no record says what it was made from"
        if {Path(path).name for path in outputs} != {Path(path).name for path in record["outputs"]}:
            return "made together with others"
        changed = differences(record["settings"], json.loads(json.dumps(settings)))
        if changed:
            return f"made with other settings ({_some(changed)})"
        edited = differences(record["code"], self._digests(code))
        if edited:
            return f"made by other code ({_some(edited)})"
        if record.get("bytes", {}) != sizes(sources):
            return "made from files of other sizes"
        base = Path(outputs[0]).parent
        skipped = {os.path.normpath(path) for path in ignored}
        for name, sha in record["inputs"].items():
            path = Path(os.path.normpath(base / name))
            wrote = self.makers.of(path)
            if wrote not in (None, sha) and str(path) not in skipped:
                return f"made from another {path}"
        return None

    def _digests(self, code: Sequence[str]) -> dict[str, str]:
        for path in code:
            if path not in self._code:
                (self._code[path],) = code_digests([path]).items()
        return dict(self._code[path] for path in code)


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Return the dotted names of what differs between two nested values, orders included."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [name or "all"]
    found = []
    for key in dict.fromkeys([*old, *new]):
        below = f"{name}.{key}" if name else str(key)
        if key not in old or key not in new:
            found.append(below)
        else:
            found += differences(old[key], new[key], below)
    if not found and list(old) != list(new):
        found.append(f"the order of {name or 'all'}")
    return found


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
