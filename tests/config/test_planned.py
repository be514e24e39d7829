"""Plans in the place of `preset: auto`."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from slicewise.config import load_settings
from slicewise.config.planned import with_plans
from slicewise.dataset.plan import largest
from slicewise.errors import SlicewiseError
from tests.settings import LEAST


@dataclass
class Said:
    """A plan as settings have it."""

    recipe: dict[str, Any] = field(default_factory=lambda: {"plane": "coronal", "size": 96})
    experiment: dict[str, Any] = field(
        default_factory=lambda: {
            "network": {"filters": [8, 16, 32]},
            "augmentation": {"rotation": 20.0},
            "training": {"batch": 12, "epochs": 7},
        }
    )


def written(**experiments) -> dict:
    return {**LEAST, "experiments": {**LEAST["experiments"], **experiments}}


def auto(**more) -> dict:
    return {"preset": "auto", "effort": "laptop", **more}


def test_a_plan_is_as_if_it_had_been_written_by_hand():
    planned = with_plans(load_settings(written(a=auto())), {"laptop": Said()})
    by_hand = {
        **written(a={"slices": "auto-laptop", **Said().experiment}),
        "slices": {**LEAST["slices"], "auto-laptop": Said().recipe},
    }
    assert planned == load_settings(by_hand)


def test_what_is_written_beside_it_wins_even_where_it_says_the_default():
    experiment = auto(training={"batch": 10}, augmentation=None, also=["r"])
    planned = with_plans(load_settings(written(a=experiment)), {"laptop": Said()})
    made = planned.experiments["a"]
    assert (made.training.batch, made.training.epochs) == (10, 7)
    assert made.augmentation is None
    assert made.network.filters == [8, 16, 32]
    assert made.also == ["r"]


def test_minutes_take_the_place_of_epochs_as_quick_has_them():
    over = {"training": {"epochs": None, "minutes": 1.0}}
    planned = with_plans(load_settings(written(a=auto(**over))), {"laptop": Said()})
    assert planned.experiments["a"].training.epochs is None
    assert planned.experiments["a"].training.minutes == 1.0


def test_seeds_are_repeats_of_the_same_plan():
    settings = load_settings(written(a=auto(training={"seeds": [3, 4]})))
    planned = with_plans(settings, {"laptop": Said()})
    assert planned.repeats == {"a": ["a", "a-seed4"]}
    assert [planned.experiments[n].training.seed for n in ("a", "a-seed4")] == [3, 4]
    assert [planned.experiments[n].training.epochs for n in ("a", "a-seed4")] == [7, 7]


def test_others_stay_as_they_are():
    settings = load_settings(written(a=auto()))
    assert with_plans(settings, {}) == settings
    assert with_plans(settings, {"laptop": Said()}).experiments["e"] == settings.experiments["e"]
    assert with_plans(settings, {"gpu": Said()}).experiments["a"] == settings.experiments["a"]


def test_what_does_not_fit_the_plan_is_a_sentence():
    settings = load_settings(written(a=auto(training={"epochs": None, "minutes": 1.0})))
    odd = Said(experiment={"loss": {"dice": 0.0, "cross_entropy": 0.0}})
    with pytest.raises(SlicewiseError, match=r"experiments\.a: what is written beside preset"):
        with_plans(settings, {"laptop": odd})


@pytest.mark.parametrize(
    ("beside", "key"),
    [
        ({"inference": {"planes": ["axial"], "tilt": 20.0}}, "inference.tilt"),
        ({"also": ["t"]}, "also"),
    ],
)
def test_tilted_cuts_do_not_fit_a_plan_of_blocks(beside, key):
    """As by hand, or what was trained could not be read back."""
    config = written(a=auto(**beside))
    config["slices"] = {**config["slices"], "t": {"size": 64, "tilt": [20.0, 0.0]}}
    blocks = Said(experiment={"network": {"dimensions": 3, "block": 16}})
    with pytest.raises(SlicewiseError) as caught:
        with_plans(load_settings(config), {"laptop": blocks})
    message = str(caught.value)
    assert message.startswith("what is written beside preset: auto does not fit the plan (exp")
    assert f"experiments.a.{key}: " in message
    assert "blocks (network.dimensions: 3)" in message
    # nor is anything refused because of what is asked for before there is a plan
    with_plans(load_settings(config), {"laptop": largest("laptop")})
