"""What images and masks hold, wherever they came from."""

import pytest

from slicewise.config import Content, load_settings
from tests.settings import LEAST, changed


def test_content_is_what_the_block_dataset_says_of_images_and_masks():
    config = changed("dataset/offset", -1024)
    config["dataset"] |= {"empty_masks": "allow", "masks": "resample", "spacing": [1.0, 1.0, 2.5]}
    content = load_settings(config).dataset.content
    assert content == Content(
        intensity="hu",
        contiguous=True,
        labels={"liver": [1]},
        other_labels="refuse",
        offset=-1024,
        spacing=[1.0, 1.0, 2.5],
        empty_masks="allow",
        masks="resample",
    )


@pytest.mark.parametrize("decided", ["empty_masks", "masks"])
def test_what_was_decided_when_a_mask_was_read_counts_no_more(decided):
    content = load_settings(LEAST).dataset.content
    value = {"empty_masks": "allow", "masks": "resample"}[decided]
    other = content.model_copy(update={decided: value})
    assert other != content
    assert other.once_read == content.once_read


def test_what_is_not_used_is_not_said():
    """So that it makes no older result anew."""
    content = load_settings(LEAST).dataset.content
    assert not content.partial
    assert "ignore" not in content.model_dump()
    partial = content.model_copy(update={"ignore": 255})
    assert partial.partial
    assert partial.once_read == content.once_read | {"ignore": 255}
    assert Content(**partial.model_dump()) == partial


@pytest.mark.parametrize("counts", ["intensity", "offset", "contiguous", "labels", "ignore"])
def test_everything_else_counts(counts):
    content = load_settings(LEAST).dataset.content
    other = {"intensity": "arbitrary", "offset": 1, "contiguous": False, "labels": {"liver": [2]}}
    other["ignore"] = 255
    assert content.model_copy(update={counts: other[counts]}).once_read != content.once_read
