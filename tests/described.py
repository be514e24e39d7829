"""Records of cases that nobody stored, measured as those that were ingested."""

from __future__ import annotations

import numpy as np

from slicewise.boxes import bounding_box, centre_of
from slicewise.components import component_sizes
from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord
from slicewise.volumes.tones import tones_of
from slicewise.volumes.volume import Volume
from tests.case_records import case_record


def described_case(name: str, image: Volume, mask: Volume, content: Content) -> CaseRecord:
    """Return what is known of a case, of which all channels hold the same."""
    centres = {}
    largest = {}
    ml = {}
    canonical = mask.canonical().array
    for number, label in enumerate(content.labels, start=1):
        box = bounding_box(canonical == number)
        ml[label] = float(np.count_nonzero(canonical == number) * mask.voxel_ml)
        if box is not None:
            centres[label] = centre_of(canonical[box] == number, box, canonical.shape)
            sizes = component_sizes(canonical[box] == number)
            largest[label] = sizes[0] / sum(sizes)
    return case_record(
        name,
        shape=list(image.array.shape),
        spacing=[float(mm) for mm in image.spacing],
        orientation=image.orientation,
        tones=[tones_of(image, content.intensity)] * len(content.channels or [""]),
        ml=ml,
        centres=centres,
        largest=largest,
    )
