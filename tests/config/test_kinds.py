"""What settings may say is the same wherever it is asked for."""

from typing import get_args, get_type_hints

import pytest

from slicewise.config import Content, Dataset, Training, kinds


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("intensity", kinds.Intensity),
        ("other_labels", kinds.OtherLabels),
        ("empty_masks", kinds.EmptyMasks),
        ("masks", kinds.Masks),
    ],
)
def test_a_data_set_and_its_content_take_the_same_words(setting, kind):
    for block in (Dataset, Content):
        assert set(get_args(get_type_hints(block)[setting])) == set(get_args(kind))


def test_what_is_missing_is_refused_as_what_is_empty():
    hints = get_type_hints(Training)
    assert set(get_args(hints["missing_labels"])) == set(get_args(kinds.MissingLabels))


def test_the_first_word_is_the_strict_one():
    # the default of what is decided for others has to be the one that hides nothing
    for kind in (kinds.OtherLabels, kinds.EmptyMasks, kinds.MissingLabels):
        assert get_args(kind)[0] == "refuse"
    assert get_args(kinds.Masks)[0] == "exact"
