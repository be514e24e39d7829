"""Colours, fonts and lines that all figures share, for light and for dark pages.

Figures are drawn for a light page; `formats.themed` gives them the ink of a dark one.
"""

from __future__ import annotations

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

INK: dict[Theme, dict[str, str]] = {
    "light": {"text": "#1d2127", "muted": "#59616c", "line": "#d9dde2", "paper": "#ffffff"},
    "dark": {"text": "#e7eaee", "muted": "#a4adb8", "line": "#333a43", "paper": "#191d22"},
}


MANY = 8
"""Of more labels pages and figures have the worst first, in less room each."""
CROWD = 1000
"""More dots than that are drawn as one picture, as each would be a part of the page."""


def clipped(text: str, length: int = 18) -> str:
    """Shorten a name that would take the room of a figure.

    Examples
    --------
    >>> clipped("liver")
    'liver'
    >>> clipped("a patient with a long name", 10)
    'a patient…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


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
