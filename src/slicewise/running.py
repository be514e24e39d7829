"""Running a command to its end, also when this process is told to stop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOPPED = 130
"""What a shell returns for a command that Ctrl-C ended."""


def snakemake() -> str:
    """Return the `snakemake` beside this interpreter, whose environment need not be active."""
    return str(Path(sys.executable).parent / "snakemake")


def run_to_end(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, keep: Sequence[int] = ()
) -> int:
    """Run a command, and wait for its end even if Ctrl-C is told to both.

    Parameters
    ----------
    command : sequence of str
        What to run.
    env : mapping of str to str, optional
        Its environment, by default that of this process.
    keep : sequence of int
        Descriptors of files that it inherits.

    Returns
    -------
    int
        Its exit status; never 0 where this process was told to stop meanwhile.
    """
    process = subprocess.Popen(command, env=env, pass_fds=keep)
    told = False
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            told = True  # so was it, and ends its jobs first
    # where all was done as the word came, it ends as if there had been none
    return code or (STOPPED if told else 0)
