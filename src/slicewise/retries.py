"""A fault of the input is told once: in one run of `snakemake`, no job is tried again in vain.

Profiles for clusters send a job again that failed. That helps where memory or
time ran out, or a machine was lost, and never where a mask does not fit. So a
job that ends by a fault of what it reads leaves a mark beside its log, by which
its next attempt ends at once, with the same sentence. The mark holds for the
same run, settings, code and files only: whoever runs `snakemake` anew tries
again, and so does an attempt that finds a file, a setting or the code changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slicewise.errors import PassingError, SlicewiseError
from slicewise.files import digest, keep_json, read_json
from slicewise.records import Told, is_result

RUN = "SLICEWISE_RUN"
"""Variable that the rules set once a run, and that all jobs inherit."""
AGAIN = "not tried again, as nothing that it reads was changed since it failed in this run"


class Mark:
    """The mark that a job leaves, and that its next attempt finds.

    Parameters
    ----------
    told : object
        What Snakemake told the job: rule, log, input, params. Outside of
        ``results`` (in a bucket) there are no marks, and none where the rules
        named no run.
    """

    def __init__(self, told: Told) -> None:
        self.path = _beside(told.log[0])
        self.active = is_result(self.path) and RUN in os.environ
        self._told = told

    def sentences(self) -> list[str]:
        """Return why the attempt before failed, where it cannot be otherwise now; else nothing."""
        noted = _noted(self.path) if self.active else {}
        return noted["said"] if noted and noted["of"] == self._of() else []

    def leave(self, errors: Sequence[SlicewiseError]) -> None:
        """Note the faults of the input, unless another attempt may do without one of them."""
        if not self.active or any(map(may_pass, errors)):
            return
        # what can be written nowhere is tried again
        said = [str(error) for error in errors]
        keep_json(self.path, {"run": os.environ[RUN], "of": self._of(), "said": said})

    def remove(self) -> None:
        """Forget it: the job is done, or was changed."""
        self.path.unlink(missing_ok=True)

    def _of(self) -> str:
        """Return a digest of what the job is told, and of the files that it reads."""
        told = self._told
        params = dict(told.params.items())
        lists = [value for value in params.values() if isinstance(value, list | tuple)]
        files = [*map(str, told.input), *(str(path) for each in lists for path in each)]
        return digest(
            [
                told.rule,
                json.dumps(params, sort_keys=True, default=str),
                [[path, *_stamp(path)] for path in files],
            ]
        )


def is_marked(log: str) -> bool:
    """Tell whether a job left a mark in this run, by its log."""
    return bool(_noted(_beside(log)))


def has_failed(log: str) -> bool:
    """Tell whether a job failed by its input in whatever run, and has not succeeded since."""
    return _beside(log).is_file()


def forget(log: str) -> None:
    """Forget that a job failed: what it was to make is there, as it was before."""
    _beside(log).unlink(missing_ok=True)


def _beside(log: str) -> Path:
    path = Path(log)
    return path.with_name(f"{path.name}.fault")


def _noted(path: Path) -> dict[str, Any]:
    """Read a mark of this run; nothing of another one, or where there is none that can be read."""
    try:
        noted = read_json(path)
        said = [str(sentence) for sentence in noted["said"]]
        same = noted["run"] == os.environ.get(RUN)
        return {"of": noted["of"], "said": said} if same and said else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def may_pass(error: BaseException) -> bool:
    """Tell whether another attempt may do without an error, though nothing is mended.

    That is so of what says it (`PassingError`), and of what follows from memory
    that ran out or from an error of the operating system, which may be that of
    one machine.
    """
    return any(
        isinstance(each, PassingError | MemoryError)
        # a damaged file is an OSError of some libraries, without a number
        or (isinstance(each, OSError) and each.errno is not None)
        for each in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it follows from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _stamp(path: str) -> list[Any]:
    """Return size and time of change (ns) of a file; of what is none, nothing."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return []
    return [status.st_size, status.st_mtime_ns]
