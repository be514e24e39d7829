"""What a training was made from and what came of it: a fold's ``plan.json`` and ``config.yaml``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from slicewise.dataset.one_piece import OnePiece
from slicewise.files import sha256, write_json, write_yaml
from slicewise.stored import Count, Form, Loose, Name, read_stored

PREDICTS_BY = ("input", "inference", "postprocessing")
"""The blocks of an experiment that its models predict by, besides their weights."""
FORMER = {"watched": "validation_cases"}
"""Keys of earlier versions, and what they are called now."""


class _Experiment(Loose):
    slices: Name
    also: list[Name]
    input: dict[str, Any]
    inference: dict[str, Any]
    postprocessing: dict[str, Any]


EXPERIMENT = Form(_Experiment)


def _is_experiment(block: dict[str, Any]) -> dict[str, Any]:
    EXPERIMENT.check(block)
    return block


class StartedFrom(Loose):
    """The model that a training started from.

    Attributes
    ----------
    name : str
        As it was named.
    sha256 : str
        Of its file.
    weights_sha256 : str or None
        Digest of its arrays; None where no record of its training came with it.
    known : bool
        Whether all that it was trained on is known, and all that it had started from itself.
    scans : dict of str to str
        By the fingerprint of each scan that it was trained on, its patient.
    earlier : list of str
        What it started from itself, the latest first: names, with digests of weights.
    """

    name: Name
    sha256: Name
    weights_sha256: Name | None = None
    known: bool
    scans: dict[Name, Name]
    earlier: list[str] = Field([])


class TaughtBy(Loose):
    """The model that a training learns from beside the masks.

    Attributes
    ----------
    name : str
        The experiment that it is of.
    weights_sha256 : str
        Digest of its arrays.
    says : str
        Digest of all that its probabilities follow from.
    known : bool
        Whether all that it was trained on is known.
    scans : dict of str to str
        By the fingerprint of each scan that it was trained on, its patient.
    earlier : list of str
        Whom it learnt from itself, and what it started from: names, with digests of weights.
    """

    name: Name
    weights_sha256: Name
    says: Name
    known: bool
    scans: dict[Name, Name]
    earlier: list[str] = Field([])


class TrainingPlan(Loose):
    """What a training is to be made from.

    Attributes
    ----------
    experiment : dict
        The block of settings as it was then: results of earlier versions may
        have keys that are none any more, or lack some.
    recipe : dict
        The slice recipe that is trained on and predicted.
    content : dict
        What the data set holds: labels, intensity.
    train, validation_cases : list of str
        Names of cases.
    validation : dict
        ``may_select``, and the patient of each validation case as ``patients``.
    patients : dict of str to str
        The patient of each training case.
    also : list of dict
        Further recipes that are trained on.
    folds : int
        How many there are; 1: no case is held out in turn.
    ranges : dict
        Over the training cases, as the model carries them (`slicewise.network.ranges.Ranges`).
    one_piece : dict of str to OnePiece
        What the masks of the training cases show of each label; earlier versions kept none.
    fingerprints : dict of str to str
        Of the image of each training case; earlier versions kept none.
    started_from : StartedFrom or None
        The model that is fine-tuned; None of a training from nothing.
    taught_by : TaughtBy or None
        The model that it learns from beside the masks; None of a training by these alone.
    """

    experiment: Annotated[dict[str, Any], AfterValidator(_is_experiment)]
    recipe: dict[str, Any] = Field({})
    content: dict[str, Any]
    train: list[Name]
    validation_cases: list[Name] = Field([])
    validation: dict[str, Any] = Field({})
    patients: dict[Name, Name] = Field({})
    also: list[dict[str, Any]] = Field([])
    folds: Annotated[int, Field(ge=1)]
    ranges: dict[str, Any] = Field({})
    one_piece: dict[Name, OnePiece] = Field({})
    fingerprints: dict[Name, Name] = Field({})
    started_from: StartedFrom | None = None
    taught_by: TaughtBy | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_former_names(cls, value: Any) -> Any:
        """Take what earlier versions wrote."""
        if not isinstance(value, Mapping):
            return value
        return {FORMER.get(key, key): each for key, each in value.items()}

    def dump(self) -> dict[str, Any]:
        """Return it as plain values, as they are stored."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @property
    def scans(self) -> dict[str, str]:
        """By the fingerprint of each scan that was trained on, now or before, its patient."""
        return self.scans_before | {
            mark: self.patients.get(case, case) for case, mark in self.fingerprints.items()
        }

    @property
    def scans_before(self) -> dict[str, str]:
        """Those that the models knew which it started from and learnt from."""
        before = [one.scans for one in (self.taught_by, self.started_from) if one is not None]
        return {mark: patient for scans in before for mark, patient in scans.items()}

    @property
    def before_is_known(self) -> bool:
        """Whether all is known that these were trained on."""
        return all(one is None or one.known for one in (self.started_from, self.taught_by))

    @property
    def recipes(self) -> list[str]:
        """Names of the slice recipes that are trained on; the first is predicted."""
        return [self.experiment["slices"], *self.experiment["also"]]


def write_plan(
    path: str | os.PathLike[str],
    settings: Mapping[str, Any],
    code: Mapping[str, str],
    *,
    cut_by: Mapping[str, str],
    case_records: Iterable[str],
) -> None:
    """Write what a training is to be made from as ``plan.json``.

    Parameters
    ----------
    path : path-like
        The file.
    settings : mapping
        See `TrainingPlan`.
    code, cut_by : mappings of str to str
        Digests of the code that trains and of that which cuts its slices, by file.
    case_records : iterable of str
        The files with the records of the cases that the slices are cut from.
    """
    made_from = {Path(each).stem: sha256(each) for each in case_records}
    slices = {"code": dict(cut_by), "case_records": made_from}
    write_json(path, {"settings": dict(settings), "code": dict(code), "slices": slices})


class Resolved(Loose):
    """What a training decided and measured on its way; what an earlier version lacks is None.

    Attributes
    ----------
    precision, precision_because : str
        Of the inner layers, and why it is that.
    threads, devices : int
        What ran it; `device` is the name of a GPU, or ``CPU``.
    window : list of float or None
        Lowest and highest intensity that the network tells apart.
    mean, sd : float
        Of the intensities within the window.
    parameters : int
        Numbers that the model holds.
    untrained_labels : list of str
        Labels that no training slice shows.
    training_slices, steps : int
        Slices that training used, and batches that moved the weights.
    seconds : float
        That all of its runs took together.
    slices_sha256, validation_sha256 : str
        Digests of the slices. The latter is stored as ``watched_sha256``, which
        tracked runs are told of by that name.
    selected_epoch : int or None
        The epoch whose weights are kept, from 1.
    selected_by : str
        ``loss``, ``dice``, or ``final`` for the last epoch.
    postprocessing : dict
        Of each step that is `auto`, whether it is kept, for which labels, and why.
    planes : dict
        Where weights of planes are fitted, what each counts, and why; else empty.
    weights_sha256 : str
        Digest of the arrays.
    versions : dict of str to str
        Of Keras and its backend.
    """

    model_config = ConfigDict(
        extra="allow", strict=True, allow_inf_nan=False, populate_by_name=True
    )

    precision: str | None = None
    precision_because: str | None = None
    threads: Count | None = None
    window: list[float | None] | None = None
    mean: float | None = None
    sd: float | None = None
    parameters: Count
    untrained_labels: list[Name] = Field([])
    training_slices: Count | None = None
    steps: Count | None = None
    seconds: float | None = None
    slices_sha256: str | None = None
    validation_sha256: str | None = Field(None, alias="watched_sha256")
    selected_epoch: int | None
    selected_by: Name
    postprocessing: dict[str, Any]
    planes: dict[str, Any] = Field({})
    weights_sha256: Name
    device: str | None = None
    devices: Count | None = None
    versions: dict[str, Any] = Field({})

    def dump(self) -> dict[str, Any]:
        """Return what is known, as it is stored."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class TrainingRecord(TrainingPlan):
    """A finished training: its plan, what was resolved, and the code and machine it ran on.

    Attributes
    ----------
    resolved : Resolved
        What it decided and measured.
    origin : dict
        Versions, commits and machine.
    """

    resolved: Resolved
    origin: dict[str, Any]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> TrainingRecord:
        """Read the ``config.yaml`` of a fold, also one of an earlier version.

        Raises
        ------
        SlicewiseError
            When it is damaged.
        """
        remedy = f"delete {Path(path).parent} and run snakemake again, which trains anew"
        return cls.model_validate(read_stored(path, TRAINING, remedy))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it as ``config.yaml``."""
        write_yaml(path, self.dump())

    @property
    def shown(self) -> dict[str, Any]:
        """What people are shown of where it comes from and what it resolved."""
        return {**self.origin, **self.resolved.dump()}

    @property
    def selected(self) -> int | None:
        """The epoch that validation chose; None for final weights."""
        return None if self.resolved.selected_by == "final" else self.resolved.selected_epoch

    @property
    def predicts_by(self) -> list[Any]:
        """All that a prediction depends on: weights, what was settled, and settings."""
        return [
            self.resolved.weights_sha256,
            self.resolved.postprocessing,
            *([self.resolved.planes] if self.resolved.planes else []),
            [self.experiment[name] for name in PREDICTS_BY],
        ]


TRAINING = Form(TrainingRecord)
