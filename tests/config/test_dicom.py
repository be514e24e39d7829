"""Which channel a series is, by what it calls itself."""

import pytest

from slicewise.config import Dataset, Dicom

DICOM = {"name": "x", "layout": "dicom", "root": "d", "labels": {"liver": 1}}
MR = {"channels": ["t1", "flair"], "intensity": "arbitrary"}


@pytest.mark.parametrize(
    ("says", "channels"),
    [
        (["MR", "AX T1 SE"], ["t1"]),
        (["MR", "ax t1 se +Gd "], ["ce"]),
        (["MR", "T2 [dark fluid]"], ["flair"]),
        (["PT", "WB"], ["pet"]),
        (["MR", "PT"], ["pet"]),
        (["MR", "DWI"], []),
        (["MR", ""], []),
        (["MR", "T2 d"], []),
    ],
)
def test_patterns_fit_modality_or_description(says, channels):
    image = {"t1": "*t1*", "ce": "*T1*gd", "flair": ["*flair*", "*[dark fluid]"], "pet": "PT"}
    assert Dicom(image=image).channels_of(says) == channels


def test_patterns_that_say_as_much_both_fit():
    assert Dicom(image={"a": "*t1*", "b": "*gd*"}).channels_of(["MR", "t1 gd"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({**MR}, "as a map of channel to pattern"),
        ({**MR, "dicom": {"image": {"flair": "f*", "t1": "t*"}}}, "in the same order"),
        ({**MR, "dicom": {"image": {"t1": "t*", "flair": "**"}}}, "fits every series"),
        ({"dicom": {"image": {"t1": "t*", "flair": "f*"}}}, "name these in channels"),
        ({"layout": "bids", "dicom": {}}, "goes with layout dicom only"),
    ],
)
def test_what_does_not_fit_is_refused(keys, said):
    with pytest.raises(ValueError, match=said):
        Dataset(**{**DICOM, **keys})


def test_settings_without_channels_need_no_block():
    assert Dataset(**DICOM).dicom is None
