"""What an experiment left in its folder, for those who compare it with others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise.dataset.ensembles import NAME, EnsembleRecord
from slicewise.dataset.former import check_current
from slicewise.errors import SlicewiseError
from slicewise.evaluation.folds import Folds, read_folds
from slicewise.evaluation.statistics import COLUMNS, read_metrics, read_summary
from slicewise.records import check_made, scores_are_current


@dataclass(frozen=True)
class Result:
    """A scored experiment.

    Attributes
    ----------
    folder : Path
        ``results/<dataset>/<experiment>``: what is no rule's output lies there.
    metrics : DataFrame
        Its table of cases and labels.
    summary : dict
        Content of ``summary.json``.
    folds : Folds
        Its trainings.
    """

    folder: Path
    metrics: pd.DataFrame
    summary: dict[str, Any]
    folds: Folds


def read_results(folders: Iterable[Path], place: Path) -> dict[str, Result]:
    """Read the folders of several experiments, by their names.

    Parameters
    ----------
    folders : iterable of Path
        Folders ``results/<dataset>/<experiment>``, or what was fetched of them.
    place : Path
        The folder ``results/<dataset>`` itself.

    Raises
    ------
    SlicewiseError
        As of `read_result`.
    """
    return {folder.name: read_result(folder, place / folder.name) for folder in folders}


def read_result(files: Path, folder: Path | None = None) -> Result:
    """Read the folder of a scored experiment; columns that older tables lack are empty.

    Parameters
    ----------
    files : Path
        The folder ``results/<dataset>/<experiment>``, or what was fetched of it.
    folder : Path, optional
        The folder itself, where that is another one.

    Raises
    ------
    SlicewiseError
        When a file is missing or damaged, is not what the job wrote that made it, or is of an
        experiment that took the name of an ensemble, or when the models were trained again
        since they were scored.
    """
    ensemble = files / NAME
    is_one = ensemble.is_file()
    if is_one:
        check_current(ensemble)
    members = list(EnsembleRecord.read(ensemble).members) if is_one else [files.name]
    # members lie beside their ensemble
    trained = [files.parent / member if is_one else files for member in members]
    first = trained[0] / "fold-0"
    needed = (files / "metrics.tsv", files / "summary.json", first / "config.yaml")
    for path in (*needed, first / "history.csv"):
        if not path.is_file():
            raise SlicewiseError(
                f"{files}: it has no {os.path.relpath(path, files)}, so no experiment was scored "
                "there; name a folder results/<dataset>/<experiment> whose report is finished"
            )
    check_made([*needed, first / "history.csv"])
    metrics = read_metrics(str(files / "metrics.tsv"))
    missing = [name for name in COLUMNS if name not in metrics]
    # an older training with more folds may have left some
    number = read_folds([str(first / "config.yaml")], []).records[0].folds
    trainings = [
        [str(each / f"fold-{k}" / name) for each in trained for k in range(number)]
        for name in ("config.yaml", "history.csv")
    ]
    for paths in trainings:
        check_made(paths)
    if not scores_are_current(files):
        raise SlicewiseError(
            f"{files}: its scores are of another training than its models; run snakemake to the "
            "end, which scores these"
        )
    return Result(
        folder or files,
        metrics.reindex(columns=[*metrics.columns, *missing]),
        read_summary(files / "summary.json"),
        read_folds(trainings[0], trainings[1], ensemble=[str(ensemble)] if is_one else []),
    )
