"""How many models have been scored on a test set: the more, the luckier the best of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from slicewise.dataset.assignment import Assignment
from slicewise.dataset.training_record import TrainingRecord
from slicewise.files import digest, write_json
from slicewise.stored import Form, read_stored

NAME = "scored.json"
LEDGER = Form(dict[str, list[str]])
REMEDY = (
    "restore it from a copy, or delete it, after which reports count no model that was scored "
    "until now"
)


def test_set_digest(metrics: pd.DataFrame) -> str | None:
    """Return a digest of the ground truth of all test cases in a table of cases and labels.

    None without test cases, and of a table that does not tell.
    """
    tested = metrics[metrics["subset"] == "test"].drop_duplicates("case")
    if tested.empty or "truth_sha256" not in tested or tested["truth_sha256"].isna().any():
        return None
    return digest(sorted(tested["truth_sha256"]))


def files_digest(
    table: pd.DataFrame,
    cases: Iterable[Assignment] | None = None,
    subset: str = "",
    labels: Mapping[str, Sequence[int]] | None = None,
) -> str:
    """Return a digest of the image and mask files of cases.

    Parameters
    ----------
    table : DataFrame
        The table of cases (``cases.tsv``).
    cases : iterable of Assignment, optional
        Scored cases, of which those of one subset count; otherwise all of the table.
    subset : str
        ``test`` or ``validation``.
    labels : mapping of str to sequence of int, optional
        Mask values of each label: equal files of other labels are another
        ground truth. Their order makes no difference.
    """
    shown = table.sort_values("case")
    if cases is not None:
        shown = shown[shown["case"].isin([each.case for each in cases if each.subset == subset])]
    files = shown[["case", "image_sha256", "mask_sha256"]].to_numpy().tolist()
    return digest(files if labels is None else [files, sorted(labels.items())])


def model_digest(training: TrainingRecord) -> str:
    """Return a digest of what a trained model predicts by: weights, views and postprocessing.

    Parameters
    ----------
    training : TrainingRecord
        What made the model.
    """
    return digest(training.predicts_by)


def note_scored(folder: Path, test_set: str | None, models: Iterable[str]) -> None:
    """Add the models of an experiment to its ledger, as one.

    Parameters
    ----------
    folder : Path
        The experiment's folder that is no rule's output, so that reruns add
        to the ledger instead of replacing it.
    test_set : str or None
        From `test_set_digest`; without test cases nothing is noted.
    models : iterable of str
        Digests of those that made the predictions together, see `model_digest`.
    """
    if test_set is None:
        return
    path = folder / NAME
    known = read_stored(path, LEDGER, REMEDY) if path.is_file() else {}
    known[test_set] = sorted({*known.get(test_set, []), digest(list(models))})
    write_json(path, known)


def count_scored(folders: Iterable[Path], test_set: str | None) -> int:
    """Count the different models that ledgers hold for a test set."""
    models: set[str] = set()
    for folder in folders:
        path = folder / NAME
        if path.is_file():
            models.update(read_stored(path, LEDGER, REMEDY).get(test_set, []))
    return len(models)
