"""Where the models of a name lie; nothing is loaded to find them."""

from __future__ import annotations

from pathlib import Path

from slicewise.dataset.ensembles import EnsembleRecord, ensemble_in, models_of
from slicewise.dataset.former import check_current
from slicewise.errors import SlicewiseError
from slicewise.files import refuse_address
from slicewise.inference.fits import in_order

PLACES = ("fold-*/model.keras", "model.keras", "*.keras", "data/models/*.keras", "*.onnx")
"""Where models lie in a folder: of an experiment, of a fold, in one of MLflow, and exported."""


def files_of(name: str, place: Path) -> list[Path]:
    """Return the files of the models of a name, in the order of folds; of an ensemble, of members.

    Parameters
    ----------
    name : str
        What people call them, for messages.
    place : Path
        A file, or a folder with such.

    Raises
    ------
    SlicewiseError
        When there is none, or an ensemble whose name an experiment has taken.
    """
    if place.is_file():
        return [place]
    refuse_address(name)
    if not place.exists():
        raise SlicewiseError(
            f"{name}: there is no such model; name a .keras or .onnx file, a folder "
            "results/<dataset>/<experiment>, or models:/NAME@alias"
        )
    if (ensemble := ensemble_in(place)) is not None:
        check_current(ensemble)
        return models_of(ensemble, EnsembleRecord.read(ensemble))
    for pattern in PLACES:
        if files := [path for path in place.glob(pattern) if path.is_file()]:
            by_fold = {path.parent if path.name == "model.keras" else path: path for path in files}
            return [by_fold[key] for key in in_order(by_fold)]
    raise SlicewiseError(
        f"{name}: there is no model in this folder; name results/<dataset>/<experiment> of a "
        "finished training"
    )
