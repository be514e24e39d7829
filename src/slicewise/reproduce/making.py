"""Running `snakemake` below a folder, while nobody else does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os.path import relpath
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import DATA, data_folder
from slicewise.locks import lock
from slicewise.running import run_to_end, snakemake


@contextmanager
def making(
    workflow: Path, folder: Path, config: Path, cores: str, project: Path
) -> Iterator[Callable[..., None]]:
    """Give a function that makes files below a folder, while nobody else does."""
    data = data_folder() if os.environ.get(DATA) else project / "data"
    command = [
        snakemake(),
        *("--snakefile", str(workflow.resolve() / "Snakefile"), "--directory", str(folder)),
        *("--configfile", str(config), "--cores", cores),
        *("--quiet", "host", "reason", "rules"),
        "--nolock",  # its own lock would outlive a crash
    ]

    def make(target: Path, *more: str) -> None:
        stopped = run_to_end(
            [*command, str(target.relative_to(folder)), *more],
            env={**os.environ, DATA: str(data.resolve())},
            keep=[file.fileno()],  # should it outlive this process
        )
        if stopped:
            raise SlicewiseError(
                f"{relpath(folder)}: making the run again stopped, see above; mend what errors "
                "name and run slicewise reproduce again, what is finished is kept"
            )

    with (folder / ".lock").open("w") as file:
        if not lock(file, folder, wait=False):
            raise SlicewiseError(
                f"{relpath(folder)}: another process is making this run again; wait until it "
                "is done"
            )
        yield make
