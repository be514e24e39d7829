"""Names for files that tell nothing of a patient, while they are read.

Archives name files and folders by UIDs, IDs and names, and messages name files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


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


def _linked(folder: Path, paths: Sequence[Path]) -> list[Path]:
    folder.mkdir(parents=True)
    links = []
    for number, path in enumerate(paths, start=1):
        link = folder / f"{number:05d}.dcm"
        link.symlink_to(path.resolve())
        links.append(link)
    return links
