"""The block `network`."""

import pytest

from slicewise.config import load_settings
from slicewise.config.network import divides, halvings
from tests.settings import LEAST, changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/network/filters", [8, "16"], ["experiments.e.network.filters", '"16"']),
        ("experiments/e/network", {"dimensions": 3}, ["e.network", "give block, such as"]),
        ("experiments/e/network", {"block": 32}, ["e.network", "goes with dimensions: 3 only"]),
        (
            "experiments/e/network",
            {"dimensions": 3, "block": 36, "filters": [8, 16, 32, 64]},
            ["block: 36 slices cannot be halved 3 times", "4 stages", "take 32 or 40"],
        ),
        ("experiments/e/network", {"dimensions": 3, "block": 3}, ["e.network.block", "4"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(("slices", "stages", "often"), [(4, 5, 0), (8, 5, 1), (32, 5, 3)])
def test_a_block_is_halved_until_four_slices_are_left(slices, stages, often):
    assert halvings(slices, stages) == often
    assert divides(slices, stages)


@pytest.mark.parametrize(("slices", "stages"), [(9, 3), (36, 4), (50, 3)])
def test_a_block_that_cannot_be_halved_is_told(slices, stages):
    assert not divides(slices, stages)


def test_a_network_of_two_dimensions_is_dumped_as_ever():
    # digests of what was made are digests of this
    dumped = load_settings(LEAST).experiments["e"].model_dump()
    assert not {"dimensions", "block"} & dumped["network"].keys()
    block = {"dimensions": 3, "block": 32}
    dumped = load_settings(changed("experiments/e/network", block)).experiments["e"].model_dump()
    assert dumped["network"].items() >= block.items()
