"""Which series of a study are which channels (``layout: dicom``)."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from slicewise.config.block import Block, Name

Patterns = str | Annotated[list[str], Field(min_length=1)]


class Dicom(Block):
    """Which series are which channels of ``layout: dicom``.

    A pattern fits a series whose Modality or SeriesDescription it is: a `*` stands for any
    characters, and upper and lower case do not matter. A series that fits the patterns of two
    channels belongs to the one that says more.
    """

    image: dict[Name, Patterns] | None = Field(
        None,
        description="Of images of several channels: channel name: pattern of what its series are "
        "called, or several patterns (`{ct: CT, pet: PT}`, `{t1: '*t1*', flair: ['*flair*', "
        "'*dark fluid*']}`).",
    )

    @field_validator("image")
    @classmethod
    def _say_something(cls, value: dict[str, Patterns] | None) -> dict[str, Patterns] | None:
        for channel, patterns in (value or {}).items():
            for pattern in _listed(patterns):
                if not pattern.strip("* "):
                    raise ValueError(
                        f"{channel}: {pattern!r} fits every series; say what those of this channel "
                        "are called"
                    )
        return value

    def channels_of(self, says: Sequence[str]) -> list[str]:
        """Return the channels that a series may be of: one, unless two patterns say as much.

        Parameters
        ----------
        says : sequence of str
            What its header calls it.

        Examples
        --------
        >>> Dicom(image={"t1": "*t1*", "ce": "*t1*gd*"}).channels_of(["MR", "T1 SE + Gd"])
        ['ce']
        """
        called = [text.casefold() for text in says]
        most: dict[str, int] = {}
        for channel, patterns in (self.image or {}).items():
            fitting = [
                len(pattern.replace("*", ""))
                for pattern in _listed(patterns)
                if any(_fits(pattern, text) for text in called)
            ]
            if fitting:
                most[channel] = max(fitting)
        return [channel for channel, said in most.items() if said == max(most.values())]


def _listed(given: Patterns) -> list[str]:
    return given if isinstance(given, list) else [given]


def _fits(pattern: str, text: str) -> bool:
    # only * is special: names of series have brackets and question marks
    escaped = pattern.casefold().replace("[", "[[]").replace("?", "[?]")
    return fnmatch.fnmatchcase(text.strip(), escaped.strip())
