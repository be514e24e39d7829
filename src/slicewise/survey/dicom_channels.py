"""Series of an archive that may be channels of one image: others of the studies with masks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slicewise.config import Dicom
from slicewise.dataset.layouts.dicom import Archive, told_apart
from slicewise.dataset.layouts.dicom_channels import Grouped, grouped
from slicewise.errors import SlicewiseError
from slicewise.survey.arrangement import NEARLY
from slicewise.survey.channels import CHECKED, Described, safe_channels, same_grid
from slicewise.survey.looking import Looker, spread
from slicewise.survey.said import Other, Said
from slicewise.volumes.dicom.index import read_index, read_names

CHANNELS = ("dataset", "channels")
IMAGE = ("dataset", "dicom", "image")
ALONE = ""
"""What is chosen where the series with the mask is the image of a case, alone."""
TOLD_BY = ("Modality", "SeriesDescription")
MODALITIES = {"ct": "ct", "mr": "mr", "pt": "pet", "nm": "nm"}
"""What images are taken with, and what their channel is called."""


@dataclass(frozen=True)
class Studies:
    """What lies beside the series of an archive that masks were drawn on.

    Attributes
    ----------
    archive : Archive
    called : mapping of str to sequence of str
        Modality and SeriesDescription of each series, in lower case.
    """

    archive: Archive
    called: Mapping[str, list[str]]

    @classmethod
    def of(cls, looker: Looker) -> Studies:
        """Read the headers of a folder, which are kept for the next time."""
        archive = Archive(read_index(looker.root))
        first = {series: paths[0] for series, paths in archive.series.items()}
        told = read_names(looker.root, first.values())
        return cls(archive, {s: [t.casefold() for t in told[path]] for s, path in first.items()})

    @cached_property
    def _near(self) -> dict[tuple[str, str, str], list[str]]:
        """The series without a mask of each study, by their frame of reference."""
        near = defaultdict(list)
        for series, entry in self.archive.told.items():
            if series not in self.archive.masks:
                near[entry.study, entry.patient, entry.frame].append(series)
        return near

    def shared(self, place: int) -> list[str]:
        """Return what the series with masks say of themselves, and what others of their studies do.

        Anybody may have written anything there, so only what is said of several
        patients is taken: of one other series in nearly all studies.

        Parameters
        ----------
        place : int
            Of `TOLD_BY`.

        Returns
        -------
        list of str
            Nothing where the series with masks do not all say the same.
        """
        own = {self.called[series][place] for series in self.archive.masks}
        if len(own) != 1 or not min(own).strip("* "):
            return []
        whose: dict[str, list[str]] = defaultdict(list)
        for series in self.archive.masks:
            entry = self.archive.told[series]
            near = self._near.get((entry.study, entry.patient, entry.frame), [])
            for text, count in Counter(self.called[other][place] for other in near).items():
                if count == 1 and text.strip("* ") and text not in own:
                    whose[text].append(entry.patient)
        nearly = NEARLY * len(self.archive.masks)
        others = [t for t, who in whose.items() if len(who) >= nearly and len(set(who)) > 1]
        return [*own, *sorted(others)]

    def images(self, image: Mapping[str, str]) -> Grouped:
        """Return which series are which channels."""
        archive = self.archive
        return grouped(archive.masks, archive.told, self.called, Dicom(image=dict(image)))

    def lacking(self, image: Mapping[str, str]) -> list[str]:
        """Return the cases that lack a channel, or have several series that may be it."""
        images = self.images(image).images
        named = told_apart({series: self.archive.called(series) for series in images})
        return sorted(
            named[series]
            for series, own in images.items()
            if any(len(several) != 1 for several in own.values())
        )

    def on_grid(self, image: Mapping[str, str], looker: Looker) -> dict[str, str]:
        """Return the first channel, and those that are MR, too, on its voxels in a few cases."""
        whole = [
            {name: several[0] for name, several in own.items()}
            for own in self.images(image).images.values()
            if all(len(several) == 1 for several in own.values())
        ]
        few = [whole[int(n)] for n in spread([str(n) for n in range(len(whole))], CHECKED)]
        first, *others = image
        near = [
            name
            for name in others
            if few and all(self._is_near(own[first], own[name], looker) for own in few)
        ]
        return {name: image[name] for name in (first, *near)}

    def _is_near(self, first: str, other: str, looker: Looker) -> bool:
        """Tell whether two series are MR on the same voxels."""
        headers = []
        for series in (first, other):
            if self.called[series][0] != "mr":
                return False
            paths = self.archive.series[series]
            headers.append(looker.header(paths[0], [looker.root / path for path in paths]))
        one, two = headers
        return one is not None and two is not None and same_grid(one, two)


@dataclass(frozen=True)
class Beside:
    """Series that nearly all studies have beside the one with the mask.

    Attributes
    ----------
    image : mapping of str to str
        As `dataset.dicom.image`, the series with the mask first.
    found : Described
        The channels with these names.
    together : bool
        Whether the first guess is that they are channels of one image.
    """

    image: Mapping[str, str]
    found: Described
    together: bool

    @property
    def keys(self) -> dict[str, Any]:
        """As settings of the data set."""
        return {**self.found.keys, "dicom": {"image": dict(self.image)}}

    def said(self, *, together: bool) -> list[Said]:
        """Return the settings with their reasons, as channels or as the series with the mask."""
        question = (
            "Which series are to be segmented, the one with the mask or several as its channels?"
        )
        names = list(self.found.names)
        image = dict(self.image)
        if together:
            others = (Other(None, "the series that masks were drawn on, alone"),)
            return [*self.found.said, Said(IMAGE, image, self.found.why, question, others)]
        when = f"{len(names)} series of a study are channels of one image"
        if "ct" in names:
            when += ", all with the intensity arbitrary, as not all are CT in HU"
        return [
            Said(CHANNELS, None, "a series a case", "", (Other(names, "dicom.image names them"),)),
            Said(IMAGE, None, self.found.why, question, (Other(image, when),)),
        ]


def beside(looker: Looker) -> Beside | None:
    """Return the series that may be channels of the images that masks were drawn on.

    They lie in the study and the frame of reference of each, and are told apart by
    their Modality, or else by their SeriesDescription. Where there are several of MR
    on the same voxels, these together are the first guess.

    Parameters
    ----------
    looker : Looker
        Of a folder that `layout: dicom` reads.

    Returns
    -------
    Beside or None
        None where no other series is called the same in nearly all studies.
    """
    studies = Studies.of(looker)
    for place, by in enumerate(TOLD_BY):
        texts = studies.shared(place)
        if place == 0:
            texts = [text for text in texts if text in MODALITIES]
        if len(texts) < 2:
            continue
        names = safe_channels([MODALITIES.get(text, text) for text in texts])
        image = dict(zip(names, texts, strict=True))
        try:
            near = studies.on_grid(image, looker)
            together = len(near) > 1
            image = near if together else image
            lacking = tuple(studies.lacking(image))
        except SlicewiseError:
            continue  # what one is called says two channels
        why = f"nearly all studies have these series, told apart by {by}"
        return Beside(image, Described(tuple(image), lacking, lacking, why), together)
    return None
