"""What commands share: their names, kinds of arguments, and questions."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import expanded, refuse_address
from slicewise.sources import is_workflow, workflow_folder

MODEL = (
    "a .keras or .onnx file, results/<dataset>/<experiment> (its folds together), or "
    "models:/NAME@alias of MLflow"
)
"""What models are named by."""


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Parameters
    ----------
    name, help : str
        What is typed, and what it is for.
    add : callable
        Adds its arguments to its parser.
    run : callable
        Does it by the arguments that were given; returns the exit status.
    """

    name: str
    help: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_results(command: argparse.ArgumentParser) -> None:
    """Add the option that says where results are."""
    command.add_argument(
        "--results", type=as_path, default=Path("results"), help="the folder results"
    )


def as_path(text: str) -> Path:
    """Return the path that an argument is, with its variables and its ~ expanded."""
    try:
        refuse_address(text)
        return expanded(text, "the command line")
    except SlicewiseError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def number_from(least: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """Return what reads a number that is not below another, and is no NaN."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        if not number >= least:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is no {what} of {least:g} or more")
        return number

    return read


def whole_from(least: int) -> Callable[[str], float]:
    """Return what reads a whole number that is not below another."""
    return number_from(least, int)


def workflow_of(snakefile: Path | None) -> Path:
    """Return the folder of slicewise's Snakefile: that which is named, here, or the library's."""
    if snakefile is not None:
        if not is_workflow(snakefile.parent):
            raise SlicewiseError(
                f"{snakefile}: this is not slicewise's Snakefile; name the one in its clone"
            )
        return snakefile.parent
    workflow = Path() if is_workflow(Path()) else workflow_folder()
    if workflow is None:
        raise SlicewiseError(
            "Snakefile: slicewise's is neither here nor beside the library; run it in the "
            "workflow's folder, or name it with --snakefile"
        )
    return workflow


def ask(question: str) -> str:
    """Return what is answered on the terminal."""
    try:
        return input(question)
    except EOFError:
        print()
        raise SlicewiseError(
            "the input ended (Ctrl-D) before an answer, and nothing was done; give the command "
            "again, and --yes where nothing is to be asked"
        ) from None
