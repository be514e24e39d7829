"""What lies beside a DICOM series in its folder: localizers, reports, screenshots.

Scanners and archives export them together. They are left aside where they are
far fewer than the slices of the one series, and never where it might be that
two volumes were mixed up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pydicom

from slicewise.volumes.dicom.headers import Slice, value_of, whole

_STORAGE = "1.2.840.10008.5.1.4.1.1."
WITHOUT_IMAGE = {
    "88.": "report",
    "11.": "presentation state",
    "104.": "document",
    "9.": "waveform",
    "66": "raw data",
    "66.1": "registration",
    "66.3": "registration",
    "67": "value mapping",
    "481.": "radiotherapy object",
}
"""What no volume is made of, by the end of its SOP class, or, with a point, by how that begins."""
SCREENSHOT = "7"
DOUBTFUL = ("localizer", "screenshot")
"""What may be meant where there is no other image, whatever it says that it is."""
LOCALIZER = {"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "SCANOGRAM"}
SCREENS = {"SCREEN SAVE", "DOSE_INFO", "DOSE REPORT"}
"""Values of ImageType."""
FEW = 3
"""So many images of another direction or series may be localizers without saying so."""
TIMES = 2
"""The series has at least so many times as many images as those of another direction or size."""
TIMES_ALIKE = 10
"""And as those that lie and measure like its own."""
TURNED = np.cos(np.radians(30))
"""Localizers are turned by more than that, in any case."""


def what_else(header: pydicom.Dataset) -> str:
    """Return what a file is if no slice of a volume is to be expected in it, or nothing."""
    kind = str(value_of(header, "SOPClassUID") or "")
    end = kind.removeprefix(_STORAGE) if kind.startswith(_STORAGE) else ""
    for start, what in WITHOUT_IMAGE.items():
        if end == start or (start.endswith(".") and end.startswith(start)):
            return what
    if end == SCREENSHOT or end.startswith(f"{SCREENSHOT}."):
        return "screenshot"
    words = value_of(header, "ImageType") or ()
    words = [words] if isinstance(words, str) else words
    words = {str(word).upper() for word in words}
    if words & SCREENS:
        return "screenshot"
    return "localizer" if words & LOCALIZER else ""


def without_others(
    headers: Sequence[tuple[str, pydicom.Dataset]],
) -> tuple[list[tuple[str, pydicom.Dataset]], list[tuple[str, str]]]:
    """Set aside files that say themselves that they are no slices of a volume.

    Parameters
    ----------
    headers : sequence of (name, header)
        All of a folder.

    Returns
    -------
    kept : list of (name, header)
        All, where images would be too few beside what says so.
    aside : list of (name, what it is)
    """
    told = [what_else(header) for _, header in headers]
    kept = [pair for pair, what in zip(headers, told, strict=True) if not what]
    aside = [(name, what) for (name, _), what in zip(headers, told, strict=True) if what]
    doubtful = sum(what in DOUBTFUL for what in told)
    if doubtful >= sum(max(1, whole(header, "NumberOfFrames", 1)) for _, header in kept):
        # then these may be what is meant
        kept = [pair for pair, what in zip(headers, told, strict=True) if what in ("", *DOUBTFUL)]
        aside = [(name, what) for name, what in aside if what not in DOUBTFUL]
    return (kept, aside) if kept else (list(headers), [])


def small_series(headers: Sequence[tuple[str, pydicom.Dataset]]) -> set[str]:
    """Return the files of series that have far fewer than another: they need not be slices."""
    groups: dict[str, list[str]] = defaultdict(list)
    frames: Counter[str] = Counter()
    for name, header in headers:
        series = str(value_of(header, "SeriesInstanceUID") or "")
        groups[series].append(name)
        frames[series] += max(1, whole(header, "NumberOfFrames", 1))
    most = max(frames.values(), default=0)
    return {
        name
        for series, names in groups.items()
        if frames[series] <= FEW and most >= TIMES_ALIKE * frames[series]
        for name in names
    }


def keep_one_series(slices: Sequence[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Set aside other series that by their number and direction can only be localizers.

    Returns
    -------
    kept, aside : list of Slice
        Several series are kept where more than one may be meant.
    """
    groups: dict[str, list[Slice]] = defaultdict(list)
    for one in slices:
        groups[one.series].append(one)
    if len(groups) < 2:
        return list(slices), []
    # the series that is meant lies in one direction, if any does
    main = max(groups.values(), key=lambda group: (not _in_several(group), len(group)))
    aside = {name for name, group in groups.items() if group is not main and _is_few(group, main)}
    return (
        [one for one in slices if one.series not in aside],
        [one for one in slices if one.series in aside],
    )


def _is_few(group: Sequence[Slice], main: Sequence[Slice]) -> bool:
    """Tell whether a series is too small, or too mixed, to be a volume beside another."""
    if _in_several(group):
        return len(group) < len(main) and not _in_several(main)
    if len(group) > FEW:
        return False
    other = group[0].rows != main[0].rows or group[0].columns != main[0].columns
    other = other or _turned(group[0], main[0])
    return len(main) >= (TIMES if other else TIMES_ALIKE) * len(group)


def _in_several(group: Sequence[Slice]) -> bool:
    return any(_turned(one, group[0]) for one in group)


def _turned(one: Slice, other: Slice) -> bool:
    """Tell whether two slices lie in other directions; what says nothing of it does."""
    known = [s.orientation for s in (one, other) if s.orientation is not None]
    if len(known) < 2:
        return len(known) == 1
    normals = [np.cross(orientation[:3], orientation[3:]) for orientation in known]
    return bool(abs(normals[0] @ normals[1]) < TURNED)


def without_turned(slices: Sequence[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Set aside the few slices of a series that lie in another direction than all others."""
    kinds: list[list[Slice]] = []
    for one in slices:
        for kind in kinds:
            if not _turned(one, kind[0]):
                kind.append(one)
                break
        else:
            kinds.append([one])
    kinds.sort(key=len)
    aside = [one for kind in kinds[:-1] for one in kind]
    if not aside or len(aside) > FEW or len(kinds[-1]) < TIMES * len(aside):
        return list(slices), []
    return kinds[-1], aside


def listed(aside: Sequence[tuple[str, str]], shown: Callable[[str], str]) -> str:
    """Name what was left aside, with the first file of each kind."""
    firsts = {what: name for name, what in reversed(aside)}
    counts = Counter(what for _, what in aside)
    return ", ".join(
        f"{count} × {what} (as {shown(firsts[what])})" for what, count in counts.items()
    )


def series_listed(slices: Sequence[Slice], shown: Callable[[str], str], most: int = 8) -> str:
    """Name the series of a folder by their number, modality, size and first file."""
    groups: dict[str, list[Slice]] = defaultdict(list)
    for one in slices:
        groups[one.series].append(one)
    ordered = sorted(groups.values(), key=len, reverse=True)
    named = [
        f"{f'number {g[0].number}, ' if g[0].number else ''}{len(g)} slices"
        f"{f' of {g[0].modality}' if g[0].modality else ''} as in {shown(min(s.name for s in g))}"
        for g in ordered[:most]
    ]
    return "; ".join(named) + ("; …" if ordered[most:] else "")
