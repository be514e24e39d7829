"""Commands about data and settings: what is there, and what is to be made of it."""

from __future__ import annotations

import argparse
import sys
from typing import get_args

from slicewise.asked import snakemake_command
from slicewise.commands.options import Command, add_results, as_path, ask, workflow_of
from slicewise.config.kinds import Effort
from slicewise.errors import SlicewiseError
from slicewise.files import write_text


def _add_init(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=as_path, metavar="FOLDER", help="with images and masks")
    command.add_argument("--name", help="of the data set (default: the folder's)")
    command.add_argument(
        "--output", type=as_path, help="the configuration (default: config/<name>.yaml)"
    )
    command.add_argument(
        "--effort",
        choices=("quick", "laptop", "workstation", "gpu"),
        default="laptop",
        help="what a training may cost (default: %(default)s)",
    )
    command.add_argument("--yes", action="store_true", help="take the first guesses, ask nothing")
    command.add_argument("--force", action="store_true", help="overwrite the configuration")


def _init(options: argparse.Namespace) -> int:
    from slicewise.survey.init import Wanted, init

    wanted = Wanted(options.folder, options.name, options.output, options.force, options.effort)
    asks = sys.stdin.isatty() and not options.yes
    init(wanted, print, ask if asks else None)
    return 0


def _add_look(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "configfile", type=as_path, nargs="+", help="the configuration, and what is laid over it"
    )
    command.add_argument("--cores", default="all", help="as snakemake takes it")
    command.add_argument(
        "-s", "--snakefile", type=as_path, help="slicewise's Snakefile (default: found)"
    )


def _look(options: argparse.Namespace) -> int:
    from slicewise.look import look

    whole = look(options.configfile, workflow_of(options.snakefile), cores=options.cores)
    return 0 if whole else 1


def _add_plan(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "configfile", type=as_path, nargs="+", help="the configuration, and what is laid over it"
    )
    add_results(command)
    command.add_argument(
        "--effort", choices=get_args(Effort), default="laptop", help="default: %(default)s"
    )
    command.add_argument(
        "--experiment", default="planned", help="what to call the experiment (default: %(default)s)"
    )
    command.add_argument(
        "--output", type=as_path, metavar="FILE", help="write the settings here, a file that is new"
    )


def _plan(options: argparse.Namespace) -> int:
    from slicewise.planning import plan_for, settings_text

    planned = plan_for(options.configfile, options.effort, options.results)
    settings = settings_text(planned, options.configfile, options.experiment)
    text = f"# slicewise plan --effort {options.effort}\n{settings}"
    if options.output is None:
        print(text, end="")
        return 0
    if options.output.exists():
        raise SlicewiseError(f"{options.output}: it is there already; name a file that is new")
    write_text(options.output, text)
    print(snakemake_command([*options.configfile, options.output]))
    return 0


def _add_targets(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "configfile", type=as_path, nargs="+", help="the configuration, and what is laid over it"
    )


def _targets(options: argparse.Namespace) -> int:
    from slicewise.targets import lines_of

    for line in lines_of(options.configfile):
        print(line)
    return 0


def _add_schema(command: argparse.ArgumentParser) -> None:
    command.add_argument("--check", type=as_path, help="fail unless this file holds the schema")


def _schema(options: argparse.Namespace) -> int:
    import json

    from slicewise.config import json_schema

    text = json.dumps(json_schema(), indent=1) + "\n"
    if options.check is None:
        print(text, end="")
        return 0
    try:
        written = options.check.read_text(encoding="utf-8")
    except OSError as error:
        raise SlicewiseError(
            f"{options.check}: cannot be read ({error.strerror}); correct the path"
        ) from error
    except UnicodeDecodeError:
        written = ""  # of no schema
    if written != text:
        raise SlicewiseError(
            f"{options.check}: differs from the settings' schema; write it anew with "
            "slicewise schema"
        )
    return 0


COMMANDS = (
    Command("init", "look at a folder and write a configuration for it", _add_init, _init),
    Command("look", "make the page about a data set before any training", _add_look, _look),
    Command("plan", "propose what to train, with reasons, as settings", _add_plan, _plan),
    Command("targets", "list what snakemake can be asked for", _add_targets, _targets),
    Command("schema", "print the JSON schema of the settings", _add_schema, _schema),
)
