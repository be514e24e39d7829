"""A finished model as MLflow loads and serves it: volumes in, masks and millilitres out.

MLflow is told the name of this module (`slicewise.tracking.package`) and calls
`_load_pyfunc`; nothing here needs MLflow.
"""

from __future__ import annotations

import base64
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.inference.predict import predict_volume, prepare  # isort: skip

import keras
import numpy as np
import pandas as pd

from slicewise.errors import SlicewiseError
from slicewise.network.model import load_model, model_card
from slicewise.volumes.checks import OFFSET_FITS, STORED, check_image
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.nifti import has_lost_geometry, read_nifti
from slicewise.volumes.padding import as_air
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

COLUMNS = ("image", "mask", "spacing", "affine")

SHARED = ("labels", "values", "recipe", "intensity", "context", "contiguous")
"""What the models of an ensemble must agree on."""

INTENSITIES = {
    "hu": "a CT in Hounsfield units",
    "clipped_hu": "a CT in Hounsfield units, clipped as theirs were",
    "arbitrary": "an image of their kind",
}


def _load_pyfunc(path: str) -> Segmenter:
    """Load what MLflow stored: a finished model, or a folder of them.

    Raises
    ------
    SlicewiseError
        When there is none, one is damaged, or they do not belong together.
    """
    prepare()
    place = Path(path)
    # fold-2 before fold-10, as the workflow averages them: the sum is then the same to the bit
    files = sorted(place.glob("*.keras"), key=lambda file: (len(file.name), file.name))
    if place.is_file():
        files = [place]
    if not files:
        raise SlicewiseError(f"{place}: there is no model (.keras) in it; log the model again")
    return Segmenter([load_model(file) for file in files])


@dataclass(frozen=True)
class _Order:
    """A volume to segment.

    Attributes
    ----------
    name : str
        How messages name it.
    image : Path or Volume
        NIfTI file, or what was handed over as an array.
    mask : Path or None
        NIfTI file to write; None: the mask is returned.
    spacing : sequence of float, or None
        Voxel size in mm of a file that has lost it.
    """

    name: str
    image: Path | Volume
    mask: Path | None
    spacing: Sequence[float] | None = None


class Segmenter:
    """One or several finished models behind the method that MLflow calls.

    Parameters
    ----------
    models : sequence of keras.Model
        Finished models of the same labels and slice recipe; their mean
        probability is taken.

    Raises
    ------
    SlicewiseError
        When the models differ in what they must share.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        self.models = models
        self.card = model_card(models[0])
        for key in SHARED:
            if any(getattr(model_card(model), key) != getattr(self.card, key) for model in models):
                raise SlicewiseError(
                    f"the models differ in {key}; put only folds of one experiment together"
                )
        # A server calls from several threads, while memory is meant for one volume at a time.
        self._alone = threading.Lock()

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Segment volumes.

        Parameters
        ----------
        model_input : DataFrame, list of dict, or dict
            A row (a dict) for each volume:

            image : path of a NIfTI file, or array of shape (i, j, k)
                Raw intensities of the kind that the models were trained on.
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
            base64; for an array, an array of uint8 on the same grid. It holds
            the mask values of the data set. And for each label
            ``<label>_ml``: its volume in millilitres.

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
        orders = [_order(record, number) for number, record in enumerate(records)]
        _check_masks(orders, bool((params or {}).get("overwrite", False)))
        columns = ["mask", *(f"{label}_ml" for label in self.card.labels)]
        offset = int((params or {}).get("offset", 0))
        with self._alone:
            rows = [self._segment(order, offset) for order in orders]
        return pd.DataFrame(rows, index=index, columns=columns)

    def _segment(self, order: _Order, offset: int) -> dict[str, Any]:
        header = None
        if isinstance(order.image, Volume):
            stored = order.image
        else:
            stored, header = read_nifti(order.image)
        image = self._placed(stored, order).plus(offset)
        if self.card.intensity == "hu":
            image = as_air(image, order.name)
        self._check(image, order.name)
        array = predict_volume(self.models, image)
        # the mask goes where the file says that its image is
        mask = Volume(array, stored.affine)
        result: Any = array
        if order.mask is not None:
            _write(order.mask, mask, header)
            result = str(order.mask)
        elif isinstance(order.image, Path):
            result = _encoded(mask, header)
        row = {"mask": result}
        for label in self.card.labels:
            voxels = np.count_nonzero(array == self.card.values[label][0])
            row[f"{label}_ml"] = voxels * image.voxel_ml
        return row

    def _placed(self, image: Volume, order: _Order) -> Volume:
        """Give a file without geometry its voxel size; refuse it where millilitres need one."""
        if image.lost and order.spacing is None and self.card.contiguous:
            raise SlicewiseError(
                f"{order.name}: its header has lost the size of its voxels (it has no place, and "
                "1 × 1 × 1 mm), so no volume can be told; add the column spacing (three numbers, "
                "mm)"
            )
        return with_spacing(image, order.spacing)

    def _check(self, image: Volume, name: str) -> None:
        """Refuse intensities of another kind than the models were trained on."""
        try:
            check_image(image, name, self.card.intensity)
        except SlicewiseError as error:
            # what a data set's settings could change about it, a finished model cannot
            fault, _, _ = str(error).rpartition("; ")
            if OFFSET_FITS in str(error):
                raise SlicewiseError(
                    f"{fault}; they {OFFSET_FITS}: set the parameter offset to {STORED}"
                ) from None
            wanted = INTENSITIES[self.card.intensity]
            raise SlicewiseError(
                f"{fault}; give {wanted}, like those that the model was trained on"
            ) from None


def _order(record: Any, number: int) -> _Order:
    """Check a row as far as that goes without opening its image."""
    if not isinstance(record, Mapping):
        raise SlicewiseError(
            f"row {number}: this is no mapping of columns to values; give a DataFrame, or a list "
            f"of dicts with the keys {', '.join(COLUMNS)}"
        )
    if unknown := sorted(map(str, record.keys() - set(COLUMNS))):
        raise SlicewiseError(
            f"row {number}: there is no column {unknown[0]!r}; the columns are {', '.join(COLUMNS)}"
        )
    image, mask, spacing, affine = (_given(record, column) for column in COLUMNS)
    if not isinstance(image, str | os.PathLike):
        name = f"image of row {number}"
        if mask is not None:
            raise SlicewiseError(
                f"{name}: it is an array, so its mask comes back as one; leave out the column mask"
            )
        return _Order(name, Volume(_array(image, name), _affine(affine, spacing, name)), None)
    path = Path(image)
    if not path.is_file():
        raise SlicewiseError(
            f"{path}: there is no such file where the model runs; give a path of that machine"
        )
    if affine is not None or (spacing is not None and not has_lost_geometry(path)):
        raise SlicewiseError(
            f"{path}: a file knows where its voxels lie; leave out affine and spacing"
        )
    sizes = None if spacing is None else _sizes(spacing, str(path))
    return _Order(str(path), path, None if mask is None else Path(mask), sizes)


def _given(record: Mapping[str, Any], column: str) -> Any:
    """Return a value, or None where a table has a gap."""
    value = record.get(column)
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _array(values: Any, name: str) -> np.ndarray:
    """Return voxels in the types that they have when they are read from files."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or array.ndim != 3:
        raise SlicewiseError(
            f"{name}: it is neither a path nor a 3-D array of numbers; give one of them"
        )
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _affine(affine: Any, spacing: Any, name: str) -> np.ndarray:
    """Return the affine of an array, from itself or from the size of its voxels."""
    if affine is None and spacing is None:
        raise SlicewiseError(
            f"{name}: nothing says how large its voxels are; add affine (4 × 4) or spacing "
            "(three numbers, mm)"
        )
    if affine is None:
        return np.diag([*_sizes(spacing, name), 1.0])
    matrix = _numbers(affine, (4, 4))
    usable = matrix is not None and np.linalg.matrix_rank(matrix[:3, :3]) == 3
    if matrix is None or not usable or matrix[3].tolist() != [0, 0, 0, 1]:
        raise SlicewiseError(
            f"{name}: its affine is no regular 4 × 4 matrix with 0 0 0 1 as its last row; give "
            "the one from voxel indices to mm in RAS+, as NIfTI has it"
        )
    return matrix


def _sizes(spacing: Any, name: str) -> list[float]:
    sizes = _numbers(spacing, (3,))
    if sizes is None or sizes.min() <= 0:
        raise SlicewiseError(
            f"{name}: its spacing is not three positive numbers; give the voxel size along "
            "each axis in mm"
        )
    return [float(size) for size in sizes]


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.shape == shape and np.isfinite(array).all() else None


def _check_masks(orders: Sequence[_Order], overwrite: bool) -> None:
    """Refuse masks to write that would cost a file, or that are no NIfTI."""
    images = {order.image.resolve() for order in orders if isinstance(order.image, Path)}
    taken: set[Path] = set()
    for path in (order.mask for order in orders if order.mask is not None):
        place = path.resolve()
        if not is_nifti(path):
            raise SlicewiseError(f"{path}: a mask is written as NIfTI; end it in .nii or .nii.gz")
        if place in images:
            raise SlicewiseError(f"{path}: the mask would overwrite an image; give another path")
        if place in taken:
            raise SlicewiseError(f"{path}: two masks have this path; give each its own")
        if path.exists() and not overwrite:
            raise SlicewiseError(
                f"{path}: there is such a file already; give another path, or set the parameter "
                "overwrite to true"
            )
        taken.add(place)


def _write(path: Path, mask: Volume, header: Any) -> None:
    try:
        write_nifti(path, mask, header, np.uint8)
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


__all__ = ["Segmenter"]
