"""How the files of a data set may be arranged: a layout a file, registered here by its name."""

from __future__ import annotations

from slicewise.dataset.layouts import bids, dicom, ircad, msd, nnunet, pairs, phantom, table
from slicewise.dataset.layouts.found import Layout

LAYOUTS: dict[str, Layout] = {
    "pairs": pairs.find,
    "ircad": ircad.find,
    "msd": msd.find,
    "nnunet": nnunet.find,
    "table": table.find,
    "bids": bids.find,
    "dicom": dicom.find,
    "phantom": phantom.find,
}
"""By the name that `dataset.layout` gives it; `config` lists the same names."""
