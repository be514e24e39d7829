"""What was said once in a run of the workflow, which is many jobs: it need not be said by each."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import TextIO

from slicewise.retries import RUN

NAME = ".mlflow.said"


def is_news(results: Path, sentence: str) -> bool:
    """Note a sentence; tell whether no job of this run of the workflow has said it."""
    run = os.environ.get(RUN)
    if run is None:
        return True
    try:
        with (results / NAME).open("a+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            known = _read(stream, run)
            _write(stream, run, [*known, _kind(sentence)])
            return _kind(sentence) not in known
    except OSError:
        return True  # nobody may write there, which is said once more then


def _kind(sentence: str) -> str:
    """Return what is the same whenever it is said: a number of seconds, say, may be another."""
    remedy = sentence.partition(" (it says: ")[0].rpartition(";")[2]
    return re.sub(r"[0-9a-f]{8,}|[0-9]+", "", remedy)


def note_recovery(results: Path) -> None:
    """Note that all is well again, so that a next fault is news."""
    run = os.environ.get(RUN)
    if run is None:
        return
    try:
        with (results / NAME).open("a+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            _write(stream, run, [])
    except OSError:
        return


def _read(stream: TextIO, run: str) -> list[str]:
    stream.seek(0)
    try:
        noted = json.loads(stream.read())
        return list(map(str, noted["said"])) if noted["run"] == run else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _write(stream: TextIO, run: str, said: list[str]) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(json.dumps({"run": run, "said": list(dict.fromkeys(said))}))
    stream.flush()
