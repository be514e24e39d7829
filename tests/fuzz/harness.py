"""Plain mutation of valid files, each read in a child with a limit of time and of memory.

A target writes a valid input and reads it. What comes of a damaged one is
counted: it is read, or refused in a sentence (`SlicewiseError`); anything else,
a traceback, a crash, a hang or a blow-up of memory, is a fault. One child reads
many inputs, one after the other, and is forked anew when it is lost, so that
hundreds of inputs are read a second. Seeds are fixed: a fault comes again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError

FINE = ("read", "sentence")
FAULTS = ("traceback", "crash", "hang", "blow-up")
SECONDS = 10
"""Of wall time for one input, each of which is a few hundred bytes."""
MEGABYTES = 300
"""Of memory beyond what the child had before it read anything."""
ODD_BYTES = (0, 1, 9, 10, 13, 32, 34, 45, 46, 58, 61, 127, 128, 254, 255)
ODD_NUMBERS = (
    *("0", "-1", "1", "2", "00", "-0", "3.5", "1e30", "-1e30", "1e400", "1e-400", "nan", "-inf"),
    *("65535", "65536", "2147483647", "-2147483648", "4294967296", "9223372036854775808"),
    *("9" * 40, "1" * 5000, "", " ", "abc", "0x10", "٣", "1,5", "none", "%d", "../x", "\0"),
)
ODD_PACKED = (
    *(struct.pack("<h", n) for n in (0, -1, 1, 32767, -32768)),
    *(struct.pack("<i", n) for n in (0, -1, 1, 2**31 - 1, -(2**31))),
    *(struct.pack("<q", n) for n in (-1, 2**63 - 1, 2**40)),
    *(struct.pack("<f", x) for x in (0.0, -1.0, float("nan"), float("inf"), 1e30, 1e-30)),
    *(struct.pack("<d", x) for x in (0.0, float("nan"), float("-inf"), 1e300)),
)
_NUMBER = re.compile(rb"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes
    ----------
    name : str
        How it is counted.
    write : callable
        Takes an empty folder; writes valid files, and returns them. One of
        them at a time is damaged.
    read : callable
        Takes the folder that `write` was given; reads what is there.
    unpack, pack : callable, optional
        From bytes to bytes: half of the inputs are damaged inside of their
        packing, so that its checksum holds.
    damage : callable, optional
        Changes that know what the file is, in place of `mutated`.
    """

    name: str
    write: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], Any]
    unpack: Callable[[bytes], bytes] | None = None
    pack: Callable[[bytes], bytes] | None = None
    damage: Callable[[bytes, random.Random], bytes] | None = None


@dataclass
class Report:
    """What came of the inputs of a target."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        kinds = (*FINE, *FAULTS)
        counts = ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds)
        return f"{self.name}: {self.inputs} inputs: {counts}"


# -- mutation ---------------------------------------------------------------------


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return damaged content: one to four changes, of all sorts."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        content = chance.choice(_CHANGES)(content, chance)
    return content


def _place(content: bytes, chance: random.Random) -> int:
    """Return a place, more often than not in the first bytes, where headers are."""
    end = len(content) if chance.random() < 0.4 else min(len(content), 400)
    return chance.randrange(end) if end else 0


def _flip(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return (
        content[:at]
        + bytes(b ^ 1 << chance.randrange(8) for b in content[at : at + 1])
        + (content[at + 1 :])
    )


def _odd_byte(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + bytes([chance.choice(ODD_BYTES)]) + content[at + 1 :]


def _odd_packed(content: bytes, chance: random.Random) -> bytes:
    packed = chance.choice(ODD_PACKED)
    if chance.random() < 0.2:
        packed = packed[::-1]
    at = _place(content, chance)
    at -= at % min(len(packed), 4)
    return content[:at] + packed + content[at + len(packed) :]


def _odd_number(content: bytes, chance: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content[:100_000]))
    if not found:
        return _odd_byte(content, chance)
    match = chance.choice(found)
    return content[: match.start()] + chance.choice(ODD_NUMBERS).encode() + content[match.end() :]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


def _gone(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + content[at + chance.choice((1, 2, 4, 17, 200)) :]


def _twice(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    part = content[at : at + chance.choice((1, 4, 40, 400))]
    return content[:at] + part * chance.choice((2, 3, 100)) + content[at + len(part) :]


def _junk(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + chance.randbytes(chance.choice((1, 3, 50))) + content[at:]


def _lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = chance.randrange(min(len(lines), 40))
    other = chance.randrange(min(len(lines), 40))
    what = chance.randrange(3)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, lines[other])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _other_text(content: bytes, chance: random.Random) -> bytes:
    text = content.decode("latin-1")
    return chance.choice(
        (text.encode("utf-16"), b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r"), b"")
    )


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip, _odd_byte, _odd_packed, _odd_packed, _odd_number, _odd_number, _odd_number),
    *(_cut, _gone, _twice, _junk, _lines, _other_text),
)


# -- running ----------------------------------------------------------------------


def fuzz(target: Target, folder: Path, inputs: int, seed: int = 0) -> Report:
    """Read so many damaged inputs of a target, and count what comes of them.

    Parameters
    ----------
    target : Target
    folder : Path
        Empty; inputs that show a fault stay there, each in a folder of its own.
    inputs : int
        How many.
    seed : int
        The first input's; the next has the next one.
    """
    valid = folder / "valid"
    valid.mkdir(parents=True)
    written = [path.relative_to(valid) for path in target.write(valid)]
    # a target that cannot read its own valid input would find nothing
    target.read(valid)
    report = Report(target.name)
    at = seed
    while at < seed + inputs:
        at = _some(target, valid, written, range(at, seed + inputs), folder, report)
    shutil.rmtree(folder / "input", ignore_errors=True)
    return report


def make_input(target: Target, valid: Path, written: Sequence[Path], seed: int, into: Path) -> None:
    """Write the damaged input of a seed into a folder, which is made anew."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(valid, into)
    chance = random.Random(f"{target.name} {seed}")
    path = into / chance.choice(list(written))
    content = path.read_bytes()
    if target.unpack and target.pack and chance.random() < 0.5:
        path.write_bytes(target.pack(mutated(target.unpack(content), chance)))
    else:
        path.write_bytes((target.damage or mutated)(content, chance))


def _some(
    target: Target,
    valid: Path,
    written: Sequence[Path],
    seeds: range,
    folder: Path,
    report: Report,
) -> int:
    """Read inputs in one child until all are read or it is lost; return the next seed."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with contextlib.suppress(BaseException):
            _serve(target, valid, written, seeds, folder / "input", writer)
        os._exit(0)
    os.close(writer)
    heard = b""
    seed = seeds.start
    kind = ""
    try:
        while seed < seeds.stop and not kind:
            ready, _, _ = select.select([reader], [], [], SECONDS)
            part = os.read(reader, 1 << 16) if ready else b""
            if not part:
                kind = "crash" if ready else "hang"
            heard += part
            *lines, heard = heard.split(b"\n")
            for line in lines:
                found, text = json.loads(line)
                _count(report, found, seed, text, folder)
                seed += 1
        if seed < seeds.stop and kind == "hang":
            os.killpg(child, signal.SIGKILL)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if kind and seed < seeds.stop and not (kind == "crash" and status == 0):
        _count(report, kind, seed, f"status {status}", folder)
        seed += 1
    return seed


def _count(report: Report, kind: str, seed: int, text: str, folder: Path) -> None:
    report.counts[kind] += 1
    if kind in FAULTS:
        report.faults.append(f"{report.name}, seed {seed}: {kind}: {text}")
        if kind in ("crash", "hang") and (folder / "input").exists():
            shutil.copytree(folder / "input", folder / f"{kind}-{seed}", dirs_exist_ok=True)


def _serve(
    target: Target,
    valid: Path,
    written: Sequence[Path],
    seeds: range,
    into: Path,
    writer: int,
) -> None:
    """Read one input after the other and tell of each; end after one that took much memory."""
    os.setsid()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    faulthandler.disable()  # pytest's, which has a stream of its own
    _limit()
    for seed in seeds:
        make_input(target, valid, written, seed, into)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kind, text = outcome(target.read, into)
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
        if more > MEGABYTES:
            kind = "blow-up"
            text = f"{more} MB; {text}"
        if kind in FAULTS:
            shutil.copytree(into, into.parent / f"{kind}-{seed}", dirs_exist_ok=True)
        os.write(writer, json.dumps([kind, text[:1500]]).encode() + b"\n")
        if kind == "blow-up":
            return


def _limit() -> None:
    """Limit the address space, so that what would take all memory fails early."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (2 * MEGABYTES << 20) + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def outcome(read: Callable[[Path], Any], path: Path) -> tuple[str, str]:
    """Return what comes of reading: its kind, and what is said."""
    try:
        read(path)
    except SlicewiseError as error:
        text = " ".join(str(error).split())
        return ("sentence", text) if text else ("traceback", "a sentence without words")
    except MemoryError:
        return "blow-up", traceback.format_exc(limit=-6)
    except BaseException:
        return "traceback", traceback.format_exc(limit=-6)
    return "read", ""


def check(reports: Sequence[Report], begun: float | None = None) -> None:
    """Print the counts, and fail where there was a fault."""
    for report in reports:
        print(report)
    if begun is not None:
        inputs = sum(report.inputs for report in reports)
        print(f"{inputs} inputs in {time.monotonic() - begun:.0f} s")
    faults = [fault for report in reports for fault in report.faults]
    assert not faults, f"{len(faults)} faults, the first:\n" + "\n".join(faults[:5])


def number_of_inputs(ordinary: int) -> int:
    """Return how many inputs a target gets: of the ordinary suite, or as many times as asked."""
    return ordinary * int(os.environ.get("SLICEWISE_FUZZ", "1"))
