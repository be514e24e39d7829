"""Which new scans to draw or correct next."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from slicewise.dataset.split import name_hash
from slicewise.errors import SlicewiseError
from slicewise.report.segmented import SegmentedScan
from slicewise.segmenting.trained_on import KIND
from slicewise.wording import some

By = Literal["random", "dice"]
COLUMNS = ("rank", "scan", "ml", "rich", "expected_dice", "flags")
SHOWN = 8
HALF = 0.5
CAVEAT = "no ranking is known to beat that reliably (arXiv 2511.19183)"
HONEST = {
    "random": f"in random order, those rich in foreground first: {CAVEAT}",
    "dice": "by expected Dice, the lowest first; it was not shown to teach more than a random "
    f"order of those rich in foreground (--by random), and {CAVEAT}",
}
"""What is said of an order."""


@dataclass(frozen=True)
class Ranked:
    """Scans in the order in which to draw them.

    Attributes
    ----------
    scans : list of SegmentedScan
    rich : set of str
        Names of those in which much was found.
    known : list of str
        Names of those that the model was trained on, which are left out.
    by : {"random", "dice"}
    """

    scans: list[SegmentedScan]
    rich: set[str]
    known: list[str]
    by: By

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells of each scan, see `COLUMNS`."""
        return [
            (
                str(number),
                scan.scan,
                " ".join(f"{one['label']}={one['ml']:.1f}" for one in scan.labels),
                "yes" if scan.scan in self.rich else "no",
                "" if scan.lowest is None else f"{scan.lowest:.2f}",
                ", ".join(dict.fromkeys(flag["kind"] for flag in scan.flags)),
            )
            for number, scan in enumerate(self.scans, start=1)
        ]

    def table(self) -> str:
        """Return the table as TSV."""
        return "".join("\t".join(row) + "\n" for row in (COLUMNS, *self.rows))

    def text(self, most: int) -> str:
        """Return the first lines of the table in columns, with what is known of such orders."""
        rows = [COLUMNS, *self.rows[:most]]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        padded = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
        lines = [*padded, HONEST[self.by]]
        if self.known:
            lines.append(f"left out, as the model was trained on them: {some(self.known, SHOWN)}")
        return "\n".join(lines)


def ranked(scans: Sequence[SegmentedScan], by: By = "random", seed: int = 0) -> Ranked:
    """Order scans by what may teach most.

    Parameters
    ----------
    scans : sequence of SegmentedScan
        In any order.
    by : {"random", "dice"}
        In an order that follows from the seed and their names, those rich in foreground first; or
        by the expected Dice of their worst label, the lowest first.
    seed : int

    Raises
    ------
    SlicewiseError
        When there is none, or no Dice is expected of any.
    """
    known = sorted(scan.scan for scan in scans if _is_known(scan))
    new = [scan for scan in scans if not _is_known(scan)]
    if not new:
        raise SlicewiseError(
            "there is no scan to rank"
            + (f", as the model was trained on {some(known, SHOWN)}" if known else "")
            + "; segment new ones"
        )
    if by == "dice" and all(scan.lowest is None for scan in new):
        raise SlicewiseError(
            "--by dice: no Dice is expected of these masks, as the model has no calibration "
            "(slicewise inspect says why); rank them --by random"
        )
    rich = _rich(new)

    def place(scan: SegmentedScan) -> tuple[float, float, int]:
        chance = name_hash(seed, "next", scan.scan)
        expected = 1.0 if scan.lowest is None else scan.lowest
        return (expected if by == "dice" else 0.0, float(scan.scan not in rich), chance)

    return Ranked(sorted(new, key=place), rich, known, by)


def _is_known(scan: SegmentedScan) -> bool:
    return any(flag["kind"] == KIND for flag in scan.flags)


def _rich(scans: Sequence[SegmentedScan]) -> set[str]:
    """Name the scans in which at least half of the labels are as large as in the median scan."""
    volumes: dict[str, list[float]] = {}
    for scan in scans:
        for one in scan.labels:
            volumes.setdefault(one["label"], []).append(one["ml"])
    medians = {label: statistics.median(each) for label, each in volumes.items()}
    rich = set()
    for scan in scans:
        large = [one["ml"] > 0 and one["ml"] >= medians[one["label"]] for one in scan.labels]
        if large and sum(large) >= HALF * len(large):
            rich.add(scan.scan)
    return rich
