"""Which series of a study are the channels of one image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from slicewise.config import Dicom
from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.index import Entry


@dataclass
class Grouped:
    """Series that masks were drawn on, with those of the other channels of their images.

    Attributes
    ----------
    images : dict of str to dict
        By the series with the mask: the series that may be each channel.
    elsewhere : dict of str to str
        By the series with the mask: which channel it is, where an earlier one is there.
    aside : int
        How many series with masks make no image: they are of no channel, or of another one of an
        image whose first channel has a mask.
    """

    images: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    aside: int = 0

    @property
    def used(self) -> set[str]:
        """All series that any image is made of."""
        return {one for own in self.images.values() for several in own.values() for one in several}

    def refuse_later(self, series: str, case: str) -> None:
        """Refuse a mask that was drawn on another channel than the first one that its image has.

        Raises
        ------
        SlicewiseError
            When it was.
        """
        if series in self.elsewhere:
            raise SlicewiseError(
                f"case {case}: its mask was drawn on the channel {self.elsewhere[series]}, which "
                "is not the first one that it has; name the channel with the masks first in "
                "dataset.channels and dataset.dicom.image, as all others are brought onto its "
                "voxels"
            )


def grouped(
    masked: Collection[str],
    series: Mapping[str, Entry],
    called: Mapping[str, Sequence[str]],
    settings: Dicom,
) -> Grouped:
    """Find the channels of images among the series of their study.

    Of several that fit, those in the frame of reference of the one with the
    mask are taken.

    Parameters
    ----------
    masked : collection of str
        The series that a mask was drawn on.
    series : mapping of str to Entry
        What the header of a file of each series tells.
    called : mapping of str to sequence of str
        What each series calls itself.
    settings : Dicom
        What the series of each channel are called.

    Raises
    ------
    SlicewiseError
        When two patterns say as much of one series.
    """
    of_study: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    channel_of = {}
    for one, entry in series.items():
        channel = _channel(called[one], settings)
        if channel is not None:
            channel_of[one] = channel
            of_study[entry.study, entry.patient][channel].append(one)
    out = Grouped()
    for one in masked:
        if one not in channel_of:
            out.aside += 1
            continue
        entry = series[one]
        there = of_study[entry.study, entry.patient]
        own = {name: _of_frame(there[name], series, entry.frame) for name in settings.image or {}}
        own[channel_of[one]] = [one]
        names = list(own)
        earlier = [other for name in names[: names.index(channel_of[one])] for other in own[name]]
        if set(earlier) & set(masked):
            out.aside += 1
            continue
        if earlier:
            out.elsewhere[one] = channel_of[one]
        out.images[one] = own
    return out


def _channel(called: Sequence[str], settings: Dicom) -> str | None:
    channels = settings.channels_of(called)
    if len(channels) > 1:
        raise SlicewiseError(
            f"dataset.dicom.image: the patterns of {channels[0]} and {channels[1]} fit the same "
            "series alike; let one of them say more, or what the other does not"
        )
    return channels[0] if channels else None


def _of_frame(candidates: list[str], series: Mapping[str, Entry], frame: str) -> list[str]:
    near = [one for one in candidates if series[one].frame == frame]
    return near or candidates
