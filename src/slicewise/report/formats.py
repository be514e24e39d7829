"""Figures and pictures as files of PNG, JPEG and SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from slicewise.report.style import INK, Theme
from slicewise.report.undrawn import Undrawn, drawn

if TYPE_CHECKING:  # pages of new scans have pictures and no figures, and start sooner without it
    from matplotlib.figure import Figure

Themed = dict[Theme, bytes]
"""SVG files of the same figure."""


def png(picture: Figure | np.ndarray) -> bytes:
    """Return a figure or an 8-bit RGB array as a PNG file."""
    stream = io.BytesIO()
    if isinstance(picture, np.ndarray):
        Image.fromarray(picture).save(stream, format="png", optimize=True)
    else:
        picture.savefig(stream, format="png", dpi=160, metadata={"Software": None})
    return stream.getvalue()


def jpeg(picture: np.ndarray) -> bytes:
    """Return an 8-bit RGB array as a JPEG file, a third of its PNG.

    Colours keep their full resolution: the outlines are two pixels wide.
    """
    stream = io.BytesIO()
    # not `optimize`: Pillow would give the whole file a buffer of one byte a pixel, and
    # end with "broken data stream" where noise takes more
    Image.fromarray(picture).save(stream, "jpeg", quality=85, subsampling=0)
    return stream.getvalue()


def svg(figure: Figure) -> bytes:
    """Return a figure as a transparent SVG file with real text, the same for the same input."""
    import matplotlib

    stream = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": "slicewise", "text.parse_math": False}
    with matplotlib.rc_context(settings):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    # Text looks like that of the page around it; the layout has room for DejaVu, which is wider.
    return stream.getvalue().replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'").encode()


def darkened(figure: bytes) -> bytes:
    """Return an SVG file of `svg` in the ink of a dark page.

    Only tags have colours: names and numbers between them stay as they are.
    """
    dark = {colour: INK["dark"][name] for name, colour in INK["light"].items()}
    colours = re.compile("|".join(dark))

    def changed(tag: re.Match[str]) -> str:
        return colours.sub(lambda colour: dark[colour[0]], tag[0])

    return re.sub("<[^>]*>", changed, figure.decode()).encode()


def themed(what: str, draw: Callable[[], Figure]) -> Themed | Undrawn:
    """Draw a figure for a light and for a dark page, which differ by their ink alone.

    Parameters
    ----------
    what : str
        What the page says is missing where drawing fails.
    draw : callable
        Returns a figure in the ink of a light page.
    """

    def both() -> Themed:
        light = svg(draw())
        return {"light": light, "dark": darkened(light)}

    return drawn(what, both)
