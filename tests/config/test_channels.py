"""Channels leave no trace where there is one; what contradicts them is tried with the layouts."""

import pytest

from slicewise.config import Content
from slicewise.config.channels import check_channels
from tests.layouts import dataset


def test_images_of_one_channel_are_told_as_before():
    content = dataset("nnunet").content
    assert "channels" not in content.model_dump()
    assert "missing_channels" not in content.once_read
    assert list(content.model_dump(exclude={"masks"}))[:3] == ["intensity", "contiguous", "labels"]
    assert Content(**content.model_dump()) == content


def test_several_channels_are_told():
    content = dataset("nnunet", channels=["a", "b"], missing_channels="zero").content
    assert content.once_read["channels"] == ["a", "b"]
    assert content.model_dump(mode="json")["missing_channels"] == "zero"
    assert Content(**content.model_dump()) == content


def test_a_name_that_differs_in_case_only_is_refused():
    with pytest.raises(ValueError, match="twice"):
        check_channels(["t1", "T1"], "nnunet", "hu", "refuse", None)
