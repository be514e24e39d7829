"""Where masks of new scans lie, and the table and the page of them all; no network is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_text
from slicewise.report.segmented import (
    SEGMENTED,
    SegmentedScan,
    by_models,
    most_suspicious,
    scans_page,
    scans_table,
)
from slicewise.segmenting.scans import MASKS, RECORDS
from slicewise.segmenting.trained_on import told_of
from slicewise.stored import Form, read_typed, unsealed
from slicewise.wording import plural, some

SCANS = Form(list[SegmentedScan])
SHOWN = 8


@dataclass(frozen=True)
class Output:
    """Where everything lies that is made.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def mask(self, scan: str) -> Path:
        """Return the mask of a scan."""
        return self.folder / MASKS / f"{scan}.nii.gz"

    def seg(self, scan: str) -> Path:
        """Return the DICOM SEG of a scan."""
        return self.folder / "dicom" / f"{scan}.dcm"

    def structures(self, scan: str) -> Path:
        """Return the DICOM RTSTRUCT of a scan."""
        return self.folder / "dicom" / f"{scan}.rtstruct.dcm"

    def overlay(self, scan: str) -> Path:
        """Return the picture of a scan."""
        return self.folder / "overlays" / f"{scan}.jpg"

    def record(self, scan: str) -> Path:
        """Return what is known of a scan that is finished."""
        return self.folder / RECORDS / f"{scan}.json"

    def begun(self, scan: str) -> Path:
        """Return the mark of a scan that is not finished, whose mask may be there already."""
        return self.folder / RECORDS / f"{scan}.begun"

    def known(self, scan: str) -> SegmentedScan | None:
        """Return what is known of a scan; None where that is gone or damaged."""
        with suppress(SlicewiseError):
            known: SegmentedScan = unsealed(self.record(scan), SEGMENTED)
            return known
        return None

    def made(self, scan: str) -> bool:
        """Tell whether the mask of a scan is as it was written, from whatever it was made."""
        known = self.known(scan)
        with suppress(OSError):
            return known is not None and known.mask_sha256 == sha256(self.mask(scan))
        return False

    def finished(self, names: Collection[str] | None = None) -> list[SegmentedScan]:
        """Return what is known of all scans whose masks are there, whenever they were made.

        Parameters
        ----------
        names : collection of str, optional
            The others are left aside.
        """
        records = sorted((self.folder / RECORDS).glob("*.json"))
        scans = [path.stem for path in records if path.stem in (names or {path.stem})]
        known = [self.known(scan) for scan in scans if self.mask(scan).is_file()]
        # of one whose record is damaged nobody knows what its mask is
        return [scan for scan in known if scan is not None]


def read_scans(paths: Iterable[str]) -> list[SegmentedScan]:
    """Read what is known of the scans of some shards."""
    return [scan for path in paths for scan in read_typed(path, SCANS)]


def told_of_models(output: Output) -> str:
    """Say which masks are of which model, where they are of several; empty where of one."""
    several = by_models(output.finished())
    if not several:
        return ""
    return f"{output.folder}: it holds masks of several models: {'; '.join(several)}"


def told_twice(output: Output) -> str:
    """Say which names stand for one scan, as after it was renamed; empty where none do."""
    of: dict[str, list[str]] = {}
    for one in output.finished():
        if one.origin is not None:
            of.setdefault(one.origin.image, []).append(one.scan)
    twice = [" = ".join(names) for names in of.values() if len(names) > 1]
    if not twice:
        return ""
    return (
        f"{output.folder}: its table has {plural(len(twice), 'scan')} under several names "
        f"({some(twice, SHOWN)}); delete the masks of all names but one, and run this again"
    )


def write_pages(
    output: Output,
    model: str,
    failures: Sequence[str],
    scans: Sequence[SegmentedScan] | None = None,
) -> str:
    """Write ``volumes.tsv`` and ``gallery.html``.

    Parameters
    ----------
    output : Output
        Where.
    model : str
        What segmented the scans, as people call it.
    failures : sequence of str
        A sentence for each scan that was not segmented.
    scans : sequence of SegmentedScan, optional
        By default all that are finished there.

    Returns
    -------
    str
        A line about those that models were trained on; empty where it is none.
    """
    shown = most_suspicious(output.finished() if scans is None else scans)
    write_text(output.folder / "volumes.tsv", scans_table(shown))
    write_text(output.folder / "gallery.html", scans_page(shown, model, failures))
    return told_of({scan.scan: [flag["kind"] for flag in scan.flags] for scan in shown})
