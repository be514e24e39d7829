"""What the folds of an experiment left: their histories and the settings they used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slicewise.config import Content
from slicewise.dataset.calibration import OFTEN
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.evaluation.ledger import model_digest
from slicewise.files import digest
from slicewise.records import differences
from slicewise.stored import check_numbers, read_arrays, read_stored_table, refused

SAMPLES = ("images", "masks")


@dataclass(frozen=True)
class Folds:
    """The trainings of one experiment.

    Attributes
    ----------
    records : list of TrainingRecord
        Of each fold.
    histories : dict of str to DataFrame
        Rows of each fold's history.csv, by ``fold-0``, ….
    samples : dict of str to ndarray, or None
        Augmented training slices of the first fold: ``images`` and ``masks``.
    ensemble : EnsembleRecord or None
        Of an ensemble: the trainings are those of all members, member after member, and a fold
        is called ``<member>/fold-0``, ….
    """

    records: list[TrainingRecord]
    histories: dict[str, pd.DataFrame]
    samples: dict[str, np.ndarray] | None = None
    ensemble: EnsembleRecord | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """What the report shows of the trainings, by its own names."""
        first = self.records[0]
        shared = {
            "histories": self.histories,
            "selected": self.selected,
            "samples": self.samples,
        }
        if self.ensemble is None:
            return {**shared, "settings": first.experiment, "provenance": first.shown}
        settings = {
            "ensemble": list(self.ensemble.members),
            "postprocessing": self.ensemble.postprocessing,
        }
        return {
            **shared,
            "settings": settings,
            "provenance": first.origin,
            "ensemble": self.ensemble,
        }

    @property
    def names(self) -> list[str]:
        """What the folds are called, in the order of their records."""
        return fold_names(self.number, self.ensemble)

    @property
    def members(self) -> dict[str, Folds]:
        """The trainings of each member of an ensemble, by its name; none of an experiment."""
        made: dict[str, Folds] = {}
        if self.ensemble is not None:
            own = fold_names(self.number, None)
            for first, name in enumerate(self.ensemble.members):
                records = self.records[first * self.number :][: self.number]
                made[name] = Folds(
                    records, {fold: self.histories[f"{name}/{fold}"] for fold in own}
                )
        return made

    @property
    def number(self) -> int:
        """How many trainings an experiment, or each member of an ensemble, has."""
        return len(self.records) if self.ensemble is None else self.ensemble.folds

    @property
    def parameters(self) -> int:
        """How many numbers a model holds; of an ensemble, one of each member."""
        return sum(one.resolved.parameters for one in self.records[:: self.number])

    @property
    def recipes(self) -> list[str]:
        """The slice recipes that were trained on."""
        return self.records[0].recipes

    def is_missed(self, label: str) -> bool:
        """Tell whether a label that was not found should be there, as in nearly all training cases.

        New scans are told of likewise: what is not known of some training is not known at all.
        """
        known = [record.ranges.get("labels") for record in self.records]
        told = [labels[label]["lacking"] for labels in known if labels and label in labels]
        return None in known or not told or max(told) < OFTEN

    def check_content(self, content: Content) -> None:
        """Refuse to score or show models by other labels than those that they were trained on.

        A job of a cluster reads the configuration when it starts, which may be days after
        `snakemake` has planned it.

        Raises
        ------
        SlicewiseError
            Naming the settings of the data set that differ.
        """
        for name, record in zip(self.names, self.records, strict=True):
            if changed := differences(record.content, content.once_read):
                raise SlicewiseError(
                    f"dataset: {name} was trained with other settings ({', '.join(changed)}) than "
                    "the configuration has now; run snakemake again, which makes anew what follows "
                    "from them, or take the edit back"
                )

    @property
    def teacher(self) -> str | None:
        """The experiment that it learnt from beside the masks."""
        told = self.records[0].taught_by
        return None if told is None else told.name

    @property
    def models(self) -> list[str]:
        """Digests of the models, and of how they are weighed in an ensemble."""
        models = [model_digest(one) for one in self.records]
        return models if self.ensemble is None else [*models, self.ensemble.predicts_by]

    @property
    def digests(self) -> dict[str, str]:
        """Digests of what all trainings read, by context."""
        resolved = [one.resolved for one in self.records]
        return {
            "train": digest([one.slices_sha256 for one in resolved]),
            "validation": digest([one.validation_sha256 for one in resolved]),
        }

    @property
    def untrained(self) -> list[list[str]]:
        """The labels that each fold was trained without; of an ensemble, those of all its members.

        They have the same training cases, and one may cut them so that a label is lost.
        """
        lacked = [one.resolved.untrained_labels for one in self.records]
        by_fold = [lacked[fold :: self.number] for fold in range(self.number)]
        return [[label for label in own[0] if all(label in one for one in own)] for own in by_fold]

    @property
    def selected(self) -> dict[str, int]:
        """The epoch that each fold chose by validation; nothing for final weights."""
        chosen = {name: one.selected for name, one in zip(self.names, self.records, strict=True)}
        return {fold: epoch for fold, epoch in chosen.items() if epoch is not None}


def read_folds(
    configs: Sequence[str],
    histories: Sequence[str],
    samples: Sequence[str] = (),
    ensemble: Sequence[str] = (),
) -> Folds:
    """Read the files of an experiment's folds, in their order; of an ensemble, of all members.

    Parameters
    ----------
    configs, histories : sequence of str
        Files of each training.
    samples, ensemble : sequence of str
        One file, or none.

    Raises
    ------
    SlicewiseError
        When one is damaged, or an ensemble is of other models than these.
    """
    records = [TrainingRecord.read(path) for path in configs]
    known = None
    for path in ensemble:
        known = EnsembleRecord.read(path)
        known.check_trainings(records, path)
    names = fold_names(len(records) if known is None else known.folds, known)
    shown = None
    for path in samples:
        shown = read_arrays(path, SAMPLES, _trained_anew(path))
    return Folds(
        records,
        {name: read_history(path) for name, path in zip(names, histories, strict=False)},
        shown,
        known,
    )


def fold_names(number: int, ensemble: EnsembleRecord | None) -> list[str]:
    """Return what so many folds of an experiment, or of each member of an ensemble, are called."""
    members = [""] if ensemble is None else [f"{name}/" for name in ensemble.members]
    return [f"{member}fold-{k}" for member in members for k in range(number)]


def read_history(path: str) -> pd.DataFrame:
    """Read the history.csv of a training; its timestamps may be numbers or dates.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    remedy = _trained_anew(path)
    table = read_stored_table(path, ("epoch",), key=("epoch",), separator=",", remedy=remedy)
    try:
        training_minutes([table])
    except (ValueError, OverflowError) as error:
        raise refused(path, error, remedy) from None
    # of a training that went astray a loss may be infinite
    names = table.columns.drop("timestamp", errors="ignore")
    check_numbers(path, table, names, remedy, between=(-math.inf, math.inf))
    return table


def _trained_anew(path: str) -> str:
    return f"delete {Path(path).parent} and run snakemake again, which trains anew"


def training_minutes(histories: Iterable[pd.DataFrame]) -> float | None:
    """Return the minutes of training, over all folds; None where they cannot be told.

    The median time from epoch to epoch times the number of epochs, because the
    plain difference would count the night between an interruption and the
    resumption.
    """
    total = 0.0
    for history in histories:
        steps = _seconds(history).diff().dropna() if "timestamp" in history else pd.Series()
        if steps.empty:
            return None
        total += float(steps.median()) * len(history)
    return total / 60 if total else None


def trained_until(histories: Iterable[pd.DataFrame]) -> datetime | None:
    """Return when the last epoch of all folds ended, in UTC; None where a history does not say."""
    ends = []
    for history in histories:
        if "timestamp" not in history or history.empty:
            return None
        ends.append(float(_seconds(history).max()))
    return datetime.fromtimestamp(max(ends), UTC) if ends else None


def _seconds(history: pd.DataFrame) -> pd.Series:
    stamps = history["timestamp"]
    if pd.api.types.is_numeric_dtype(stamps):
        # MLflow counts milliseconds; no training took place in the year 5000.
        return stamps / 1000 if stamps.max() > 1e11 else stamps
    return pd.to_datetime(stamps, utc=True).map(lambda moment: moment.timestamp())
