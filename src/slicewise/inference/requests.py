"""Which models predict which cases, after all have been compared with their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slicewise.inference.predict import Request

from slicewise.network.model import load_model  # isort: skip  (before keras)

import keras

from slicewise.config import Content
from slicewise.dataset.agree import check_unseen
from slicewise.dataset.case_record import case_record_of, check_read, read_case_records
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.network.model import model_card, weights_digest
from slicewise.records import differences


def requests_of(
    cfg: Mapping[str, Any],
    models: Sequence[str],
    configs: Sequence[str],
    case_records: Sequence[str],
    images: Sequence[str],
    masks: Sequence[str],
) -> list[Request]:
    """Load models and say which of them segment which case, after comparing all with each other.

    Parameters
    ----------
    cfg : mapping
        ``cases`` (names), ``folds`` and ``patients`` (of each), ``content``, ``recipe``.
    models, configs : sequences of str
        The files ``model.keras`` and ``config.yaml`` of all folds that are
        needed, in their order.
    case_records : sequence of str
        Files of case records, of these cases and of others.
    images, masks : sequences of str
        What is read and written of each case.

    Raises
    ------
    SlicewiseError
        When a model is not what the record of its training says, or of other
        settings, when it was trained on a case or on its patient, and when an
        image is not what was ingested.
    """
    content = Content(**cfg["content"])
    folds = sorted({k for f in cfg["folds"].values() for k in f})
    loaded = {}
    records = {}
    for fold, path, config in zip(folds, models, configs, strict=True):
        loaded[fold] = model = load_model(Path(path))
        records[fold] = TrainingRecord.read(config)
        check_model(path, model, records[fold], content, cfg["recipe"])
    known = read_case_records(case_records)
    requests = []
    for case, image, mask in zip(cfg["cases"], images, masks, strict=True):
        for fold in cfg["folds"][case]:
            check_unseen(case, cfg["patients"][case], f"fold-{fold}", records[fold])
        case_record = case_record_of(known, case, ", ".join(case_records))
        check_read(case_record, "image", Path(image))
        weights = [records[fold].resolved.weights_sha256 for fold in cfg["folds"][case]]
        note = {"case": case, "models": weights, "image": case_record.image.sha256}
        chosen = [loaded[fold] for fold in cfg["folds"][case]]
        place = Path(image), Path(mask)
        given = content.offset, content.spacing
        requests.append(Request(case, *place, chosen, note, *given))
    return requests


def check_model(
    path: str,
    model: keras.Model,
    training: TrainingRecord,
    content: Content,
    recipe: Mapping[str, Any],
) -> None:
    """Compare a model with the record of its training, and with what is asked for.

    Parameters
    ----------
    path : str
        The model's file.
    model : keras.Model
        What it holds.
    training : TrainingRecord
        From the ``config.yaml`` beside it.
    content : Content
        What the data set holds now.
    recipe : mapping
        The recipe of what it is to predict.

    Raises
    ------
    SlicewiseError
        When they differ.
    """
    if weights_digest(model) != training.resolved.weights_sha256:
        raise SlicewiseError(
            f"{path}: its weights are not those of the training that config.yaml beside it tells "
            "of; delete both and run snakemake again, which trains anew"
        )
    wanted = {
        "labels": list(content.labels),
        "values": {name: list(values) for name, values in content.labels.items()},
        "recipe": dict(recipe),
        "intensity": content.intensity,
        "contiguous": content.contiguous,
    }
    carried = model_card(model).dump()
    changed = differences({key: carried[key] for key in wanted}, wanted)
    if changed:
        raise SlicewiseError(
            f"{path}: trained with other settings ({', '.join(changed)}); run snakemake again, "
            "which trains anew"
        )
