"""One scan at a time, from a notebook: what ``slicewise.segment`` is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slicewise.inference.assembled import assembled
from slicewise.inference.assembly import Assembly
from slicewise.inference.ensemble import Mixture
from slicewise.inference.fits import checked
from slicewise.inference.orders import order_of
from slicewise.inference.predict import mixed
from slicewise.inference.trust import Flag, FoundLabel, Watch, found_in
from slicewise.inference.unlike import all_flags, seen_of
from slicewise.network.card import ModelCard
from slicewise.segmenting.expecting import with_expected
from slicewise.segmenting.models import Chosen, choose_again
from slicewise.segmenting.run import read_scan
from slicewise.segmenting.scans import find_scan
from slicewise.volumes.volume import Volume


@dataclass(frozen=True)
class Segmentation:
    """The mask of a scan.

    Attributes
    ----------
    mask : ndarray of uint8 or uint16, shape (i, j, k)
        Mask values of the data set that the model was trained on, on the scan's own grid.
    affine : ndarray, shape (4, 4)
        From voxel indices to mm in RAS+, as in NIfTI.
    probabilities : dict of str to ndarray of float32, shape (i, j, k), or None
        Of each label, or region, on the same grid, where they were asked for.
    found : list of FoundLabel
        The volume in ml, the Dice to expect and more of each label, or region.
    flags : list of Flag
        What is odd, in sentences; first, whether the model was trained on it.
    """

    mask: np.ndarray
    affine: np.ndarray
    probabilities: dict[str, np.ndarray] | None
    found: list[FoundLabel]
    flags: list[Flag]

    @property
    def ml(self) -> dict[str, float]:
        """Millilitres of each label, or region."""
        return {one.label: one.ml for one in self.found}


def segment(
    scan: str | Path | np.ndarray,
    model: str | Path | Chosen,
    *,
    affine: np.ndarray | None = None,
    spacing: Sequence[float] | None = None,
    offset: int = 0,
    probabilities: bool = False,
) -> Segmentation:
    """Segment one scan.

    Parameters
    ----------
    scan : path or ndarray, shape (i, j, k)
        A file, or a folder or zip of one DICOM series; or voxels, of several
        channels (i, j, k, channels).
    model : path, str or Chosen
        As ``slicewise segment --model`` takes it, or what
        `slicewise.segmenting.models.choose` has loaded. The model that was named
        last stays in memory, and is loaded anew when its files have changed.
    affine : ndarray, shape (4, 4), optional
        With an array: from voxel indices to mm in RAS+.
    spacing : sequence of float, optional
        With an array, instead: voxel size in mm. Its axes must then run to the
        patient's right, front and head.
    offset : int
        Added to all voxels, such as -1024.
    probabilities : bool
        Whether to return them, too.

    Raises
    ------
    SlicewiseError
        When the scan cannot be read, is not one, or is not of the kind that the
        model was trained on.

    Examples
    --------
    ::

        found = slicewise.segment("ct.nii.gz", "results/phantom/baseline")
        print(found.ml, [flag.sentence for flag in found.flags])
    """
    chosen = model if isinstance(model, Chosen) else choose_again(str(model))
    card = chosen.card
    if isinstance(scan, np.ndarray):
        image = _of_array(scan, affine, spacing)
    else:
        image = _of_path(Path(scan), card)
    name = "the array" if isinstance(scan, np.ndarray) else str(scan)
    shown = checked(image.plus(offset), card, name, "give offset=-1024")
    watch = Watch(card)
    said = _said_of(shown, chosen, watch, keep=probabilities)
    likely = said.probabilities() if probabilities else None
    mask = said.mask()
    labels = found_in(Volume(mask, image.affine), card, watch)
    seen = seen_of(shown, card)
    labels = with_expected(labels, seen, card, chosen.expectation)
    flags = [*chosen.trained_on.flags(shown), *all_flags(seen, labels, card)]
    return Segmentation(mask, image.affine, likely, labels, flags)


def _said_of(image: Volume, chosen: Chosen, watch: Watch, *, keep: bool) -> Assembly | Mixture:
    """Return what models say of an image, which the watch is told of, too."""
    if chosen.ensemble is None:
        return assembled(chosen.models, image, observe=watch.add, keep=keep)
    return mixed(chosen.ensemble, image, observe=watch.add)


def _of_path(path: Path, card: ModelCard) -> Volume:
    """Read the one scan at a path."""
    return read_scan(find_scan(path), card)[0]


def _of_array(
    array: np.ndarray, affine: np.ndarray | None, spacing: Sequence[float] | None
) -> Volume:
    """Return voxels of somebody with their place, checked as a model that is served checks them."""
    given = {"image": array, "affine": affine, "spacing": spacing}
    image = order_of(given, 0).image
    assert isinstance(image, Volume)
    return image
