"""What a NRRD or MetaImage header states, checked before a library believes it.

ITK takes such headers at their word: it copies long numbers into short
buffers, reserves memory for any size, and does not compare checksums. Here each
field that it would use is held against its grammar, and the voxels against the
size that the header promises. Nothing is unpacked beyond that, nor kept.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.volumes import companions
from slicewise.volumes.fields import LieError
from slicewise.volumes.meta_image import check_meta
from slicewise.volumes.nrrd import check_nrrd


def check_stated(path: Path, data: Sequence[Path]) -> int:
    """Check a NRRD or MetaImage header, and that its voxels are as many as it says.

    Parameters
    ----------
    path : Path
        The header; ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.
    data : sequence of Path
        The files that it names as its data (see `companions.check_data`); none
        where its voxels follow it.

    Returns
    -------
    int
        How many bytes the voxels take unpacked.

    Raises
    ------
    SlicewiseError
        When a field makes no sense, the voxels are more or fewer than the
        header promises, or their checksum is another.
    """
    is_nrrd = path.suffix.lower() in companions.NRRD
    try:
        with path.open("rb") as stream:
            content = stream.read(companions.HEADER_BYTES)
        return check_nrrd(path, content, data) if is_nrrd else check_meta(path, content, data)
    except LieError as error:
        raise SlicewiseError(
            f"{path}: the file cannot be read, because {error}; copy it again, or make it again "
            "with the program that wrote it"
        ) from error
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> SlicewiseError:
    return SlicewiseError(
        f"{path}: its packed voxels are cut short or damaged (their checksum is another); copy or "
        "download it again"
    )
