"""The block of layout bids, and what may not stand beside it."""

import pytest

from slicewise.config import Bids, Dataset
from slicewise.errors import SlicewiseError

BIDS = {"name": "x", "layout": "bids", "root": "d", "labels": {"liver": 1}}

MR = {"channels": ["T1w", "T2w"], "intensity": "arbitrary"}


def test_kinds_of_channels_are_given_or_their_names():
    given = Bids(image={"t1": "T1w", "ce": "ce-gad_T1w"}).image_kinds(["t1", "ce"])
    assert {name: kind.text for name, kind in given.items()} == {"t1": "T1w", "ce": "ce-gad_T1w"}
    named = Dataset(**{**BIDS, **MR}).bids.image_kinds(MR["channels"])
    assert [kind.text for kind in named.values()] == MR["channels"]


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
        ({"bids": {"image": {"t1": "acq_T1w"}}}, "is no kind of file"),
        ({"bids": {"image": {"t1": "T1w", "t2": "T2w"}}}, "name these in channels"),
        ({**MR, "bids": {"image": "T1w"}}, "as a map of channel to kind"),
        ({**MR, "bids": {"image": {"T2w": "T2w", "T1w": "T1w"}}}, "in the same order"),
        ({**MR, "channels": ["T1w", "t1_ce"]}, "'t1_ce' is no kind of file.*bids.image as a map"),
    ],
)
def test_what_does_not_fit_is_refused(keys, said):
    with pytest.raises((ValueError, SlicewiseError), match=said):
        Dataset(**{**BIDS, **keys})
