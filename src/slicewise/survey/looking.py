"""Looking at files, each at most once, for no longer than one wants to wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slicewise.dataset.layouts.found import files_of_series
from slicewise.errors import SlicewiseError
from slicewise.survey.glance import Glance, glance_at
from slicewise.volumes.companions import whole_volume
from slicewise.volumes.dicom.png import is_png_stack, read_png_mask
from slicewise.volumes.frames import read_frame
from slicewise.volumes.header import Header, read_header
from slicewise.volumes.placing import VoxelGrid, on_image
from slicewise.volumes.read import read_sources
from slicewise.volumes.volume import Volume

PATIENCE = 30.0
"""Seconds for the voxels of a sample; what is looked at after that is known by its name only."""


class Looker:
    """Reads files of a folder, one volume at a time, and keeps what they say.

    Attributes
    ----------
    root : Path
        The folder.
    faults : dict of str to str
        Why a file could not be read.
    """

    def __init__(self, root: Path, patience: float = PATIENCE) -> None:
        self.root = root
        self.faults: dict[str, str] = {}
        self._until = time.monotonic() + patience
        self._glances: dict[str, Glance | None] = {}
        self._headers: dict[str, Header | None] = {}

    @property
    def is_late(self) -> bool:
        """Whether the time for voxels is over."""
        return time.monotonic() > self._until

    @property
    def glanced(self) -> list[str]:
        """The paths of which voxels were read."""
        return [path for path, glance in self._glances.items() if glance is not None]

    @property
    def seen_headers(self) -> dict[str, Header]:
        """The headers that were read, by path."""
        return {path: header for path, header in self._headers.items() if header is not None}

    def known(self, path: str) -> Glance | None:
        """Return what voxels said that were read, and read none."""
        return self._glances.get(path)

    @staticmethod
    def _read(files: Sequence[Path], frame: int | None, series: Sequence[Path]) -> Volume:
        if frame is not None:
            return read_frame(files[0], frame)
        if series and is_png_stack(files):
            return read_png_mask(files, series)
        return read_sources(files, fill=False)  # a mask's padding is none

    def glance(
        self,
        path: str,
        files: Sequence[Path] = (),
        frame: int | None = None,
        series: Sequence[Path] = (),
        *,
        late: bool = False,
    ) -> Glance | None:
        """Return what the voxels of a volume say; None where it cannot be read, or it is too late.

        Parameters
        ----------
        path : str
            Below the folder; a folder is a DICOM series.
        files : sequence of Path
            All files of the volume, where they are known.
        frame : int, optional
            Of a file of four dimensions; `path` then has to say which, too.
        series : sequence of Path
            Of a mask in pictures, the files of its image.
        late : bool
            Whether it is needed, however late it is.
        """
        if path not in self._glances and (late or not self.is_late):
            self._glances[path] = None
            try:
                files = files or files_of_series(self.root / path)
                whole = whole_volume(files[0]) if len(files) == 1 else files
                self._glances[path] = glance_at(self._read(whole, frame, series))
            except SlicewiseError as error:
                self.faults[path] = str(error)
        return self._glances.get(path)

    def header(self, path: str, files: Sequence[Path] = ()) -> Header | None:
        """Return what the header of a file says; None where it cannot be read.

        Parameters
        ----------
        path, files
            As of `glance`.
        """
        if path not in self._headers:
            self._headers[path] = None
            glance = self.glance(path, files) if len(files) > 1 else self._glances.get(path)
            if glance is not None:
                self._headers[path] = Header(
                    glance.shape, glance.affine, glance.lost, glance.placed
                )
                return self._headers[path]
            if len(files) > 1 or (not _is_quick(path) and self.is_late):
                return None
            try:
                self._headers[path] = read_header(self.root / path)
            except SlicewiseError as error:
                self.faults[path] = str(error)
        return self._headers[path]

    def on_grid(self, image: str, mask: str) -> bool | None:
        """Tell whether the voxels of a mask are those of an image; None where nobody knows.

        A mask that goes beyond its image is none of it.
        """
        one = self.header(image)
        other = self.header(mask)
        if one is None or other is None or len(one.shape) != len(other.shape):
            return None
        empty = np.zeros(other.shape[:3], np.uint8)
        theirs = VoxelGrid(other.shape[:3], other.affine, "", other.lost, other.placed)
        mine = VoxelGrid(one.shape[:3], one.affine, "", one.lost, one.placed)
        try:
            _, stored = on_image(empty, theirs, mine, "exact")
        except SlicewiseError:
            return False
        return stored is None or "larger" not in stored.how

    def same_shape(self, image: str, mask: str) -> bool:
        """Tell whether both have as many voxels along each axis, as far as their headers say."""
        one = self.header(image)
        other = self.header(mask)
        return one is not None and other is not None and one.shape[:3] == other.shape[:3]


def _is_quick(path: str) -> bool:
    """Tell whether the header of a format is read without its voxels."""
    return path.lower().endswith((".nii", ".nii.gz", ".mgz", ".mgh", ".hdr", ".hdr.gz"))


def spread(paths: list[str], number: int) -> list[str]:
    """Return so many paths, evenly spread over all.

    Examples
    --------
    >>> spread(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    if len(paths) <= number:
        return list(paths)
    places = np.linspace(0, len(paths) - 1, number).round().astype(int)
    return [paths[place] for place in dict.fromkeys(places.tolist())]
