"""Training: it learns, repeats itself to the bit, and goes on after an interruption."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Recipe
from slicewise.errors import DivergedError, SlicewiseError
from slicewise.files import read_json, write_json
from slicewise.inference.predict import predict_volume
from slicewise.network import backend
from slicewise.network.model import load_model, weights_digest
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.training.inputs import TrainingInputs
from slicewise.training.loop import Callbacks, train_until
from slicewise.training.result import HISTORY, Trained
from slicewise.training.trainer import Trainer
from tests.discs import CARD, card_with, disc_truth, disc_volume, experiment
from tests.training.runs import Stop, changed, plain, stop_after, train_on


def test_learns_a_disc(slices: SliceSet, validation_slices: SliceSet, tmp_path: Path) -> None:
    done = train_on(slices, validation_slices, disc_truth, experiment(epochs=12), CARD, tmp_path)
    assert done.history["val/dice"].iloc[-1] > 0.8
    assert done.history["train/loss"].iloc[-1] < 0.8 * done.history["train/loss"].iloc[0]
    assert list(done.history.columns) == list(HISTORY)
    assert list(done.history["epoch"]) == list(range(1, 13))


@dataclass
class Whole:
    """A training of two epochs, and what each of its steps returned; not to be changed."""

    done: Trained
    steps: list[dict[str, float]]


@pytest.fixture(scope="module")
def whole(folders: list[SliceFolder], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    steps: list[dict[str, float]] = []
    one_step = backend.train_step

    def recorded(trainer: Trainer, inputs: dict[str, object]) -> dict[str, float]:
        steps.append({name: float(value) for name, value in one_step(trainer, inputs).items()})
        return steps[-1]

    sets = SliceSet(folders[:3]), SliceSet(folders[3:])
    place = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "train_step", recorded)
        done = train_on(*sets, disc_truth, experiment(epochs=2, seed=1), CARD, place)
    return Whole(done, steps)


def test_history_is_the_mean_over_an_epochs_batches(whole: Whole) -> None:
    assert len(whole.steps) == 10
    for name in ("loss", "dice"):
        wanted = np.mean([step[name] for step in whole.steps[5:]])
        assert whole.done.history[f"train/{name}"].iloc[1] == pytest.approx(wanted)
    assert len({step["loss"] for step in whole.steps}) == 10


@pytest.mark.slow
def test_same_seed_same_weights(
    slices: SliceSet, validation_slices: SliceSet, whole: Whole, tmp_path: Path
) -> None:
    again, other = (
        train_on(
            slices,
            validation_slices,
            disc_truth,
            experiment(epochs=2, seed=seed),
            CARD,
            tmp_path / name,
        )
        for seed, name in ((1, "b"), (2, "c"))
    )
    first = whole.done
    assert first.resolved.weights_sha256 == again.resolved.weights_sha256
    assert first.resolved.weights_sha256 != other.resolved.weights_sha256


def test_models_of_epochs_are_those_that_may_be_chosen_and_change_nothing(
    slices: SliceSet, validation_slices: SliceSet, whole: Whole, tmp_path: Path
) -> None:
    given = (slices, validation_slices, disc_truth, experiment(epochs=2, seed=1), CARD, tmp_path)
    asked: list[int] = []

    def keep(epoch: int, write: Callable[[Path], None]) -> None:
        asked.append(epoch)
        if asked == [1]:
            raise Stop  # killed once the state is saved, before the model is
        write(tmp_path / f"{epoch}.keras")

    with pytest.raises(Stop):
        train_on(*given, on_model=keep)
    done = train_on(*given, on_model=keep)
    assert asked == [1, 1, 2]
    assert done.resolved.weights_sha256 == whole.done.resolved.weights_sha256
    digests = [weights_digest(load_model(tmp_path / f"{epoch}.keras")) for epoch in (1, 2)]
    assert digests[done.resolved.selected_epoch - 1] == done.resolved.weights_sha256
    assert digests[0] != digests[1]


def test_nan_names_epoch_and_cases(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = plain(training={"epochs": 3}, optimizer={"learning_rate": 1e30})
    with pytest.raises(SlicewiseError, match=r"epoch \d+ at step \d+ \(cases case\d"):
        train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)


@pytest.mark.slow
def test_stops_during_a_validation(
    slices: SliceSet, validation_slices: SliceSet, whole: Whole, tmp_path: Path
) -> None:
    given = (slices, validation_slices, disc_truth, experiment(epochs=2, seed=1), CARD, tmp_path)
    asked = itertools.count(1)
    with pytest.raises(SlicewiseError, match="saved at step 5 of epoch 1"):
        train_on(*given, should_stop=lambda: "of a test" if next(asked) == 6 else None)
    cut = train_on(*given)
    assert cut.resolved.weights_sha256 == whole.done.resolved.weights_sha256
    assert cut.history["val/dice"].tolist() == whole.done.history["val/dice"].tolist()


def test_nothing_is_trained_again_after_a_kill_while_or_after_saving(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    def killed(_: object) -> None:
        raise Stop

    settings = plain(training={"epochs": 2})
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    with pytest.raises(Stop):
        train_on(*given, save=killed)
    # a job may be killed when all is saved, but before Snakemake has noted it
    for _ in range(2):
        said: list[str] = []
        train_on(*given, log=said.append)
        assert said == ["going on after epoch 2"]


@pytest.mark.slow
def test_crops_of_slices_in_millimetres_train_resume_and_predict(tmp_path: Path) -> None:
    recipe = Recipe(spacing=0.8, size=16)
    folders = []
    for number in range(5):
        one = SliceFolder.below(tmp_path / "slices", f"case{number}")
        image, mask = disc_volume(number)
        geometry = extract(image, mask, ["liver"], recipe, one, intensity="hu")
        geometry.write(one.geometry)
        folders.append(one)
    sets = (SliceSet(folders[:3]), SliceSet(folders[3:]))
    settings = changed(training={"epochs": 8})
    card = card_with(recipe=recipe.model_dump())
    whole = train_on(*sets, disc_truth, settings, card, tmp_path / "a")
    with pytest.raises(Stop):
        train_on(*sets, disc_truth, settings, card, tmp_path / "b", on_epoch=stop_after(2))
    cut = train_on(*sets, disc_truth, settings, card, tmp_path / "b")
    assert cut.resolved.weights_sha256 == whole.resolved.weights_sha256
    # trained on crops, and scored on whole slices that are brought back to 1 mm
    assert whole.history["val/dice"].iloc[-1] > 0.6
    image, mask = disc_volume(3)
    found = predict_volume([whole.model], image) > 0
    assert found.shape == (32, 32, 10)
    assert 2 * (found & (mask > 0)).sum() / (found.sum() + mask.sum()) > 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    "blocks",
    [
        {"input": {"context": 3}},
        {"input": {"plane": True}, "augmentation": {"elastic": 0.05}},
        {"network": {"residual": True, "deep_supervision": True, "filters": [4, 6, 8]}},
        {"network": {"normalisation": "instance"}},
        {"network": {"normalisation": "group"}},
        # a case has 10 slices, so two blocks that overlap
        {
            "network": {
                "dimensions": 3,
                "block": 8,
                "deep_supervision": True,
                "filters": [4, 6, 8],
            },
            "augmentation": {"elastic": 0.05},
        },
        {"optimizer": {"name": "sgd", "schedule": "polynomial", "accumulate": 2}},
        {"loss": {"dice_over": "image", "focal": 0.5, "tversky": 0.5}},
        {"augmentation": {"elastic": 0.05, "shear": 10.0, "flip": True}},
        {"training": {"validate_every": 2, "empty": 0.5}},
    ],
    ids=lambda blocks: "-".join(f"{b}.{k}" for b, v in blocks.items() for k in v),
)
def test_every_option_trains_resumes_and_predicts(
    folders: list[SliceFolder], tmp_path: Path, blocks: dict[str, dict[str, object]]
) -> None:
    settings = changed(**blocks)
    sets = [SliceSet(part, **settings.reading) for part in (folders[:3], folders[3:])]
    card = card_with(context=settings.seen.model_dump())
    whole = train_on(*sets, disc_truth, settings, card, tmp_path / "a")
    with pytest.raises(Stop):
        train_on(
            *(*sets, disc_truth, settings, card, tmp_path / "b"),
            on_epoch=stop_after(2),
        )
    cut = train_on(*sets, disc_truth, settings, card, tmp_path / "b")
    assert cut.resolved.weights_sha256 == whole.resolved.weights_sha256
    assert whole.history["train/loss"].iloc[-1] < whole.history["train/loss"].iloc[0]
    assert predict_volume([whole.model], disc_volume(3)[0]).shape == (32, 32, 10)


def test_weights_that_would_never_move(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(training={"epochs": 2}, optimizer={"accumulate": 11})
    with pytest.raises(
        SlicewiseError, match="move after each 11 batches, and this training has 10"
    ):
        train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)


@pytest.mark.slow
def test_validation_dice_is_of_the_source_grid(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    """Against predicting the volumes with the finished model."""
    settings = experiment(epochs=3, select="final")
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    scores = []
    for number in (3, 4):
        image, mask = disc_volume(number)
        guess = predict_volume([done.model], image) == CARD.values["liver"][0]
        scores.append(2 * (guess & (mask > 0)).sum() / (guess.sum() + (mask > 0).sum()))
    assert done.history["val/dice"].iloc[-1] == pytest.approx(np.mean(scores), abs=1e-6)


class TooMuch(Exception):
    pass


def test_out_of_memory_says_what_to_lower(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> dict[str, float]:
        raise TooMuch("OOM when allocating tensor with shape[10,512,512,64]")

    monkeypatch.setattr(backend, "train_step", full)
    with pytest.raises(SlicewiseError, match=r"batch of 6 slices of 32 x 32; lower training.batch"):
        train_on(slices, validation_slices, disc_truth, experiment(), CARD, tmp_path)


def test_a_label_that_never_occurs(folders: list[SliceFolder], tmp_path: Path) -> None:
    made = []
    for folder in folders[:2]:
        geometry = read_json(folder.geometry)
        geometry["labels"] = ["liver", "spleen"]
        geometry["counts"] = [[n, 0] for (n,) in geometry["counts"]]
        path = tmp_path / f"{folder.case}.json"
        write_json(path, geometry)
        made.append(SliceFolder(folder.case, folder.image, folder.mask, path))
    with pytest.raises(SlicewiseError, match="spleen"):
        train_on(
            *(SliceSet(made), SliceSet([]), disc_truth, experiment(), CARD, tmp_path / "c"),
        )


@pytest.mark.slow
def test_a_training_in_parts_is_the_same_training(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(training={"epochs": 3})
    sets = (slices, validation_slices)
    whole = train_on(*sets, disc_truth, settings, CARD, tmp_path / "whole")
    inputs = TrainingInputs(*sets, settings, CARD)
    parts = [
        train_until(inputs, disc_truth, tmp_path / "parts", Callbacks(), epochs)
        for epochs in (1, 2, 1)
    ]
    assert [len(part.history) for part in parts] == [1, 2, 1]
    # what is asked of an earlier epoch is told of it, although the training is further
    assert parts[2].dice == parts[0].dice == parts[0].history[0]["val/dice"]
    done = train_on(*sets, disc_truth, settings, CARD, tmp_path / "parts")
    assert done.resolved.weights_sha256 == whole.resolved.weights_sha256
    assert done.history["val/dice"].tolist() == whole.history["val/dice"].tolist()


@pytest.mark.slow
def test_numbers_that_are_none_are_told_apart_from_other_faults(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(optimizer={"learning_rate": 1e30, "clip_norm": None})
    inputs = TrainingInputs(slices, validation_slices, settings, CARD)
    with pytest.raises(DivergedError):
        train_until(inputs, disc_truth, tmp_path, Callbacks(), 2)
