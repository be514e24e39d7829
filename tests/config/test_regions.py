"""Regions: which labels they have, and as which label a choice of them is written."""

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slicewise.config import load_settings
from slicewise.config.regions import check_regions, members, numbered, order_of, written
from tests.settings import changed, fault

BRATS = {"whole": [1, 2, 3], "core": [2, 3], "enhancing": [3]}


def as_nnunet_writes(regions, found, labels):
    """Write regions one over the other, as `regions_class_order` does."""
    value = 0
    for region, label in zip(regions, labels, strict=True):
        if region in found:
            value = label
    return value


def test_nested_regions_are_written_as_nnunet_writes_them():
    table = written(BRATS)
    for chosen in itertools.product([False, True], repeat=3):
        found = {region for region, is_there in zip(BRATS, chosen, strict=True) if is_there}
        code = sum(is_there << bit for bit, is_there in enumerate(chosen))
        assert table[code] == as_nnunet_writes(BRATS, found, [1, 2, 3])


def test_the_order_is_by_size_then_as_named_and_the_first_label_is_written():
    assert order_of({"a": [3], "b": [1, 2, 3], "c": [2]}) == ["b", "a", "c"]
    assert written({"whole": [1, 2, 3], "core": [2, 3]}) == [0, 1, 2, 2]
    # settings say which label stands for the core
    assert written({"whole": [1, 2, 3], "core": [3, 2]}) == [0, 1, 3, 3]
    # a voxel of both is the label that is in both
    assert written({"left": [1, 2], "right": [2, 3]}) == [0, 1, 3, 2]


REGIONS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(REGIONS)
def test_what_labels_are_in_comes_back_whatever_the_regions(regions):
    """The Dice of no region changes by writing a mask of labels and reading it."""
    labels = sorted({number for numbers in regions.values() for number in numbers})
    assume(labels == list(range(1, len(labels) + 1)))
    names = [f"l{number}" for number in labels]
    try:
        check_regions(regions, names)
    except ValueError:
        assume(False)
    codes = members(regions, len(labels))
    table = written(regions)
    assert len(table) == 2 ** len(regions)
    assert table[0] == 0
    for code in codes:
        assert codes[table[code]] == code
    assert all(1 <= label <= len(labels) for label in table[1:])
    # whatever was found, the label that is written is in the smallest region of it
    for code in range(1, len(table)):
        found = [region for bit, region in enumerate(regions) if code >> bit & 1]
        last = [region for region in order_of(regions) if region in found][-1]
        assert table[code] in regions[last]


def test_numbers_are_those_of_labels():
    labels = {"edema": [4], "core": [7, 9], "rest": [300]}
    assert numbered({"all": [300, 9, 4, 7], "one": [4]}, labels) == {"all": [3, 2, 1], "one": [1]}
    with pytest.raises(ValueError, match=r"regions\.a: 5 is the mask value of no label; .* 4, 7"):
        numbered({"a": [4, 5]}, labels)
    with pytest.raises(ValueError, match=r"it has 7, but not the other values of labels\.core"):
        numbered({"a": [4, 7]}, labels)


def regions(given, labels=None):
    config = changed("dataset/labels", labels or {"edema": 1, "necrosis": 2, "enhancing_rim": 3})
    config["dataset"]["regions"] = given
    return config


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"whole": [1, 2, 3], "core": [4]}, "regions.core: 4 is the mask value of no label"),
        ({"whole": [1, 2, 3], "core": []}, "regions.core: it has no mask value"),
        ({"whole": [1, 2, 3], "core": [2, 2]}, "regions.core: a mask value is there twice"),
        ({"edema": [1, 2, 3]}, "regions.edema: a label has this name, too"),
        ({"Edema": [1, 2, 3]}, "differs from edema in upper and lower case"),
        ({"dice": [1, 2, 3]}, "regions.dice: this name is taken"),
        ({"a": [1, 2, 3], "b": [3, 1, 2]}, "regions.b: it is the same as regions.a"),
        ({"core": [2, 3]}, "labels.edema: it is in none of the regions"),
        ({"a": [1, 2, 3], "b": [1], "c": [2, 3]}, "regions.a: each of its labels is in a smaller"),
        ({}, "regions: there are none"),
        ({"the core": [1, 2, 3]}, "letters, digits"),
        ({f"r{k}": [1, 2, 3] for k in range(9)}, "9 are given, and 8 is the most"),
    ],
)
def test_regions_that_mean_nothing_are_refused(given, says):
    assert says in fault(regions(given))


def test_the_content_tells_of_regions_only_where_there_are_some():
    content = load_settings(regions({"whole": [1, 2, 3], "core": [2, 3]})).dataset.content
    assert content.scored == {"whole": [1, 2, 3], "core": [2, 3]}
    assert content.scored_values == content.scored
    assert content.once_read["regions"] == content.scored
    plain = load_settings(changed("dataset/labels", {"liver": [5, 6], "kidney": 2})).dataset.content
    assert "regions" not in plain.once_read
    assert plain.scored == {"liver": [1], "kidney": [2]}
    assert plain.scored_values == plain.labels


def test_lesions_are_regions_where_there_are_regions():
    config = regions({"whole": [1, 2, 3], "core": [2, 3]})
    config["evaluation"] = {"lesions": ["edema"]}
    assert "no region is called 'edema'; there are: whole, core" in fault(config)
    config["evaluation"] = {"lesions": ["core"]}
    load_settings(config)


def test_regions_need_mask_values():
    config = changed("dataset/layout", "nnunet")
    config["dataset"] |= {"labels": {"a": "Liver", "b": "Spleen"}, "regions": {"both": [1, 2]}}
    assert "regions are made of mask values" in fault(config)
