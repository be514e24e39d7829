"""Lists of a dataset.json are named once each."""

import pytest
from pydantic import ValidationError

from slicewise.config.msd import Msd
from tests.layouts import dataset


def test_training_alone_unless_others_are_named():
    assert Msd().train_lists == ["training"]
    assert Msd(train=["training", "more"]).train_lists == ["training", "more"]


@pytest.mark.parametrize(
    "lists", [{"test": ["training"]}, {"train": ["a", "a"]}, {"test": ["b", "b"]}]
)
def test_a_list_that_is_named_twice_is_refused(lists):
    with pytest.raises(ValidationError, match="twice"):
        Msd(**lists)


@pytest.mark.parametrize("lists", [{"train": []}, {"train": ""}, {"test": [""]}])
def test_lists_have_names(lists):
    with pytest.raises(ValidationError):
        Msd(**lists)


def test_the_block_belongs_to_its_layout():
    with pytest.raises(ValidationError, match="layout msd only"):
        dataset("nnunet", msd={"train": "training"})


def test_lists_that_validate_go_with_others_that_are_tested_on():
    with pytest.raises(ValidationError, match="goes with test only"):
        Msd(validation=["validation"])
    with pytest.raises(ValidationError, match="names the list a twice"):
        Msd(validation=["a"], test=["a"])
    assert Msd(validation=["a"], test=["b"]).validation == ["a"]
