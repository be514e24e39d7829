"""Models are loaded by the kind of their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.network.card import model_card
from slicewise.network.loaded import load
from slicewise.network.model import weights_digest
from slicewise.network.onnx_writer import to_onnx
from tests.inference.test_predict import finished


def test_both_kinds_predict_and_say_what_they_are(tmp_path: Path) -> None:
    model = finished(2)
    model.save(tmp_path / "a.keras")
    (tmp_path / "a.onnx").write_bytes(to_onnx(model, "a"))
    ours, digest = load(tmp_path / "a.keras")
    theirs, other = load(tmp_path / "a.onnx")
    assert digest == weights_digest(model) == theirs.digest_of_weights
    assert other == sha256(tmp_path / "a.onnx")
    assert model_card(ours) == model_card(theirs) == model_card(model)
    images = np.random.default_rng(0).normal(20, 60, (2, 9, 8, 1)).astype(np.float32)
    apart = np.abs(ours.predict_on_batch(images) - theirs.predict_on_batch(images))
    assert apart.max() < 1e-5
    for name in ("a.keras", "a.onnx"):
        (tmp_path / name).write_text("text")
        with pytest.raises(SlicewiseError, match=rf"{name}: "):
            load(tmp_path / name)
