"""What a folder looks like in which a layout finds nothing, and which one would fit.

By names alone, as no image may be opened when the workflow is planned;
``slicewise init`` looks closer.
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from pathlib import Path, PurePosixPath

from slicewise.volumes.formats import is_litter

MOST = 2000
"""Names that are looked at."""
SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".hdr", ".dcm", ".zip")


def looks_like(root: Path) -> str:
    """Say in a part of a sentence what a folder looks like, and what would fit.

    Parameters
    ----------
    root : Path
        The folder of a data set, or a file.

    Returns
    -------
    str
        Such as ``it looks like layout msd (dataset.json beside imagesTr); slicewise
        init data/livers writes a configuration that fits``.
    """
    if not root.is_dir():
        return "it is a file, as of layout table; the other layouts take a folder"
    names = _names_below(root)
    layout = _layout(names)
    if layout is not None:
        said = f"it looks like layout {layout}"
    else:
        said = _counted(names)
        if not any(_suffix(name) for name in names):
            return f"{said}, and none of them is a volume; correct dataset.root"
    return f"{said}; slicewise init {shlex.quote(str(root))} writes a configuration that fits"


def _names_below(root: Path) -> list[str]:
    """Return paths below a folder, sorted folder by folder, and no more than `MOST`."""
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_litter(name))
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        names += [(below / name).as_posix() for name in sorted(files) if not is_litter(name)]
        if len(names) >= MOST:
            break
    return names[:MOST]


def _layout(names: list[str]) -> str | None:
    """Return the layout whose names these are, and by which it is known."""
    parts = [PurePosixPath(name).parts for name in names]
    folders = {part for each in parts for part in each[:-1]}
    stems = [each[-1].split(".")[0] for each in parts if "imagesTr" in each[:-1]]
    if {"imagesTr", "labelsTr"} <= folders and any(stem.endswith("_0000") for stem in stems):
        return "nnunet (imagesTr/…_0000 and labelsTr)"
    if "imagesTr" in folders and any(each[-1] == "dataset.json" for each in parts):
        return "msd (dataset.json beside imagesTr)"
    if any(folder.startswith("3Dircadb") for folder in folders):
        return "ircad (folders 3Dircadb…)"
    if any(folder.startswith("sub-") for folder in folders):
        return "bids (folders sub-…)"
    return None


def _suffix(name: str) -> str:
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def _counted(names: list[str]) -> str:
    """Say how many files of each format there are, with an example."""
    if not names:
        return "it holds no file"
    counts = Counter(_suffix(name) or PurePosixPath(name).suffix or "no suffix" for name in names)
    listed = ", ".join(f"{number} {suffix}" for suffix, number in counts.most_common(3))
    volumes = [name for name in names if _suffix(name)]
    return f"it holds {listed}, such as {(volumes or names)[0]}"
