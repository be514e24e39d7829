"""The way back from a Dice: to scores, weights, data, split, code and environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from slicewise.dataset.training_record import TaughtBy, TrainingRecord
from slicewise.files import sha256
from slicewise.wording import plural

HASHED = "cases.tsv has the SHA-256 of each"
UNKNOWN = (
    "of which is not known on whom it had been trained: if patients who are scored here are among "
    "them, these scores are too good"
)


@dataclass(frozen=True)
class Link:
    """A link of the chain from a number to what it rests on.

    Attributes
    ----------
    name : str
        What it is.
    value : str or None
        Its digest, commit or id; None where that is not known.
    note : str
        What the value is of, and where to find the thing itself.
    """

    name: str
    value: str | None
    note: str


@dataclass(frozen=True)
class Evidence:
    """What the numbers of a report rest on.

    Attributes
    ----------
    links : list of Link
        From the scores back to the environment.
    run : mapping of str to str
        The tracked run: experiment and name in MLflow, run_id where there is
        one; empty without a run.
    """

    links: list[Link]
    run: Mapping[str, str]


def evidence(
    records: Sequence[TrainingRecord],
    run: Mapping[str, str],
    truth: str | None,
    metrics: str,
    split: str,
    *,
    names: Sequence[str] = (),
) -> Evidence:
    """List what a Dice rests on.

    Parameters
    ----------
    records : sequence of TrainingRecord
        Of each fold.
    run : mapping of str to str
        What is known of the tracked run: experiment, name, run_id,
        data_digest, scored_by_library_sha256, environment_sha256, each where it
        is known.
    truth : str or None
        Digest of the ground truth of the test cases, if there are any.
    metrics, split : str
        The files ``metrics.tsv`` and ``split.tsv``.
    names : sequence of str
        What the folds are called; by default ``fold-0``, ….

    Returns
    -------
    Evidence
    """
    folds = list(names) or [f"fold-{number}" for number in range(len(records))]
    origin = records[0].origin
    commit = None if origin.get("git_commit") == "unknown" else origin.get("git_commit")
    project = origin.get("project_commit")
    scored = run.get("scored_by_library_sha256")
    weights = [one.resolved.weights_sha256 for one in records]
    slices = [one.resolved.slices_sha256 for one in records]
    library = [one.origin.get("library_sha256") for one in records]
    truths = "digest of the labels of all test cases, voxel by voxel"
    links = [
        Link("Scores", sha256(metrics), "SHA-256 of metrics.tsv"),
        *_each("Weights", weights, "digest of the arrays in {}/model.keras", folds),
        *_starts(records, folds),
        *_teachers(records, folds),
        *([Link("Ground truth", truth, truths)] if truth else []),
        Link("Data", run.get("data_digest"), f"digest of all files; {HASHED}"),
        Link("Split", sha256(split), "SHA-256 of split.tsv"),
        *_each("Training slices", slices, "digest of all slices that {} was fitted to", folds),
        Link("Code", commit, f"git commit of slicewise, {_state(origin.get('git_dirty'))}"),
        *_each("Library", library, "digest of the files that trained {}", folds),
        *([Link("Scoring", scored, "digest of the library's files that scored")] if scored else []),
        *([Link("Project", project, "git commit of the folder of results")] if project else []),
        Link(
            "Environment",
            run.get("environment_sha256"),
            "SHA-256 of environment.txt of the run, every package with its version",
        ),
    ]
    return Evidence(links, run)


def _state(dirty: object) -> str:
    """Say in which state the code was, by what was noted of its repository."""
    return {
        "true": "with changes that were not committed: see uncommitted.diff of the run",
        "false": "without any changes",
    }.get(str(dirty), "unknown, as the code lay in no git repository of its own")


def _starts(records: Sequence[TrainingRecord], folds: Sequence[str]) -> list[Link]:
    """Say of each fold which model it started from, and whether its scores can be believed."""
    links = []
    for fold, record in zip(folds, records, strict=True):
        started = record.started_from
        if started is None:
            continue
        whom = (
            "which was trained on none of the patients who are scored here"
            if started.known
            else UNKNOWN
        )
        links.append(
            Link(
                _of("Started from", fold, folds),
                started.weights_sha256 or started.sha256,
                f"{started.name}, {whom}{_before(started.earlier)}",
            )
        )
    return links


def _before(earlier: Sequence[str]) -> str:
    """Name what a model goes back to: of an earlier one is not kept in which way it did."""
    return f"; it had itself started or learnt from {', '.join(earlier)}" if earlier else ""


def models_of_teacher(teacher: TaughtBy) -> list[str]:
    """Name the models of an ensemble that taught together, with digests of their weights.

    Parameters
    ----------
    teacher : TaughtBy

    Returns
    -------
    list of str
        The first of what came earlier; none of a teacher that is a single model.

    Examples
    --------
    >>> told = {"weights_sha256": "w", "says": "s", "known": True, "scans": {}}
    >>> before = ["both (1)", "both (2)", "old (3)"]
    >>> models_of_teacher(TaughtBy(name="both", earlier=before, **told))
    ['both (1)', 'both (2)']
    >>> models_of_teacher(TaughtBy(name="large", earlier=["old (3)"], **told))
    []
    """
    own = [*takewhile(lambda each: each.startswith(f"{teacher.name} ("), teacher.earlier)]
    return own if len(own) > 1 else []


def _teachers(records: Sequence[TrainingRecord], folds: Sequence[str]) -> list[Link]:
    """Say of each fold which model it learnt from, and whether its scores can be believed."""
    links = []
    for fold, record in zip(folds, records, strict=True):
        teacher = record.taught_by
        if teacher is None:
            continue
        share = record.experiment["training"]["distil"]["share"]
        whom = (
            "by what it said of the training cases; it was trained on none of the patients who "
            "are scored here"
            if teacher.known
            else UNKNOWN
        )
        models = models_of_teacher(teacher)
        many = f", an ensemble of {plural(len(models), 'model')}" if models else ""
        before = _before(teacher.earlier[len(models) :])
        links.append(
            Link(
                _of("Learnt from", fold, folds),
                teacher.weights_sha256,
                f"{teacher.name}{many}, to which {share:g} of the loss was, {whom}{before}",
            )
        )
    return links


def _each(name: str, values: Sequence[str | None], note: str, folds: Sequence[str]) -> list[Link]:
    """Make a link of each fold, named where there are several."""
    return [
        Link(_of(name, fold, folds), value, note.format(fold))
        for fold, value in zip(folds, values, strict=True)
    ]


def _of(name: str, fold: str, folds: Sequence[str]) -> str:
    return name if len(folds) == 1 else f"{name}, {fold.replace('fold-', 'fold ')}"
