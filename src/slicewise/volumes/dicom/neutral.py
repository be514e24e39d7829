"""Names for files that tell nothing of a patient, while they are read.

Archives name files and folders by UIDs, IDs and names, and messages name files.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from slicewise.volumes.dicom.source import opened


@contextmanager
def neutral_names(
    case: str, images: Sequence[Path], masks: Sequence[Path]
) -> Iterator[tuple[list[Path], list[Path]]]:
    """Link the files of a case under names that are numbers, below a folder called by the case.

    Parameters
    ----------
    case : str
        Its name; nothing where its files may be named as they are.
    images, masks : sequence of Path
        Its files.

    Yields
    ------
    images, masks : list of Path
        The links, in the same order; they are deleted afterwards.
    """
    if not case:
        yield list(images), list(masks)
        return
    with tempfile.TemporaryDirectory(prefix="slicewise-") as folder:
        yield (
            _linked(Path(folder, case, "image"), images),
            _linked(Path(folder, case, "mask"), masks),
        )


@contextmanager
def unpacked(case: str, archive: Path, members: Sequence[str]) -> Iterator[list[Path]]:
    """Unpack members of a zip under names that are numbers, below a folder called by the case.

    Parameters
    ----------
    case : str
        Its name.
    archive : Path
        The zip.
    members : sequence of str
        Their names in it.

    Yields
    ------
    list of Path
        The files, in the same order; they are deleted afterwards.

    Raises
    ------
    SlicewiseError
        When the zip is refused (see `slicewise.volumes.dicom.archives`).
    """
    with tempfile.TemporaryDirectory(prefix="slicewise-") as folder, opened(archive) as files:
        place = Path(folder, case, "image")
        place.mkdir(parents=True)
        paths = []
        for number, member in enumerate(members, start=1):
            paths.append(place / f"{number:05d}.dcm")
            with files.open(member) as source, paths[-1].open("wb") as target:
                shutil.copyfileobj(source, target)
        yield paths


def _linked(folder: Path, paths: Sequence[Path]) -> list[Path]:
    folder.mkdir(parents=True)
    links = []
    for number, path in enumerate(paths, start=1):
        link = folder / f"{number:05d}.dcm"
        link.symlink_to(path.resolve())
        links.append(link)
    return links
