"""Records of cases that nobody ingested."""

from typing import Any

import numpy as np

from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack
from slicewise.volumes.volume import Volume

PLAIN = pack(slice_marks(Volume(np.zeros((8, 8, 4), np.int16), np.eye(4))))
"""Marks of a scan that shows nothing."""


def case_record(case: str = "a1", fingerprint: str = "voxels", **changed: Any) -> CaseRecord:
    """A record in which all is filled in; what else is given replaces it."""
    source = {"file": f"{case}.nii.gz", "sha256": case * 2, "bytes": 10}
    keys = {
        "case": case,
        "patient": f"of-{case}",
        "image": source,
        "mask": source | {"sha256": "m"},
        "shape": [10, 12, 5],
        "spacing": [0.75, 0.75, 2.5],
        "orientation": "LPS",
        "lost": False,
        "intensity": {"min": -1000.0, "p50": 30.0, "max": 900.0},
        "ml": {"liver": 1500.25, "tumour": 0.0},
        "fingerprint": fingerprint,
        "marks": PLAIN,
        "content": {"contiguous": True},
        "read": {"image": "read"},
        "made_from": "all of it",
    }
    return CaseRecord(**keys | changed)
