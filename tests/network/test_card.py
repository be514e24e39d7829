"""What a model says of itself: made once, stored as plain values, read back the same."""

import json

import pytest
from pydantic import ValidationError

from slicewise.config import Content, Experiment, Recipe
from slicewise.files import digest
from slicewise.network.card import ModelCard, make_card
from slicewise.network.preprocessing import Preprocess
from tests.discs import card_with

CONTENT = Content(
    intensity="hu",
    labels={"liver": [1], "tumour": [2, 3]},
    other_labels="background",
    contiguous=True,
)
EXPERIMENT = Experiment.model_validate(
    {
        "slices": "a",
        "input": {"context": 3, "context_mm": 2},
        "inference": {"shift": 2, "planes": ["axial", "coronal"]},
        "postprocessing": {"largest_component": "auto"},
    }
)
RECIPE = Recipe(plane="coronal", size=64)


def test_it_is_stored_as_models_of_earlier_versions_have_it():
    stored = {
        "labels": list(CONTENT.labels),
        "values": CONTENT.labels,
        "recipe": RECIPE.model_dump(),
        "intensity": CONTENT.intensity,
        "contiguous": CONTENT.contiguous,
        "context": {"slices": 3, "mm": EXPERIMENT.input.context_mm},
        "inference": EXPERIMENT.inference.model_dump(),
        "postprocessing": EXPERIMENT.postprocessing.model_dump(),
    }
    card = make_card(CONTENT, RECIPE, EXPERIMENT)
    assert json.dumps(card.dump()) == json.dumps(stored)
    assert digest(card.dump()) == digest(stored)
    assert ModelCard(**stored) == card


def test_a_layer_carries_it_through_its_configuration():
    card = make_card(CONTENT, RECIPE, EXPERIMENT)
    layer = Preprocess(-100.0, 200.0, 0.0, 50.0, card)
    stored = json.loads(json.dumps(layer.get_config()))
    assert stored["card"] == card.dump()
    assert Preprocess.from_config(stored).card == card


def test_what_was_auto_is_settled():
    card = make_card(CONTENT, RECIPE, EXPERIMENT)
    chosen = {"threshold": 0.4, "largest_component": True, "fill_holes": False}
    settled = card.settled(chosen)
    assert settled.postprocessing.model_dump() == chosen
    assert card.postprocessing.largest_component == "auto"
    assert settled.model_dump(exclude={"postprocessing"}) == card.model_dump(
        exclude={"postprocessing"}
    )


def test_tilted_cuts_share_what_their_plane_counts():
    card = card_with(inference={"planes": ["axial", "coronal"], "weights": [3, 1], "tilt": 20.0})
    cuts = card.cuts
    assert sum(share for _, share in cuts) == pytest.approx(1)
    # straight ones come first: they decide what tilted ones do not reach
    assert [recipe.oblique for recipe, _ in cuts] == [False] * 2 + [True] * 8
    assert {round(share, 3) for recipe, share in cuts if recipe.plane == "axial"} == {0.15}
    assert {recipe.tilt[0] or recipe.tilt[1] for recipe, _ in cuts[2:]} == {-20, 20}
    assert card_with().cuts == [(card_with().recipe, 1.0)]


@pytest.mark.parametrize(
    ("changed", "measured"),
    [
        ({}, False),
        ({"context": {"slices": 8, "block": True}}, False),
        ({"context": {"slices": 3, "mm": 2.5}}, True),
        ({"inference": {"planes": [], "tilt": 20.0}}, True),
        ({"recipe": {"spacing": 1.0}}, True),
    ],
)
def test_a_card_says_whether_the_size_of_voxels_matters(changed, measured):
    assert card_with(**changed).measured is measured


def test_planes_that_are_averaged_are_cut_by_one_recipe():
    card = make_card(CONTENT, RECIPE, EXPERIMENT)
    assert card.planes == [Recipe(plane=plane, size=64) for plane in ("axial", "coronal")]
    plain = make_card(CONTENT, RECIPE, Experiment(slices="a"))
    assert plain.planes == [RECIPE]


def test_it_does_not_change_and_lacks_nothing():
    card = make_card(CONTENT, RECIPE, EXPERIMENT)
    with pytest.raises(ValidationError):
        card.labels = ["spleen"]
    stored = card.dump()
    del stored["intensity"]
    with pytest.raises(ValidationError, match="intensity"):
        ModelCard(**stored)


def test_regions_are_stored_where_there_are_some():
    content = CONTENT.model_copy(update={"regions": {"all": [1, 2], "tumours": [2]}})
    card = make_card(content, RECIPE, EXPERIMENT)
    assert card.dump()["regions"] == content.regions
    assert ModelCard(**json.loads(json.dumps(card.dump()))) == card
    assert card.found == content.regions
    plain = make_card(CONTENT, RECIPE, EXPERIMENT)
    assert plain.found == {"liver": [1], "tumour": [2]}
