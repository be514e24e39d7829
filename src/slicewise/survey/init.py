"""`slicewise init`: from a folder to a configuration that runs."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from slicewise.asked import snakemake_command
from slicewise.config import IN_RESULTS, Effort, load_settings
from slicewise.config.channels import CHANNEL
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.files import data_folder, write_text
from slicewise.survey.asking import asked
from slicewise.survey.beside import METADATA, TABLE
from slicewise.survey.bids_channels import IMAGE as BIDS_IMAGE
from slicewise.survey.dicom_channels import ALONE
from slicewise.survey.dicom_channels import IMAGE as DICOM_IMAGE
from slicewise.survey.looking import PATIENCE
from slicewise.survey.proposal import Proposal, propose
from slicewise.survey.said import Said, some_of
from slicewise.survey.writing import written
from slicewise.wording import plural

CONFIG = "config"
IMAGE = ("dataset", "pairs", "image")
MASK = ("dataset", "pairs", "mask")
CHANNELS = ("dataset", "channels")
FILES = (IMAGE, BIDS_IMAGE, DICOM_IMAGE, MASK)
"""What is asked first, as the rest follows from it."""


@dataclass(frozen=True)
class Wanted:
    """What the command line says.

    Attributes
    ----------
    folder : Path
        The folder to look at.
    name : str or None
        Of the data set; None takes that of the folder.
    output : Path or None
        The configuration; None is ``config/<name>.yaml``.
    force : bool
        Whether it may be overwritten.
    effort : {"quick", "laptop", "workstation", "gpu"}
        What a training may cost.
    patience : float
        Seconds for the voxels of a sample.
    """

    folder: Path
    name: str | None = None
    output: Path | None = None
    force: bool = False
    effort: Effort = "laptop"
    patience: float = PATIENCE


def init(
    wanted: Wanted, say: Callable[[str], None], ask: Callable[[str], str] | None = None
) -> Path:
    """Look at a folder and write a configuration for it.

    Parameters
    ----------
    wanted : Wanted
    say : callable
        Takes a line for people.
    ask : callable, optional
        From a prompt to what was answered; without it the first guesses are
        written, each as one.

    Returns
    -------
    Path
        The configuration.

    Raises
    ------
    SlicewiseError
        When there is a configuration already, when no layout fits, or when
        nothing could be run with what would be written.
    """
    folder = wanted.folder
    name = wanted.name or name_of(folder)
    output = wanted.output or Path(CONFIG) / f"{name}.yaml"
    table = output.with_suffix(".tsv")
    if output.exists() and not wanted.force:
        raise SlicewiseError(
            f"{output}: is there already; give another --name or --output, or overwrite it with "
            "--force"
        )
    with _Quiet():
        proposal = _proposed(wanted, name)
    if ask is not None:
        proposal = _with_answers(proposal, wanted, name, ask, say)
    if proposal.table:
        if table.exists() and not wanted.force:
            raise SlicewiseError(f"{table}: is there already; move it away or add --force")
        proposal = _with_table(proposal, table)
    said = list(proposal.said)
    questions = [one for one in said if one.question]
    if ask is not None and questions:
        said = asked(said, ask, say)
    text = written(said, proposal.head)
    if proposal.table:
        write_text(table, proposal.table)
    try:
        patients = _checked(text)
    except SlicewiseError as error:
        if proposal.table:
            table.unlink()
        raise _said_of_guesses(error, questions if ask is None else []) from None
    write_text(output, text)
    guessed = [] if ask is not None else questions
    for line in _summary(said, patients, output, guessed, proposal.aside):
        say(line)
    return output


def _said_of_guesses(error: SlicewiseError, guesses: Sequence[Said]) -> SlicewiseError:
    """Say of an error that names a guess that another one can be given, though no file is there."""
    keys = (".".join(one.path) for one in guesses)
    wrong = next((key for key in keys if key in str(error)), None)
    if wrong is None:
        return error
    return SlicewiseError(
        f"{error}; {wrong} was guessed, and nothing is written: in a terminal, without --yes, "
        "slicewise init asks for it"
    )


def _proposed(wanted: Wanted, name: str, **chosen: Any) -> Proposal:
    root = root_of(wanted.folder)
    return propose(wanted.folder, name, root, wanted.effort, wanted.patience, **chosen)


def _with_answers(
    proposal: Proposal,
    wanted: Wanted,
    name: str,
    ask: Callable[[str], str],
    say: Callable[[str], None],
) -> Proposal:
    """Ask which files are meant, and look again where it is others: the rest follows from them."""
    questions = [one for one in proposal.said if one.path in FILES and one.question]
    if not questions:
        return proposal
    (answer,) = asked(questions[:1], ask, say)
    if answer.value in [other.value for other in questions[0].others]:
        with _Quiet():
            chosen = ALONE if answer.value is None else answer.value
            proposal = _proposed(wanted, name, **{answer.path[-1]: chosen})
    said = []
    for one in proposal.said:
        if one.path == answer.path:
            said.append(replace(one, value=answer.value, why=answer.why, question="", others=()))
        elif one.path == CHANNELS and answer.path != MASK:
            said.append(replace(one, value=_channels(answer.value, one.value), others=()))
        else:
            said.append(one)
    return replace(proposal, said=tuple(said))


def _channels(image: object, names: list[str] | None) -> list[str] | None:
    """Return the channels of images that somebody has named."""
    if isinstance(image, dict):
        return list(image)
    return names if CHANNEL in str(image) else None


class _Quiet:
    """Without the lines that readers log, which are of single files."""

    def __enter__(self) -> None:
        self.before = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self.before)


def name_of(folder: Path) -> str:
    """Return the name of a data set by its folder.

    Examples
    --------
    >>> name_of(Path("Task03 Liver (2018)"))
    'Task03_Liver_2018'
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.absolute().name).strip("_-") or "dataset"
    return f"{name}_data" if name.lower() in IN_RESULTS else name


def root_of(folder: Path) -> str:
    """Return how `dataset.root` names a folder: below the folder of the data, or its whole path."""
    whole = folder.absolute()
    data = data_folder().absolute()
    # as it is written, so that a link below the folder of the data is named as such
    for one, other in ((whole, data), (whole.resolve(), data.resolve())):
        if ".." not in one.parts and one != other and one.is_relative_to(other):
            return one.relative_to(other).as_posix()
    return str(whole.resolve() if ".." in whole.parts else whole)


def _with_table(proposal: Proposal, table: Path) -> Proposal:
    """Name the table that is written beside the configuration."""
    said = list(proposal.said)
    if any(one.path == TABLE for one in said):
        named = [replace(one, value=root_of(table)) if one.path == TABLE else one for one in said]
        return replace(proposal, said=tuple(named))
    place = next(n for n, one in enumerate(said) if one.path == ("dataset", "layout"))
    root = Said(("dataset", "root"), root_of(table), "written beside this file: a row a case")
    return replace(proposal, said=(*said[: place + 1], root, *said[place + 1 :]))


def _checked(text: str) -> list[str]:
    """Load a configuration, find its cases and split them, as a run does; return whose they are."""
    with _Quiet():
        settings = load_settings(yaml.safe_load(text))
        cases = find_cases(settings.dataset, data_folder())
        split_cases(cases, settings.split, data_folder())
        return [case.patient for case in cases]


def _summary(
    said: list[Said], patients: list[str], output: Path, guessed: list[Said], aside: Sequence[str]
) -> list[str]:
    """Return what is said at the end: what was found, what was guessed, and what comes next."""
    by_path = {one.path: one for one in said}
    names = [one.path[-1] for one in said if one.path[:2] == ("dataset", "labels")]
    layout = by_path["dataset", "layout"]
    intensity = by_path["dataset", "intensity"]
    others = by_path.get(("dataset", "other_labels"))
    shown = [one for one in said if one not in guessed]
    channels = by_path.get(CHANNELS)
    channels = channels if channels is not None and channels.value else None
    people = len({*patients})
    counted = plural(len(patients), "case")
    counted += f" of {plural(people, 'patient')}" if people < len(patients) else ""
    lines = [
        f"{output}: written",
        f"  layout {layout.value}: {counted}; {layout.why}",
        *([f"  channels {', '.join(channels.value)}: {channels.why}"] if channels else []),
        f"  labels {', '.join(names)}",
        *([f"  other_labels {others.value}: {others.why}"] if others in shown else []),
        f"  intensity {intensity.value}: {intensity.why}",
    ]
    lines += [
        f"  guessed: {'.'.join(one.path)}: {one.value}; {one.question} ({one.why})"
        for one in guessed
    ]
    excluded = by_path.get(("dataset", "exclude"))
    if excluded is not None:
        lines.append(f"  excluded {some_of(excluded.value)}: {excluded.why}")
    lines += [
        f"  {'.'.join(one.path[1:])} {one.value}: {one.why}"
        for one in said
        if one.path[:2] == METADATA and one.path[-1] != "case"
    ]
    lines += [f"  {line}" for line in aside]
    if people == 1 < len(patients):
        lines.append(
            "  Nobody can be tested on, as all cases are one patient's by what files and headers "
            "call them; if they are not, say whose each is in dataset.patient_pattern or "
            "dataset.metadata (docs/data.md)."
        )
    lines += [
        "Next:",
        f"  {shlex.join(['slicewise', 'look', str(output)])}",
        f"  {snakemake_command([output, Path('config/quick.yaml')])}",
        f"  {snakemake_command([output])}",
    ]
    return lines
