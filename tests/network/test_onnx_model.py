"""What is no ONNX file of ours, or no whole one, is refused; it is read without Keras."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.network.onnx_model import CARD, FORMAT_KEY, SEAL, WEIGHTS, load_onnx, sealed
from tests.discs import CARD as CARD_OF_DISCS


def body(**facts: Any) -> bytes:
    """Return a model that gives back what it is given, with our metadata."""
    shape = ["n", "rows", "columns", 1]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ("intensities", "probabilities")
    ]
    nodes = [helper.make_node("Identity", ["intensities"], ["probabilities"])]
    graph = helper.make_graph(nodes, "same", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    known = {FORMAT_KEY: "1", CARD: json.dumps(CARD_OF_DISCS.dump()), WEIGHTS: "ab" * 32}
    helper.set_model_props(model, {**known, **facts})
    return model.SerializeToString()


def stored(folder: Path, data: bytes) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(data)
    return path


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = stored(tmp_path, sealed(body()))
    model = load_onnx(path)
    assert model.card == CARD_OF_DISCS
    assert model.digest == sha256(path) and model.digest_of_weights == "ab" * 32
    images = np.arange(24, dtype=np.float64).reshape(2, 3, 4, 1)
    for given in (images, images[:, ::-1], images.astype(np.float32)):
        np.testing.assert_array_equal(model.predict_on_batch(given), given.astype(np.float32))
    # others read the digest as an entry of the metadata
    whole = onnx.load_from_string(path.read_bytes())
    assert {each.key for each in whole.metadata_props} == {FORMAT_KEY, CARD, WEIGHTS, SEAL}


@pytest.mark.parametrize("at", [0, 40, -200, -90, -50, -1])
def test_one_flipped_bit_is_noticed(tmp_path: Path, at: int) -> None:
    data = bytearray(sealed(body()))
    data[at] ^= 1
    with pytest.raises(SlicewiseError, match=r"m\.onnx: it is no model that slicewise export"):
        load_onnx(stored(tmp_path, bytes(data)))


@pytest.mark.parametrize(
    "data", [b"", b"text", body(), sealed(body())[:-1], sealed(body())[5:], sealed(body()) + b"\n"]
)
def test_what_others_wrote_and_what_was_cut_off_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SlicewiseError, match=r"m\.onnx: .*; export the model again"):
        load_onnx(stored(tmp_path, data))


def test_files_of_later_versions_are_refused(tmp_path: Path) -> None:
    later = stored(tmp_path, sealed(body(**{FORMAT_KEY: "2"})))
    with pytest.raises(SlicewiseError, match=r"m\.onnx: a later version .*format is 2"):
        load_onnx(later)
    card = CARD_OF_DISCS.dump()
    for changed, said in (
        ({**card, "sharpening": 2}, "sharpening"),
        ({**card, "recipe": {**card["recipe"], "tilt": 5}}, r"recipe\.tilt"),
    ):
        other = stored(tmp_path, sealed(body(**{CARD: json.dumps(changed)})))
        with pytest.raises(SlicewiseError, match=rf"does not know \({said}\)"):
            load_onnx(other)


def test_what_onnxruntime_cannot_load_is_said(tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError, match=r"m\.onnx: onnxruntime \S+ cannot load it"):
        load_onnx(stored(tmp_path, sealed(b"\x01\x02\x03")))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SlicewiseError, match="package onnxruntime, which is not installed"):
        load_onnx(stored(tmp_path, sealed(body())))
