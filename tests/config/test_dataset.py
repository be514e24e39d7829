"""The block `dataset`."""

import pytest
from pydantic import ValidationError

from slicewise.config import IN_RESULTS, Pairs, load_settings
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("dataset/intensty", "hu", ["dataset.intensty is no known key, did you mean intensity?"]),
        ("dataset/contiguous", "no", ["dataset.contiguous", '"no"', "valid boolean"]),
        ("dataset/exclude", "p1", ["dataset.exclude", "valid list"]),
        ("dataset/root", 3, ["dataset.root is 3", "quotes are missing"]),
        ("dataset/intensity", "HU", ["dataset.intensity", "'hu', 'clipped_hu' or 'arbitrary'"]),
        ("dataset/labels", ..., ["dataset.labels is missing"]),
        ("dataset/root", ..., ["root is needed with layout msd"]),
        ("dataset/name", "my set", ["dataset.name", "letters, digits"]),
        ("dataset/name", "../up", ["dataset.name", "letters, digits"]),
        ("dataset/labels", {"the liver": 1}, ["the liver", "letters, digits"]),
        ("dataset/labels", {"liver": "liver"}, ["labels.liver must be a mask value"]),
        ("dataset/labels", {"liver": 0}, ["labels.liver", "from 1 to 65535"]),
        ("dataset/different_patients", [["p1"]], ["dataset.different_patients"]),
        ("dataset/empty_masks", "ok", ["dataset.empty_masks", "'refuse' or 'allow'"]),
        ("dataset/labels", {"a": 1, "b": [2, 1]}, ["labels", "share a mask value"]),
        ("dataset/phantom", {}, ["phantom", "goes with layout phantom only"]),
        ("dataset/ignore", 1, ["ignore is 1, which is the mask value of labels.liver"]),
        ("dataset/ignore", 0, ["ignore is 0", "set other_labels to background"]),
        ("dataset/ignore", 65536, ["dataset.ignore", "65535"]),
        ("dataset/labels", {f"l{k}": k for k in range(1, 256)}, ["255 are given", "254 is the"]),
        ("dataset/patient_pattern", "(", ["dataset.patient_pattern", "no", "regular expression"]),
        ("dataset/patient_pattern", "p.", ["dataset.patient_pattern", "group named patient"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", [*IN_RESULTS, "Reproduced"])
def test_names_of_folders_beside_results_are_no_data_set(name):
    message = fault(changed("dataset/name", name))
    assert message == (
        f"configuration: dataset.name is {name!r}: results/{name.lower()} is used by slicewise "
        "itself; choose another name"
    )
    load_settings(changed("dataset/name", f"{name}2"))


def test_organs_are_numbered_in_their_order():
    config = changed("dataset/layout", "ircad")
    config["dataset"]["labels"] = {"liver": "liver", "kidneys": "leftkidney"}
    assert load_settings(config).dataset.content.labels == {"liver": [1], "kidneys": [2]}


def test_labels_are_all_names_of_segments_or_all_values():
    named = {"liver": "Liver", "tumour": "Liver tumour"}
    config = changed("dataset/layout", "nnunet")
    config["dataset"]["labels"] = named
    content = load_settings(config).dataset.content
    assert content.labels == {"liver": [1], "tumour": [2]}
    config["dataset"]["labels"] = named | {"spleen": 3}
    assert "give all of them as values or all as names" in fault(config)
    config["dataset"]["labels"] = {"liver": "1"}
    assert "labels.liver must be a mask value" in fault(config)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"image": "{patient}.nii", "mask": "{patient}_{frame}.nii"}, "from 0 or from 1"),
        (
            {"image": "{case}_{frame}.nii", "mask": "{case}_{frame}_gt.nii", "first_frame": 1},
            "a file a frame",
        ),
        ({"image": "{case}.nii", "mask": "{case}_gt.nii", "first_frame": 1}, "has not"),
    ],
)
def test_frames_of_4d_images_are_told_by_their_masks(block, says):
    with pytest.raises(ValidationError, match=says):
        Pairs(**block)


def test_undrawn_voxels_need_masks_that_hold_values():
    config = changed("dataset/ignore", 255)
    assert load_settings(config).dataset.content.ignore == 255
    config["dataset"]["ignore"] = 0
    config["dataset"]["other_labels"] = "background"
    assert load_settings(config).dataset.content.ignore == 0
    config["dataset"] |= {"layout": "ircad", "labels": {"liver": "liver"}, "ignore": 255}
    assert "named segments or organ folders" in fault(config)
    config["dataset"] |= {"layout": "pairs", "labels": {"liver": 1}}
    load_settings(config)
    config["dataset"]["pairs"] = {"image": "*/ct.nii", "masks": {"liver": "*/liver.nii"}}
    assert "ignore is a mask value" in fault(config)
