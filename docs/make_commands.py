"""Write the page of all commands, from the parser of the command line.

Used by docs/make_site.py.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

from slicewise.cli import command_parser
from slicewise.targets import NAMED

HEAD = """\
# Commands

Each in the folder of the workflow, in its environment (`source .venv/bin/activate`). The exit
status is 0 where all went well, else not; what is wrong stands in a [sentence](errors.md) on
standard error. `slicewise COMMAND --help` says the same as this page.
"""
TARGETS = """\
## `snakemake`

`snakemake --cores all --configfile config/mydata.yaml` makes all of a data set; named targets come
before `--configfile`, which swallows what follows it. How far to go:

| target | what is made |
| --- | --- |
{rows}

`slicewise targets` lists these with every page and model that can be asked for. Which options show
more or less of a run: [watch](watch.md).
"""
VARIABLES = """\
## Variables of the environment

| variable | what it says |
| --- | --- |
{rows}
"""
KNOWN = {
    "SLICEWISE_DATA": "the folder that `dataset.root` is below; without it `data/` of the workflow",
    "SLICEWISE_GPUS": "how many GPUs a training or a prediction asks for: 1 without it, 0 for none",
    "SLICEWISE_IMAGE": "the image of jobs with `--sdm apptainer`, see [cluster](cluster.md)",
    "SLICEWISE_OUTPUT": "`full`: Snakemake shows every job, as it does by itself",
    "KERAS_BACKEND": "`tensorflow` or `jax`: what trains, see [training](training.md)",
    "MLFLOW_TRACKING_URI": "the store of runs, see [MLflow](mlflow.md); without it "
    "`results/mlflow.db`",
}
"""Those that people set. Others are set by the workflow, for its own jobs."""


def page(pages: Mapping[str, str]) -> str:
    """Return the page; examples are the commands that other pages, by name, have."""
    (commands,) = (
        a for a in command_parser()._actions if isinstance(a, argparse._SubParsersAction)
    )
    about = {action.dest: action.help for action in commands._choices_actions}
    parts = [HEAD]
    for name, parser in commands.choices.items():
        parts.append(f"## `slicewise {name}`\n\n{_sentence(about[name] or '')}\n")
        parts.append(_usage(parser))
        parts.append(_arguments(parser))
        parts += _examples(name, pages)
    rows = "\n".join(f"| `{name}` | {what} |" for name, what in NAMED.items())
    parts.append(TARGETS.format(rows=rows))
    rows = "\n".join(f"| `{name}` | {what} |" for name, what in KNOWN.items())
    return "\n".join([*parts, VARIABLES.format(rows=rows)])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _usage(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=90)
    return f"```text\n{parser.format_usage().removeprefix('usage: ')}```\n"


def _arguments(parser: argparse.ArgumentParser) -> str:
    lines = ["| argument | what it is |", "| --- | --- |"]
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        said = (action.help or "") % {"default": f"`{action.default}`", "prog": parser.prog}
        if action.choices and not all(f"`{each}`" in said for each in action.choices):
            said += f"; one of {', '.join(f'`{choice}`' for choice in action.choices)}"
        lines.append(f"| {_called(action)} | {_cell(said)} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _called(action: argparse.Action) -> str:
    if action.option_strings:
        return ", ".join(f"`{name}`" for name in action.option_strings)
    return f"`{action.metavar or action.dest}`"


def _cell(text: str) -> str:
    """Keep what looks like a tag, or parts cells, as it is."""
    return re.sub(r"(?<!`)([\w./-]*<\w+>[\w./<>-]*)", r"`\1`", text.replace("|", "\\|"))


def _examples(name: str, pages: Mapping[str, str]) -> list[str]:
    lines = []
    for page, text in pages.items():
        blocks = re.findall(r"^ *```console\n(.*?)^ *```", text, re.M | re.S)
        found = re.findall(rf"^ *(slicewise {name}\b.*)$", "".join(blocks), re.M)
        lines += [f"- `{command}`: [{page}]({page}.md)" for command in dict.fromkeys(found)]
    return ["Where pages use it:\n", "\n".join(lines) + "\n"] if lines else []
