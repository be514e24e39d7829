"""Making a tracked run again beside the old one: ``slicewise reproduce RUN``."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from slicewise.config import load_settings, used_settings
from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import by_patient, read_metrics
from slicewise.files import DATA, data_folder, expanded, write_json, write_yaml
from slicewise.sources import library_digests
from slicewise.stored import read_stored, read_stored_table, text_of
from slicewise.tracking import Connection, Mirror, Run, current_run, environment, flatten, git_state
from slicewise.tracking.connection import ADDRESS
from slicewise.tracking.fetch import Fetched, fetch
from slicewise.tracking.find import copy_files, find_run
from slicewise.tracking.provenance import PACKAGES, UNKNOWN, git_diff
from slicewise.tracking.secrets import redact
from slicewise.tracking.sent import SentRecords
from slicewise.tracking.store import absolute, file_of
from slicewise.wording import some

NAMES = ("settings.yaml", "cases.tsv", "metrics.tsv", "environment.txt")
DIFF = "uncommitted.diff"
SHOWN = 20
LARGEST_CONFIG = 1 << 20
"""Bytes; a larger file beside it is something else."""

Log = Callable[[str], None]
print_now: Log = functools.partial(print, flush=True)
"""What is said and what snakemake writes to the same terminal stay in order."""


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes
    ----------
    run_id : str
        Of the run that was made again: MLflow's, or its own where MLflow has none.
    differences : list of str
        What is not as it was: code, versions, settings, data, device.
    same_weights : bool or None
        Whether the weights of all folds are the same to the bit; None where
        MLflow does not hold their digests any more.
    dice_before, dice_after : float
        Mean Dice over the test patients (validation patients, where none is
        tested) that were scored both times, as reports have it.
    largest_difference : float
        Of the Dice of a case and label.
    tolerance : float
        What was allowed for the mean Dice.
    """

    run_id: str
    differences: list[str]
    same_weights: bool | None
    dice_before: float
    dice_after: float
    largest_difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the mean Dice is within the tolerance."""
        return abs(self.dice_after - self.dice_before) <= self.tolerance


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
        earlier ones; by default the nearest that is found, see `_candidates`.
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
    run = find_run(run_id, results.resolve())
    connection = Connection(results.resolve() if run is None else run.results, patient=True)
    # also for the new run, whose folder of results is another one
    os.environ[ADDRESS] = absolute(connection.uri) if connection.is_file else connection.uri
    with TemporaryDirectory() as place:
        fetched = _fetch(connection, run_id, run, Path(place))
        run_id = fetched.run_id
        project = connection.results.parent
        folder = connection.results / "reproduced" / run_id[:12]
        old = folder / "original"
        shutil.copytree(place, old, dirs_exist_ok=True)
    settings = _settings(old / "settings.yaml", project, run_id, fetched.tags)
    (name,), dataset = settings["experiments"], settings["dataset"]["name"]
    config, made = folder / "settings.yaml", folder / "results" / dataset
    with _snakemake(workflow, folder, config, cores, project) as snakemake:
        write_yaml(config, settings)
        # the data are read again, whatever the times of their files say
        snakemake(made / "cases.tsv", "--forcerun", "ingest")
        differences = [
            *_code(fetched.tags, workflow, old / DIFF),
            *_versions(old / "environment.txt"),
            *_chosen(settings, name, _candidates(workflow, project, dataset, configs)),
            *_data(old / "cases.tsv", made / "cases.tsv"),
        ]
        log(f"run {run_id}: {name} of data set {dataset}")
        _say_all(differences, log)
        if check:
            return None
        # what was made of other data is made anew, also where a file was replaced by an older one
        used = folder / "cases.tsv"
        if not used.is_file():
            shutil.copy(made / "cases.tsv", used)
        anew = ["--forceall"] if _data(used, made / "cases.tsv") else []
        snakemake(made / name / "report.html", *anew)
        shutil.copy(made / "cases.tsv", used)
    runs = _runs(made / name / "tracking")
    differences += _device(fetched.tags, runs[-1].record.tags)
    result = Reproduction(
        run_id,
        differences,
        _same_weights(fetched.weights, runs),
        **_compare(old / "metrics.tsv", made / name / "metrics.tsv"),
        tolerance=tolerance,
    )
    kept = folder / "reproduction.json"
    write_json(kept, {**asdict(result), "holds": result.holds})
    log(f"run {run_id}: {name} of data set {dataset}, made again")
    _say_all(differences, log)
    said = {True: "the same to the bit", False: "other ones", None: "not known of the old run"}
    log(f"weights: {said[result.same_weights]}")
    log(
        f"mean Dice: {result.dice_before:.4f} then, {result.dice_after:.4f} now; the largest "
        f"difference of a case is {result.largest_difference:.4f}"
    )
    new = _track(runs, run_id, kept, log)
    log(f"new run{new}: {_shown(made / name / 'report.html')}")
    verdict = "within" if result.holds else "beyond"
    log(f"the difference in mean Dice is {verdict} the tolerance of {tolerance:g}")
    return result


# -- the old run ------------------------------------------------------------------


def _fetch(connection: Connection, name: str, run: Run | None, place: Path) -> Fetched:
    """Bring what describes a run to a folder: of its own files, or else from MLflow."""
    known = None
    if run is not None:
        known = SentRecords(connection.store).of(run.folder).run_id or run.record.id
        own = copy_files(run, NAMES, place)
        if own is not None:
            # without it, what was not committed is not known
            copy_files(run, [DIFF], place)
            return replace(own, run_id=known)
    store = file_of(connection.uri)
    if connection.is_file and not store.is_file():
        raise SlicewiseError(f"{store}: no run is tracked yet; run snakemake first")
    try:
        connection.probe()
        fetched = fetch(connection, known or name, NAMES, place)
    except SlicewiseError as error:
        if run is None:
            raise
        raise SlicewiseError(
            f"run {name}: its files in {_shown(connection.results)} were made anew since, and of "
            f"then MLflow has none ({error}); name a run that is whole"
        ) from error
    except Exception as error:
        raise SlicewiseError(f"{connection.why(error)}; try again later") from error
    if fetched.tags.get("git_dirty") == "true":
        with suppress(SlicewiseError):
            fetch(connection, fetched.run_id, [DIFF], place)
    return fetched


def _settings(path: Path, project: Path, run_id: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Read the settings of a run, for a rerun that starts in another folder."""
    try:
        written = read_stored(path, remedy="name a run that is whole")
        checked = load_settings(written, dumped=True)
    except SlicewiseError as error:
        commit = tags.get("git_commit", UNKNOWN)
        there = f"; use the code of then: git worktree add ../then {commit[:12]}"
        there = "" if commit == UNKNOWN else there
        raise SlicewiseError(
            f"run {run_id}: its settings do not fit the code here ({error}){there}"
        ) from error
    settings = checked.model_dump(mode="json")
    settings["split"]["check_against"] = [
        str((project / expanded(other, "split.check_against")).resolve())
        for other in settings["split"]["check_against"]
    ]
    # the run is tracked, but nothing is promoted by it
    settings["tracking"]["register"] = False
    return settings


# -- what is not as it was ----------------------------------------------------------


def _say_all(differences: Iterable[str], log: Log) -> None:
    lines = [f"differs: {line}" for line in differences]
    for line in lines or ["code, versions, settings and data are those of the run"]:
        log(line)


def _code(tags: Mapping[str, str], workflow: Path, diff: Path) -> Iterator[str]:
    here, digests = git_state(workflow), library_digests(workflow)
    known = [key for key in digests if key in tags]
    same = bool(known) and all(tags[key] == digests[key] for key in known)
    then, now = (state.get("git_commit", UNKNOWN) for state in (tags, here))
    if then != now:
        hint = f" (git worktree add ../then {then[:12]})" if then != UNKNOWN else ""
        yield f"commit {then[:12]} then, {now[:12]} now{', of the same code' if same else hint}"
    if same:
        return  # whatever else of the repository changed
    dirty = tags.get("git_dirty") == "true"
    kept = diff.read_text(encoding="utf-8", errors="replace") if dirty and diff.is_file() else None
    if not known and then == now and kept is not None and kept == redact(git_diff(workflow)):
        return  # the same changes to the same commit
    if dirty:
        where = f"kept in {_shown(diff)}" if kept is not None else "which were not kept"
        yield f"the code had changes then that were not committed, {where}"
    if here.get("git_dirty") == "true":
        yield "the code here has changes that are not committed"
    if other := [key for key in known if tags[key] != digests[key]]:
        what = {"library_sha256": "library", "workflow_sha256": "rules or scripts"}
        yield f"other code ran, by its digest: {' and '.join(what[key] for key in other)}"


def _versions(path: Path) -> Iterator[str]:
    lines = text_of(path, "name a run that is whole").split()
    then = {name: version for name, _, version in (line.partition("==") for line in lines)}
    now = environment()
    other = sorted(k for k in then.keys() | now.keys() if then.get(k) != now.get(k))
    direct = [k for k in other if k in {name.lower() for name in PACKAGES}]
    for package in direct:
        yield f"{package} {then.get(package, 'missing')} then, {now.get(package, 'missing')} now"
    if rest := [k for k in other if k not in direct]:
        yield f"the version of {some(rest, SHOWN)}"


def _candidates(
    workflow: Path, project: Path, dataset: str, given: Sequence[Path] = ()
) -> dict[str, dict[str, Any]]:
    """Return configurations by what they are called: those given, or those that are found.

    Looked for in the folder that `snakemake` was run in and two folders deep,
    and where none is of the data set, in ``config/`` and the folder of the workflow.
    """
    if given:
        whole: dict[str, Any] = {}
        for path in given:
            _merge(whole, _mapping(path))
        return {" and ".join(map(_shown, given)): whole}
    places = [[path for place in (workflow / "config", workflow) for path in place.glob("*.*")]]
    if project.resolve() != workflow.resolve():
        places.insert(0, [path for path in _files(project, depth=2) if path.is_file()])
    found: dict[str, dict[str, Any]] = {}
    for here in places:
        for path in sorted({path.resolve(): path for path in here}.values()):
            if path.suffix in (".yaml", ".yml", ".json") and path.stat().st_size < LARGEST_CONFIG:
                with suppress(SlicewiseError):
                    found[_shown(path)] = _mapping(path)
        if any(_is_of(dataset, each) for each in found.values()):
            break
    return found


def _is_of(dataset: str, config: Mapping[str, Any]) -> bool:
    block = config.get("dataset")
    return isinstance(block, Mapping) and block.get("name") == dataset


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the files of a folder and of those in it that may hold a configuration."""
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            yield path
        elif depth and not path.name.startswith((".", "results", "data")):
            with suppress(OSError):
                yield from _files(path, depth - 1)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SlicewiseError(
            f"{_shown(path)}: cannot be read as a configuration; correct the path or the file"
        ) from error
    if not isinstance(found, dict):
        raise SlicewiseError(f"{_shown(path)}: holds no settings; correct the path or the file")
    return found


def _merge(settings: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put settings over others, as `snakemake` does with several files."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(settings.get(key), dict):
            _merge(settings[key], value)
        else:
            settings[key] = value


def _chosen(
    settings: Mapping[str, Any], name: str, candidates: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Compare with the configuration of the same data set that is nearest to what it was."""
    then, found = flatten(settings), []
    dataset = settings["dataset"]["name"]
    none = [f"no configuration of data set {dataset} was found to compare with: --configfile"]
    for shown, here in candidates.items():
        if not _is_of(dataset, here):
            continue  # something else, such as an overlay
        try:
            now = flatten(yaml.safe_load(used_settings(here, name)))
        except (SlicewiseError, KeyError):
            none = [f"{shown} has no experiment {name} that can be used"]
            continue
        found.append(
            [
                f"{key} is {_value(then.get(key))} then, {_value(now.get(key))} in {shown}"
                for key in sorted(then.keys() | now.keys())
                # these say nothing of how a model is trained and scored
                if not key.startswith(("tracking.", "run", "split.check_against"))
                and then.get(key) != now.get(key)
            ]
        )
    return min(found, key=len, default=none)


def _value(value: Any) -> str:
    return "not set" if value is None else str(value)


def _data(then: Path, now: Path) -> list[str]:
    columns = ("case", "fingerprint", "image_sha256", "mask_sha256")
    old, new = (
        read_stored_table(path, columns, key=("case",), dtype=str, keep_default_na=False).set_index(
            "case"
        )
        for path in (then, now)
    )
    lines = [
        f"case {case} is {'gone' if case in old.index else 'new'}"
        for case in sorted(set(old.index) ^ set(new.index))
    ]
    for case in sorted(set(old.index) & set(new.index)):
        one, other = old.loc[case], new.loc[case]
        same = one["fingerprint"] == other["fingerprint"]
        for kind, more in (("image", " with the same voxels" if same else ""), ("mask", "")):
            if one[f"{kind}_sha256"] != other[f"{kind}_sha256"]:
                lines.append(f"the {kind} of case {case} is another file{more}")
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"{len(lines) - SHOWN} more cases or files"]
    return lines


def _device(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    if then.get("gpu") == now.get("gpu"):
        return []
    return [f"trained on {then.get('gpu', 'unknown')} then, on {now.get('gpu', 'unknown')} now"]


def _shown(path: Path) -> str:
    return os.path.relpath(path)


# -- the new run --------------------------------------------------------------------


@contextmanager
def _snakemake(
    workflow: Path, folder: Path, config: Path, cores: str, project: Path
) -> Iterator[Callable[..., None]]:
    """Give a function that makes files below a folder, while nobody else does."""
    data = data_folder() if os.environ.get(DATA) else project / "data"
    command = [
        str(Path(sys.executable).parent / "snakemake"),
        *("--snakefile", str(workflow.resolve() / "Snakefile"), "--directory", str(folder)),
        *("--configfile", str(config), "--cores", cores),
        *("--quiet", "host", "reason", "rules"),
        "--nolock",  # its own lock would outlive a crash
    ]

    def make(target: Path, *more: str) -> None:
        process = subprocess.Popen(
            [*command, str(target.relative_to(folder)), *more],
            env={**os.environ, DATA: str(data.resolve())},
            pass_fds=[lock.fileno()],  # should it outlive this process
        )
        told = False
        while True:
            try:
                process.wait()
                break
            except KeyboardInterrupt:
                told = True  # so was it, and ends its jobs first
        # where all was done as the word came, it ends as if there had been none
        if process.returncode or told:
            raise SlicewiseError(
                f"{_shown(folder)}: making the run again stopped, see above; mend what errors name "
                "and run slicewise reproduce again, what is finished is kept"
            )

    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SlicewiseError(
                f"{_shown(folder)}: another process is making this run again; wait until it is done"
            ) from None
        yield make


def _runs(tracking: Path) -> list[Run]:
    """Return the runs of all folds; with several, their parent is the last."""
    folds = sorted((path for path in tracking.iterdir() if path.is_dir()), key=lambda p: p.name)
    return [run for fold in folds if (run := current_run(fold)) is not None]


def _same_weights(then: Mapping[str, str], runs: Iterable[Run]) -> bool | None:
    tags = [run.record.tags for run in runs if "fold" in run.record.tags]
    now = {each["fold"]: each["weights_digest"] for each in tags}
    return then == now if then.keys() == now.keys() else None


def _compare(then: Path, now: Path) -> dict[str, float]:
    """Compare the Dice of the cases that were scored both times."""
    old, new = (read_metrics(str(path)) for path in (then, now))
    subset = "test" if "test" in set(old["subset"]) else "validation"
    both = old[old["subset"] == subset].merge(
        new[new["subset"] == subset], on=["case", "patient", "label"], suffixes=("_old", "_new")
    )
    if both.empty:
        raise SlicewiseError(
            f"{_shown(now)}: no {subset} case was scored both then and now, so there is no Dice to "
            "compare; bring back the data of the run"
        )
    # what only one of them scored is no agreement
    columns = ["dice_old", "dice_new"]
    known = both[both[columns].notna().any(axis=1)].fillna(dict.fromkeys(columns, 0.0))
    if known.empty:
        raise SlicewiseError(
            f"{_shown(now)}: no {subset} case has a Dice, then or now, as none has a label, so "
            "there is nothing to compare; compare the predicted volumes in the two tables"
        )
    before, after = (by_patient(known, column).mean() for column in columns)
    largest = (known["dice_new"] - known["dice_old"]).abs().max()
    return {
        "dice_before": float(before),
        "dice_after": float(after),
        "largest_difference": float(largest),
    }


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
