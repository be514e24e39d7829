"""Channels leave no trace where there is one; what contradicts them is tried with the layouts."""

import pytest

from slicewise.config import Content
from slicewise.config.channels import check_channels
from slicewise.jobs import Ingest, Look
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


def test_which_channel_is_shown_changes_no_other_stage():
    channels = {"channels": ["a", "b"]}
    content = dataset("nnunet", shown_channel="b", **channels).content
    plain = dataset("nnunet", **channels).content
    assert content.once_read == plain.once_read
    assert content.on_pages == {**plain.on_pages, "shown_channel": "b"}
    assert Content(**content.on_pages).shown_channel == "b"
    told = [Ingest(content=each, cases=[("a1", "a")]).dump() for each in (content, plain)]
    assert told[0] == told[1]
    shown = [Look(content=each, cases=["a1"]).dump() for each in (content, plain)]
    assert shown[0] != shown[1]


@pytest.mark.parametrize(
    ("keys", "says"), [({"channels": ["a", "b"]}, "there are a, b"), ({}, "channels names none")]
)
def test_a_channel_to_show_has_to_be_one(keys, says):
    with pytest.raises(ValueError, match=f"no channel is called c; {says}"):
        dataset("nnunet", shown_channel="c", **keys)


def test_a_name_that_differs_in_case_only_is_refused():
    with pytest.raises(ValueError, match="twice"):
        check_channels(["t1", "T1"], "nnunet", "hu", "refuse", None)
