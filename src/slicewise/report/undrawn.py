"""A picture that cannot be drawn costs a line in the page, never the numbers beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from slicewise.errors import SlicewiseError

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Undrawn:
    """Stands where a picture could not be drawn.

    Attributes
    ----------
    sentence : str
        Which picture, and why.
    """

    sentence: str


def drawn(what: str, draw: Callable[[], T]) -> T | Undrawn:
    """Draw a picture, or say why there is none.

    Whatever a library of pictures raises has no bearing on scores that are
    known already. A fault of the input, which is a sentence, is none of these.

    Parameters
    ----------
    what : str
        Which picture, as a sentence begins.
    draw : callable
        Returns the picture.

    Raises
    ------
    SlicewiseError
        What `draw` raises of this kind.
    """
    try:
        return draw()
    except SlicewiseError:
        raise
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": .")
        missing = Undrawn(f"{what} could not be drawn ({why}); no number depends on it.")
        _LOG.warning(missing.sentence, exc_info=True)
        return missing
