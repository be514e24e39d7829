"""slicewise: CT volumes with organ masks to a trained U-net and its honest Dice.

The library is a set of functions on arrays, paths and typed settings. The
Snakemake workflow beside it calls these functions; nothing here knows of it.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load `segment` when it is asked for, as few need the library of networks."""
    if name == "segment":
        return import_module("slicewise.segmenting.notebook").segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
