"""Commands about results: runs, what they rest on, and what is written about them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from slicewise.commands.options import Command, add_results, as_path, ask, number_from, workflow_of
from slicewise.errors import SlicewiseError
from slicewise.files import expanded
from slicewise.sources import is_workflow, workflow_folder


def _add_ui(command: argparse.ArgumentParser) -> None:
    add_results(command)
    command.add_argument("--host", default="127.0.0.1", help="address to listen on")
    command.add_argument("--port", type=int, default=5000, help="port to listen on")


def _ui(options: argparse.Namespace) -> int:
    from slicewise.tracking import Connection
    from slicewise.tracking.journal import not_tracked
    from slicewise.tracking.view import NAME

    connection = Connection(options.results)
    store = options.results / "mlflow.db"
    if connection.is_file and not store.is_file():
        raise SlicewiseError(not_tracked(options.results, store))
    served = connection.uri.startswith(("http://", "https://"))
    address = connection.store.rstrip("/") if served else f"http://{options.host}:{options.port}"
    try:
        experiments = connection.experiments()
    except Exception as error:
        raise SlicewiseError(f"{connection.why(error)}; then run slicewise ui again") from error
    if not served:
        print(f"MLflow on {address}; Ctrl-C ends it. Open", file=sys.stderr)
    for name, number in experiments.items():
        # The UI would begin with what it has for language models.
        page = f"{address}/#/experiments/{number}/runs?workflowType=machine_learning"
        print(f"{name}: {page}&viewStateShareKey={NAME}", file=sys.stderr, flush=True)
    if not served:  # by a server that has the UI itself
        _become_ui(options, connection.uri)
    return 0


def _become_ui(options: argparse.Namespace, uri: str) -> NoReturn:
    """Become the server, so that Ctrl-C reaches it."""
    command = [
        sys.executable,
        *("-m", "mlflow", "ui"),
        # one person looks at it, and each worker takes seconds to start
        *("--host", options.host, "--port", str(options.port), "--workers", "1"),
        # else its last line leads to its welcome page
        *("--uvicorn-opts", "--log-level warning"),
    ]
    # others see the command line, and the address may hold a password
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri
    # its jobs serve language models, and cost some processes
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(sys.executable, command)


def _add_sync(command: argparse.ArgumentParser) -> None:
    add_results(command)
    command.add_argument("--dataset", default="*", help="of this data set only")
    command.add_argument(
        "--run",
        type=as_path,
        metavar="FOLDER",
        help="this run only: results/<dataset>/<experiment>/tracking/<fold>/<number>",
    )


def _sync(options: argparse.Namespace) -> int:
    from slicewise.evaluation.paired import is_better
    from slicewise.tracking.sync import sync

    sync(options.results, options.dataset, is_better, print, run=options.run)
    return 0


def _add_reproduce(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run",
        help="id of the run (MLflow's or slicewise's own), results/<dataset>/<experiment>, or the "
        "crate.zip of slicewise publish",
    )
    command.add_argument(
        "--data", type=as_path, metavar="FOLDER", help="of a crate: where its data are here"
    )
    add_results(command)
    command.add_argument("--cores", default="all", help="as snakemake takes it")
    command.add_argument(
        "--tolerance",
        type=number_from(0),
        default=0.005,
        help="allowed difference of the mean Dice",
    )
    command.add_argument("--check", action="store_true", help="only compare, make nothing again")
    command.add_argument(
        "-s", "--snakefile", type=as_path, help="slicewise's Snakefile (default: found)"
    )
    command.add_argument(
        "--configfile",
        type=as_path,
        nargs="+",
        default=(),
        help="the configuration to compare settings with (default: the nearest that is found)",
    )


def _reproduce(options: argparse.Namespace) -> int:
    from slicewise.reproduce import Way, reproduce, reproduce_published

    workflow = workflow_of(options.snakefile)
    crate = expanded(options.run, "the command line")
    if crate.suffix == ".zip" or crate.is_file():
        if options.configfile:
            raise SlicewiseError(f"{crate}: a crate has its settings; leave --configfile out")
        way = Way(options.cores, options.tolerance, options.check)
        outcomes = reproduce_published(crate, options.data, workflow, options.results, way)
        return 0 if all(each.holds for each in outcomes) else 1
    if options.data is not None:
        raise SlicewiseError(
            "--data goes with a crate (a .zip), as a run knows its data; leave it out"
        )
    outcome = reproduce(
        options.run,
        workflow,
        options.results,
        cores=options.cores,
        tolerance=options.tolerance,
        check=options.check,
        configs=options.configfile,
    )
    return 0 if outcome is None or outcome.holds else 1


def _add_compare(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folders", type=as_path, nargs="+", metavar="FOLDER", help="results/<dataset>/<experiment>"
    )
    command.add_argument(
        "--output",
        type=as_path,
        default=Path("results/comparison"),
        help="folder for page and tables (default: %(default)s)",
    )


def _compare(options: argparse.Namespace) -> int:
    from slicewise.compare import compare_folders

    compare_folders(options.folders, options.output)
    return 0


def _add_why(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=as_path, metavar="FILE", help="a file below results")
    command.add_argument(
        "--configfile", type=as_path, nargs="+", default=[], help="as snakemake takes it"
    )
    command.add_argument(
        "-s", "--snakefile", type=as_path, help="slicewise's Snakefile (default: found)"
    )


def _why(options: argparse.Namespace) -> int:
    from slicewise.planned import why

    print("\n".join(why(options.file, options.configfile, workflow_of(options.snakefile))))
    return 0


def _add_clean(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="checkpoints, converted, slices or predictions (default: only say what there is)",
    )
    add_results(command)
    command.add_argument("--dataset", help="of this data set only")
    command.add_argument("--dry-run", "-n", action="store_true", help="only say what there is")
    command.add_argument("--yes", action="store_true", help="delete without asking")


def _clean(options: argparse.Namespace) -> int:
    from slicewise.clean import KINDS, data_sets, delete, parts_of, size_in_words

    unknown = [kind for kind in options.kinds if kind not in KINDS]
    if unknown:
        raise SlicewiseError(f"clean: {unknown[0]!r} is none of {', '.join(KINDS)}; correct it")
    doomed = []
    for folder in data_sets(options.results, options.dataset):
        parts = [part for part in parts_of(folder) if part.kind in (options.kinds or KINDS)]
        print(f"{folder}:", *(part.in_words for part in parts), sep="\n")
        doomed += parts
    if not options.kinds or options.dry_run or not any(part.files for part in doomed):
        return 0
    total = sum(part.bytes for part in doomed)
    what = f"{size_in_words(total)} of {', '.join(options.kinds)}"
    if not options.yes:
        if not sys.stdin.isatty():
            raise SlicewiseError(f"clean: nobody is there to ask whether {what} may go; give --yes")
        if ask(f"Delete {what}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was deleted")
            return 1
    left = delete(doomed)
    print(f"deleted {size_in_words(max(0, total - left))} of {', '.join(options.kinds)}")
    if left:
        print(
            f"{size_in_words(left)} of checkpoints stay: a training that runs owns them, or their "
            "file system knows no locks (flock), where rm -r deletes them if nothing runs"
        )
    return 0


def _add_publish(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folders", type=as_path, nargs="+", metavar="FOLDER", help="results/<dataset>/<experiment>"
    )
    command.add_argument("--output", type=as_path, required=True, metavar="FOLDER", help="to write")
    command.add_argument(
        "--force", action="store_true", help="overwrite what an earlier call wrote"
    )
    command.add_argument(
        "--names",
        action="store_true",
        help="keep the names of patients and cases, which have numbers otherwise",
    )
    command.add_argument(
        "--images",
        action="store_true",
        help="put images and masks into crate.zip, as they are (with --names)",
    )
    command.add_argument("--no-crate", action="store_true", help="write no crate.zip")
    command.add_argument(
        "--license",
        help="of the crate: an identifier of spdx.org, such as CC-BY-4.0, or an address",
    )


def _publish(options: argparse.Namespace) -> int:
    from slicewise.crate import Wanted
    from slicewise.publish import publish

    workflow = Path() if is_workflow(Path()) else workflow_folder()
    publish(
        options.folders,
        options.output,
        print,
        force=options.force,
        names=options.names,
        wanted=None if options.no_crate else Wanted(workflow, options.license, options.images),
    )
    return 0


COMMANDS = (
    Command("ui", "open the MLflow UI on the results", _add_ui, _ui),
    Command("sync", "send to MLflow what it lacks of the runs in results", _add_sync, _sync),
    Command("reproduce", "make a tracked run again, and compare", _add_reproduce, _reproduce),
    Command("compare", "set experiments side by side, patient by patient", _add_compare, _compare),
    Command("why", "say why a result would be made again, or that not", _add_why, _why),
    Command("clean", "say what of results may go, and delete it", _add_clean, _clean),
    Command(
        "publish", "write text, figures, checklists and cards of a paper", _add_publish, _publish
    ),
)
