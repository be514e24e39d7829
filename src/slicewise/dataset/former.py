"""Names that an ensemble had, and then an experiment, or the other way round: which of both counts.

Both leave their files in the folder of their name. An ``ensemble.json`` says by itself that a
folder is that of an ensemble, so it goes when an experiment is scored there. The models of an
experiment are costly and stay: they count no more once there is a later ensemble.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slicewise.dataset.ensembles import NAME
from slicewise.errors import SlicewiseError
from slicewise.records import SCORES, read_record, record_path

OF_ENSEMBLE = ("weights.json", NAME)
"""What an ensemble alone has."""
MODEL = "model.keras"
TRAINED = (MODEL, "config.yaml")
"""What an experiment alone has in the folders of its folds."""


def forget_ensemble(folder: Path) -> None:
    """Take away what says that a folder is that of an ensemble: it is that of an experiment now.

    Parameters
    ----------
    folder : Path
        ``results/<dataset>/<experiment>``.
    """
    for path in (folder / name for name in OF_ENSEMBLE):
        path.unlink(missing_ok=True)
        record_path(path).unlink(missing_ok=True)


def check_current(ensemble: Path) -> None:
    """Refuse an ensemble in whose folder an experiment was trained or scored since.

    Parameters
    ----------
    ensemble : Path
        Its own file.

    Raises
    ------
    SlicewiseError
        When it was, as nobody may be told of the one what is true of the other.
    """
    for path in _of_experiment(ensemble.parent):
        if _is_later(path, ensemble):
            raise SlicewiseError(
                f"{ensemble}: {path.relative_to(ensemble.parent)} beside it is of an experiment "
                "that has taken the name of this ensemble since; delete this file, or run "
                "snakemake, which does so once the experiment is scored"
            )


def no_start(name: str) -> SlicewiseError:
    """Return why no training starts from an ensemble."""
    return SlicewiseError(
        f"training.start_from: {name} is an ensemble, and a training starts from one network; "
        "name a member, or learn from it (training.distil)"
    )


def _of_experiment(folder: Path) -> Iterator[Path]:
    """Yield what the trainings and the scores of an experiment have left."""
    for path in sorted(folder.glob("fold-*/*")):
        if path.name in TRAINED:
            yield path
    if _scored_as_ensemble(folder) is False:
        yield folder / SCORES


def _scored_as_ensemble(folder: Path) -> bool | None:
    """Tell whether the scores in a folder are those of an ensemble; None where nobody knows."""
    record = read_record(record_path(folder / SCORES))
    return None if record is None else NAME in record["inputs"]


def _is_later(path: Path, ensemble: Path) -> bool:
    """Tell whether a file was made after an ensemble: by their records, whatever was copied."""
    first = path.with_name(MODEL) if path.name in TRAINED else path
    records = [read_record(record_path(each)) for each in (first, ensemble)]
    made = [record["made"] for record in records if record is not None]
    if len(made) < len(records):
        made = [each.stat().st_mtime_ns for each in (path, ensemble)]
    return bool(made[0] > made[1])
