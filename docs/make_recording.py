"""Record a run on a terminal as a picture that moves: docs/watch.svg.

python docs/make_recording.py [--output docs/watch.svg]

A run of a few phantoms, in a temporary folder, writes to a pseudo-terminal. What it shows is kept
line by line, with the time for which each stands, in an SVG that plays by itself and loads nothing.
Waits are shortened. Where pictures do not move, a training is seen at work.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

import yaml
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "watch.svg"
COMMAND = "snakemake --cores all --configfile config/tiny.yaml"
SETTINGS = {
    "dataset": {
        "name": "tiny",
        "layout": "phantom",
        "labels": {"liver": 1},
        "other_labels": "background",
        "phantom": {"cases": 9, "size": 64, "slices": [10, 12]},
    },
    "split": {"test": 0.35, "validation": 0.2},
    "slices": {"axial64": {"plane": "axial", "size": 64}},
    "experiments": {
        "baseline": {
            "slices": "axial64",
            "network": {"filters": [8, 16, 32]},
            "optimizer": {"learning_rate": 0.003},
            "training": {"epochs": 8, "precision": "float32", "threads": 1},
        }
    },
}
COLUMNS, ROWS = 96, 26
QUIET = 0.25
"""Seconds without output after which a frame is complete."""
SHORTEST, LONGEST, LAST = 0.2, 0.6, 6.0
"""Seconds for which a frame is shown, and the last one."""
CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])")
WIDTH, HEIGHT, FONT, LEFT = 8.4, 18, 14, 10
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="ui-monospace,\
Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="{font}" xml:space="preserve">
<title>{command}: a run of synthetic patients, waits shortened</title>
<style>text{{white-space:pre;fill:#c5c8c6}}{styles}</style>
<rect width="100%" height="100%" rx="6" fill="#292929"/>
"""
TURNS = """\
<animate attributeName="visibility" calcMode="discrete" dur="{seconds:.1f}s" \
repeatCount="indefinite" values="{values}" keyTimes="{starts}"/>"""


@dataclass
class Screen:
    """What a terminal shows that writes whole lines, goes up and erases lines."""

    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0

    def feed(self, text: str) -> None:
        """Take what is written."""
        end = 0
        for control in CONTROL.finditer(text):
            self.lines[self.row] += text[end : control.start()]
            end = control.end()
            self._obey(control)
        self.lines[self.row] += text[end:]

    def _obey(self, control: re.Match[str]) -> None:
        if control[3] == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif control[2] == "A":
            self.row = max(0, self.row - int(control[1] or 1))
        elif control[2] == "K":
            self.lines[self.row] = ""
        elif control[2] == "m":
            self.lines[self.row] += control[0]

    def view(self) -> list[str]:
        """Return the lines that are seen."""
        return self.lines[-ROWS:]


def played(
    command: Sequence[str], folder: str, environment: dict[str, str]
) -> Iterator[tuple[float, str]]:
    """Run a command on a terminal of its own; yield what it wrote at once, and when."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen(command, stdout=its, stderr=its, cwd=folder, env=environment) as run:
        os.close(its)
        written, begun = b"", time.monotonic()
        while True:
            ready, _, _ = select.select([ours], [], [], QUIET)
            if written and not ready:
                yield time.monotonic() - begun, written.decode("utf-8", "replace")
                written = b""
            if not ready:
                continue
            try:
                written += os.read(ours, 65536)
            except OSError:  # the run has ended
                break
    yield time.monotonic() - begun, written.decode("utf-8", "replace")
    os.close(ours)
    if run.returncode:
        raise SystemExit("make_recording: the run failed; run it by hand to see why")


def record() -> list[tuple[float, list[str]]]:
    """Run the workflow; return what was seen, and from when on."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config", "tiny.yaml")
        config.parent.mkdir()
        config.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
        snakemake = str(Path(sys.executable).parent / "snakemake")
        where = ["--snakefile", str(ROOT / "Snakefile"), "--directory", folder]
        asked = ["--cores", "all", "--configfile", str(config)]
        foreign = ("SLICEWISE_", "SNAKEMAKE_", "MLFLOW_", "COLORTERM", "NO_COLOR")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        screen = Screen([f"$ {COMMAND}", ""], row=1)
        frames = [(0.0, screen.view())]
        environment = {**kept, "TERM": "xterm-256color"}
        for moment, text in played([snakemake, *where, *asked], folder, environment):
            screen.feed(text)
            seen = [_placeless(line, folder) for line in screen.view()]
            if seen != frames[-1][1]:
                frames.append((moment, seen))
    return frames


def _placeless(line: str, folder: str) -> str:
    """Write what tells of this machine as whoever works in a folder `slicewise` would see it."""
    line = re.sub(r"^( *Command: ).*", rf"\1{COMMAND}", line)
    line = re.sub(r"^( *(?:Host|User|Platform): ).*", r"\1yours", line)
    for place in (folder, str(ROOT)):
        line = line.replace(f"{place}/", "").replace(place, "~/slicewise")
    return line


def timed(moments: Sequence[float]) -> list[float]:
    """Return when each frame begins in the picture, and when the last one ends."""
    begins = [0.0]
    for before, after in pairwise(moments):
        begins.append(begins[-1] + min(max(after - before, SHORTEST), LONGEST))
    return [*begins, begins[-1] + LAST]


def standing(frames: Sequence[list[str]]) -> Iterator[tuple[int, str, int, int]]:
    """Yield each line that stands in a row, with the frames from and until which it does."""
    for row in range(ROWS):
        seen = [frame[row].rstrip() if row < len(frame) else "" for frame in frames]
        begin = 0
        for position in range(1, len(seen) + 1):
            if position == len(seen) or seen[position] != seen[begin]:
                if seen[begin]:
                    yield row, seen[begin], begin, position
                begin = position


def drawn(row: int, line: str, styles: dict[str, str]) -> str:
    """Return the elements of a line; colours get names of styles."""
    parts, column = [], 0
    for segment in Text.from_ansi(line).render(Console(file=io.StringIO())):
        text = segment.text.rstrip("\n")
        if text.strip():
            colour = segment.style.color if segment.style else None
            name = (
                styles.setdefault(colour.get_truecolor().hex, f"c{len(styles)}") if colour else ""
            )
            place = f'x="{LEFT + column * WIDTH:.1f}" y="{(row + 1) * HEIGHT + 4}"'
            # fonts differ; what has a gap after it keeps its columns all the same
            length = f'textLength="{len(text) * WIDTH:.1f}"'
            named = f' class="{name}"' if name else ""
            parts.append(f"<text {place} {length}{named}>{escape(text, quote=False)}</text>")
        column += len(text)
    return "".join(parts)


def still(frames: Sequence[list[str]]) -> int:
    """Return the frame to see where nothing moves: a training in the middle of its work."""
    at_work = [k for k, frame in enumerate(frames) if any("  epoch " in line for line in frame)]
    return at_work[len(at_work) // 2] if at_work else len(frames) - 1


def picture(moments: Sequence[float], frames: Sequence[list[str]]) -> str:
    """Return the recording as SVG."""
    times, shown = timed(moments), still(frames)
    styles: dict[str, str] = {}
    together: dict[tuple[int, int], list[str]] = {}
    for row, line, begin, end in standing(frames):
        together.setdefault((begin, end), []).append(drawn(row, line, styles))
    parts = []
    for (begin, end), lines in together.items():
        turns = [(0.0, "hidden"), (times[begin], "visible"), (times[end], "hidden")]
        turns = [turn for turn in turns[begin == 0 :] if turn[0] < times[-1]]
        values = ";".join(value for _, value in turns)
        starts = ";".join(f"{moment / times[-1]:.3f}" for moment, _ in turns)
        hidden = "" if begin <= shown < end else ' visibility="hidden"'
        parts += [f"<g{hidden}>", *lines]
        parts += [TURNS.format(seconds=times[-1], values=values, starts=starts), "</g>"]
    head = HEAD.format(
        width=round(COLUMNS * WIDTH + 2 * LEFT),
        height=(ROWS + 1) * HEIGHT,
        font=FONT,
        command=COMMAND,
        styles="".join(f".{name}{{fill:{colour}}}" for colour, name in styles.items()),
    )
    return "\n".join([head.rstrip("\n"), *parts, "</svg>", ""])


def main() -> None:
    """Record a run, and write its picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=PICTURE)
    options = parser.parse_args()
    recorded = record()
    text = picture([moment for moment, _ in recorded], [frame for _, frame in recorded])
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
