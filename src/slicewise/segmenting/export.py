"""Models as ONNX files, for machines without TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

from slicewise.dataset.ensembles import NAME
from slicewise.errors import SlicewiseError
from slicewise.files import write_bytes, write_json
from slicewise.network.loaded import ONNX
from slicewise.segmenting.described import known_of
from slicewise.segmenting.expecting import FOLDER
from slicewise.segmenting.models import TOGETHER, TOLD, TOLD_OF_MASKS, TOLD_OF_SCANS, Chosen


def check_output(output: Path) -> None:
    """Refuse to write where something is.

    Raises
    ------
    SlicewiseError
        When there is a file or folder.
    """
    if output.exists():
        raise SlicewiseError(f"{output}: it is there already; name one that is new")


def export(chosen: Chosen, output: Path) -> list[Path]:
    """Write models as ONNX files, which say of themselves what is known of them now.

    Parameters
    ----------
    chosen : Chosen
        Models of Keras.
    output : Path
        A file that ends with .onnx; of several models a folder, of an ensemble
        with its ``ensemble.json``.

    Returns
    -------
    list of Path
        A file for each model; of an ensemble its own, too, and its calibrations.

    Raises
    ------
    SlicewiseError
        When something is there already, or a model cannot be exported: then
        nothing is written.
    """
    from slicewise.network.onnx_writer import to_onnx  # with Keras

    check_output(output)
    if chosen.exported:
        raise SlicewiseError(f"{chosen.name}: it is ONNX already; copy it")
    paths = _paths(chosen, output)
    shared = {TOGETHER: json.dumps(sorted(chosen.weights)), TOLD: json.dumps(known_of(chosen))}
    of_masks = {
        one.weights_sha256: {TOLD_OF_MASKS: one.model_dump_json()} for one in chosen.calibrations
    }
    of_scans = {
        one.resolved.weights_sha256: {TOLD_OF_SCANS: json.dumps(sorted(one.scans))}
        for one in chosen.trainings
    }
    written = [
        to_onnx(model, chosen.name, shared | of_masks.get(weights, {}) | of_scans.get(weights, {}))
        for model, weights in zip(chosen.models, chosen.weights, strict=True)
    ]
    for path, data in zip(paths, written, strict=True):
        write_bytes(path, data)
    if chosen.weighed is None:
        return paths
    beside = {output / NAME: chosen.weighed.model_dump()} | {
        output / FOLDER / f"{one.weights_sha256[:16]}.json": one.model_dump()
        for one in chosen.calibrations
    }
    for path, content in beside.items():
        write_json(path, content)
    return [*paths, *beside]


def _paths(chosen: Chosen, output: Path) -> list[Path]:
    several = len(chosen.models) > 1
    if several and output.suffix == ONNX:
        raise SlicewiseError(
            f"{output}: {chosen.name} has {len(chosen.models)} models, a file each; name a folder, "
            f"or export one {'member' if chosen.weighed else 'fold'}"
        )
    if chosen.weighed is not None:
        return [output / f"{name}{ONNX}" for name in chosen.weighed.names]
    if several:
        return [output / f"fold-{fold}{ONNX}" for fold in range(len(chosen.models))]
    if output.suffix != ONNX:
        raise SlicewiseError(f"{output}: a file of this kind ends with {ONNX}; name it so")
    return [output]
