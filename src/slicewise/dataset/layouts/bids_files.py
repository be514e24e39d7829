"""The volumes of a BIDS data set: where they lie, and which mask was drawn on which image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicewise.config.entities import Entities
from slicewise.dataset.layouts.found import is_left_aside, listed, stem_of
from slicewise.errors import SlicewiseError

RAW = "raw"
"""What the place is called that is no derivative."""
MASKS = ("dseg", "mask", "roi", "seg")
"""Suffixes of masks: the first two are of the standard, the others are met."""
NO_IMAGES = (*MASKS, "probseg", "defacemask")
SEVERAL_VOLUMES = ("func", "dwi", "fmap", "perf", "eeg", "meg", "ieeg", "beh")
"""Folders of files that no mask of an organ is looked for in."""
DERIVED = ("space", "res", "den", "desc", "label", "atlas", "seg", "hemi", "mod")
"""Entities that a mask has of its own, and not from its image."""
NATIVE = ("orig", "individual", "native", "subject", "scanner", "device")
"""Spaces that are the image's own."""


@dataclass(frozen=True)
class BidsFile:
    """A volume of a subject.

    Attributes
    ----------
    path : Path
    says : Entities
        What its name says.
    datatype : str
        The folder that it lies in, such as ``anat``; empty for one of the subject or session.
    """

    path: Path
    says: Entities
    datatype: str

    @property
    def name(self) -> str:
        """What a case of this image is called: its entities."""
        return stem_of(self.path.name).rsplit("_", 1)[0]

    @property
    def subject(self) -> str:
        """Whose it is, as ``sub-01``."""
        return f"sub-{self.says.values['sub']}"

    @property
    def own(self) -> dict[str, str]:
        """The entities that tell images apart, and that a mask has from its image."""
        return {key: value for key, value in self.says.values.items() if key not in DERIVED}

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask, by its suffix."""
        return self.says.suffix in MASKS

    @property
    def kind(self) -> str:
        """What kind of mask it is, as settings name it: ``desc-liver_dseg``."""
        told = ("label", "desc", "atlas", "seg")
        values = self.says.values
        parts = [f"{key}-{values[key]}" for key in values if key in told]
        return "_".join([*parts, self.says.suffix])

    @property
    def contrast(self) -> str | None:
        """The suffix of the image that a mask says it was drawn on."""
        bare = self.says.bare[-1] if self.says.bare else None
        return self.says.values.get("mod", bare)


def places_of(root: Path) -> dict[str, Path]:
    """Return the folders that have subjects: the data set itself, and its derivatives by name."""
    places = {RAW: root}
    below = root / "derivatives"
    for depth in ("sub-*", "*/sub-*", "*/*/sub-*"):
        for subject in sorted(below.glob(depth)):
            place = subject.parent
            inside = any(part.startswith("sub-") for part in place.relative_to(below).parts)
            if subject.is_dir() and not inside:
                name = place.relative_to(below).as_posix()
                places["derivatives" if name == "." else name] = place
    return places


def volumes_of(place: Path) -> list[BidsFile]:
    """Return the NIfTI files of all subjects of a place, whose names are those of the standard.

    Raises
    ------
    SlicewiseError
        When a file lies in the folder of another subject or session.
    """
    volumes = []
    for subject in sorted(path for path in place.glob("sub-*") if path.is_dir()):
        for path in sorted(subject.rglob("*")):
            says = Entities.of(stem_of(path.name))
            if says is None or not path.name.lower().endswith((".nii", ".nii.gz")):
                continue
            if is_left_aside(path) or path.is_dir():
                continue
            folders = path.relative_to(place).parts[:-1]
            _refuse_elsewhere(path, says, folders)
            datatype = "" if folders[-1].startswith(("sub-", "ses-")) else folders[-1]
            volumes.append(BidsFile(path, says, datatype))
    return volumes


def _refuse_elsewhere(path: Path, says: Entities, folders: Sequence[str]) -> None:
    for folder in folders:
        key, _, value = folder.partition("-")
        if key in ("sub", "ses") and says.values.get(key) not in (None, value):
            raise SlicewiseError(
                f"{path}: its name says {key}-{says.values[key]}, and it lies in the folder "
                f"{folder}; move or rename it"
            )


def in_space_of(image: BidsFile, mask: BidsFile) -> bool:
    """Tell whether a mask says that it lies on the grid of an image."""
    mine = image.says.values.get("space")
    theirs = mask.says.values.get("space")
    if mine is None:
        return theirs is None or theirs in (*NATIVE, image.says.suffix)
    return mine == theirs


def image_of(mask: BidsFile, images: Iterable[BidsFile]) -> BidsFile | None:
    """Return the image that a mask was drawn on, by the entities of both.

    A mask has those of its image, and some of its own. One that lacks some of
    its image's belongs to the only image that it may be of.

    Parameters
    ----------
    mask : BidsFile
        The mask.
    images : iterable of BidsFile
        Images of its subject.

    Raises
    ------
    SlicewiseError
        When it may be of several.
    """
    says = mask.own.items()
    possible = [
        image
        for image in images
        if mask.contrast in (None, image.says.suffix) and says <= image.own.items()
    ]
    whole = [image for image in possible if image.own.items() <= says]
    if whole:
        most = max(len(image.own) for image in whole)
        possible = [image for image in whole if len(image.own) == most]
    if len(possible) > 1:
        near = [image for image in possible if in_space_of(image, mask)]
        possible = near if len(near) == 1 else possible
    only_image(mask, possible)
    return possible[0] if possible else None


def only_image(mask: BidsFile, images: Sequence[BidsFile]) -> None:
    """Refuse a mask that may be of several images.

    Raises
    ------
    SlicewiseError
        When it may.
    """
    if len(images) > 1:
        raise SlicewiseError(
            f"{mask.path}: this mask may be of several images, "
            f"{listed(sorted(str(image.path) for image in images))}; name the mask by the "
            "entities of its image, choose the images in dataset.bids.image, or name the files in "
            "a table (layout: table)"
        )


def called(place: str) -> str:
    """Name a place in a message."""
    if place == RAW:
        return "the data set itself"
    return place if place == "derivatives" else f"derivatives/{place}"


def counted(counts: Mapping[str, int]) -> str:
    """Name some things and how often each is there."""
    return listed([f"{name} ({number})" for name, number in sorted(counts.items())])
