"""What is stored of a run: one record, which is plain JSON only on disk.

Keys that other versions of slicewise wrote are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import ConfigDict, Field

from slicewise.files import write_text
from slicewise.stored import Count, Form, Loose, Name, read_stored

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
OPTIONAL = ("checkpoints", "children", "combinations", "register", "superseded_by")
"""Keys that are left out of the file where they say nothing."""


class NotedFile(NamedTuple):
    """A finished file: its path below ``results``, and the SHA-256 of its content."""

    path: Name
    sha256: Name


class NotedNumber(NamedTuple):
    """A number that belongs to no epoch; None where it has no value any more.

    Its time is in milliseconds since 1970.
    """

    value: float | None
    time: int


def fold_weights(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the digest of the weights by the fold, by the tags of a run; empty where none are.

    An ensemble has one digest, of all its models and of how they are weighed.

    Examples
    --------
    >>> fold_weights({"fold": "0", "weights_digest": "ab12"})
    {'0': 'ab12'}
    """
    if "weights_digest" not in tags:
        return {}
    return {tags.get("fold", "all"): tags["weights_digest"]}


def fold_starts(experiment: str, tags: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the digests of the weights that a fold began with and learnt from, by its run's tags.

    Runs of several folds together tell of none.

    Examples
    --------
    >>> fold_starts("tuned", {"fold": "0", "started_from": "ab12"})
    {'tuned/fold-0': {'started_from': 'ab12'}}
    """
    starts = {key: tags[key] for key in ("started_from", "taught_by") if key in tags}
    return {f"{experiment}/fold-{tags['fold']}": starts} if starts and "fold" in tags else {}


class Stored(Loose):
    """A record; what changes makes another one."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    def updated(self, **values: Any) -> Self:
        """Return a record with other values."""
        return self.model_copy(update=values)


class Process(Stored):
    """The process that works on a run."""

    host: Name
    pid: Annotated[int, Field(gt=0, lt=2**31)]


class Registration(Stored):
    """The wish that a model be registered.

    Attributes
    ----------
    name : str
        Name of the registered model.
    patients : str
        Digest of the validation patients and their ground truth: only models
        that share it are compared.
    since : int
        When it was wished first, in milliseconds since 1970.
    chosen : str
        How these patients chose the model, whose scores on them are flattered by that; empty where
        they did not.
    """

    name: Name
    patients: Name
    since: Count
    # left out where it says nothing, as records of earlier versions have none
    chosen: Annotated[str, Field(exclude_if=lambda text: not text)] = ""


class RunRecord(Stored):
    """Content of a ``run.json``.

    Attributes
    ----------
    id : str
        slicewise's own id of the run, which no store gives.
    name : str
        Name of the run for people.
    key : str
        Digest of all that its weights depend on.
    begun, ended : int
        Milliseconds since 1970; None while it is not ended.
    status : str
        As MLflow calls it.
    process : Process or None
        Who works on it.
    params, tags : dict of str to str
        Settings, and where the run comes from, by dotted names.
    data : dict of str to str
        Digest of all files, by context (train, validation, test).
    metrics : dict of str to NotedNumber
        Numbers that belong to no epoch, by their names in MLflow.
    files : dict of str to NotedFile
        Finished files, by the name of the artifact.
    models : dict of str to NotedFile
        Models that predict together, by the name of the fold.
    labels : list of str
        What they segment.
    checkpoints : dict of str to NotedFile, optional
        Models that were kept on the way, by their epoch.
    children : list of str, optional
        Folders of the runs of the folds, where this run takes their scores.
    combinations : list of str, optional
        Folders of the runs of a sweep, of which this one is the best: they were never tested.
    register_ : Registration, optional
        Whether its model is to be registered.
    superseded_by : str, optional
        Number of the run that replaces this one.
    """

    id: Name
    name: Name
    key: str
    begun: Count
    ended: Count | None
    status: Status
    process: Process | None
    params: dict[str, str]
    tags: dict[str, str]
    data: dict[str, str]
    metrics: dict[str, NotedNumber]
    files: dict[str, NotedFile]
    models: dict[str, NotedFile]
    labels: list[str]
    checkpoints: dict[str, NotedFile] | None = None
    children: list[Name] | None = None
    combinations: list[Name] | None = None
    register_: Annotated[Registration | None, Field(alias="register")] = None
    superseded_by: Name | None = None

    @classmethod
    def read(cls, path: Path, remedy: str) -> RunRecord:
        """Read a ``run.json``, also one of an earlier version.

        Raises
        ------
        SlicewiseError
            When it is damaged; the sentence ends with the remedy.
        """
        return cls.model_validate(read_stored(path, RUN_FORM, remedy))

    def dumped(self) -> dict[str, Any]:
        """Return it as it is stored; keys are in a fixed order, as a digest of them is kept."""
        plain = self.model_dump(mode="json", by_alias=True)
        return {k: v for k, v in plain.items() if v is not None or k not in OPTIONAL}

    def write(self, path: Path) -> None:
        """Store it."""
        write_text(path, json.dumps(self.dumped(), indent=1))

    @property
    def below(self) -> list[str]:
        """Folders of the runs that are children of this one, from ``tracking``."""
        return [*(self.children or ()), *(self.combinations or ())]

    @property
    def is_running(self) -> bool:
        """Whether a job may still add to it."""
        return self.status == "RUNNING"

    @property
    def is_superseded(self) -> bool:
        """Whether another run replaces it."""
        return self.superseded_by is not None

    def number(self, name: str) -> float | None:
        """Return the value of a metric; None where there is none, or none any more."""
        noted = self.metrics.get(name)
        return None if noted is None else noted.value


RUN_FORM = Form(RunRecord)
