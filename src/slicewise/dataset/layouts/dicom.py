"""The layout `dicom`: studies as an archive exports them, sorted by their headers.

Files are called anything and lie anywhere; what belongs together, UIDs say. A
series that a segmentation (SEG) or structure set (RTSTRUCT) was drawn on is a
case. Neither case nor patient is called by what a header says of the patient.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.channels import with_files
from slicewise.dataset.layouts.dicom_channels import Grouped, grouped
from slicewise.dataset.layouts.found import FoundCase, listed
from slicewise.dataset.names import SAFE
from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.index import (
    IMAGE,
    RTSTRUCT,
    SEG,
    Entry,
    keep,
    place_of,
    read_index,
    read_kept,
    read_names,
    top_of,
)
from slicewise.wording import plural

_log = logging.getLogger(__name__)

MASKS = (SEG, RTSTRUCT)
HASHED = ("patient-", "study-")
"""What the names of patients begin with who are called by a hash."""
SUFFIX = 6
"""Digits by which the cases of a patient who has several are told apart."""


@dataclass(frozen=True)
class Archive:
    """All files of an archive by what their headers tell.

    Attributes
    ----------
    entries : mapping of str to Entry
        By their paths below its root.
    """

    entries: Mapping[str, Entry]

    @cached_property
    def series(self) -> dict[str, list[str]]:
        """The paths of each series of images, a copied file once, by the hash of its UID."""
        seen = set()
        series: dict[str, list[str]] = defaultdict(list)
        for path, entry in self.entries.items():
            if entry.kind != IMAGE or not entry.series:
                continue
            if entry.once and entry.once in seen:
                continue
            seen.add(entry.once)
            series[entry.series].append(path)
        return dict(series)

    @cached_property
    def told(self) -> dict[str, Entry]:
        """What the header of a file of each series of images tells."""
        return {series: self.entries[paths[0]] for series, paths in self.series.items()}

    @cached_property
    def copies(self) -> int:
        """How many images are another copy of one."""
        images = [e for e in self.entries.values() if e.kind == IMAGE and e.series]
        return len(images) - sum(map(len, self.series.values()))

    @cached_property
    def _series_of_instance(self) -> dict[str, set[str]]:
        of_instance: dict[str, set[str]] = defaultdict(set)
        for series, paths in self.series.items():
            for path in paths:
                of_instance[self.entries[path].instance].add(series)
        return dict(of_instance)

    def _series_with(self, instance: str, mask: Entry) -> set[str]:
        """Return the series that have a slice, those of a mask's own study if there are several."""
        series = self._series_of_instance.get(instance, set())
        own = {one for one in series if self.told[one].study == mask.study}
        return own if own and len(series) > 1 else series

    def drawn_on(self, mask: Entry) -> list[str]:
        """Return the series that a mask may have been drawn on: what it names, if that is here."""
        if mask.on_series:
            return [series for series in mask.on_series if series in self.series]
        if mask.on_instances:
            return sorted(set().union(*(self._series_with(one, mask) for one in mask.on_instances)))
        return sorted(
            series
            for series, paths in self.series.items()
            if mask.frame
            and self.entries[paths[0]].frame == mask.frame
            and self.entries[paths[0]].study == mask.study
        )

    @cached_property
    def masks(self) -> dict[str, list[str]]:
        """The paths of the masks of each series that has some, a copied file once."""
        of_series: dict[str, list[str]] = defaultdict(list)
        seen = set()
        for path, entry in self.entries.items():
            if entry.kind not in MASKS or (entry.once and entry.once in seen):
                continue
            seen.add(entry.once)
            drawn_on = self.drawn_on(entry)
            if len(drawn_on) == 1:
                of_series[drawn_on[0]].append(path)
        return dict(of_series)

    @cached_property
    def left_aside(self) -> Counter[str]:
        """How many files and series there are that no case is made of, by what they are."""
        aside: Counter[str] = Counter()
        for entry in self.entries.values():
            if entry.kind in MASKS:
                count = len(self.drawn_on(entry))
                if not count:
                    aside[f"{entry.kind} of a series that is not here"] += 1
                elif count > 1:
                    aside[f"{entry.kind} of several series"] += 1
            elif entry.kind != IMAGE or not entry.series:
                aside[entry.kind] += 1
        aside["image series without a segmentation or structure set"] = sum(
            series not in self.masks for series in self.series
        )
        aside["copy of a slice"] = self.copies
        return +aside

    @cached_property
    def _folders(self) -> dict[str, set[str]]:
        """Whose files lie in each folder below the root."""
        whose: dict[str, set[str]] = defaultdict(set)
        for path, entry in self.entries.items():
            if entry.series:
                whose[top_of(path)].add(entry.patient)
        return dict(whose)

    @cached_property
    def _telling(self) -> set[str]:
        """Folders that are called by a patient, a UID or a date, or not safely."""
        return {
            top_of(path)
            for path, entry in self.entries.items()
            if entry.telling or not SAFE.fullmatch(top_of(path))
        }

    @cached_property
    def _folders_of(self) -> dict[str, set[str]]:
        """In which folders below the root the files of each patient lie."""
        where: dict[str, set[str]] = defaultdict(set)
        for path, entry in self.entries.items():
            if entry.series and entry.patient:
                where[entry.patient].add(top_of(path))
        return dict(where)

    def called(self, series: str) -> str:
        """Return what the cases of a patient are called by.

        The folder below the root, where one patient's files lie in it and its
        name tells nothing of him; else a hash of his ID, or of the study where
        he has none.
        """
        entry = self.entries[self.series[series][0]]
        tops = {top_of(path) for path in self.series[series]}
        top = min(tops)
        alone = len(tops) == 1 and len(self._folders[top] - {""}) < 2
        return top if alone and top not in self._telling else _hashed(entry)

    def patient(self, series: str) -> str:
        """Return whose a series is: who has one ID is one patient, wherever his files lie."""
        entry = self.entries[self.series[series][0]]
        several = len(self._folders_of.get(entry.patient, ())) > 1
        return _hashed(entry) if several else self.called(series)

    def shared_ids(self) -> list[int]:
        """Return in how many folders patients lie who lie in several, each with a case."""
        wanted = {self.entries[self.series[series][0]].patient for series in self.masks}
        return [len(f) for patient, f in self._folders_of.items() if patient in wanted and f - {""}]


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the series that masks were drawn on, by the headers of all files below `root`."""
    archive = Archive(read_index(root))
    images = Grouped({series: {} for series in archive.masks})
    left_aside = archive.left_aside
    if dataset.dicom is not None and dataset.channels is not None:
        names = read_names(root, [paths[0] for paths in archive.series.values()])
        called = {series: names[paths[0]] for series, paths in archive.series.items()}
        images = grouped(archive.masks, archive.told, called, dataset.dicom)
        left_aside["image series without a segmentation or structure set"] -= len(
            images.used - archive.masks.keys()
        )
        left_aside["masks of an image series that is no first channel"] = images.aside
    aside = ", ".join(f"{count} × {what}" for what, count in sorted((+left_aside).items()))
    if archive.masks and not images.images:
        raise SlicewiseError(
            f"{root}: no image series that a mask was drawn on is called as dataset.dicom.image "
            f"has it; {place_of(root, 'series.json')} says what all series are called"
        )
    if not archive.masks:
        raise SlicewiseError(
            f"{root}: no image series with a DICOM segmentation (SEG) or structure set (RTSTRUCT) "
            f"that was drawn on it{f' (there are {aside})' if aside else ''}; add the masks, or "
            "name images and masks in a table (layout: table)"
        )
    named = told_apart({series: archive.called(series) for series in images.images})
    cases = []
    for series, own in named.items():
        case = _case(own, series, archive, root, dataset)
        if dataset.channels is not None and own not in dataset.exclude:
            images.refuse_later(series, own)
            case = _with_channels(case, images.images[series], archive, root, dataset)
        cases.append(case)
    cases.sort(key=lambda case: case.name)
    _say(archive, aside, root, cases)
    return cases


def told_apart(called: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each series, which tells those apart that are called the same.

    Parameters
    ----------
    called : mapping of str to str
        What each is called by, by the hash of its UID.
    """
    shared = Counter(called.values())
    return {
        series: name if shared[name] == 1 else f"{name}_{series[:SUFFIX]}"
        for series, name in called.items()
    }


def _case(name: str, series: str, archive: Archive, root: Path, dataset: Dataset) -> FoundCase:
    images = archive.series[series]
    masks = archive.masks[series]
    kinds = Counter(archive.entries[path].kind for path in masks)
    return FoundCase(
        name,
        tuple(root / path for path in images),
        tuple(root / path for path in masks),
        None,
        # where a pattern is given, it says whose a case is
        None if dataset.patient_pattern is not None else archive.patient(series),
        named=(
            ("image", f"{name} ({len(images)})"),
            ("mask", ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))),
        ),
        hidden=True,
    )


def _with_channels(
    case: FoundCase, own: Mapping[str, list[str]], archive: Archive, root: Path, dataset: Dataset
) -> FoundCase:
    """Give a case the series of all channels of its image."""
    place = place_of(root, "series.json")
    for channel, several in own.items():
        if len(several) > 1:
            raise SlicewiseError(
                f"case {case.name}: {len(several)} series of its study may be the channel "
                f"{channel}; let dataset.dicom.image say more of it ({place} says what all series "
                "are called)"
            )
    files = {
        channel: tuple(root / path for one in several for path in archive.series[one])
        for channel, several in own.items()
    }
    case = with_files(case, files, dataset, f"its other series ({place} says what all are called)")
    counts = " + ".join(str(len(paths)) for paths in files.values() if paths)
    named = (("image", f"{case.name} ({counts})"), *case.named[1:])
    return replace(case, named=named)


def _hashed(entry: Entry) -> str:
    patient, study = HASHED
    return f"{patient}{entry.patient[:10]}" if entry.patient else f"{study}{entry.study[:10]}"


def _say(archive: Archive, aside: str, root: Path, cases: list[FoundCase]) -> None:
    """Say what was left aside, and keep which case is which for the user alone."""
    place = place_of(root, "cases.json")
    which = {
        case.name: {
            "image": str(case.image[0].parent),
            "mask": [str(path) for path in case.mask],
        }
        for case in cases
    }
    keep(place, which, read_kept(place))
    if aside:
        _log.warning(
            "%s: %s found by headers, and left aside: %s; %s says which case is which",
            root,
            plural(len(cases), "case"),
            aside,
            place,
        )
    shared = [count for count in archive.shared_ids() if count > 1]
    if shared:
        _log.warning(
            "%s: %s has files in several folders (%s): one ID is one patient; where an export gave "
            "several the same ID, say whose a case is in dataset.patient_pattern",
            root,
            plural(len(shared), "patient"),
            listed([str(count) for count in shared]),
        )
