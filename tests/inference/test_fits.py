"""Models that belong together, and images that are of their kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.inference.fits import checked, files_of, in_order, shared_card
from slicewise.inference.predict import predict_volume
from slicewise.network.card import model_card
from slicewise.volumes.volume import Volume
from tests.discs import card_with
from tests.inference.test_predict import finished, phantom
from tests.inference.test_unlike import as_mr, card, patient
from tests.segmenting.made import ct

O0, O1 = "organ0", "organ1"


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


@pytest.mark.parametrize(
    ("kept", "common"),
    [
        (([O0, O1], [O0]), [O0]),
        (([O0], [O1]), False),
        ((True, [O1]), [O1]),
        ((True, True), True),
        (([O0], False), False),
    ],
)
def test_models_keep_the_largest_component_where_all_of_them_do(
    kept: tuple[Any, Any], common: Any
) -> None:
    """Folds settle it by their own training masks."""
    after = [{"threshold": 0.5, "largest_component": one, "fill_holes": True} for one in kept]
    models = [finished(2, 3 + n, postprocessing=one) for n, one in enumerate(after)]
    agreed = shared_card(models).postprocessing
    assert agreed == shared_card(models[::-1]).postprocessing
    assert (agreed.largest_component, agreed.fill_holes) == (common, True)
    # and so do masks
    image = phantom(5)
    fixed = {**after[0], "largest_component": common}
    same = [finished(2, 3, postprocessing=fixed), finished(2, 4, postprocessing=fixed)]
    np.testing.assert_array_equal(predict_volume(models, image), predict_volume(same, image))


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
    empty = Volume(np.stack([nothing, nothing + 24], axis=-1), np.eye(4))
    with pytest.raises(SlicewiseError, match="x: each of its channels has a single value"):
        checked(empty, card, "x")


def test_a_ct_is_refused_by_a_model_of_mr_and_the_other_way_round() -> None:
    ct_scan, _ = patient(9)
    mr_scan = as_mr(ct_scan)
    of_mr = card(3, "arbitrary")
    assert checked(mr_scan, of_mr, "a") is mr_scan
    with pytest.raises(SlicewiseError, match=r"^a: it holds the Hounsfield units of a CT, and"):
        checked(ct_scan, of_mr, "a")
    of_ct = card_with(intensity="arbitrary", ranges=card(3).ranges.model_dump())
    assert checked(ct_scan, of_ct, "a") is ct_scan
    with pytest.raises(SlicewiseError, match=r"^a: it is no CT in Hounsfield units, and the model"):
        checked(mr_scan, of_ct, "a")
    with pytest.raises(SlicewiseError, match=r"give a CT in Hounsfield units"):
        checked(mr_scan, card(3), "a")
    # models of earlier versions do not know
    assert checked(ct_scan, card_with(intensity="arbitrary"), "a") is ct_scan


def test_models_that_are_averaged_have_the_ranges_of_all() -> None:
    models = [finished(1, seed, ranges=card(n).ranges.model_dump()) for seed, n in ((3, 1), (4, 3))]
    ranges = shared_card(models).ranges
    assert ranges == card(3).ranges  # its first patient is that of the other one
    assert shared_card([models[0], finished(1, 4)]).ranges is None
