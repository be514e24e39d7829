"""The block of layout bids, and what may not stand beside it."""

import pytest

from slicewise.config import Bids, Dataset
from slicewise.errors import SlicewiseError

BIDS = {"name": "x", "layout": "bids", "root": "d", "labels": {"liver": 1}}


def test_the_block_belongs_to_its_layout():
    assert Dataset(**BIDS).bids == Bids()
    assert Dataset(**{**BIDS, "layout": "nnunet"}).bids is None
    with pytest.raises(ValueError, match="the block bids goes with layout bids only"):
        Dataset(**{**BIDS, "layout": "nnunet", "bids": {}})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"bids": {"image": "acq_T1w"}}, "is no kind of file"),
        ({"bids": {"masks": {"liver": ["*"]}}}, "is no kind of file"),
        ({"bids": {"mask": "dseg", "masks": {"liver": "mask"}}}, "either mask or masks"),
        ({"bids": {"masks": {"tumour": "mask"}}}, "bids.masks lacks liver"),
        ({"bids": {"masks": {"liver": "mask"}}, "labels": {"liver": [1, 2]}}, "one mask value"),
        ({"patient_pattern": "(?P<patient>.*)"}, "say whose a case is"),
        ({"labels": {"liver": "Liver"}}, "must be a mask value with layout bids"),
    ],
)
def test_what_does_not_fit_is_refused(keys, said):
    with pytest.raises((ValueError, SlicewiseError), match=said):
        Dataset(**{**BIDS, **keys})
