"""From a volume to a mask on the volume's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slicewise.model.backend import prepare  # isort: skip  (sets up the backend before keras)

import keras
import numpy as np
from skimage import measure

from slicewise.config import Recipe
from slicewise.errors import SlicewiseError
from slicewise.model import layers  # noqa: F401  (registers the layers that models are made of)
from slicewise.model.unet import model_card
from slicewise.slices.extract import SliceSource
from slicewise.volumes.volume import Volume, from_canonical


def load_model(path: Path) -> keras.Model:
    """Load a finished model in Keras' safe mode: no code in the file is run.

    Raises
    ------
    SlicewiseError
        When the file is no model of slicewise.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        model_card(model)
    except (OSError, ValueError, TypeError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "unreadable"
        raise SlicewiseError(
            f"{path}: not a model of slicewise ({first}); train it again"
        ) from None
    return model


def predict_volume(models: Sequence[keras.Model], image: Volume, batch: int = 8) -> np.ndarray:
    """Segment a volume with one model, or with the mean probability of several.

    Slices are cut, predicted and brought back a few at a time; only the mask
    is kept whole.

    Parameters
    ----------
    models : sequence of keras.Model
        Finished models of the same labels and slice recipe.
    image : Volume
        Raw intensities on any grid and in any orientation.
    batch : int
        Slices at a time.

    Returns
    -------
    ndarray of uint8
        Mask on the image's own grid, with the mask values of the data set.
    """
    card = model_card(models[0])
    source = SliceSource(image, Recipe(**card["recipe"]), card["intensity"])
    after = card["postprocessing"]
    rows, columns = (axis.length for axis in source.grid.axes)
    stack = np.zeros((len(source), rows, columns), np.uint8)
    for start in range(0, len(source), batch):
        stop = min(start + batch, len(source))
        images = source.read(start, stop)[..., None].astype(np.float32)
        # Full batches only: another shape would compile the network again.
        images = np.pad(images, [(0, batch - len(images)), (0, 0), (0, 0), (0, 0)], mode="edge")
        mean = np.mean([np.asarray(m.predict_on_batch(images)) for m in models], axis=0)
        stack[start:stop] = _decide(source.grid.enlarge(mean[: stop - start]), after)
    mask = np.ascontiguousarray(source.grid.unstack(stack))
    if after["largest_component"]:
        mask = largest_components(mask, len(card["labels"]))
    values = np.array([0, *(card["values"][name][0] for name in card["labels"])], np.uint8)
    return from_canonical(values[mask], image.affine)


def _decide(probabilities: np.ndarray, after: dict[str, Any]) -> np.ndarray:
    if probabilities.shape[-1] == 1:
        return (probabilities[..., 0] > after["threshold"]).astype(np.uint8)
    return probabilities.argmax(axis=-1).astype(np.uint8)


def largest_components(mask: np.ndarray, labels: int) -> np.ndarray:
    """Keep the largest 3-D component of each label (26 neighbours)."""
    kept = np.zeros_like(mask)
    for label in range(1, labels + 1):
        parts = measure.label(mask == label)
        sizes = np.bincount(parts.ravel())
        if len(sizes) > 1:
            kept[parts == sizes[1:].argmax() + 1] = label
    return kept


__all__ = ["largest_components", "load_model", "predict_volume", "prepare"]
