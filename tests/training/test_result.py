"""What a training leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from slicewise.dataset.one_piece import OnePiece
from slicewise.errors import SlicewiseError
from slicewise.inference.assembled import assembled
from slicewise.network import backend
from slicewise.network.card import ModelCard, model_card
from slicewise.network.model import load_model
from slicewise.slices.batches import SliceSet
from slicewise.training import result
from slicewise.training.known import Drawn
from slicewise.volumes.volume import Volume
from tests.discs import CARD, card_with, disc_truth, disc_volume, experiment
from tests.training.runs import changed, plain, train_on


def test_weights_that_the_last_step_broke_are_no_model(
    slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No loss is computed after it, so only the weights tell."""
    real = backend.train_step

    def breaking(trainer: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, object]:
        logs = real(trainer, inputs)
        first = trainer.unet.trainable_variables[0]
        first.assign(np.full(first.shape, np.nan))
        return logs

    monkeypatch.setattr(backend, "train_step", breaking)
    given = plain(training={"epochs": 1, "steps_per_epoch": 1})
    kept: list[object] = []
    with pytest.raises(SlicewiseError, match="the weights are no numbers after epoch 1; try a low"):
        train_on(*(slices, SliceSet([]), disc_truth, given, CARD, tmp_path), save=kept.append)
    assert not kept


@pytest.mark.slow
def test_bfloat16_trains_and_gives_a_float32_model(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=8, precision="mixed_bfloat16")
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    assert done.history["val/dice"].iloc[-1] > 0.6
    policies = {layer.dtype_policy.name for layer in done.model.get_layer("unet").layers}
    assert policies == {"float32"}


@pytest.mark.slow
def test_postprocessing_is_decided_by_validation(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    steps: dict[str, object] = {"largest_component": "auto", "fill_holes": "auto"}
    settings = changed(postprocessing=steps)
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    after, found = model_card(done.model).postprocessing.model_dump(), done.resolved.postprocessing
    assert set(found) == {"largest_component", "fill_holes"}
    for step, one in found.items():
        assert one["kept"] == (one["dice_with"] > one["dice_without"])
        assert bool(after[step]) is one["kept"]
    assert after["largest_component"] in (False, ["liver"])
    assert found["largest_component"]["dice_with"] != found["largest_component"]["dice_without"]


def test_what_planes_count_is_settled_before_postprocessing(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Dice that is told is that of masks as the finished model makes them."""

    def settle_planes(model: object, card: ModelCard, *_: object) -> tuple[ModelCard, dict]:
        return card.weighted({"coronal": 1.0}), {}

    monkeypatch.setattr(result, "settle_planes", settle_planes)
    inference = {"planes": ["axial", "coronal"], "weights": "fitted"}
    given = plain(postprocessing={"fill_holes": "auto"}, inference=inference)
    known = [Held(name, disc_volume(int(name[-1]))) for name in ("case3", "case4")]
    card = card_with(inference=given.inference.model_dump())
    held = (slices, validation_slices, disc_truth)
    done = train_on(*held, given, card, tmp_path, known=known)
    own = model_card(done.model)
    assert own.inference.planes == ["coronal"]
    bare = own.settled({"fill_holes": False})
    dice = []
    for case in known:
        found = assembled([done.model], case.volume[0], card=bare).mask() > 0
        truth = case.volume[1] > 0
        dice.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    told = done.resolved.postprocessing["fill_holes"]["dice_without"]
    assert told == pytest.approx(np.mean(dice))
    assert told != pytest.approx(done.history["val/dice"].max(), abs=0.01)


@dataclass(frozen=True)
class Held:
    """A case that is there."""

    case: str
    volume: tuple[Volume, np.ndarray]

    def read(self) -> Drawn:
        return Drawn(*self.volume)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_held_out_folds_leave_postprocessing_to_the_training_masks(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, share: float
) -> None:
    steps: dict[str, object] = {"largest_component": "auto", "fill_holes": "auto"}
    said: list[str] = []
    written: list[Path] = []

    def keep(epoch: int, write: Callable[[Path], None]) -> None:
        written.append(tmp_path / f"{epoch}.keras")
        write(written[-1])

    done = train_on(
        *(slices, validation_slices, disc_truth),
        *(plain(postprocessing=steps, training={"epochs": 1}), CARD, tmp_path),
        may_select=False,
        one_piece={"liver": OnePiece(cases=3, patients=3, share=share, factor=2, of_field=0.1)},
        log=said.append,
        on_model=keep,
    )
    done.save(tmp_path / "m.keras", tmp_path / "h.csv", tmp_path / "s.npz")
    wanted = ["liver"] if share == 1 else False
    for model in (done.model, *map(load_model, [tmp_path / "m.keras", *written])):
        assert model_card(model).postprocessing.model_dump() == {
            "threshold": 0.5,
            "largest_component": wanted,
            "fill_holes": False,
        }
    decided = done.resolved.postprocessing["largest_component"]
    assert (decided["by"], decided["kept"]) == ("training masks", bool(wanted))
    assert decided["because"] in said[-1]


def test_samples_are_what_the_network_saw(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    done = train_on(slices, validation_slices, disc_truth, experiment(epochs=1), CARD, tmp_path)
    images, masks = done.samples["images"], done.samples["masks"]
    assert images.shape == masks.shape == (16, 32, 32)
    assert images.dtype == masks.dtype == np.uint8
    shown = masks.any(axis=(1, 2))
    assert images[shown][masks[shown] > 0].mean() > images[shown][masks[shown] == 0].mean() + 50
