"""Finished models in ONNX files: read and run by onnxruntime, without Keras."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from slicewise.errors import SlicewiseError
from slicewise.network.card import ModelCard
from slicewise.surroundings import available_threads

INPUT = "intensities"
OUTPUT = "probabilities"
FORMAT = 1
"""Of what the metadata hold; counted up when an older reader would misunderstand them."""
FORMAT_KEY = "slicewise"
CARD = "slicewise.card"
WEIGHTS = "slicewise.weights"
SEAL = "slicewise.sha256"


def sealed(body: bytes) -> bytes:
    """Return a serialised ONNX model with a digest of it as the last of its metadata.

    A flipped bit in a weight would give other masks without a word: ONNX has no
    checksum of its own. Serialised messages that follow each other are one, so
    the digest is simply written behind.

    See Also
    --------
    https://protobuf.dev/programming-guides/encoding/#last-one-wins
    """
    return body + _seal(body)


def _seal(body: bytes) -> bytes:
    """Return the bytes of one entry of the metadata: field 14 of a model, a key and a value."""
    key = SEAL.encode()
    value = hashlib.sha256(body).hexdigest().encode()
    entry = bytes([0x0A, len(key)]) + key + bytes([0x12, len(value)]) + value
    return bytes([0x72, len(entry)]) + entry


_SEALED = len(_seal(b""))


class OnnxModel:
    """A finished model that onnxruntime computes, on the processor and in float32.

    Attributes
    ----------
    card : ModelCard
        What it says of itself.
    digest : str
        SHA-256 of its file: it is not quite the model that it was exported from.
    facts : dict of str to str
        All metadata of the file.
    """

    def __init__(self, session: Any, card: ModelCard, digest: str, facts: dict[str, str]) -> None:
        self._session = session
        self.card = card
        self.digest = digest
        self.facts = facts

    @property
    def digest_of_weights(self) -> str:
        """Of the model that it was exported from, as `weights_digest` gives it."""
        return self.facts[WEIGHTS]

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the probabilities of slices.

        Parameters
        ----------
        images : ndarray, shape (n, rows, columns, channels)
            Raw intensities.

        Returns
        -------
        ndarray of float32, shape (n, rows, columns, outputs)
        """
        given = {INPUT: np.ascontiguousarray(images, np.float32)}
        return np.asarray(self._session.run([OUTPUT], given)[0])


def load_onnx(path: Path) -> OnnxModel:
    """Load a model that ``slicewise export`` wrote.

    Raises
    ------
    SlicewiseError
        When the file is none, is damaged, or is of a later version; or where
        onnxruntime is not installed.
    """
    return read_onnx(path.read_bytes(), str(path))


def read_onnx(data: bytes, name: str) -> OnnxModel:
    """Load a model from the bytes of its file.

    Parameters
    ----------
    data : bytes
    name : str
        How messages call the file.

    Raises
    ------
    SlicewiseError
        As of `load_onnx`.
    """
    body = data[:-_SEALED]
    if data[-_SEALED:] != _seal(body):
        raise SlicewiseError(
            f"{name}: it is no model that slicewise export wrote, or was changed or cut off since; "
            "export the model again"
        )
    session = _session(data, name)
    facts = dict(session.get_modelmeta().custom_metadata_map)
    if facts.get(FORMAT_KEY) != str(FORMAT):
        raise SlicewiseError(
            f"{name}: a later version of slicewise wrote it (its format is "
            f"{facts.get(FORMAT_KEY)}, and this version reads {FORMAT}); install that version, or "
            "export the model with this one"
        )
    return OnnxModel(session, _card(facts[CARD], name), hashlib.sha256(data).hexdigest(), facts)


def _session(data: bytes, name: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise SlicewiseError(
            f"{name}: to run an ONNX model takes the package onnxruntime, which is not installed; "
            "install it with python -m pip install onnxruntime"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_threads()
    options.log_severity_level = 3  # errors, which are raised anyway
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of its own kinds, which it does not name
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise SlicewiseError(
            f"{name}: onnxruntime {onnxruntime.__version__} cannot load it ({first}); install a "
            "later onnxruntime"
        ) from None


def _card(text: str, name: str) -> ModelCard:
    """Return the card, unless it says what this version would pass over."""
    values = json.loads(text)
    unknown = sorted(set(values) - set(ModelCard.model_fields))
    try:
        card = ModelCard(**values)
    except ValidationError as error:
        unknown = [".".join(map(str, each["loc"])) for each in error.errors()]
    if unknown:
        raise SlicewiseError(
            f"{name}: another version of slicewise wrote it, whose models say what this version "
            f"does not know ({', '.join(unknown)}); install that version, or export the model "
            "with this one"
        )
    return card
