"""Commands that use a trained model: masks of new scans, and what is made of these."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from slicewise.asked import snakemake_command
from slicewise.commands.options import MODEL, Command, add_results, as_path, number_from, whole_from
from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import write_text

if TYPE_CHECKING:
    from slicewise.services.asked import Asked


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _add_segment(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "scans",
        type=as_path,
        nargs="+",
        metavar="SCAN",
        help="file, folder, zip, export of an archive, or table with the column image",
    )
    command.add_argument("--model", required=True, help=MODEL)
    command.add_argument(
        "--output", type=as_path, required=True, metavar="FOLDER", help="where masks and page go"
    )
    command.add_argument(
        "--offset",
        type=int,
        default=0,
        help="added to all voxels: -1024 for CT that is stored with 1024 added",
    )
    command.add_argument(
        "--batch", type=whole_from(1), default=8, help="slices at a time (default: 8)"
    )
    command.add_argument(
        "--force", action="store_true", help="replace masks of other scans and models"
    )
    command.add_argument(
        "--rtstruct", action="store_true", help="write masks of DICOM as RTSTRUCT beside SEG"
    )
    add_results(command)


def _segment(options: argparse.Namespace) -> int:
    from slicewise.segmenting.scans import find_scans, note_which

    begun = time.monotonic()
    # before the libraries of networks, which load slowly
    search = find_scans(options.scans)
    for line in search.aside:
        _say(line)
    if not search.scans:
        raise SeveralErrors([SlicewiseError(failure) for failure in search.failures])
    if which := note_which(search.scans, options.output):
        _say(f"{which}: which scan is which of those that are called by a hash")
    from slicewise.segmenting.models import choose
    from slicewise.segmenting.pages import Output, told_of_models, told_twice, write_pages
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
    outcome = segment_scans(search.scans, order, _say)
    outcome.errors += map(SlicewiseError, search.failures)
    known = write_pages(output, chosen.title, outcome.failures)
    _say(summary(outcome, time.monotonic() - started, started - begun))
    for line in filter(None, (told_of_models(output), told_twice(output))):
        _say(line)
    if not any(chosen.trained_on.scans):
        _say("nothing tells which scans the model was trained on, so none of them is known again")
    elif known:
        _say(known)
    print(output.folder / "gallery.html")
    for failure in outcome.failures:
        _say(f"slicewise: {failure}")
    return 1 if outcome.failures else 0


def _add_correct(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "segmented",
        type=as_path,
        metavar="RESULTS",
        help="the folder of slicewise segment --output",
    )
    command.add_argument("scan", type=as_path, metavar="SCAN", help="the scan, as it was segmented")
    command.add_argument("mask", type=as_path, metavar="MASK", help="its mask, corrected")
    command.add_argument(
        "--configfile",
        type=as_path,
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
    add_results(command)


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


def _add_next(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folder",
        type=as_path,
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
        "--count", type=whole_from(1), default=10, help="how many are shown (default: 10)"
    )


def _next(options: argparse.Namespace) -> int:
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


def _add_inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help=MODEL)
    add_results(command)


def _inspect(options: argparse.Namespace) -> int:
    from slicewise.segmenting.described import described
    from slicewise.segmenting.models import choose

    print(described(choose(options.model, options.results)))
    return 0


def _add_reading(command: argparse.ArgumentParser) -> None:
    """Add how services read scans, as `segment` does."""
    command.add_argument("--offset", type=int, default=0, help="as of segment")
    command.add_argument(
        "--batch", type=whole_from(1), default=8, help="slices at a time (default: 8)"
    )
    add_results(command)


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help=MODEL)
    command.add_argument("--host", default="127.0.0.1", help="to listen at (default: %(default)s)")
    command.add_argument("--port", type=int, default=8000, help="default: %(default)s; 0: any")
    command.add_argument(
        "--megabytes",
        type=whole_from(1),
        default=1000,
        help="of a scan at most (default: %(default)s)",
    )
    command.add_argument(
        "--waiting",
        type=whole_from(1),
        default=4,
        help="scans at once at most, of which one is segmented (default: %(default)s)",
    )
    _add_reading(command)


def _asked(options: argparse.Namespace) -> Asked:
    """Return what a service is asked with each scan."""
    from slicewise.segmenting.models import choose
    from slicewise.services.asked import Asked

    return Asked(choose(options.model, options.results), options.offset, options.batch)


def _serve(options: argparse.Namespace) -> int:
    from slicewise.services.places import check_installed

    check_installed("fastapi", "uvicorn")
    from slicewise.services.http import Limits
    from slicewise.services.serving import serve

    limits = Limits(options.megabytes, options.waiting)
    serve(_asked(options), limits, options.host, options.port, _say)
    return 0


def _add_listen(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help=MODEL)
    command.add_argument(
        "--output",
        type=as_path,
        required=True,
        metavar="FOLDER",
        help="where studies lie meanwhile",
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
        type=number_from(0),
        default=10,
        metavar="SECONDS",
        help="without a further image, after which a study is complete (default: %(default)s)",
    )
    command.add_argument(
        "--gigabytes",
        type=number_from(0),
        default=50,
        help="of studies at most (default: %(default)s)",
    )
    _add_reading(command)


def _listen(options: argparse.Namespace) -> int:
    from slicewise.services.places import check_installed

    check_installed("pynetdicom")
    from slicewise.services.listening import listen
    from slicewise.services.node import Manner, Peer

    peer = None if options.send_to is None else Peer.parse(options.send_to)
    manner = Manner(options.title, tuple(options.callers), peer, options.quiet, options.gigabytes)
    listen(_asked(options), options.output, manner, (options.host, options.port), _say)
    return 0


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--format", choices=("onnx",), default="onnx", help="default: onnx")
    command.add_argument(
        "--output",
        type=as_path,
        required=True,
        metavar="FILE",
        help="a file that is new; of several folds a folder that is new, with a file for each",
    )
    add_results(command)


def _export(options: argparse.Namespace) -> int:
    from slicewise.segmenting.export import check_output, export
    from slicewise.segmenting.models import choose

    check_output(options.output)  # before the libraries of networks, which load slowly
    for path in export(choose(options.model, options.results), options.output):
        print(path)
    return 0


COMMANDS = (
    Command("segment", "make masks of new scans with a model", _add_segment, _segment),
    Command("correct", "take a corrected mask as a training case", _add_correct, _correct),
    Command("next", "say which new scans to draw or correct next", _add_next, _next),
    Command("inspect", "say what a model is and how good it was", _add_inspect, _inspect),
    Command("serve", "take scans by HTTP, and answer with their masks", _add_serve, _serve),
    Command(
        "listen", "take studies as a DICOM node, and send their segmentations", _add_listen, _listen
    ),
    Command("export", "write a model for where there is no TensorFlow", _add_export, _export),
)
