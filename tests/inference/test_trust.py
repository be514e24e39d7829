"""What masks tell of themselves: counted again by plain loops, and said in sentences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.inference.trust import FoundLabel, Watch, flags_of, found_in, suspicion
from slicewise.volumes.volume import Volume, from_canonical
from tests.discs import card_with
from tests.inference.test_predict import TURNS

ONE = card_with()
TWO = card_with(labels=["a", "b"], values={"a": [5], "b": [300]})
REGIONS = card_with(
    labels=["a", "b"], values={"a": [5], "b": [6]}, regions={"whole": [1, 2], "core": [2]}
)


def probabilities(seed: int, outputs: int) -> np.ndarray:
    raw = np.random.default_rng(seed).random((3, 4, 5, outputs)).astype(np.float32)
    return raw / raw.sum(axis=-1, keepdims=True) if outputs == 3 else raw


def decided(likely: np.ndarray) -> np.ndarray:
    """Label, or region, by label, as plainly as can be."""
    if likely.shape[-1] == 3:
        return np.stack([likely.argmax(axis=-1) == k for k in (1, 2)], axis=-1)
    return likely > 0.5


@given(seed=st.integers(0, 1000), kind=st.sampled_from(["one", "two", "regions"]))
def test_confidence_and_agreement_are_dice(seed: int, kind: str) -> None:
    card, outputs = {"one": (ONE, 1), "two": (TWO, 3), "regions": (REGIONS, 2)}[kind]
    parts = [probabilities(seed + k, outputs) for k in range(2)]
    mean = np.mean(parts, axis=0, dtype=np.float32)
    watch = Watch(card)
    watch.add(mean[:1], np.concatenate([p[:1] for p in parts], axis=-1))
    watch.add(mean[1:], np.concatenate([p[1:] for p in parts], axis=-1))
    chosen = decided(mean)
    likely = mean[..., 1:] if outputs == 3 else mean
    for k, name in enumerate(card.found):
        soft = (
            2 * likely[..., k][chosen[..., k]].sum() / (likely[..., k].sum() + chosen[..., k].sum())
        )
        if chosen[..., k].any():
            assert watch.confidence[name] == pytest.approx(soft, rel=1e-5)
            between = ((likely[..., k] > 0.05) & (likely[..., k] < 0.95)).sum()
            assert watch.unsure[name] == pytest.approx(between / chosen[..., k].sum())
        else:
            assert name not in watch.confidence and name not in watch.unsure
        dice = []
        for own in map(decided, parts):
            total = own[..., k].sum() + chosen[..., k].sum()
            dice.append(2 * (own & chosen)[..., k].sum() / total if total else 1.0)
        assert watch.agreement[name] == pytest.approx(min(dice))


def test_a_single_model_agrees_with_nobody() -> None:
    watch = Watch(ONE)
    assert watch.agreement == {} and watch.confidence == {}
    likely = probabilities(1, 1)
    watch.add(likely, likely[..., :0])
    assert watch.agreement == {} and set(watch.confidence) == {"liver"}


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_volumes_pieces_and_edges_in_any_orientation(turn: int) -> None:
    canonical = np.zeros((20, 24, 12), np.uint16)
    canonical[5:9, 5:9, 0:3] = 5  # at the feet
    canonical[12:14, 12:14, 5:7] = 5
    canonical[19, 0:20, 4:8] = 300  # at the right and at the back
    affine = np.eye(4)
    affine[:3, :3] = TURNS[turn] @ np.diag(np.abs(TURNS[turn].T @ [2.0, 3.0, 5.0]))
    mask = Volume(from_canonical(canonical, affine), affine)
    assert mask.canonical().array.shape == canonical.shape
    a, b = found_in(mask, TWO, Watch(TWO))
    voxel = 0.03
    assert (a.label, a.ml) == ("a", pytest.approx(56 * voxel))
    assert a.pieces == [pytest.approx(48 * voxel), pytest.approx(8 * voxel)]
    assert a.cut == ["the feet"]
    assert b.cut == ["the patient's right", "the back"]
    assert b.pieces == [pytest.approx(80 * voxel)]


def test_regions_are_measured_as_a_whole() -> None:
    array = np.zeros((6, 6, 6), np.uint8)
    array[2:4, 2:4, 2:4] = 5
    array[2, 2, 2] = 6
    whole, core = found_in(Volume(array, np.diag([10, 10, 10, 1])), REGIONS, Watch(REGIONS))
    assert (whole.ml, core.ml) == pytest.approx((8.0, 1.0))
    assert len(whole.pieces) == 1


def test_piles_of_slices_have_pieces_of_slices() -> None:
    card = card_with(contiguous=False)
    array = np.zeros((6, 6, 3), np.uint8)
    array[0:2, 0:2] = 5
    (liver,) = found_in(Volume(array, np.eye(4)), card, Watch(card))
    assert len(liver.pieces) == 3 and liver.cut == []


def kinds(**changed: object) -> list[str]:
    given = {"label": "liver", "ml": 1500.0, "pieces": [1500.0], **changed}
    return [flag.kind for flag in flags_of([FoundLabel(**given)])]


def test_flags() -> None:
    assert kinds() == []
    assert kinds(ml=0.0, pieces=[]) == ["nothing found"]
    assert kinds(pieces=[1300.0, 200.0]) == ["several large pieces"]
    assert kinds(pieces=[1400.0, 100.0]) == [], "a small one beside it"
    assert kinds(ml=1.0, pieces=[0.5, 0.5]) == [], "specks"
    assert kinds(cut=["the head"]) == ["cut by the border"]
    assert kinds(agreement=0.84) == ["models disagree"]
    assert kinds(agreement=0.86) == []


def test_who_is_looked_at_first() -> None:
    def of(*flags: str, **changed: object) -> float:
        given = {"label": "liver", "ml": 1500.0, "confidence": 0.9, **changed}
        found = [FoundLabel(**given)]
        return suspicion(found, [*flags_of(found), *flags])

    assert of() == pytest.approx(0.1)
    assert of(agreement=0.6) > of(cut=["the feet"]) > of(confidence=0.5) > of()
    assert of(ml=0.0, confidence=None) == 2.0, "nothing found: nobody is sure of anything"
