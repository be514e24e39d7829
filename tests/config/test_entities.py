"""Names of files in BIDS are taken apart as the standard builds them."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.config.entities import Entities, Kind

words = st.text(string.ascii_letters + string.digits, min_size=1)


@given(st.dictionaries(st.sampled_from(["ses", "acq", "run", "desc", "space"]), words), words)
def test_a_name_is_taken_apart_as_it_was_built(values, suffix):
    values = {"sub": "01", **values}
    name = "_".join([*(f"{key}-{value}" for key, value in values.items()), suffix])
    assert Entities.of(name) == Entities(values, suffix)


@pytest.mark.parametrize("name", ["brain", "T1w", "sub-01", "sub-01_ses-1", "ses-1_T1w", "a_b"])
def test_other_names_say_nothing(name):
    assert Entities.of(name) is None


def test_a_part_without_a_hyphen_is_kept_apart():
    assert Entities.of("sub-01_acq-T2sel_FLAIR_roi").bare == ("FLAIR",)


def test_a_kind_asks_for_what_it_names_only():
    name = Entities.of("sub-01_acq-hr_run-2_T1w")
    assert Kind("T1w").fits(name)
    assert Kind("run-2_acq-hr_T1w").fits(name)
    assert not Kind("acq-lr_T1w").fits(name)
    assert not Kind("T2w").fits(name)


@pytest.mark.parametrize("text", ["", "acq-hr", "*_T1w", "acq_T1w", "T1w.nii.gz", "sub-01/T1w"])
def test_what_is_no_kind_is_refused(text):
    with pytest.raises(ValueError, match="is no kind of file"):
        Kind(text)
