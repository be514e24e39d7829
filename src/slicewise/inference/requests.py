"""Which models predict which cases, after all have been compared with their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from slicewise.network.model import load_model, weights_digest  # isort: skip  (before keras)

import keras
import numpy as np

from slicewise.config import Content, Recipe
from slicewise.dataset.assignment import Segmented
from slicewise.dataset.case_record import CaseRecord, case_record_of, check_read, read_case_records
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unseen import check_unseen
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.inference.fits import shared_card
from slicewise.inference.predict import Request, predict_cases
from slicewise.inference.signs import signs_of
from slicewise.inference.trust import Watch, found_in
from slicewise.inference.unlike import Seen, seen_of
from slicewise.network.card import ModelCard, model_card
from slicewise.records import differences
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.padding import as_air
from slicewise.volumes.volume import Volume


@dataclass(frozen=True)
class _Trained:
    """The model of a fold, and the record of its training."""

    fold: int
    model: keras.Model
    record: TrainingRecord


@dataclass(frozen=True)
class CaseRequest(Request):
    """A case to segment, of whose mask is noted what it tells without truth."""

    seen: list[tuple[np.ndarray, Seen]] = field(default_factory=list, kw_only=True)
    """The affine of the image, and what was measured of it, once it was read."""

    @cached_property
    def watch(self) -> Watch:
        """What is told of its slices."""
        return Watch(shared_card(self.models))

    def read(self, card: ModelCard) -> tuple[Volume, Any]:
        """Read the image, and measure it."""
        image, header = super().read(card)
        shown = with_spacing(image, self.spacing).plus(self.offset)
        if card.intensity == "hu":
            shown = as_air(shown)
        self.seen.append((shown.affine, seen_of(shown, self.watch.card)))
        return image, header

    @property
    def observed(self) -> bool:
        """All is told."""
        return True

    def observe(self, probabilities: np.ndarray, own: np.ndarray) -> None:
        """Watch how sure of it the models are."""
        self.watch.add(probabilities, own)

    def signs(self, mask: np.ndarray) -> dict[str, list[float] | None]:
        """Return `signs_of` its mask."""
        affine, seen = self.seen.pop()
        card = self.watch.card
        return signs_of(found_in(Volume(mask, affine), card, self.watch), seen, card)


def requests_of(
    cases: Sequence[Segmented],
    content: Content,
    recipe: Recipe,
    *,
    models: Sequence[str],
    configs: Sequence[str],
    case_records: Sequence[str],
    images: Sequence[str],
    masks: Sequence[str],
) -> list[CaseRequest]:
    """Load models and say which of them segment which case, after comparing all with each other.

    Parameters
    ----------
    cases : sequence of Segmented
        What is segmented, and by the models of which folds.
    content : Content
        What the data set holds.
    recipe : Recipe
        How its volumes are cut.
    models, configs : sequences of str
        ``model.keras`` and ``config.yaml`` of all folds needed, in their order.
    case_records : sequence of str
        Files of case records, of these cases and of others.
    images, masks : sequences of str
        What is read and written of each case.

    Raises
    ------
    SlicewiseError
        When a model is not that of its record, of other settings, or was trained on
        a case or its patient, and when an image is not what was ingested.
    """
    folds = sorted({fold for each in cases for fold in each.folds})
    trained = {}
    for fold, path, config in zip(folds, models, configs, strict=True):
        one = _Trained(fold, load_model(Path(path)), TrainingRecord.read(config))
        check_model(path, one.model, one.record, content, recipe)
        trained[fold] = one
    known = read_case_records(case_records)
    requests = []
    for each, image, mask in zip(cases, images, masks, strict=True):
        case_record = case_record_of(known, each.case, ", ".join(case_records))
        check_read(case_record, "image", Path(image))
        chosen = [trained[fold] for fold in each.folds]
        for one in chosen:
            check_unseen(each.case, each.patient, f"fold-{one.fold}", one.record)
        requests.append(
            CaseRequest(
                case=each.case,
                image=Path(image),
                mask=Path(mask),
                models=[one.model for one in chosen],
                note=_note(chosen, case_record),
                offset=content.offset,
                spacing=content.spacing,
            )
        )
    return requests


def predict_all(
    requests: Sequence[CaseRequest], batch: int, log: Callable[[str], object]
) -> list[dict[str, Any]]:
    """Segment cases, and return of each what its mask was made from, its digest and its signs.

    Parameters
    ----------
    requests : sequence of CaseRequest
        The cases.
    batch : int
        Slices at a time.
    log : callable
        Is told a line for each case that was segmented.

    Raises
    ------
    SlicewiseError
        As of `predict_cases`.
    """
    asked = {each.case: each for each in requests}
    signs = {}
    for case, mask in predict_cases(requests, batch):
        signs[case] = asked[case].signs(mask)
        log(f"{case}: {mask.shape[2]} slices, {np.count_nonzero(mask)} voxels in the mask")
    return [
        {**(each.note or {}), "sha256": sha256(each.mask), "signs": signs[each.case]}
        for each in requests
    ]


def _note(chosen: Sequence[_Trained], case_record: CaseRecord) -> dict[str, Any]:
    """Say what a mask is made from."""
    weights = [one.record.resolved.weights_sha256 for one in chosen]
    return {"case": case_record.case, "models": weights, "image": case_record.image.sha256}


def check_model(
    path: str,
    model: keras.Model,
    training: TrainingRecord,
    content: Content,
    recipe: Recipe,
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
    recipe : Recipe
        Of what it is to predict.

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
        "recipe": recipe.model_dump(),
        "intensity": content.intensity,
        "contiguous": content.contiguous,
        "regions": content.regions,
    }
    carried = {"regions": {}} | model_card(model).dump()
    changed = differences({key: carried[key] for key in wanted}, wanted)
    if changed:
        raise SlicewiseError(
            f"{path}: trained with other settings ({', '.join(changed)}); run snakemake again, "
            "which trains anew"
        )
