"""Colours, fonts and lines that all figures share, for light and for dark pages.

Figures are drawn for a light page; `formats.themed` gives them the ink of a dark one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

Theme = Literal["light", "dark"]

# Readable on white and on near-black, in this order distinguishable without red against green.
CYCLE = (
    "#2f7fd0",
    "#e0801a",
    "#1c9e77",
    "#c455a0",
    "#8673d9",
    "#b39200",
    "#3fa9c9",
    "#c25440",
    "#7d8794",
    "#5f9e2f",
)

MARKERS = "osD^v"
"""What dots and lines are marked by in turn, where there are more of them than colours."""

INK: dict[Theme, dict[str, str]] = {
    "light": {"text": "#1d2127", "muted": "#59616c", "line": "#d9dde2", "paper": "#ffffff"},
    "dark": {"text": "#e7eaee", "muted": "#a4adb8", "line": "#333a43", "paper": "#191d22"},
}


MANY = 8
"""Of more labels pages and figures have the worst first, in less room each."""
CROWD = 1000
"""More dots than that are drawn as one picture, as each would be a part of the page."""


def clipped(text: str, length: int = 18) -> str:
    """Shorten a name that would take the room of a figure; many differ at their ends only.

    Examples
    --------
    >>> clipped("liver")
    'liver'
    >>> clipped("subclavian_artery_left")
    'subclavia…ery_left'
    """
    end = (length - 1) // 2
    return text if len(text) <= length else f"{text[: length - 1 - end]}…{text[-end:]}"


def clipped_apart(names: Iterable[str], length: int = 18) -> dict[str, str]:
    """Shorten names that have to be told apart; those that would look alike stay whole.

    Examples
    --------
    >>> list(clipped_apart(["liver", "branches_of_4_arteries", "branches_of_5_arteries"]).values())
    ['liver', 'branches_of_4_arteries', 'branches_of_5_arteries']
    """
    short = {name: clipped(name, length) for name in names}
    used = Counter(short.values())
    return {name: each if used[each] == 1 else name for name, each in short.items()}


def look(number: int) -> tuple[str, str]:
    """Return the colour and the marker of the so manieth of some things, which tell it apart.

    Examples
    --------
    >>> look(0), look(10)
    (('#2f7fd0', 'o'), ('#2f7fd0', 's'))
    """
    return CYCLE[number % len(CYCLE)], MARKERS[number // len(CYCLE) % len(MARKERS)]


def rc_params() -> dict[str, Any]:
    """Return the settings of matplotlib for a light page."""
    ink = INK["light"]
    return {
        "font.size": 9.5,
        "text.color": ink["text"],
        "text.parse_math": False,
        "axes.labelcolor": ink["muted"],
        "axes.edgecolor": ink["line"],
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": ink["line"],
        "grid.linewidth": 0.7,
        "xtick.color": ink["line"],
        "ytick.color": ink["line"],
        "xtick.labelcolor": ink["muted"],
        "ytick.labelcolor": ink["muted"],
        "figure.facecolor": ink["paper"],
        "legend.frameon": False,
    }
