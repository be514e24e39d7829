"""Which models predict which cases, after all have been compared with their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unseen import check_unseen
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, sweep
from slicewise.inference.ensemble import Ensemble
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
class Trained:
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
        return Watch(self.card)

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

    def observe(self, probabilities: np.ndarray, own: np.ndarray | None) -> None:
        """Watch how sure of it the models are."""
        self.watch.add(probabilities, own)

    def signs(self, mask: np.ndarray) -> dict[str, list[float] | None]:
        """Return `signs_of` its mask."""
        affine, seen = self.seen.pop()
        card = self.watch.card
        return signs_of(found_in(Volume(mask, affine), card, self.watch), seen, card)


@dataclass(frozen=True)
class Files:
    """What a prediction reads and writes.

    Attributes
    ----------
    models, configs : sequences of str
        ``model.keras`` and ``config.yaml`` of all folds needed, in their order.
    case_records : sequence of str
        Files of case records, of these cases and of others.
    images, masks : sequences of str
        What is read and written of each case.
    """

    models: Sequence[str]
    configs: Sequence[str]
    case_records: Sequence[str]
    images: Sequence[str]
    masks: Sequence[str]


def requests_of(
    cases: Sequence[Segmented],
    content: Content,
    recipe: Recipe,
    files: Files,
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
    files : Files
        What is read and written.

    Raises
    ------
    SlicewiseError
        When a model is not that of its record, of other settings, or was trained on
        a case or its patient, and when an image is not what was ingested.
    """
    trained = _load(_folds_of(cases), files.models, files.configs, content, recipe)
    requests = []
    for each, case_record, places in _with_records(cases, files):
        chosen = [trained[fold] for fold in each.folds]
        check_all_trained(each.case, each.patient, chosen)
        requests.append(
            CaseRequest(
                **places,
                models=[one.model for one in chosen],
                note=_note(chosen, case_record),
                offset=content.offset,
                spacing=content.spacing,
            )
        )
    return requests


def mixed_requests_of(
    cases: Sequence[Segmented],
    content: Content,
    recipes: Mapping[str, Recipe],
    ensemble: str,
    files: Files,
) -> list[CaseRequest]:
    """Load the models of an ensemble and say with which weights they segment which case.

    Parameters
    ----------
    cases, content
        As `requests_of` takes them.
    recipes : mapping of str to Recipe
        By member, how volumes are cut for it.
    ensemble : str
        Its ``ensemble.json``.
    files : Files
        What is read and written; models member after member.

    Raises
    ------
    SlicewiseError
        As of `requests_of`, and when the weights were fitted for other models.
    """
    record = EnsembleRecord.read(ensemble)
    trained = members_trained(_folds_of(cases), files.models, files.configs, content, recipes)
    _check_weighed(record, trained, ensemble)
    requests = []
    for each, case_record, places in _with_records(cases, files):
        chosen = {member: [own[fold] for fold in each.folds] for member, own in trained.items()}
        every = [one for folds in chosen.values() for one in folds]
        for member, folds in chosen.items():
            check_all_trained(each.case, each.patient, folds, member)
        weights = record.shares(each.held_out_by)
        loaded = {member: [one.model for one in folds] for member, folds in chosen.items()}
        requests.append(
            CaseRequest(
                **places,
                models=[one.model for one in every],
                note={**_note(every, case_record), "weights": weights},
                offset=content.offset,
                spacing=content.spacing,
                ensemble=Ensemble.of(loaded, weights, record.postprocessing),
            )
        )
    return requests


def _check_weighed(
    record: EnsembleRecord, trained: Mapping[str, Mapping[int, Trained]], shown: str
) -> None:
    """Refuse weights that were fitted for other models."""
    for member, own in trained.items():
        for one in own.values():
            if record.members[member][one.fold] != one.record.resolved.weights_sha256:
                raise SlicewiseError(
                    f"{shown}: its weights are of another model than {member}/fold-{one.fold} "
                    "has now; delete it and run snakemake again, which weighs them anew"
                )


def _with_records(
    cases: Sequence[Segmented], files: Files
) -> Iterator[tuple[Segmented, CaseRecord, dict[str, Any]]]:
    """Yield each case with its record and its files; its image is the one that was ingested."""
    known = read_case_records(files.case_records)
    for each, image, mask in zip(cases, files.images, files.masks, strict=True):
        case_record = case_record_of(known, each.case, ", ".join(files.case_records))
        check_read(case_record, "image", Path(image))
        yield each, case_record, {"case": each.case, "image": Path(image), "mask": Path(mask)}


def _folds_of(cases: Sequence[Segmented]) -> list[int]:
    return sorted({fold for each in cases for fold in each.folds})


def _load(
    folds: Sequence[int],
    models: Sequence[str],
    configs: Sequence[str],
    content: Content,
    recipe: Recipe,
) -> dict[int, Trained]:
    """Load the models of folds, and compare each with its record."""
    trained = {}
    for fold, path, config in zip(folds, models, configs, strict=True):
        one = Trained(fold, load_model(Path(path)), TrainingRecord.read(config))
        check_model(path, one.model, one.record, content, recipe)
        trained[fold] = one
    return trained


def members_trained(
    folds: Sequence[int],
    models: Sequence[str],
    configs: Sequence[str],
    content: Content,
    recipes: Mapping[str, Recipe],
) -> dict[str, dict[int, Trained]]:
    """Load the models of members of an ensemble, by fold, and compare each with its record.

    Parameters
    ----------
    folds : sequence of int
        Which of them.
    models, configs : sequences of str
        ``model.keras`` and ``config.yaml`` of these folds, member after member.
    content : Content
        What the data set holds.
    recipes : mapping of str to Recipe
        By member, how volumes are cut for it.

    Raises
    ------
    SlicewiseError
        When a model is not that of its record, or of other settings.
    """
    trained = {}
    for number, (member, recipe) in enumerate(recipes.items()):
        own = slice(number * len(folds), (number + 1) * len(folds))
        trained[member] = _load(folds, models[own], configs[own], content, recipe)
    return trained


def digests_of(trained: Mapping[str, Mapping[int, Trained]]) -> dict[str, list[str]]:
    """Return the digests of the weights of all models, by member, fold after fold."""
    return {
        member: [own[fold].record.resolved.weights_sha256 for fold in sorted(own)]
        for member, own in trained.items()
    }


def scans_of(trained: Mapping[str, Mapping[int, Trained]]) -> list[list[str]]:
    """Return the fingerprints of the scans of each training, member after member."""
    return [sorted(own[fold].record.scans) for own in trained.values() for fold in sorted(own)]


def check_all_trained(case: str, patient: str, chosen: Sequence[Trained], member: str = "") -> None:
    """Refuse a case that one of several models has seen, see `check_unseen`."""
    for one in chosen:
        place = f"{member}/fold-{one.fold}" if member else f"fold-{one.fold}"
        check_unseen(case, patient, place, one.record)


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
    # what a job that was killed left of them
    sweep(*(each.mask for each in requests))
    asked = {each.case: each for each in requests}
    signs = {}
    for case, mask in predict_cases(requests, batch):
        signs[case] = asked[case].signs(mask)
        log(f"{case}: {mask.shape[2]} slices, {np.count_nonzero(mask)} voxels in the mask")
    return [
        {**(each.note or {}), "sha256": sha256(each.mask), "signs": signs[each.case]}
        for each in requests
    ]


def _note(chosen: Sequence[Trained], case_record: CaseRecord) -> dict[str, Any]:
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
