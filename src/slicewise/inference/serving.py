"""A finished model as MLflow loads and serves it: volumes in, masks and millilitres out.

MLflow is told the name of this module (`slicewise.tracking.package`) and calls
`_load_pyfunc`; nothing here needs MLflow.
"""

from __future__ import annotations

import base64
import logging
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slicewise.dataset.ensembles import EnsembleRecord, ensemble_in, models_of
from slicewise.errors import SlicewiseError
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.fits import checked, files_of, shared_card
from slicewise.inference.orders import Order, check_masks, order_of
from slicewise.inference.predict import mixed, predict_volume
from slicewise.inference.unlike import seen_of, unlike
from slicewise.network.backend import prepare
from slicewise.network.card import Predictor
from slicewise.network.model import load_model
from slicewise.volumes.channels import read_channels
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.nifti import read_channels_of, read_nifti
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

logger = logging.getLogger(__name__)


def _load_pyfunc(path: str) -> Segmenter:
    """Load what MLflow stored: a finished model, a folder of them, or an ensemble.

    Raises
    ------
    SlicewiseError
        When there is none, one is damaged, or they do not belong together.
    """
    prepare()
    own = ensemble_in(Path(path))
    if own is None:
        return Segmenter([load_model(file) for file in files_of(Path(path))])
    record = EnsembleRecord.read(own)
    models = [load_model(file) for file in models_of(own, record)]
    return Segmenter(models, Ensemble.told(record, models))


class Segmenter:
    """One or several finished models behind the method that MLflow calls.

    Parameters
    ----------
    models : sequence of Predictor
        Finished models of the same labels and slice recipe; their mean
        probability is taken.
    ensemble : Ensemble, optional
        Experiments that segment together, whose models these are, member after member.

    Raises
    ------
    SlicewiseError
        When the models differ in what they must share.
    """

    def __init__(self, models: Sequence[Predictor], ensemble: Ensemble | None = None) -> None:
        self.models = models
        self.ensemble = ensemble
        self.card = shared_card(models) if ensemble is None else ensemble.card
        # A server calls from several threads, while memory is meant for one volume at a time.
        self._alone = threading.Lock()

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Segment volumes.

        Parameters
        ----------
        model_input : DataFrame, list of dict, or dict
            A row (a dict) for each volume:

            image : path of a NIfTI file, or array of shape (i, j, k)
                Raw intensities of the kind that the models were trained on. Where
                these take several channels: a 4-D file, an array of shape
                (i, j, k, channels), or a mapping of each channel to its file,
                which are brought onto the grid of the first.
            affine : array of shape (4, 4), with an array
                From voxel indices to mm in RAS+, as in NIfTI.
            spacing : three numbers, with an array that has no affine
                Voxel size in mm; the axes then run to the patient's right,
                front and head (RAS+).
            mask : path, with a path
                NIfTI file to write. An image is never overwritten.

            A `spacing` beside a path is for a file that has lost the size of
            its voxels; others are refused.
        params : mapping, optional
            ``overwrite``: whether a `mask` may replace a file (default False).
            ``offset``: added to all voxels of all images (default 0), such as
            -1024 for CT that is stored with 1024 added.

        Returns
        -------
        DataFrame
            In the order and with the index of the input, ``mask``: the path that
            was written; for a path without one, the bytes of a ``.nii.gz`` in
            base64; for an array, an array on the same grid, of uint8, or uint16
            where a label has a value above 255. It holds the mask values of
            the data set. And for each label, or region, ``<label>_ml``: its volume in
            millilitres.

        Raises
        ------
        SlicewiseError
            When a row cannot be used: before the first volume is segmented, as
            far as that shows without opening images. Masks that were written
            until then are complete.
        """
        if isinstance(model_input, pd.DataFrame):
            records = model_input.to_dict("records")
            index = model_input.index
        else:
            records = [model_input] if isinstance(model_input, Mapping) else list(model_input)
            index = pd.RangeIndex(len(records))
        orders = [order_of(record, number) for number, record in enumerate(records)]
        check_masks(orders, bool((params or {}).get("overwrite", False)))
        columns = ["mask", *(f"{label}_ml" for label in self.card.found)]
        offset = int((params or {}).get("offset", 0))
        with self._alone:
            rows = [self._segment(order, offset) for order in orders]
        return pd.DataFrame(rows, index=index, columns=columns)

    def _segment(self, order: Order, offset: int) -> dict[str, Any]:
        stored, header = self._read(order, offset)
        image = checked(self._placed(stored, order).plus(offset), self.card, order.name)
        for flag in unlike(seen_of(image, self.card), [], self.card):
            logger.warning("%s: %s", order.name, flag.sentence)
        array = self._predict(image)
        # the mask goes where the file says that its image is
        mask = Volume(array, stored.affine)
        result: Any = array
        if order.mask is not None:
            _write(order.mask, mask, header)
            result = str(order.mask)
        elif isinstance(order.image, Path):
            result = _encoded(mask, header)
        row = {"mask": result}
        values = [0, *(own[0] for own in self.card.values.values())]
        for label, numbers in self.card.found.items():
            voxels = np.count_nonzero(np.isin(array, [values[number] for number in numbers]))
            row[f"{label}_ml"] = voxels * image.voxel_ml
        return row

    def _predict(self, image: Volume) -> np.ndarray:
        if self.ensemble is None:
            return predict_volume(self.models, image)
        return mixed(self.ensemble, image).mask()

    def _read(self, order: Order, offset: int) -> tuple[Volume, Any]:
        """Read an image, and its header if it is a file."""
        channels = self.card.channels
        if order.channels is not None:
            given = list(order.channels)
            lacking = [name for name in channels or [] if name not in given]
            allowed = self.card.missing_channels == "zero"
            unknown = sorted(set(given) - set(channels or []))
            if unknown or (lacking and not allowed):
                wanted = ", ".join(channels) if channels else "one channel, so a path"
                raise SlicewiseError(
                    f"{order.name}: the model takes {wanted}, and not {', '.join(given)}; give "
                    "the files of these"
                )
            empty = (-1024.0 - offset) if self.card.intensity == "hu" else 0.0
            groups = [
                (name, [order.channels[name]] if name in given else []) for name in channels or []
            ]
            first = next(paths[0] for _, paths in groups if paths)
            return read_channels(groups, empty), read_nifti(first)[1]
        if isinstance(order.image, Volume):
            if channels is None and order.image.array.ndim != 3:
                raise SlicewiseError(
                    f"{order.name}: it is neither a path nor a 3-D array of numbers; give one of "
                    "them"
                )
            return order.image, None
        return (read_channels_of if channels else read_nifti)(order.image)

    def _placed(self, image: Volume, order: Order) -> Volume:
        """Give a file without geometry its voxel size; refuse it where something needs one."""
        needed = self.card.contiguous or self.card.measured
        if image.lost and order.spacing is None and needed:
            raise SlicewiseError(
                f"{order.name}: its header has lost the size of its voxels (it has no place, and "
                "1 × 1 × 1 mm), so no volume can be told; add the column spacing (three numbers, "
                "mm)"
            )
        return with_spacing(image, order.spacing)


def _write(path: Path, mask: Volume, header: Any) -> None:
    try:
        write_nifti(path, mask, header, mask.array.dtype)
    except OSError as error:
        raise SlicewiseError(
            f"{path}: the mask cannot be written ({error.strerror}); give another path or check "
            "the permissions of its folder"
        ) from error


def _encoded(mask: Volume, header: Any) -> str:
    """Return the bytes of a ``.nii.gz`` as base64 text, which JSON can hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.nii.gz"
        _write(path, mask, header)
        return base64.b64encode(path.read_bytes()).decode("ascii")
