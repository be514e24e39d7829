"""Describing one case: its files are read, checked, and put into a record."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slicewise.boxes import centre_of, label_boxes
from slicewise.components import component_sizes
from slicewise.config import UNDRAWN, Content
from slicewise.dataset.case_record import CaseRecord, SourceFiles
from slicewise.dataset.marking import all_marks, slice_marks
from slicewise.dataset.marks import pack
from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256
from slicewise.volumes.channels import read_channel_images
from slicewise.volumes.checks import check_image, count_values, label_indices
from slicewise.volumes.companions import is_header
from slicewise.volumes.dicom.source import UID
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.percentiles import percentiles
from slicewise.volumes.placing import Stored, VoxelGrid, on_image, say_stored
from slicewise.volumes.read import read_volume
from slicewise.volumes.repeats import check_repeats
from slicewise.volumes.tones import Tones, tones_of
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

PERCENTILES = (0.5, 5, 50, 95, 99.5)


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes
    ----------
    case, patient : str
        Names.
    image, mask : Path
        NIfTI files.
    sources : mapping of {"image", "mask"} to paths
        The files they come from: themselves, a file with those that belong to
        it, or a DICOM series.
    named : mapping of {"image", "mask"} to str
        What tells these from the files of other cases where the names of files
        do not: their paths in the data set.
    hidden : bool
        Whether messages call them so, too, as their paths tell who the patient is.
    """

    case: str
    patient: str
    image: Path
    mask: Path
    sources: Mapping[str, Sequence[Path]]
    named: Mapping[str, str] = field(default_factory=dict)
    hidden: bool = False

    @property
    def shown(self) -> dict[str, str]:
        """What messages call image and mask: the first file that each comes from."""
        if self.hidden:
            return {kind: f"case {self.case}, {kind}" for kind in self.sources}
        return {kind: str(files[0]) for kind, files in self.sources.items()}

    def described(self) -> dict[str, SourceFiles]:
        """Return names, digests and sizes of image and mask."""
        return {
            kind: describe_files(files, self.named.get(kind))
            for kind, files in self.sources.items()
        }


def make_record(
    files: CaseFiles, sources: Mapping[str, SourceFiles], content: Content, made_from: str
) -> CaseRecord:
    """Read, check and describe one case.

    Parameters
    ----------
    files : CaseFiles
    sources : mapping of {"image", "mask"} to SourceFiles
        What `files.described` says, which reads and hashes them all.
    content : Content
        What the files should hold.
    made_from : str
        A digest of all that the record is made from.

    Returns
    -------
    CaseRecord

    Raises
    ------
    SlicewiseError
        When image or mask fails a check.
    """
    image, tones = _checked_image(files, content)
    _say_lost(image, files.shown["image"], content)
    labels, stored, undrawn = _labels_on(image, files, content)
    counts = count_values(labels)
    centres, largest = _placed(Volume(labels, image.affine), content)
    marks = all_marks(image)
    if content.contiguous:
        drawn = np.where(labels == UNDRAWN, 0, labels) if undrawn else labels
        check_repeats(image, marks, drawn, files.shown["image"])
        del drawn
    del labels  # what follows looks at the image alone, and both may be large
    return CaseRecord(
        case=files.case,
        patient=files.patient,
        image=sources["image"],
        mask=sources["mask"],
        mask_stored=None if stored is None else stored.record(),
        shape=list(image.array.shape),
        spacing=[round(float(v), 6) for v in image.spacing],
        orientation=image.orientation,
        lost=image.lost,
        intensity=_intensity(image),
        ml={
            name: _rounded(float(counts[index]) * image.voxel_ml)
            for index, name in enumerate(content.labels, start=1)
        },
        tones=tones,
        centres=centres,
        largest=largest,
        undrawn=undrawn or None,
        fingerprint=fingerprint(image),
        marks=pack(slice_marks(image, marks)),
        content=content.model_dump(),
        read={"image": sha256(files.image), "mask": sha256(files.mask)},
        made_from=made_from,
    )


def _checked_image(files: CaseFiles, content: Content) -> tuple[Volume, list[Tones | None]]:
    """Read, check and measure all channels of an image, and return the first that is there."""
    shown = files.shown["image"]
    channels = read_channel_images(files.image, content, shown)
    if content.channels is None:
        check_image(channels[0], shown, content.intensity, content.offset)
        return channels[0], [tones_of(channels[0], content.intensity)]
    there = []
    tones: list[Tones | None] = []
    for name, channel in zip(content.channels, channels, strict=True):
        # where a channel may be missing, nothing in it says that it is
        empty = channel.array.min() == channel.array.max()
        if empty and content.missing_channels == "zero":
            tones.append(None)
            continue
        check_image(channel, f"{shown} (channel {name})", content.intensity, content.offset)
        tones.append(tones_of(channel, content.intensity))
        there.append(channel)
    if not there:
        raise SlicewiseError(f"{shown}: all its channels are empty; exclude the case")
    return there[0], tones


def _placed(labels: Volume, content: Content) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return of each label that there is where its centre lies, and how much of it is one piece.

    Nothing of piles of slices.
    """
    if not content.contiguous:
        return {}, {}
    array = labels.canonical().array
    boxes = label_boxes(array, len(content.labels))
    centres: dict[str, list[float]] = {}
    largest: dict[str, float] = {}
    for number, (name, box) in enumerate(zip(content.labels, boxes, strict=True), start=1):
        if box is None:
            continue
        inside = array[box] == number
        centres[name] = centre_of(inside, box, array.shape)
        sizes = component_sizes(inside)
        largest[name] = round(sizes[0] / sum(sizes), 6)
    return centres, largest


def _labels_on(
    image: Volume, files: CaseFiles, content: Content
) -> tuple[np.ndarray, Stored | None, float]:
    """Read the mask of a case as label numbers on its image's grid.

    Returns
    -------
    labels : ndarray of uint8
    stored : Stored or None
        How it was stored, where not on the grid of its image.
    undrawn : float
        Share of the voxels of the file that nobody drew.
    """
    mask = with_spacing(read_volume(files.mask), content.spacing)
    as_stored = label_indices(
        mask,
        files.shown["mask"],
        content.labels,
        content.other_labels,
        may_be_empty=content.empty_masks == "allow",
        ignore=content.ignore,
    )
    undrawn = count_values(as_stored)[UNDRAWN] / as_stored.size if content.partial else 0.0
    if undrawn:
        shown = files.shown["mask"]
        logger.info("%s: %.1f %% of its voxels are undrawn", shown, 100 * undrawn)
    labels, stored = on_image(
        as_stored,
        VoxelGrid.of(mask, files.shown["mask"]),
        VoxelGrid.of(image, files.shown["image"]),
        content.masks,
    )
    if stored is not None:
        before = count_values(as_stored)
        say_stored(stored, files.shown["mask"], before, count_values(labels), list(content.labels))
    return labels, stored, float(undrawn)


def _intensity(image: Volume) -> dict[str, float]:
    values = percentiles(image.array, PERCENTILES)
    return {
        "min": float(image.array.min()),
        **{f"p{p:g}": float(v) for p, v in zip(PERCENTILES, values, strict=True)},
        "max": float(image.array.max()),
    }


def _say_lost(image: Volume, path: str, content: Content) -> None:
    """Say that an image does not know the size of its voxels."""
    if not image.lost:
        return
    sizes = " × ".join(f"{v:g}" for v in image.spacing)
    source = "1 mm is made up" if content.spacing is None else "by dataset.spacing"
    logger.warning(
        "%s: its header has lost the geometry (it has no place, and 1 × 1 × 1 mm); its voxels are "
        "taken as %s mm (%s), and what is left and right is not known",
        *(path, sizes, source),
    )


def _rounded(ml: float) -> float:
    """Round to a tenth of a microlitre, but what is there never to nothing."""
    return round(ml, 4) or float(f"{ml:.3g}")


def describe_files(paths: Sequence[Path], named: str | None = None) -> SourceFiles:
    """Name the files that an image or mask comes from.

    Parameters
    ----------
    paths : sequence of Path
        One file and those that belong to it, or those of a series.
    named : str, optional
        What they are called, where their own name is not enough.
    """
    hashes = [sha256(path) for path in paths]
    alone = len(paths) == 1 or is_header(paths[0])
    name = paths[0].name if alone else f"{paths[0].parent.name} ({len(paths)})"
    return SourceFiles(
        file=UID.sub("(UID)", named or name),  # scanners name files and folders by it
        sha256=hashes[0] if len(hashes) == 1 else digest(hashes),
        bytes=sum(path.stat().st_size for path in paths),
    )


def fingerprint(image: Volume) -> str:
    """Return a hash of the voxels that ignores header, compression, type and orientation.

    The same scan stored under another name, as another type or with axes
    flipped has the same fingerprint; a resampled one has not (`all_marks` finds it).
    """
    array = image.canonical().array
    step = 1.0
    if array.dtype.kind == "f" and any(np.any(np.rint(part) != part) for part in array):
        # What float rounding changes must not matter, in whatever unit: a 4096th of the range.
        step = 2.0 ** np.floor(np.log2(float(array.max()) - float(array.min()))) / 4096
    voxels = hashlib.sha256(repr(array.shape).encode())
    for part in array:
        # adding 0 makes -0 a 0
        voxels.update((np.rint(part.astype(np.float64) / step) + 0.0).tobytes())
    return voxels.hexdigest()
