"""Running many inputs in children with limits of time and memory, and counting how they end."""

import os
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from slicewise.errors import SlicewiseError

SECONDS, BYTES = 10, 1 << 30
"""What one input may take."""
BAD = ("traceback", "crash", "hang", "blow-up")


def ends(inputs: Sequence[Any], action: Callable[[Any], object]) -> tuple[Counter[str], list[str]]:
    """Do something with each input in a child; a child that dies is followed by another.

    Returns
    -------
    counts : Counter
        How many were read (``fine``), ended in a ``sentence``, or in one of `BAD`.
    told : list of str
        What the bad ones said, with the number of the input.
    """
    counts, told, done = Counter[str](), list[str](), 0
    while done < len(inputs):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _child(inputs[done:], action, writer)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
        _, status = os.waitpid(child, 0)
        for line in lines:
            kind, _, said = line.partition(" ")
            counts[kind] += 1
            told += [f"input {done}: {kind} {said}"] * (kind in BAD)
            done += 1
        if os.WIFSIGNALED(status) and done < len(inputs):
            number = os.WTERMSIG(status)
            kind = "hang" if number == signal.SIGALRM else "crash"
            counts[kind] += 1
            told.append(f"input {done}: {kind} by {signal.Signals(number).name}")
            done += 1
    return counts, told


def _child(inputs: Sequence[Any], action: Callable[[Any], object], writer: int) -> None:
    """Write a line for each input; never return."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    limit = psutil.Process().memory_info().vms + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        for one in inputs:
            signal.alarm(SECONDS)
            line = " ".join(_end(action, one).split())
            signal.alarm(0)
            os.write(writer, f"{line[:600]}\n".encode(errors="replace"))
    finally:
        os._exit(0)


def _end(action: Callable[[Any], object], one: Any) -> str:
    try:
        action(one)
    except SlicewiseError as error:
        # settings are said line by line, which `slicewise.job.sentence` puts into one
        said = " ".join(str(error).split())
        return "sentence" if ": " in said else f"traceback {said}"
    except MemoryError:
        return "blow-up"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)[-2:]
        places = ", ".join(f"{Path(each.filename).name}:{each.lineno}" for each in frames)
        return f"traceback {type(error).__name__}: {error} ({places})"
    return "fine"
