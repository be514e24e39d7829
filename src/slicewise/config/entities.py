"""Names of files as the Brain Imaging Data Structure builds them: entities and a suffix.

Parts between underscores are told apart by their hyphen, which is all that is needed here; the
library for BIDS would index a whole data set, and brings a data base with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PART = re.compile(r"([A-Za-z]+)-(.+)")
_SUFFIX = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Entities:
    """What the name of a file says.

    Attributes
    ----------
    values : dict of str to str
        Of each entity, such as ``sub`` and ``ses``, in the order of the name.
    suffix : str
        The last part, such as ``T1w``.
    bare : tuple of str
        Parts without a hyphen before it, which no standard knows: in
        ``sub-01_FLAIR_roi`` the contrast that the mask was drawn on.

    Examples
    --------
    >>> Entities.of("sub-01_ses-2_desc-liver_dseg")
    Entities(values={'sub': '01', 'ses': '2', 'desc': 'liver'}, suffix='dseg', bare=())
    """

    values: dict[str, str] = field(hash=False)
    suffix: str
    bare: tuple[str, ...] = ()

    @classmethod
    def of(cls, stem: str) -> Entities | None:
        """Read the name of a file without the endings of its format; None if it is none of these.

        >>> Entities.of("brain") is None
        True
        """
        *parts, suffix = stem.split("_")
        if not parts or not _SUFFIX.fullmatch(suffix):
            return None
        values = {}
        bare = []
        for part in parts:
            match = _PART.fullmatch(part)
            if match is None:
                bare.append(part)
            else:
                values[match[1]] = match[2]
        return cls(values, suffix, tuple(bare)) if "sub" in values else None


@dataclass(frozen=True)
class Kind:
    """A kind of files: a suffix, and entities that are to have a value.

    Attributes
    ----------
    text : str
        As the settings have it, such as ``desc-liver_dseg``.

    Examples
    --------
    >>> Kind("acq-hr_T1w").fits(Entities.of("sub-01_acq-hr_run-2_T1w"))
    True
    >>> Kind("T1w").fits(Entities.of("sub-01_FLAIR"))
    False
    """

    text: str

    def __post_init__(self) -> None:
        *parts, suffix = self.text.split("_")
        if not _SUFFIX.fullmatch(suffix) or not all(map(_PART.fullmatch, parts)):
            raise ValueError(
                f"{self.text!r} is no kind of file; write the suffix, after entities that it has "
                "to have, as in T1w, acq-hr_T1w or desc-liver_dseg"
            )

    def fits(self, entities: Entities) -> bool:
        """Tell whether a file is of this kind."""
        *parts, suffix = self.text.split("_")
        wanted = (part.split("-", 1) for part in parts)
        return entities.suffix == suffix and all(
            entities.values.get(key) == value for key, value in wanted
        )
