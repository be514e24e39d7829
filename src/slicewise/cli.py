"""The command ``slicewise``."""

from __future__ import annotations

import argparse
import io
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from slicewise.asked import snakemake_command
from slicewise.causes import by_cause
from slicewise.config.kinds import Effort
from slicewise.errors import SeveralErrors, SlicewiseError, explained, not_installed
from slicewise.files import expanded, refuse_address, write_text
from slicewise.sources import is_workflow, workflow_folder
from slicewise.surroundings import give_names, give_streams

MODEL = (
    "a .keras or .onnx file, results/<dataset>/<experiment> (its folds together), or "
    "models:/NAME@alias of MLflow"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    give_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # names of files may be no text, and a terminal may lack letters of what is said
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    """Return what understands the command line: a command and its options."""
    parser = argparse.ArgumentParser(prog="slicewise", description=__doc__)
    parser.add_argument("--version", action=_Version, nargs=0, help="say version and commit")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("init", help="look at a folder and write a configuration for it")
    _add_init(first)
    ui = commands.add_parser("ui", help="open the MLflow UI on the results")
    _add_results(ui)
    ui.add_argument("--host", default="127.0.0.1", help="address to listen on")
    ui.add_argument("--port", type=int, default=5000, help="port to listen on")
    sync = commands.add_parser("sync", help="send to MLflow what it lacks of the runs in results")
    _add_results(sync)
    sync.add_argument("--dataset", default="*", help="of this data set only")
    sync.add_argument(
        "--run",
        type=_path,
        metavar="FOLDER",
        help="this run only: results/<dataset>/<experiment>/tracking/<fold>/<number>",
    )
    again = commands.add_parser("reproduce", help="make a tracked run again, and compare")
    _add_reproduce(again)
    beside = commands.add_parser("compare", help="set experiments side by side, patient by patient")
    beside.add_argument(
        "folders", type=_path, nargs="+", metavar="FOLDER", help="results/<dataset>/<experiment>"
    )
    beside.add_argument(
        "--output",
        type=_path,
        default=Path("results/comparison"),
        help="folder for page and tables (default: %(default)s)",
    )
    looked = commands.add_parser("look", help="make the page about a data set before any training")
    _add_look(looked)
    asked = commands.add_parser("why", help="say why a result would be made again, or that not")
    _add_why(asked)
    planned = commands.add_parser("plan", help="propose what to train, with reasons, as settings")
    _add_plan(planned)
    targets = commands.add_parser("targets", help="list what snakemake can be asked for")
    targets.add_argument(
        "configfile", type=_path, nargs="+", help="the configuration, and what is laid over it"
    )
    cleaned = commands.add_parser("clean", help="say what of results may go, and delete it")
    _add_clean(cleaned)
    _add_of_models(commands)
    published = commands.add_parser(
        "publish", help="write text, figures, checklists and cards of a paper"
    )
    _add_publish(published)
    schema = commands.add_parser("schema", help="print the JSON schema of the settings")
    schema.add_argument("--check", type=_path, help="fail unless this file holds the schema")
    return parser


def _add_of_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that use a trained model."""
    segmented = commands.add_parser("segment", help="make masks of new scans with a model")
    _add_segment(segmented)
    corrected = commands.add_parser("correct", help="take a corrected mask as a training case")
    _add_correct(corrected)
    following = commands.add_parser("next", help="say which new scans to draw or correct next")
    _add_next(following)
    inspected = commands.add_parser("inspect", help="say what a model is and how good it was")
    inspected.add_argument("model", metavar="MODEL", help=MODEL)
    _add_results(inspected)
    served = commands.add_parser("serve", help="take scans by HTTP, and answer with their masks")
    _add_serve(served)
    listening = commands.add_parser(
        "listen", help="take studies as a DICOM node, and send their segmentations"
    )
    _add_listen(listening)
    exported = commands.add_parser("export", help="write a model for where there is no TensorFlow")
    _add_export(exported)


def _add_init(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=_path, metavar="FOLDER", help="with images and masks")
    command.add_argument("--name", help="of the data set (default: the folder's)")
    command.add_argument(
        "--output", type=_path, help="the configuration (default: config/<name>.yaml)"
    )
    command.add_argument(
        "--effort",
        choices=("quick", "laptop", "workstation", "gpu"),
        default="laptop",
        help="what a training may cost (default: %(default)s)",
    )
    command.add_argument("--yes", action="store_true", help="take the first guesses, ask nothing")
    command.add_argument("--force", action="store_true", help="overwrite the configuration")


def _add_results(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--results", type=_path, default=Path("results"), help="the folder results"
    )


def _add_reproduce(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run",
        help="id of the run (MLflow's or slicewise's own), results/<dataset>/<experiment>, or the "
        "crate.zip of slicewise publish",
    )
    command.add_argument(
        "--data", type=_path, metavar="FOLDER", help="of a crate: where its data are here"
    )
    _add_results(command)
    command.add_argument("--cores", default="all", help="as snakemake takes it")
    command.add_argument(
        "--tolerance", type=_number(0), default=0.005, help="allowed difference of the mean Dice"
    )
    command.add_argument("--check", action="store_true", help="only compare, make nothing again")
    command.add_argument(
        "-s", "--snakefile", type=_path, help="slicewise's Snakefile (default: found)"
    )
    command.add_argument(
        "--configfile",
        type=_path,
        nargs="+",
        default=(),
        help="the configuration to compare settings with (default: the nearest that is found)",
    )


def _add_look(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "configfile", type=_path, nargs="+", help="the configuration, and what is laid over it"
    )
    command.add_argument("--cores", default="all", help="as snakemake takes it")
    command.add_argument(
        "-s", "--snakefile", type=_path, help="slicewise's Snakefile (default: found)"
    )


def _add_why(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=_path, metavar="FILE", help="a file below results")
    command.add_argument(
        "--configfile", type=_path, nargs="+", default=[], help="as snakemake takes it"
    )
    command.add_argument(
        "-s", "--snakefile", type=_path, help="slicewise's Snakefile (default: found)"
    )


def _add_plan(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "configfile", type=_path, nargs="+", help="the configuration, and what is laid over it"
    )
    _add_results(command)
    command.add_argument(
        "--effort", choices=get_args(Effort), default="laptop", help="default: %(default)s"
    )
    command.add_argument(
        "--experiment", default="planned", help="what to call the experiment (default: %(default)s)"
    )
    command.add_argument(
        "--output", type=_path, metavar="FILE", help="write the settings here, a file that is new"
    )


def _add_clean(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="checkpoints, converted, slices or predictions (default: only say what there is)",
    )
    _add_results(command)
    command.add_argument("--dataset", help="of this data set only")
    command.add_argument("--dry-run", "-n", action="store_true", help="only say what there is")
    command.add_argument("--yes", action="store_true", help="delete without asking")


def _add_segment(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "scans",
        type=_path,
        nargs="+",
        metavar="SCAN",
        help="file, folder, zip, export of an archive, or table with the column image",
    )
    command.add_argument("--model", required=True, help=MODEL)
    command.add_argument(
        "--output", type=_path, required=True, metavar="FOLDER", help="where masks and page go"
    )
    command.add_argument(
        "--offset",
        type=int,
        default=0,
        help="added to all voxels: -1024 for CT that is stored with 1024 added",
    )
    command.add_argument("--batch", type=_whole(1), default=8, help="slices at a time (default: 8)")
    command.add_argument(
        "--force", action="store_true", help="replace masks of other scans and models"
    )
    command.add_argument(
        "--rtstruct", action="store_true", help="write masks of DICOM as RTSTRUCT beside SEG"
    )
    _add_results(command)


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help=MODEL)
    command.add_argument("--host", default="127.0.0.1", help="to listen at (default: %(default)s)")
    command.add_argument("--port", type=int, default=8000, help="default: %(default)s; 0: any")
    command.add_argument(
        "--megabytes", type=_whole(1), default=1000, help="of a scan at most (default: %(default)s)"
    )
    command.add_argument(
        "--waiting",
        type=_whole(1),
        default=4,
        help="scans at once at most, of which one is segmented (default: %(default)s)",
    )
    command.add_argument("--offset", type=int, default=0, help="as of segment")
    command.add_argument("--batch", type=_whole(1), default=8, help="slices at a time (default: 8)")
    _add_results(command)


def _add_listen(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help=MODEL)
    command.add_argument(
        "--output", type=_path, required=True, metavar="FOLDER", help="where studies lie meanwhile"
    )
    command.add_argument(
        "--title", default="SLICEWISE", help="AE title of this node (default: %(default)s)"
    )
    command.add_argument("--host", default="127.0.0.1", help="to listen at (default: %(default)s)")
    command.add_argument("--port", type=int, default=11112, help="default: %(default)s; 0: any")
    command.add_argument(
        "--from",
        dest="callers",
        nargs="+",
        default=[],
        metavar="TITLE",
        help="AE titles that may send (default: all)",
    )
    command.add_argument(
        "--send-to",
        metavar="TITLE@HOST:PORT",
        help="who gets the segmentations (default: they stay in FOLDER/outgoing)",
    )
    command.add_argument(
        "--quiet",
        type=_number(0),
        default=10,
        metavar="SECONDS",
        help="without a further image, after which a study is complete (default: %(default)s)",
    )
    command.add_argument(
        "--gigabytes", type=_number(0), default=50, help="of studies at most (default: %(default)s)"
    )
    command.add_argument("--offset", type=int, default=0, help="as of segment")
    command.add_argument("--batch", type=_whole(1), default=8, help="slices at a time (default: 8)")
    _add_results(command)


def _add_correct(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "segmented", type=_path, metavar="RESULTS", help="the folder of slicewise segment --output"
    )
    command.add_argument("scan", type=_path, metavar="SCAN", help="the scan, as it was segmented")
    command.add_argument("mask", type=_path, metavar="MASK", help="its mask, corrected")
    command.add_argument(
        "--configfile",
        type=_path,
        nargs="+",
        required=True,
        metavar="CONFIG",
        help="the configuration to train with, whose dataset.corrections says where it is kept",
    )
    command.add_argument(
        "--ignore", type=int, metavar="VALUE", help="mask value of what nobody has looked at"
    )
    command.add_argument("--case", metavar="NAME", help="name of the case (default: the scan's)")
    command.add_argument(
        "--patient", metavar="NAME", help="whose scan it is (default: of a patient of its own)"
    )
    command.add_argument("--force", action="store_true", help="replace a correction of that name")
    _add_results(command)


def _add_next(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folder",
        type=_path,
        metavar="RESULTS",
        help="the folder of slicewise segment --output, or "
        "results/<dataset>/segmented/<experiment>",
    )
    command.add_argument(
        "scans", nargs="*", metavar="SCAN", help="names of scans there (default: all)"
    )
    command.add_argument(
        "--by",
        choices=("random", "dice"),
        default="random",
        help="random among those rich in foreground, or the lowest expected Dice first "
        "(default: %(default)s)",
    )
    command.add_argument("--seed", type=int, default=0, help="of the random order (default: 0)")
    command.add_argument(
        "--count", type=_whole(1), default=10, help="how many are shown (default: 10)"
    )


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--format", choices=("onnx",), default="onnx", help="default: onnx")
    command.add_argument(
        "--output",
        type=_path,
        required=True,
        metavar="FILE",
        help="a file that is new; of several folds a folder that is new, with a file for each",
    )
    _add_results(command)


def _add_publish(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folders", type=_path, nargs="+", metavar="FOLDER", help="results/<dataset>/<experiment>"
    )
    command.add_argument("--output", type=_path, required=True, metavar="FOLDER", help="to write")
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


def _path(text: str) -> Path:
    try:
        refuse_address(text)
        return expanded(text, "the command line")
    except SlicewiseError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _number(least: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
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


def _whole(least: int) -> Callable[[str], float]:
    return _number(least, int)


def _init(options: argparse.Namespace) -> int:
    from slicewise.survey.init import Wanted, init

    wanted = Wanted(options.folder, options.name, options.output, options.force, options.effort)
    asks = sys.stdin.isatty() and not options.yes
    init(wanted, print, _ask if asks else None)
    return 0


def _ask(question: str) -> str:
    """Return what is answered on the terminal."""
    try:
        return input(question)
    except EOFError:
        print()
        raise SlicewiseError(
            "the input ended (Ctrl-D) before an answer, and nothing was done; give the command "
            "again, and --yes where nothing is to be asked"
        ) from None


def _ui(options: argparse.Namespace) -> int:
    from slicewise.tracking import Connection
    from slicewise.tracking.view import NAME

    connection = Connection(options.results)
    store = options.results / "mlflow.db"
    if connection.is_file and not store.is_file():
        raise SlicewiseError(f"{store}: no run is tracked yet; run snakemake first")
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


def _sync(options: argparse.Namespace) -> int:
    from slicewise.evaluation.paired import is_better
    from slicewise.tracking.sync import sync

    sync(options.results, options.dataset, is_better, print, run=options.run)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from slicewise.reproduce import Way, reproduce, reproduce_published

    workflow = _workflow(options.snakefile)
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


def _workflow(snakefile: Path | None) -> Path:
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


def _compare(options: argparse.Namespace) -> int:
    from slicewise.compare import compare_folders

    compare_folders(options.folders, options.output)
    return 0


def _look(options: argparse.Namespace) -> int:
    from slicewise.look import look

    whole = look(options.configfile, _workflow(options.snakefile), cores=options.cores)
    return 0 if whole else 1


def _why(options: argparse.Namespace) -> int:
    from slicewise.planned import why

    print("\n".join(why(options.file, options.configfile, _workflow(options.snakefile))))
    return 0


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


def _targets(options: argparse.Namespace) -> int:
    from slicewise.targets import lines_of

    for line in lines_of(options.configfile):
        print(line)
    return 0


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
        if _ask(f"Delete {what}? [y/N] ").strip().lower() not in ("y", "yes"):
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


def _segment(options: argparse.Namespace) -> int:
    import functools
    import time

    from slicewise.segmenting.scans import find_scans, note_which

    begun = time.monotonic()
    say = functools.partial(print, file=sys.stderr, flush=True)
    # before the libraries of networks, which load slowly
    search = find_scans(options.scans)
    for line in search.aside:
        say(line)
    if not search.scans:
        raise SeveralErrors([SlicewiseError(failure) for failure in search.failures])
    if which := note_which(search.scans, options.output):
        say(f"{which}: which scan is which of those that are called by a hash")
    from slicewise.segmenting.models import choose
    from slicewise.segmenting.pages import Output, write_pages
    from slicewise.segmenting.run import Order, segment_scans, summary

    chosen = choose(options.model, options.results)
    output = Output(options.output)
    order = Order(
        chosen,
        output,
        options.offset,
        options.batch,
        options.force,
        structures=options.rtstruct,
    )
    started = time.monotonic()
    outcome = segment_scans(search.scans, order, say)
    outcome.errors += map(SlicewiseError, search.failures)
    known = write_pages(output, chosen.title, outcome.failures)
    say(summary(outcome, time.monotonic() - started, started - begun))
    if not any(chosen.trained_on.scans):
        say("nothing tells which scans the model was trained on, so none of them is known again")
    elif known:
        say(known)
    print(output.folder / "gallery.html")
    for failure in outcome.failures:
        say(f"slicewise: {failure}")
    return 1 if outcome.failures else 0


def _serve(options: argparse.Namespace) -> int:
    import functools

    from slicewise.services.places import check_installed

    check_installed("fastapi", "uvicorn")
    from slicewise.segmenting.models import choose
    from slicewise.services.asked import Asked
    from slicewise.services.http import Limits
    from slicewise.services.serving import serve

    say = functools.partial(print, file=sys.stderr, flush=True)
    asked = Asked(choose(options.model, options.results), options.offset, options.batch)
    limits = Limits(options.megabytes, options.waiting)
    serve(asked, limits, options.host, options.port, say)
    return 0


def _listen(options: argparse.Namespace) -> int:
    import functools

    from slicewise.services.places import check_installed

    check_installed("pynetdicom")
    from slicewise.segmenting.models import choose
    from slicewise.services.asked import Asked
    from slicewise.services.listening import listen
    from slicewise.services.node import Manner, Peer

    say = functools.partial(print, file=sys.stderr, flush=True)
    peer = None if options.send_to is None else Peer.parse(options.send_to)
    manner = Manner(options.title, tuple(options.callers), peer, options.quiet, options.gigabytes)
    asked = Asked(choose(options.model, options.results), options.offset, options.batch)
    listen(asked, options.output, manner, (options.host, options.port), say)
    return 0


def _correct(options: argparse.Namespace) -> int:
    from slicewise.segmenting.correcting import Asked, correct

    taken = correct(
        Asked(
            options.segmented,
            options.scan,
            options.mask,
            options.configfile,
            options.results,
            options.ignore,
            options.case,
            options.patient,
            options.force,
        )
    )
    one = taken.correction
    part = f", {100 * taken.undrawn:.1f} % of it not looked at" if taken.undrawn else ""
    print(f"case {one.case} of patient {one.patient}{part}: {taken.table}")
    print(snakemake_command(options.configfile))
    return 0


def _next(options: argparse.Namespace) -> int:
    from slicewise.files import write_text
    from slicewise.segmenting.pages import Output
    from slicewise.segmenting.ranking import ranked

    there = Output(options.folder).finished()
    if not there:
        raise SlicewiseError(
            f"{options.folder}: there is no mask of a new scan; name the folder of slicewise "
            "segment --output"
        )
    names = [scan.scan for scan in there]
    unknown = [name for name in options.scans if name not in names]
    if unknown:
        raise SlicewiseError(
            f"{options.folder}: it has no mask of a scan {unknown[0]}; segment it first, or name "
            "it as volumes.tsv does"
        )
    wanted = options.scans or names
    order = ranked([scan for scan in there if scan.scan in wanted], options.by, options.seed)
    write_text(options.folder / "next.tsv", order.table())
    print(order.text(options.count))
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from slicewise.segmenting.described import described
    from slicewise.segmenting.models import choose

    print(described(choose(options.model, options.results)))
    return 0


def _export(options: argparse.Namespace) -> int:
    from slicewise.segmenting.export import check_output, export
    from slicewise.segmenting.models import choose

    check_output(options.output)  # before the libraries of networks, which load slowly
    for path in export(choose(options.model, options.results), options.output):
        print(path)
    return 0


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


COMMANDS = {
    "init": _init,
    "ui": _ui,
    "sync": _sync,
    "reproduce": _reproduce,
    "compare": _compare,
    "look": _look,
    "why": _why,
    "plan": _plan,
    "targets": _targets,
    "clean": _clean,
    "segment": _segment,
    "serve": _serve,
    "listen": _listen,
    "correct": _correct,
    "next": _next,
    "inspect": _inspect,
    "export": _export,
    "publish": _publish,
    "schema": _schema,
}


if __name__ == "__main__":
    sys.exit(main())
