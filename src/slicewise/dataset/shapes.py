"""How large a volume is, by its header alone: what jobs ask for before any image is opened.

The libraries that read images load slowly, and each job looks at these headers
before it starts; so a few bytes are read here without them.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.case import Case
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.opening import GZIP_RATIO

HEADER = 4096
"""Bytes in which the headers end that are looked at."""
NIFTI = {348: (("h", 40), 72), 540: (("q", 16), 14)}
"""By the size of a header (of NIfTI-1 and NIfTI-2), where dimensions and bits of a voxel are."""
NRRD_BYTES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4}
SLICE = 512 * 512
"""Pixels of a slice."""
JPEG = 4
"""How many times smaller compressed DICOM may be."""
NUMBER_OF_FRAMES = re.compile(rb"\x28\x00\x08\x00IS..\s*(\d{1,6})", re.DOTALL)
"""The element as files with explicit types have it, nearly all, before the pixels."""
FRAMES_WITHIN = 1 << 16
"""Bytes in which it is looked for."""
FEW = 8

_UNREADABLE = (
    *(OSError, EOFError, ValueError, ArithmeticError, struct.error, zlib.error),
    *(zipfile.BadZipFile, NotImplementedError),  # a zip of a version that Python does not know
)
LARGEST = 1 << 32
"""Voxels; beyond the largest scans of whole bodies by far."""


@dataclass(frozen=True)
class Size:
    """How large an image and its mask are.

    Attributes
    ----------
    voxels : int
        Of either.
    slice : int
        Pixels of the largest slice, in whatever plane.
    image, mask : int
        Bytes of a voxel as stored.
    packed : bool
        Whether the files are unpacked as they are read; plain files are mapped
        into memory beside their copy.
    """

    voxels: int
    slice: int = 512 * 512
    image: int = 2
    mask: int = 1
    packed: bool = True


UNKNOWN = Size(512 * 512 * 400)
"""A long CT: what is asked for where a header says nothing."""


def size_of(case: Case, dataset: Dataset) -> Size:
    """Return how large a case is.

    A header that cannot be read is no fault here: the job that reads the file
    has the sentence.

    Parameters
    ----------
    case : Case
        With its source files.
    dataset : Dataset
        Its layout; a phantom's size is a setting.
    """
    if dataset.phantom is not None:
        side = dataset.phantom.size
        _, most_slices = dataset.phantom.slices
        return Size(side * side * most_slices, side * side)
    if case.lacks:
        return UNKNOWN
    try:
        shape, image = _shape(case.image)
        _, mask = _shape(case.mask)
    except _UNREADABLE:
        return UNKNOWN
    if case.frame is not None or case.in_one:
        shape = shape[:3]  # of frames, the others are never held
    # all channels are
    image *= max(1, len(case.channels))
    stored = sum(path.stat().st_size for path in case.image)
    detached = case.image[0].name.lower().endswith((".nhdr", ".mhd"))
    most = LARGEST if detached else min(LARGEST, GZIP_RATIO * stored)
    if min(shape, default=0) < 1 or math.prod(shape) > most:
        return UNKNOWN  # a header that lies must not ask for a machine that nobody has
    packed = all(path.name.lower().endswith(".gz") for path in (*case.image, *case.mask))
    largest = math.prod(sorted(shape)[-2:])
    return Size(math.prod(shape), largest, image, mask, packed)


def _shape(files: Sequence[Path]) -> tuple[Sequence[int], int]:
    """Return the shape of the volume in these files, and the bytes of a voxel."""
    first = files[0]
    name = first.name.lower()
    if first.exists() and not (first.is_file() or first.is_dir()):
        raise ValueError("a pipe, whose opening might never end, or a device, which has no end")
    if is_nifti(first):
        return _nifti(first)
    if name.endswith((".nrrd", ".nhdr")):
        return _text(first, r"^sizes:\s*(.+)$", r"^type:\s*(.+)$", NRRD_BYTES)
    if name.endswith((".mha", ".mhd")):
        kinds = {f"MET_{kind.upper()}": size for kind, size in NRRD_BYTES.items()}
        return _text(first, r"^DimSize\s*=\s*(.+)$", r"^ElementType\s*=\s*(.+)$", kinds)
    return (512, 512, -(-_dicom(files) // SLICE)), 2


def _nifti(path: Path) -> tuple[Sequence[int], int]:
    with path.open("rb") as plain:
        begun = plain.read(HEADER)
    if begun[:2] == b"\x1f\x8b":
        with gzip.open(path) as stream:
            begun = stream.read(HEADER)
    for order in "<>":
        (size,) = struct.unpack_from(f"{order}i", begun)
        if size in NIFTI:
            (kind, shape_at), bits_at = NIFTI[size]
            number, *shape = struct.unpack_from(f"{order}8{kind}", begun, shape_at)
            (bits,) = struct.unpack_from(f"{order}h", begun, bits_at)
            return shape[:number], max(1, bits // 8)
    raise ValueError("no NIfTI")


def _text(path: Path, sizes: str, kind: str, known: dict[str, int]) -> tuple[Sequence[int], int]:
    with path.open("rb") as stream:
        begun = stream.read(HEADER).decode("latin-1")
    shape = re.search(sizes, begun, re.M)
    named = re.search(kind, begun, re.M)
    if shape is None or named is None:
        raise ValueError("no header")
    bytes_of_one = known.get(named[1].strip().replace("unsigned ", "u"), 8)
    return tuple(int(n) for n in shape[1].split()), bytes_of_one


def _dicom(files: Sequence[Path]) -> int:
    """Guess the voxels of a series by the bytes of its files, which are mostly pixels."""
    sizes: list[int] = []
    slices = 0
    for path in files:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                sizes += [member.file_size for member in archive.infolist()]
                slices += len(archive.infolist())
        else:
            sizes.append(path.stat().st_size)
            # a series of many files has one slice in each, and they need not be opened
            slices += _frames(path) if len(files) <= FEW else 1
    plain = sum(sizes) // 2
    return max(plain, min(slices * SLICE, plain * JPEG))


def _frames(path: Path) -> int:
    """Return how many frames a DICOM file says it has; 1 where that is not found at its start."""
    with path.open("rb") as stream:
        stated = NUMBER_OF_FRAMES.search(stream.read(FRAMES_WITHIN))
    return max(1, int(stated[1])) if stated else 1
