"""Loading a finished model, whatever computes it: Keras, or onnxruntime without Keras."""

from __future__ import annotations

from pathlib import Path

from slicewise.network.card import Predictor
from slicewise.network.onnx_model import load_onnx

ONNX = ".onnx"


def load(path: Path) -> tuple[Predictor, str]:
    """Load a finished model by the kind of its file.

    Parameters
    ----------
    path : Path
        A ``.onnx`` file that ``slicewise export`` wrote, for which neither Keras nor
        its backend is imported; any other is one of Keras.

    Returns
    -------
    Predictor
        `slicewise.network.card.model_card` tells its card.
    str
        The same digest, the same model: of the arrays of weights, or of the file of ONNX.

    Raises
    ------
    SlicewiseError
        When the file is no model of slicewise, or what computes it is not installed.
    """
    if path.suffix == ONNX:
        model = load_onnx(path)
        return model, model.digest
    from slicewise.network.backend import prepare  # isort: skip  (before keras)
    from slicewise.network.model import load_model, weights_digest

    prepare()
    loaded = load_model(path)
    return loaded, weights_digest(loaded)
