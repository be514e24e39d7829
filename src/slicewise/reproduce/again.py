"""Making a tracked run again beside the old one, and comparing what came of it."""

from __future__ import annotations

import functools
import itertools
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from os.path import relpath
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import write_json, write_yaml
from slicewise.reproduce.configuration import candidates, setting_differences
from slicewise.reproduce.differences import (
    SHOWN,
    code_differences,
    data_differences,
    device_differences,
    split_differences,
    start_differences,
    version_differences,
)
from slicewise.reproduce.making import making
from slicewise.reproduce.original import DIFF, Original, bring_original
from slicewise.reproduce.outcome import Reproduction, compare_scores, same_weights
from slicewise.reproduce.published import bring_published
from slicewise.tracking import Connection, Mirror, Run, current_run

Log = Callable[[str], None]
print_now: Log = functools.partial(print, flush=True)
"""What is said and what snakemake writes to the same terminal stay in order."""


@dataclass(frozen=True)
class Way:
    """How runs are made again, see `reproduce`."""

    cores: str = "all"
    tolerance: float = 0.005
    check: bool = False
    log: Log = print_now


WEIGHTS = {True: "the same to the bit", False: "other ones", None: "not known of the old run"}


def reproduce(
    run_id: str,
    workflow: Path,
    results: Path,
    *,
    cores: str = "all",
    tolerance: float = 0.005,
    check: bool = False,
    configs: Sequence[Path] = (),
    log: Log = print_now,
) -> Reproduction | None:
    """Compare a run with what is at hand, make it again, and compare the results.

    The new run is made in ``results/reproduced/<run id>`` and tracked beside
    the old one, with the tag ``reproduces``. What is finished is kept: after
    an interruption the same call goes on.

    Parameters
    ----------
    run_id : str
        A run that was evaluated; with folds, their parent: its id in MLflow,
        slicewise's own id of it (of its ``run.json``), or the folder
        ``results/<dataset>/<experiment>``.
    workflow : Path
        The folder of the Snakefile.
    results : Path
        The folder ``results``; a run that is named by a folder brings its own.
    cores : str
        As `snakemake` takes it.
    tolerance : float
        Difference in mean Dice that still counts as the same result.
    check : bool
        Only compare, without making the run again.
    configs : sequence of Path
        The configuration that settings are compared with, later files over
        earlier ones; by default the nearest that is found, see `candidates`.
    log : callable
        Called with a line for each finding.

    Returns
    -------
    Reproduction or None
        None after a mere check.

    Raises
    ------
    SlicewiseError
        When there is no such run, its data cannot be read any more, or
        `snakemake` fails.
    """
    original = bring_original(run_id, results)

    def differences() -> list[str]:
        return _differences(original, workflow, configs)

    return _again(original, workflow, differences, Way(cores, tolerance, check, log))


def reproduce_published(
    crate: Path,
    data: Path | None,
    workflow: Path,
    results: Path,
    way: Way,
) -> list[Reproduction]:
    """Make the results of a crate again, and compare them, patient by patient.

    Parameters
    ----------
    crate : Path
        The zip that `slicewise publish` wrote.
    data : Path or None
        The folder of the data, which are to be those of the crate; None for phantoms, and where
        the crate holds them.
    workflow, results : Path
        See `reproduce`.
    way : Way

    Returns
    -------
    list of Reproduction
        One for each experiment; none after a mere check.

    Raises
    ------
    SlicewiseError
        When the crate is not whole, data are others than its, or `snakemake` fails.
    """
    outcomes = []
    for original in bring_published(crate, data, results, way.log):

        def differences(original: Original = original) -> list[str]:
            return _published_differences(original, workflow)

        outcomes.append(_again(original, workflow, differences, way))
    return [each for each in outcomes if each is not None]


def _again(
    original: Original, workflow: Path, differences: Callable[[], list[str]], way: Way
) -> Reproduction | None:
    """Make a run again, once its cases were made and are found to be the same."""
    place = original.folder
    with making(workflow, place, original.config, way.cores, original.project) as make:
        _make_cases(original, make)
        found = differences()
        _log_differences(original, found, way.log)
        if way.check:
            return None
        _make_results(original, make)
    return _compare(original, found, way.tolerance, way.log)


def _make_cases(original: Original, make: Callable[..., None]) -> None:
    """Read the data again, whatever the times of their files say."""
    write_yaml(original.config, original.settings)
    make(original.made / "cases.tsv", "--forcerun", "ingest")


def _make_results(original: Original, make: Callable[..., None]) -> None:
    """Make the results of the experiment, and anew what was made of other data.

    Also where a file was replaced by an older one.
    """
    made = original.made
    used = original.folder / "cases.tsv"
    if not used.is_file():
        shutil.copy(made / "cases.tsv", used)
    anew = ["--forceall"] if data_differences(used, made / "cases.tsv") else []
    make(made / original.experiment / "report.html", *anew)
    shutil.copy(made / "cases.tsv", used)


def _differences(original: Original, workflow: Path, configs: Sequence[Path]) -> list[str]:
    """Return what is not as it was, before anything is made again."""
    configurations = candidates(workflow, original.project, original.dataset, configs)
    return [
        *code_differences(original.fetched.tags, workflow, original.files / DIFF),
        *version_differences(original.files / "environment.txt"),
        *setting_differences(
            original.settings, original.experiment, configurations, original.results
        ),
        *data_differences(original.files / "cases.tsv", original.made / "cases.tsv"),
    ]


def _published_differences(original: Original, workflow: Path) -> list[str]:
    """Return what of code and versions is not as it was; refuse other data."""
    data = data_differences(original.files / "cases.tsv", original.made / "cases.tsv")
    if data:
        more = ", and more" if len(data) > 1 else ""
        raise SlicewiseError(
            f"{original.settings['dataset']['root']}: these are not the data that were published: "
            f"{data[0]}{more}; get those, or name their folder with --data"
        )
    return [
        *code_differences(original.fetched.tags, workflow, original.files / DIFF),
        *version_differences(original.files / "environment.txt"),
    ]


def _compare(
    original: Original, differences: list[str], tolerance: float, log: Log
) -> Reproduction:
    """Compare what was made again with the run, say it, and track it."""
    run_id = original.fetched.run_id
    new = original.made / original.experiment
    runs = _runs(new / "tracking")
    differences = [
        *differences,
        *split_differences(original.files / "split.tsv", original.made / "split.tsv"),
        *start_differences(original.fetched.starts, original.made),
        *device_differences(original.fetched.tags, runs[-1].record.tags),
    ]
    result = Reproduction(
        run_id,
        differences,
        same_weights(original.fetched.weights, runs),
        **compare_scores(original.files / "metrics.tsv", new / "metrics.tsv"),
        tolerance=tolerance,
    )
    kept = original.folder / "reproduction.json"
    write_json(kept, {**asdict(result), "holds": result.holds})
    _log_differences(original, differences, log, ", made again")
    log(f"weights: {WEIGHTS[result.same_weights]}")
    log(
        f"mean Dice: {result.dice_before:.4f} then, {result.dice_after:.4f} now; the largest "
        f"difference of a case is {result.largest_difference:.4f}"
    )
    for who, (then, now) in itertools.islice(result.beyond.items(), SHOWN):
        log(f"patient {who}: Dice {then:.4f} then, {now:.4f} now")
    number = _track(runs, run_id, kept, log)
    log(f"new run{number}: {relpath(new / 'report.html')}")
    verdict = "within" if result.holds else "beyond"
    log(f"the difference in mean Dice is {verdict} the tolerance of {tolerance:g}")
    return result


def _log_differences(
    original: Original, differences: Iterable[str], log: Log, what: str = ""
) -> None:
    """Say of which run it is, and what is not as it was."""
    run_id = original.fetched.run_id
    log(f"run {run_id}: {original.experiment} of data set {original.dataset}{what}")
    lines = [f"differs: {line}" for line in differences]
    for line in lines or ["code, versions, settings and data are those of the run"]:
        log(line)


def _runs(tracking: Path) -> list[Run]:
    """Return the runs of all folds; with several, their parent is the last."""
    folds = sorted((path for path in tracking.iterdir() if path.is_dir()), key=lambda p: p.name)
    runs = [current_run(fold) for fold in folds]
    return [run for run in runs if run is not None]


def _track(runs: list[Run], run_id: str, kept: Path, log: Log) -> str:
    """Tie the new runs to the old one in MLflow; return the id of the one that has the scores."""
    connection = Connection(runs[-1].results, patient=True)
    mirror = Mirror(connection)
    for run in runs:
        run.tag({"reproduces": run_id})
    runs[-1].files({kept.name: kept})
    try:
        connection.probe()
        numbers = [mirror.push(run.folder) for run in runs]
    except Exception as error:
        log(f"{connection.why(error)}: run slicewise reproduce again to have it tracked")
        return ""
    return f" {numbers[-1]}"
