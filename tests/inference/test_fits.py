"""Models that belong together, and images that are of their kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.inference.fits import checked, files_of, in_order, shared_card
from slicewise.network.model import model_card
from slicewise.volumes.volume import Volume
from tests.discs import card_with
from tests.inference.test_predict import finished
from tests.segmenting.made import ct


def test_folds_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("fold-10.keras", "fold-2.keras", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in files_of(tmp_path)] == ["fold-2.keras", "fold-10.keras"]
    assert files_of(tmp_path / "fold-2.keras") == [tmp_path / "fold-2.keras"]
    assert in_order([Path("a-10"), Path("a-9")])[0] == Path("a-9")
    with pytest.raises(SlicewiseError, match="no model"):
        files_of(tmp_path / "absent")


def test_models_share_what_they_say() -> None:
    assert shared_card([finished(2), finished(2, 4)]) == model_card(finished(2))
    with pytest.raises(SlicewiseError, match="the models differ in values"):
        shared_card([finished(2), finished(2, values={"organ0": [1], "organ1": [2]})])


def test_padding_becomes_air_and_other_kinds_are_refused() -> None:
    image = ct(1)
    padded = image.array.copy()
    padded[:2] = -3024
    shown = checked(Volume(padded, image.affine), card_with(), "a")
    assert shown.array.min() == -1024
    with pytest.raises(SlicewiseError, match=r"^a: .*; give a CT in Hounsfield units, like"):
        checked(Volume(np.abs(image.array), image.affine), card_with(), "a")
    with pytest.raises(SlicewiseError, match=r"1024 added: do this$"):
        checked(image.plus(1024), card_with(), "a", "do this")
    assert checked(image.plus(1024), card_with(intensity="arbitrary"), "a").array.max() > 1000


def test_each_channel_is_checked_and_one_may_lack() -> None:
    one = ct(1).array
    nothing = np.full_like(one, -1024)
    image = Volume(np.stack([one, nothing], axis=-1), np.eye(4))
    card = card_with(channels=["a", "b"], missing_channels="zero")
    np.testing.assert_array_equal(checked(image, card, "x").array, image.array)
    with pytest.raises(SlicewiseError, match=r"x \(channel b\)"):
        checked(image, card_with(channels=["a", "b"]), "x")
    with pytest.raises(SlicewiseError, match="channels a, b has 2 of them"):
        checked(ct(1), card, "x")
