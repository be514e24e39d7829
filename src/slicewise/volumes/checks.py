"""Checks that an image and a mask are what the settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import UNDRAWN, Intensity, OtherLabels
from slicewise.errors import SlicewiseError
from slicewise.volumes.intensity import say_absurd
from slicewise.volumes.volume import Volume, slabs, slabs_of_both, times

AIR = -200
"""Every CT of a body has something below it, in HU: air around or within, or padding."""
SOFT = (0, 200)
"""Soft tissue, in HU."""
DENSE = 700
"""Only compact bone, contrast medium and metal lie above it, in HU."""
CT_RANGE = (-1100, 3100)
"""What a clip of Hounsfield units may keep: the range of 12-bit scanners, with some room."""
STORED = -1024
"""What has to be added where scanners and converters keep Hounsfield units above 0."""
OFFSET_FITS = f"fit Hounsfield units that are stored with {-STORED} added"
HIDDEN = 0.05
"""So many of all voxels are soft tissue if 1024 is added, and not only dense bone."""
OUTSIDE = (-1100, -800)
"""Air around and within a body, in HU."""
AIRY = 0.01
"""So many voxels of a CT are air or padding."""
LARGEST_LABEL = 65535


def check_image(volume: Volume, path: str, intensity: Intensity, offset: int = 0) -> None:
    """Check that an image holds intensities of the kind the settings say.

    Parameters
    ----------
    volume : Volume
        The image, of shape (i, j, k).
    path : str
        How messages name it.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        ``dataset.intensity``. ``hu``: some voxels below -200, at least 1 % from
        0 to 200, at most a quarter above 700, none beyond 16 bits.
        ``clipped_hu``: all within -1100 to 3100 and at least 50 apart.
        ``arbitrary``: anything finite that is not constant; voxels that are
        absurdly far from all others are said in a line.
    offset : int
        ``dataset.offset``, which has been added to the voxels.

    Raises
    ------
    SlicewiseError
        When it does not.
    """
    array = volume.array
    _check_shape(array, path)
    values = _Intensities.of(array)
    low = values.low
    high = values.high
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = sum(int(np.count_nonzero(~np.isfinite(part))) for part in slabs(array))
        raise SlicewiseError(
            f"{path}: {bad} of {array.size} voxels are not finite numbers (NaN or infinite); "
            "make the image again without them or exclude the case"
        )
    if low == high:
        raise SlicewiseError(
            f"{path}: all voxels have the value {low:g}; check that this is the image, "
            "or exclude the case"
        )
    fault = None
    if intensity == "hu":
        fault = values.no_hounsfield()
        if fault is None and not offset and values.hide_offset():
            fault = f"only its padding ({low:g}) is below {AIR}, and a CT has air"
    elif intensity == "clipped_hu":
        fault = values.no_clipped_hounsfield()
    else:
        say_absurd(array, path)
    if fault and intensity == "hu":
        _refuse_offset(values, path, fault, offset)
    if fault:
        others = " or ".join({"hu": ("clipped_hu", "arbitrary")}.get(intensity, ("arbitrary",)))
        raise SlicewiseError(
            f"{path}: its values go from {low:g} to {high:g}, but {fault}; if this is MR or "
            "anything else that is no CT, set dataset.intensity to arbitrary, and of a CT convert "
            f"the original again to Hounsfield units, or set it to {others} if it is meant so"
        )


def _refuse_offset(values: _Intensities, path: str, fault: str, offset: int) -> None:
    """Refuse a CT that would hold Hounsfield units but for a number that is added to all voxels.

    Raises
    ------
    SlicewiseError
        Naming ``dataset.offset``, where that is the remedy.
    """
    said = f"{path}: its values go from {values.low:g} to {values.high:g}"
    if offset and values.no_hounsfield(-offset) is None:
        raise SlicewiseError(
            f"{said} after dataset.offset ({offset}) was added, but without it they are "
            "Hounsfield units; leave out dataset.offset, or exclude the case where the others "
            "need it"
        )
    if not offset and is_stored_with_offset(values.array):
        raise SlicewiseError(
            f"{said}, but {fault}; they {OFFSET_FITS}: set dataset.offset: {STORED}, or "
            "convert the original again to Hounsfield units, or set dataset.intensity to "
            "arbitrary if this is MR or anything else that is no CT"
        )


def label_indices(
    mask: Volume,
    path: str,
    labels: Mapping[str, int | list[int]],
    other: OtherLabels,
    *,
    may_be_empty: bool = False,
    ignore: int | None = None,
) -> np.ndarray:
    """Turn the values of a mask into label numbers.

    Parameters
    ----------
    mask : Volume
        Label values, of shape (i, j, k); floating point is accepted when whole.
    path : str
        How messages name it.
    labels : mapping from name to value or values
        ``dataset.labels``.
    other : {"refuse", "background"}
        ``dataset.other_labels``: what to do with values of no label.
    may_be_empty : bool
        Accept a mask without any label: that of a healthy patient, or a prediction.
    ignore : int, optional
        ``dataset.ignore``: the value of voxels that nobody drew.

    Returns
    -------
    ndarray of uint8, shape (i, j, k)
        1 to L in the order of `labels`, `UNDRAWN` where nobody drew, 0 elsewhere.

    Raises
    ------
    SlicewiseError
        When a value is negative, no integer, or of no label, or no voxel has any label.
    """
    _check_shape(mask.array, path)
    values = {name: [v] if isinstance(v, int) else list(v) for name, v in labels.items()}
    named = with_values(values)
    table = np.zeros(LARGEST_LABEL + 1, np.uint8)
    for index, wanted in enumerate(values.values(), start=1):
        table[wanted] = index
    counts = count_stored(mask.array, path)
    shown = table > 0
    if ignore is not None:
        table[ignore] = UNDRAWN
        _refuse_undrawn(counts, ignore, path)
    if other == "refuse":
        _refuse_unknown(counts, table, path, named)
    if not may_be_empty and not counts[shown].any():
        raise SlicewiseError(
            f"{path}: it has no voxel of any label ({named}); correct dataset.labels, set "
            "dataset.empty_masks to allow if the patient has none of them, or exclude the case"
        )
    indices = np.empty_like(mask.array, dtype=np.uint8)
    for part, target in slabs_of_both(mask.array, indices):
        target[...] = table[part.astype(np.intp)]
    return indices


def with_values(labels: Mapping[str, Sequence[int]]) -> str:
    """Return labels with their values, for messages."""
    return ", ".join(f"{name}: {' '.join(map(str, values))}" for name, values in labels.items())


def some_counted(values: np.ndarray, counts: np.ndarray) -> str:
    """Return the first values of some, with how many voxels have each, for messages."""
    listed = ", ".join(f"{v} ({counts[v]} voxels)" for v in values[:8])
    return f"{listed}{', …' if values[8:].size else ''}"


def count_stored(array: np.ndarray, path: str) -> np.ndarray:
    """Count each value of a mask as it is stored, from 0 to `LARGEST_LABEL`."""
    counts = np.zeros(LARGEST_LABEL + 1, np.int64)
    for part in slabs(array):
        own = np.bincount(_whole(part, path).ravel())
        counts[: len(own)] += own
    return counts


def _refuse_undrawn(counts: np.ndarray, ignore: int, path: str) -> None:
    """Refuse a mask in which no voxel was drawn."""
    if counts[ignore] == counts.sum():
        raise SlicewiseError(
            f"{path}: all its voxels have the value {ignore}, which dataset.ignore takes for "
            "undrawn, so that it says nothing; correct dataset.ignore, or exclude the case"
        )


def _refuse_unknown(counts: np.ndarray, table: np.ndarray, path: str, named: str) -> None:
    """Refuse values other than 0 that occur and that no label has."""
    unknown = np.flatnonzero((counts > 0) & (table == 0))
    unknown = unknown[unknown != 0]
    if not len(unknown):
        return
    raise SlicewiseError(
        f"{path}: it holds values that dataset.labels ({named}) does not name: "
        f"{some_counted(unknown, counts)}; add them to dataset.labels, or set "
        "dataset.other_labels to background"
    )


def count_values(numbers: np.ndarray) -> np.ndarray:
    """Count each value of a mask of label numbers (uint8), as an array of 256.

    Slab by slab, because counting makes 64-bit numbers of what it counts.
    """
    counts = np.zeros(256, np.int64)
    for part in slabs(numbers):
        counts += np.bincount(part.ravel("K"), minlength=256)
    return counts


def mask_values(array: np.ndarray, path: str) -> np.ndarray:
    """Take the values of a mask, of any type, to 8 bits, or to 16 where these are needed.

    Parameters
    ----------
    array : ndarray, shape (i, j, k)
        Label values; floating point is accepted when whole.
    path : str
        How messages name it.

    Returns
    -------
    ndarray of uint8 or uint16, shape (i, j, k)

    Raises
    ------
    SlicewiseError
        When a value is no whole number from 0 to 65535.
    """
    _check_shape(array, path)
    values = np.empty_like(array, dtype=np.uint8 if array.max() < 256 else np.uint16)
    for part, target in slabs_of_both(array, values):
        target[...] = _whole(part, path)
    return values


def _check_shape(array: np.ndarray, path: str) -> None:
    if array.ndim != 3 or array.size == 0:
        raise SlicewiseError(
            f"{path}: it has the shape {times(array.shape)} instead of three dimensions with "
            "voxels; give one 3-D volume a file"
        )
    if array.dtype.kind not in "biuf":
        raise SlicewiseError(
            f"{path}: its voxels are colours or complex numbers; give an image with one real "
            "number a voxel"
        )


@dataclass(frozen=True)
class _Intensities:
    """Voxels of an image, and the least and greatest of them.

    Attributes
    ----------
    array : ndarray, shape (i, j, k)
    low, high : float
    """

    array: np.ndarray
    low: float
    high: float

    @classmethod
    def of(cls, array: np.ndarray) -> _Intensities:
        """Find the range of an array."""
        return cls(array, float(array.min()), float(array.max()))

    def no_hounsfield(self, offset: int = 0) -> str | None:
        """Say why these are, with an offset, not the Hounsfield units of a body, or return None."""
        if self.low + offset < -32768 or self.high + offset > 32767:
            return "Hounsfield units fit 16 bits"
        if self.low + offset > AIR:
            return f"a CT in Hounsfield units has air, which is below {AIR}"
        soft = 0
        dense = 0
        for part in slabs(self.array):
            soft += int(np.count_nonzero((part >= SOFT[0] - offset) & (part <= SOFT[1] - offset)))
            dense += int(np.count_nonzero(part > DENSE - offset))
        if soft < 0.01 * self.array.size:
            return f"less than 1 % of the voxels are soft tissue ({SOFT[0]} to {SOFT[1]} HU)"
        if dense > 0.25 * self.array.size:
            return (
                f"{dense / self.array.size:.0%} of the voxels are above {DENSE}, denser than most "
                "bone, as if the rescale intercept had not been applied"
            )
        return None

    def hide_offset(self) -> bool:
        """Tell whether only padding passes for the air of a CT that has 1024 added to all voxels.

        In a head that was cut out, nothing but padding is below -200, too; but few
        voxels of it are as dense as soft tissue with 1024 added would be.
        """
        air = 0
        soft = 0
        for part in slabs(self.array):
            air += int(np.count_nonzero((part <= AIR) & (part > self.low)))
            soft += int(np.count_nonzero((part >= SOFT[0] - STORED) & (part <= SOFT[1] - STORED)))
        return air == 0 and soft >= HIDDEN * self.array.size

    def no_clipped_hounsfield(self) -> str | None:
        """Say why these cannot be clipped Hounsfield units, or return None."""
        if self.low < CT_RANGE[0] or self.high > CT_RANGE[1]:
            return f"clipped Hounsfield units lie within {CT_RANGE[0]} to {CT_RANGE[1]}"
        if self.high - self.low < 50:
            return "clipped Hounsfield units span at least 50, so these seem to be normalised"
        return None


def is_stored_with_offset(array: np.ndarray) -> bool:
    """Tell whether these are Hounsfield units with 1024 added: air at 0 to 24, not at -1000.

    Examples
    --------
    >>> ct = np.array([-1000, -100, 50, 60, 900])
    >>> is_stored_with_offset(ct + 1024), is_stored_with_offset(ct)
    (True, False)
    """
    values = _Intensities.of(array)
    if values.no_hounsfield(STORED) is not None:
        return False
    # padding has one value, whatever it is
    least = CT_RANGE[0] - STORED
    impossible = (np.count_nonzero((p < least) & (p > values.low)) for p in slabs(array))
    return bool(sum(impossible) < 0.01 * array.size)


def is_ct(array: np.ndarray) -> bool:
    """Tell whether numbers are Hounsfield units of a body with air around or within it.

    Images without a unit are hardly ever: MR has no 1 % of its voxels from
    -1100 to -800 and as many from 0 to 200.

    Examples
    --------
    >>> ct = np.array([-1000, -100, 50, 60, 900])
    >>> is_ct(ct), is_ct(ct + 1024), is_ct(ct / 1000)
    (True, False, False)
    """
    if _Intensities.of(array).no_hounsfield() is not None:
        return False
    air = sum(
        int(np.count_nonzero((part >= OUTSIDE[0]) & (part <= OUTSIDE[1]))) for part in slabs(array)
    )
    return air >= AIRY * array.size


def _whole(part: np.ndarray, path: str) -> np.ndarray:
    """Return a slab of label values as integers from 0 to `LARGEST_LABEL`."""
    if part.dtype.kind == "f" and not np.all(np.rint(part) == part):
        # as it is written in full: to six digits, 0.9999999 would be a whole number
        raise SlicewiseError(
            f"{path}: a mask holds whole numbers, but this has {part[np.rint(part) != part][0]!s}; "
            "give the label map itself (not probabilities, nor one resampled with interpolation)"
        )
    low = part.min()
    high = part.max()
    if low < 0 or high > LARGEST_LABEL:
        raise SlicewiseError(
            f"{path}: a mask holds label values from 0 to {LARGEST_LABEL}, but this has "
            f"{low if low < 0 else high:g}; check that it is the mask and not the image"
        )
    return part.astype(np.intp)
