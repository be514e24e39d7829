"""The command ``slicewise``."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from slicewise.causes import by_cause
from slicewise.commands import configuring, models, results
from slicewise.errors import SeveralErrors, SlicewiseError, explained, not_installed
from slicewise.surroundings import give_names, give_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    give_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # names of files may be no text, and a terminal may lack letters of what is said
        sys.stdout.reconfigure(errors="backslashreplace")
    options = command_parser().parse_args(arguments)
    give_names()
    try:
        status = COMMANDS[options.command](options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # whoever read it has enough, as `head` has; Python would complain of that at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("slicewise: stopped by Ctrl-C", file=sys.stderr)
        # raised, so that a loop of the shell ends with it; without a traceback
        sys.excepthook = lambda *_: None
        raise
    except SeveralErrors as several:
        for error in by_cause([str(error) for error in several.errors]):
            print(f"slicewise: {error}", file=sys.stderr)
        return 1
    except SlicewiseError as error:
        print(f"slicewise: {error}", file=sys.stderr)
        return 1
    except (OSError, ModuleNotFoundError) as error:
        said = explained(error) if isinstance(error, OSError) else not_installed(error.name or "")
        if said is None:
            raise
        print(f"slicewise: {said}", file=sys.stderr)
        return 1


class _Version(argparse.Action):
    """Says the version, for which git is asked only then."""

    def __call__(self, parser: argparse.ArgumentParser, *given: Any, **more: Any) -> NoReturn:
        from slicewise.version import full_version

        print(full_version())
        parser.exit()


ALL = (*configuring.COMMANDS, *results.COMMANDS, *models.COMMANDS)
COMMANDS = {command.name: command.run for command in ALL}
"""What does each command."""


def command_parser() -> argparse.ArgumentParser:
    """Return what understands the command line: a command and its options."""
    made = argparse.ArgumentParser(prog="slicewise", description=__doc__)
    made.add_argument("--version", action=_Version, nargs=0, help="say version and commit")
    commands = made.add_subparsers(dest="command", required=True)
    for command in ALL:
        command.add(commands.add_parser(command.name, help=command.help))
    return made


if __name__ == "__main__":
    sys.exit(main())
