"""Where the slices of a case lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SliceFolder:
    """The files of one case that was cut by one recipe.

    Attributes
    ----------
    case : str
        Its name.
    image, mask : Path
        Arrays of shape (slices, rows, columns).
    geometry : Path
        What is known of them, see `SliceGeometry`.
    """

    case: str
    image: Path
    mask: Path
    geometry: Path

    @classmethod
    def below(cls, recipe: Path, case: str) -> SliceFolder:
        """Return where the slices of a case lie below the folder of its recipe.

        Examples
        --------
        >>> SliceFolder.below(Path("slices/axial256"), "p1").mask.as_posix()
        'slices/axial256/p1/mask.npy'
        """
        place = recipe / case
        return cls(case, place / "image.npy", place / "mask.npy", place / "geometry.json")

    @property
    def is_there(self) -> bool:
        """Whether all files are there; what they hold is not looked at."""
        return all(path.exists() for path in (self.image, self.mask, self.geometry))
