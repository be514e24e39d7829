"""slicewise: CT volumes with organ masks to a trained U-net and its honest Dice.

The library is a set of functions on arrays, paths and typed settings. The
Snakemake workflow beside it calls these functions; nothing here knows of it.
"""

__version__ = "0.1.0"
