"""What a run is asked for: rules and files that are not there are refused, with a hint."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.wording import plural, some

SHOWN = 12
"""So many rules and experiments are listed."""


def hint(name: str, known: Iterable[str]) -> str:
    """Return a part of a sentence that names what is called most like something.

    Examples
    --------
    >>> hint("tain", ["train", "predict"])
    '; did you mean train?'
    >>> hint("x", ["train", "predict"])
    ''
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def refuse_rules(given: Mapping[str, Collection[str]], rules: Collection[str]) -> None:
    """Refuse options for rules that are not there, which Snakemake takes and does not heed.

    Parameters
    ----------
    given : mapping of str to collection of str
        By option (``--set-threads``), the rules that it is given for, on the
        command line or by a profile.
    rules : collection of str
        Those that are there.

    Raises
    ------
    SlicewiseError
        Naming the option and the rule, and the nearest name.
    """
    for option, names in given.items():
        for name in names:
            if name not in rules:
                there = some(sorted(rules), 2 * SHOWN)
                raise SlicewiseError(
                    f"{option} (or the profile): no rule is called {name}"
                    f"{hint(name, rules) or f'; there are {there}'}"
                )


def refuse_targets(
    targets: Iterable[str],
    rules: Mapping[str, Sequence[str]],
    is_made: Callable[[str], bool],
    files: Collection[str],
    configuration: str,
) -> None:
    """Refuse what is asked for and no rule makes, before Snakemake does with its own words.

    Parameters
    ----------
    targets : iterable of str
        Names of rules, or files. Snakemake knows none by its absolute path.
    rules : mapping of str to sequence of str
        The rules that are there, with the wildcards of each.
    is_made : callable
        Whether some rule makes a file.
    files : collection of str
        Files that can be asked for, to name the nearest.
    configuration : str
        Which configuration it is that does not make it.

    Raises
    ------
    SlicewiseError
        Naming the target, and the nearest that is there.
    """
    whole = [name for name, wildcards in rules.items() if not wildcards]
    for target in sorted(targets):
        own = _own_path(target, is_made)
        if own != target and is_made(own):
            raise SlicewiseError(
                f"{target}: Snakemake knows no file by its absolute path; ask for "
                f"{shlex.quote(own)}"
            )
        if target in whole or is_made(target) or Path(target).exists():
            continue
        if wildcards := rules.get(target):
            raise SlicewiseError(
                f"{target}: this rule makes files for each {' and '.join(wildcards)}; ask for one "
                "of its files, which results/README.md lists"
            )
        raise SlicewiseError(
            f"{target}: this is no rule, and no file that can be made with {configuration}"
            f"{hint(own, [*whole, *files]) or f'; rules are {some(sorted(whole), SHOWN)}'}"
        )


def _own_path(target: str, is_made: Callable[[str], bool]) -> str:
    """Return the path of a file from this folder, to which a link may lead."""
    if not Path(target).is_absolute():
        return target
    as_typed = os.path.relpath(target)
    return as_typed if is_made(as_typed) else os.path.relpath(os.path.realpath(target))


def refuse_report(pages: Iterable[str], is_made: Callable[[str], bool], configuration: str) -> None:
    """Refuse a report of Snakemake about pages that are not there yet.

    Snakemake names the first file that is missing, and no way to it.

    Parameters
    ----------
    pages : iterable of str
        The pages that it is to hold.
    is_made : callable
        Whether a page is there.
    configuration : str
        Which configuration it is about.

    Raises
    ------
    SlicewiseError
        Naming the configuration and what is missing.
    """
    missing = [page for page in pages if not is_made(page)]
    if missing:
        raise SlicewiseError(
            f"--report: of {configuration}, {some(missing, 3)} "
            f"{'is' if len(missing) == 1 else 'are'} not there, and it holds finished pages alone; "
            "name your own configuration by --configfile, or run the same command without "
            "--report first"
        )


def configured_by(files: Sequence[str], arguments: Sequence[str]) -> str:
    """Name the configuration of a run, and say where nobody named it.

    Parameters
    ----------
    files : sequence of str
        The configuration files that Snakemake read.
    arguments : sequence of str
        Its command line.

    Examples
    --------
    >>> configured_by(["config/config.yaml"], ["snakemake", "-n"])
    'config/config.yaml (the default: no --configfile is given)'
    """
    named = any(argument.startswith("--configf") for argument in arguments)
    return f"{' + '.join(files)}{'' if named else ' (the default: no --configfile is given)'}"


def introduction(configuration: str, cases: int, experiments: Sequence[str], results: str) -> str:
    """Return the line that says first which configuration a run has, and what it is about."""
    what = "experiment" if len(experiments) == 1 else "experiments"
    return (
        f"configuration {configuration}: {plural(cases, 'case')}, {what} "
        f"{some(experiments, SHOWN)}, into {results}"
    )


def snakemake_command(configuration: Iterable[Path], *targets: Path) -> str:
    """Return the command that makes targets, by default all results, as a shell takes it.

    Targets come first, as ``--configfile`` would swallow them.

    Examples
    --------
    >>> snakemake_command([Path("my liver.yaml"), Path("quick.yaml")], Path("results/x/cases.tsv"))
    "snakemake --cores all results/x/cases.tsv --configfile 'my liver.yaml' quick.yaml"
    """
    given = ["--configfile", *map(str, configuration)]
    return shlex.join(["snakemake", "--cores", "all", *map(str, targets), *given])
