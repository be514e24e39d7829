"""What models say of all slices comes back to the grid of the volume, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Context
from slicewise.inference.assembled import apart, assembled, cuts_of
from slicewise.inference.predict import Request, predict_cases
from slicewise.inference.trust import Watch, found_in
from slicewise.slices.extract import SliceSource
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.discs import CARD, card_with
from tests.inference.test_predict import Pointwise, finished, phantom


def test_slices_of_blocks_are_observed_once_each() -> None:
    model = Pointwise(card_with(context=Context(slices=8, block=True).model_dump()))
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    image = phantom(3, (16, 16, 19))
    assembled([model] * 2, image, observe=lambda *told: seen.append(told))
    likely, own = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    assert likely.shape == (19, 32, 32, 1) and own.shape == (19, 32, 32, 2)
    alone = Pointwise(CARD).predict_on_batch(
        SliceSource(image, CARD.recipe, "hu").around(np.arange(19), CARD.context)
    )
    for each in (likely[..., 0], own[..., 0], own[..., 1]):
        np.testing.assert_allclose(each, alone[..., 0], rtol=1e-4, atol=1e-6)


class Apart:
    """A model of two labels that says `a` nowhere: `b` in one plane, and nothing in the other."""

    layers = ()
    card = card_with(
        labels=["a", "b"],
        values={"a": [5], "b": [6]},
        recipe={},
        inference={"flip": "none", "shift": 0, "planes": ["axial", "coronal"]},
    )

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        axial = images.shape[1:3] == (16, 18)
        says = np.array([0.45, 0.4, 0.15] if axial else [0.15, 0.4, 0.45], np.float32)
        return np.broadcast_to(says, (*images.shape[:3], 3))


@dataclass(frozen=True)
class Watched(Request):
    """A request of which is told how sure of it the model is."""

    watch: Watch = field(kw_only=True)
    observed = True

    def observe(self, probabilities: np.ndarray, own: np.ndarray | None) -> None:
        self.watch.add(probabilities, own)


@pytest.mark.parametrize("stored", [False, True])
def test_planes_are_as_sure_as_what_they_find_together(stored: bool, tmp_path: Path) -> None:
    image = phantom(3, (16, 18, 20))
    model = Apart()
    watch = Watch(model.card)
    if stored:
        write_nifti(tmp_path / "x.nii", image)
        asked = Watched("x", tmp_path / "x.nii", tmp_path / "m.nii", [model], watch=watch)
        ((_, mask),) = predict_cases([asked])
    else:
        mask = assembled([model], image, observe=watch.add).mask()
    assert np.all(mask == 5)
    a, b = found_in(Volume(mask, image.affine), model.card, watch)
    assert a.confidence == pytest.approx(2 * 0.4 / (0.4 + 1), rel=1e-3)
    assert a.unsure == 1
    assert b.confidence is None and b.unsure is None


def test_what_models_say_is_parted_from_their_mean():
    outputs = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    mean, own = apart(outputs, 1)
    assert mean.flags.c_contiguous
    np.testing.assert_array_equal(mean, outputs[..., :1])
    np.testing.assert_array_equal(own, outputs[..., 1:])
    alone, none = apart(outputs, 3)
    assert alone is outputs
    assert none.shape == (2, 2, 2, 0)


def test_probabilities_are_kept_where_that_is_asked_for():
    image = phantom(4)
    kept = assembled([finished(2)], image, keep=True)
    plain = assembled([finished(2)], image)
    likely = kept.probabilities()
    np.testing.assert_array_equal(kept.mask(), plain.mask())
    assert {each.shape for each in likely.values()} == {image.array.shape}
    with pytest.raises(ValueError, match="not kept"):
        plain.probabilities()


@pytest.mark.parametrize("value", [0, -1024, -2048, 37])
def test_a_missing_channel_of_a_ct_is_air_whatever_value_it_holds(value):
    one = phantom(4)
    nothing = np.full_like(one.array, value)
    image = Volume(np.stack([one.array, nothing], axis=-1), one.affine)
    card = card_with(channels=["a", "b"], missing_channels="zero")
    (cut,) = cuts_of(image, card, "x")
    # what training fills such a channel with
    assert np.unique(cut.read(0, len(cut))[:, 1]).tolist() == [-1024]
    (alone,) = cuts_of(one, CARD, "x")
    np.testing.assert_array_equal(cut.read(0, 3)[:, 0], alone.read(0, 3))
