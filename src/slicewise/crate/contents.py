"""What a crate holds of scored experiments, all of it as their runs recorded it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from slicewise import __version__
from slicewise.crate.images import image_files
from slicewise.crate.numbers import PREDICTIONS, Names
from slicewise.crate.private import portable, refuse_traces, training_record
from slicewise.dataset.ensembles import NAME as MIXED
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, whole_path
from slicewise.sources import library_digests
from slicewise.stored import Form, read_stored, read_stored_table
from slicewise.tracking import Run, current_run
from slicewise.tracking.find import find_run
from slicewise.tracking.names import shareable
from slicewise.tracking.provenance import UNKNOWN, file_of_commit
from slicewise.tracking.run_record import NotedFile, fold_starts, fold_weights

FORMAT = 2
"""Of the files in a crate; a newer one is refused by an older slicewise."""
NOTE = "slicewise.json"
WORKFLOW = "Snakefile"
LOCK = "requirements.txt"
TAGS = (
    "workflow_version",
    "git_commit",
    "git_dirty",
    "library_sha256",
    "workflow_sha256",
    "scored_by_library_sha256",
    "split_digest",
    "data_digest",
    "gpu",
)
"""What is told of where a run comes from: no host, no job, no words."""
SHARED = ("cases.tsv", "split.tsv")
EXPERIMENTS = "experiments"
SETTINGS = "settings.yaml"
SCORES = "metrics.tsv"
OF_EXPERIMENT = (SCORES, "summary.json", "environment.txt")
OF_FOLD = ("history.csv", "config.yaml")
PREDICTED = Form(list[dict[str, Any]])


@dataclass(frozen=True)
class Ran:
    """A scored experiment.

    Attributes
    ----------
    name : str
    run : str
        slicewise's own id of its run.
    tags : dict of str to str
        Where it comes from, see `TAGS`.
    weights : dict of str to str
        Digest of the weights of each fold; of an ensemble, of all of them.
    starts : dict of str to dict of str to str
        Of the models before each fold, of an ensemble before those of its members.
    begun, ended : int
        Milliseconds since 1970.
    metrics : dict of str to float
        By their names in MLflow.
    made : dict of str to str
        SHA-256 of what it made and the crate does not hold: masks, pages and pictures.
    """

    name: str
    run: str
    tags: dict[str, str]
    weights: dict[str, str]
    starts: dict[str, dict[str, str]]
    begun: int
    ended: int
    metrics: dict[str, float]
    made: dict[str, str]


@dataclass
class Contents:
    """What a crate holds.

    Attributes
    ----------
    dataset : str
        Name of the data set.
    ran : list of Ran
        The experiments.
    inputs : dict of (str, str) to str
        SHA-256 of image and mask of each case, by case and kind.
    files : dict of str to (bytes or Path)
        By their names in the crate.
    ran_this : dict of str to bool
        Of `WORKFLOW` and `LOCK`, whether they are those of the code that ran.
    names : Names
        What cases and patients are called.
    images : dict of str to str
        What each file of the data set is, by its name in the crate; none where they stay behind.
    """

    dataset: str
    ran: list[Ran] = field(default_factory=list)
    inputs: dict[tuple[str, str], str] = field(default_factory=dict)
    files: dict[str, bytes | Path] = field(default_factory=dict)
    ran_this: dict[str, bool] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    images: dict[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """When the last of it was made, in milliseconds since 1970."""
        return max(each.ended for each in self.ran)


def is_tracked(folder: Path) -> bool:
    """Tell whether an experiment has a run, without which its settings are not known."""
    return next((folder / "tracking").glob("*/*/run.json"), None) is not None


def read_contents(
    folders: Sequence[Path], workflow: Path, names: Names | None = None, images: bool = False
) -> Contents:
    """Gather what a crate holds of experiments.

    Parameters
    ----------
    folders : sequence of Path
        ``results/<dataset>/<experiment>`` of one data set.
    workflow : Path
        The folder of the Snakefile.
    names : Names, optional
        What cases and patients are called; by default, and those of phantoms, as in results.
    images : bool
        Whether the files of the data set are in it, which are called as they are.

    Raises
    ------
    SlicewiseError
        When a file is not the one that its run made, or names a folder of this machine.
    """
    runs = [_run(folder) for folder in dict.fromkeys(map(whole_path, folders))]
    called = Names() if names is None or _are_phantoms(runs[0]) else names
    contents = Contents(whole_path(folders[0]).parent.name, names=called)
    for run in runs:
        _add(contents, run)
    if images:
        settings = read_stored(_noted(runs[0], SETTINGS))
        for each in image_files(settings, contents.inputs):
            contents.files[each.name] = each.content
            contents.images[each.name] = each.what
    _add_code(contents, runs, workflow)
    contents.files[NOTE] = _json(_note(contents))
    texts = {name: each for name, each in contents.files.items() if isinstance(each, bytes)}
    refuse_traces(texts, runs[0].results)
    return contents


def _are_phantoms(run: Run) -> bool:
    """Tell whether cases were made by settings, and their names are those of nobody."""
    settings = read_stored(_noted(run, SETTINGS))
    return bool(settings["dataset"]["layout"] == "phantom")


def _run(folder: Path) -> Run:
    run = find_run(str(folder), whole_path(folder).parents[1])
    if run is None or run.record.ended is None:
        raise SlicewiseError(
            f"{folder}: its run is not finished; wait for it, or run snakemake again"
        )
    return run


def _add(contents: Contents, run: Run) -> None:
    """Take what an experiment and its data set left."""
    record = run.record
    names = contents.names
    table = _noted(run, "cases.tsv")
    inputs = _inputs(table)
    for name in SHARED:
        path = _noted(run, name)
        # names of source files may be those of patients
        content = names.table(shareable(path) if path == table else path.read_bytes())
        if contents.files.setdefault(name, content) != content:
            raise SlicewiseError(
                f"{run.folder}: it was made with another {name} than the experiments beside it; "
                "run snakemake again, or publish it by itself"
            )
    contents.inputs |= {(names.case_called(case), kind): of for (case, kind), of in inputs.items()}
    experiment = run.folder.parents[2].name
    place = f"{EXPERIMENTS}/{experiment}"
    for name in OF_EXPERIMENT:
        content = _noted(run, name).read_bytes()
        contents.files[f"{place}/{name}"] = names.table(content) if name == SCORES else content
    used = read_stored(_noted(run, SETTINGS))
    settings = portable(used, {case for case, _ in inputs}, run.results)
    contents.files[f"{place}/{SETTINGS}"] = _yaml(names.settings(settings))
    weights = fold_weights(record.tags)
    if (mixed := _ensemble(run)) is not None:
        contents.files[f"{place}/{MIXED}"] = mixed.read_bytes()
    trainings = _trainings(run, mixed)
    starts: dict[str, dict[str, str]] = {}
    for name, fold in trainings.items():
        trained = training_record(read_stored(_noted(fold, "config.yaml")))
        contents.files[f"{place}/{name}/config.yaml"] = _yaml(names.training(trained))
        contents.files[f"{place}/{name}/history.csv"] = _noted(fold, "history.csv").read_bytes()
        contents.files[f"{place}/{name}/model.keras"] = _model(fold)
        starts |= fold_starts(fold.folder.parents[2].name, fold.record.tags)
        if mixed is None:
            weights |= fold_weights(fold.record.tags)
    numbers = {name: noted.value for name, noted in sorted(record.metrics.items())}
    contents.ran.append(
        Ran(
            experiment,
            record.id,
            {key: record.tags[key] for key in TAGS if key in record.tags},
            weights,
            starts,
            min(fold.record.begun for fold in trainings.values()),
            record.ended or record.begun,
            {name: value for name, value in numbers.items() if value is not None},
            {names.file(name): digest for name, digest in _made(run)},
        )
    )


def _ensemble(run: Run) -> Path | None:
    """Return the file that says how members are weighed, of the run of an ensemble."""
    noted = run.record.models.get(Path(MIXED).stem)
    return None if noted is None else _checked(run, noted)


def _trainings(run: Run, mixed: Path | None) -> dict[str, Run]:
    """Return the runs of the folds, of an ensemble those of its members, by what they are called.

    Parameters
    ----------
    run : Run
    mixed : Path or None
        What `_ensemble` returns of it.

    Raises
    ------
    SlicewiseError
        When the run of a member is gone, or is of another model than the ensemble has.
    """
    tracking = run.folder.parents[1]
    if mixed is None:
        runs = [Run(tracking / child) for child in run.record.children or ()] or [run]
        return {each.folder.parent.name: each for each in runs}
    trained = {}
    record = EnsembleRecord.read(mixed)
    for member, models in record.members.items():
        for fold, digest in enumerate(models):
            name = f"{member}/fold-{fold}"
            own = current_run(tracking.parents[1] / member / "tracking" / f"fold-{fold}")
            if own is None or own.record.tags.get("weights_digest") != digest:
                raise SlicewiseError(
                    f"{tracking.parents[1] / name}: the tracked run of this member of "
                    f"{tracking.parent.name} is gone, or of another model; train again"
                )
            trained[name] = own
    return trained


def _noted(run: Run, name: str) -> Path:
    noted = run.record.files.get(name)
    if noted is None:
        raise SlicewiseError(
            f"{run.folder}: its run noted no {name}, as an earlier version made it; train again"
        )
    return _checked(run, noted)


def _model(run: Run) -> Path:
    if len(run.record.models) != 1:
        raise SlicewiseError(f"{run.folder}: its run noted no model; train again")
    (noted,) = run.record.models.values()
    return _checked(run, noted)


def _checked(run: Run, noted: NotedFile) -> Path:
    """Return where a noted file lies, if it is still that file."""
    path = run.results / noted.path
    if not path.is_file():
        raise SlicewiseError(f"{path}: it is gone; run snakemake again, which makes it")
    if sha256(path) != noted.sha256:
        raise SlicewiseError(
            f"{path}: it is not the file that its run made, as it was edited or made anew by "
            "another; run snakemake again"
        )
    return path


def _inputs(table: Path) -> dict[tuple[str, str], str]:
    columns = ("image_sha256", "mask_sha256")
    cases = read_stored_table(
        table, columns, key=("case",), dtype=str, keep_default_na=False
    ).set_index("case")
    return {
        (str(case), kind): str(row[f"{kind}_sha256"])
        for case, row in cases.iterrows()
        for kind in ("image", "mask")
        if row[f"{kind}_sha256"]
    }


def _made(run: Run) -> list[tuple[str, str]]:
    """Return names and SHA-256 of predicted masks, pages and pictures."""
    folder = run.folder.parents[2]
    made = _masks(run, folder / PREDICTIONS)
    inside = f"{run.dataset}/{folder.name}/"
    for noted in run.record.files.values():
        name = noted.path.removeprefix(inside)
        # what lies beside the run is a copy for MLflow
        copied = not noted.path.startswith(inside) or name.startswith("tracking/")
        if not copied and name not in OF_EXPERIMENT and Path(name).name not in OF_FOLD:
            made[name] = noted.sha256
    return sorted(made.items())


def _masks(run: Run, folder: Path) -> dict[str, str]:
    """Return names and SHA-256 of the predicted masks of the scored cases, as shards recorded them.

    Shards of earlier runs, which had other cases or shared them out otherwise, stay in the folder.
    """
    known: dict[str, set[str]] = {}
    for shard in (folder / "_shards").glob("*.json"):
        for each in read_stored(shard, PREDICTED):
            known.setdefault(str(each["case"]), set()).add(str(each["sha256"]))
    scores = read_stored_table(_noted(run, SCORES), ("case",), dtype=str, keep_default_na=False)
    made: dict[str, str] = {}
    for case in known.keys() & set(scores["case"]):
        path = folder / f"{case}.nii.gz"
        if len(known[case]) > 1:
            known[case] &= {sha256(path)} if path.is_file() else set()
        # where neither is that of the file, nobody knows which was scored
        made |= {f"{PREDICTIONS}/{path.name}": digest for digest in known[case]}
    return made


def _add_code(contents: Contents, runs: Sequence[Run], workflow: Path) -> None:
    """Take the Snakefile and the lock of the commit that ran, or else those at hand."""
    tags = [run.record.tags for run in runs]
    commits = {each.get("git_commit", UNKNOWN) for each in tags}
    (commit, *others) = commits
    clean = not others and all(each.get("git_dirty") == "false" for each in tags)
    here = library_digests(workflow)
    same = all(each.get(key) == value for each in tags for key, value in here.items())
    for name in (WORKFLOW, LOCK):
        content = file_of_commit(workflow, commit, name) if clean else None
        contents.ran_this[name] = content is not None or same
        if content is None and (workflow / name).is_file():
            content = (workflow / name).read_bytes()
        if content is not None:
            contents.files[name] = content


def _note(contents: Contents) -> dict[str, Any]:
    """Return what `slicewise reproduce` goes by."""
    experiments = {
        each.name: {
            "run": each.run,
            "tags": each.tags,
            "weights": each.weights,
            **({"starts": each.starts} if each.starts else {}),
        }
        for each in contents.ran
    }
    return {
        "format": FORMAT,
        "slicewise": __version__,
        "dataset": contents.dataset,
        "numbered": contents.names.hidden,
        "experiments": experiments,
    }


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def _yaml(value: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True).encode()
