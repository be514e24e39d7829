"""Ensembles stand among the experiments, and name experiments that are trained."""

import copy
from typing import Any

import pytest
import yaml

from slicewise.config import Settings, json_schema, load_settings
from slicewise.config.configured import Configured
from slicewise.config.load import read_back, settings_of
from tests.settings import LEAST, fault


def with_ensemble(block: dict[str, Any], **others: Any) -> dict[str, Any]:
    config = copy.deepcopy(LEAST)
    plain = config["experiments"]["e"]
    config["experiments"] |= {"f": copy.deepcopy(plain), **others, "both": block}
    return config


BOTH = {"ensemble": ["e", "f"]}


def test_it_is_scored_and_its_members_are_trained_whoever_asks_for_them():
    settings = load_settings(with_ensemble(BOTH))
    assert list(settings.experiments) == ["e", "f"]
    assert settings.named == settings.wanted == ["e", "f", "both"]
    alone = load_settings({**with_ensemble(BOTH), "run": ["both"]})
    assert alone.wanted == ["both"]
    assert alone.trained == ["e", "f"]
    assert alone.members_of("both") == ["e", "f"] and alone.members_of("e") == ["e"]
    # what is held against the plan of the data is what is trained
    assert list(Configured.of(alone).experiments) == ["e", "f"]


def test_repeats_and_the_best_of_a_sweep_may_be_members():
    seeds = {**LEAST["experiments"]["e"], "training": {"seeds": [1, 2]}}
    swept = {**LEAST["experiments"]["e"], "sweep": {"training.batch": [2, 4]}}
    block = {"ensemble": ["g", "g-seed2", "s"]}
    settings = load_settings({**with_ensemble(block, g=seeds, s=swept), "run": ["both"]})
    assert settings.trained == ["g", "g-seed2", "s"]


def test_segment_may_name_it():
    new = {"scans": "new", "experiment": "both"}
    assert load_settings({**with_ensemble(BOTH), "segment": new}).segment.experiment == "both"


def test_a_dump_is_the_same_again():
    settings = load_settings(with_ensemble({**BOTH, "postprocessing": {"fill_holes": True}}))
    assert load_settings(settings.model_dump()) == settings
    # that of one run has the members, as the other way round no member knows of it
    for name, there in (("both", ["e", "f", "both"]), ("e", ["e"])):
        written = yaml.safe_load(settings_of(settings, name))
        assert list(written["experiments"]) == there and written["run"] == [name]
        assert "ensembles" not in written
        again = Settings.model_validate(written)
        assert again.ensembles == ({"both": settings.ensembles["both"]} if name == "both" else {})


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"ensemble": ["e"]}, ["experiments.both.ensemble", "at least 2"]),
        ({"ensemble": ["e", "e"]}, ["experiments.both.ensemble names e twice"]),
        ({"ensemble": ["e", "x"]}, ["no experiment is called 'x'; there are: e, f"]),
        ({"ensemble": ["e", "both"]}, ["experiments.both.ensemble names itself"]),
        ({"ensemble": None}, ["experiments.both.ensemble is null"]),
        (
            {**BOTH, "slices": "r"},
            ["experiments.both.slices is no known key", "ensemble, postprocessing, prediction"],
        ),
        (
            {**BOTH, "postprocessing": {"fill_holes": "auto"}},
            ["both.postprocessing has fill_holes"],
        ),
        (
            {**BOTH, "postprocessing": {"largest_component": ["spleen"]}},
            ["experiments.both.postprocessing.largest_component", "no label is called 'spleen'"],
        ),
        ({**BOTH, "postprocessing": {"threshold": 2}}, ["experiments.both.postprocessing.thresh"]),
    ],
)
def test_a_mistake_names_its_key(block, parts):
    message = fault(with_ensemble(block))
    for part in parts:
        assert part in message
    assert "ensembles" not in message


def test_neither_another_ensemble_nor_a_combination_is_a_member():
    more = {"ensemble": ["e", "f"]}
    assert "names more, which is an ensemble" in fault(
        with_ensemble({"ensemble": ["e", "more"]}, more=more)
    )
    swept = {**LEAST["experiments"]["e"], "sweep": {"training.batch": [2, 4]}}
    assert "names s-batch2, a combination of a sweep" in fault(
        with_ensemble({"ensemble": ["e", "s-batch2"]}, s=swept)
    )


def test_no_name_is_that_of_a_folder_or_a_repeat():
    config = with_ensemble(BOTH)
    config["experiments"]["cases"] = config["experiments"].pop("both")
    assert "experiments.cases: this name is taken" in fault(config)
    config["experiments"]["e-seed2"] = config["experiments"].pop("cases")
    config["experiments"]["e"]["training"] = {"seeds": [1, 2]}
    assert "experiments.e-seed2: a repeat or a combination" in fault(config)


def test_it_stands_among_the_experiments_and_nowhere_else():
    config = copy.deepcopy(LEAST)
    assert "write each among experiments" in fault({**config, "ensembles": {}})
    schema = json_schema()["properties"]
    assert "ensembles" not in schema
    (named,) = schema["experiments"]["patternProperties"].values()
    assert {each["$ref"] for each in named["anyOf"]} == {"#/$defs/Experiment", "#/$defs/Ensemble"}


def test_what_does_nothing_beside_several_labels_is_said():
    config = with_ensemble({**BOTH, "postprocessing": {"threshold": 0.4}})
    assert load_settings(config).ensembles["both"].postprocessing.threshold == 0.4
    config["dataset"]["labels"] = {"liver": 1, "spleen": 2}
    assert "experiments.both.postprocessing.threshold does nothing" in fault(config)


def test_numbers_that_the_command_line_gives_are_numbers():
    config = with_ensemble({**BOTH, "postprocessing": {"threshold": "0.4"}})
    given = {"experiments": {"both": copy.deepcopy(config["experiments"]["both"])}}
    read_back(config, given)
    assert config["experiments"]["both"]["postprocessing"]["threshold"] == 0.4
    assert load_settings(
        with_ensemble({**BOTH, "postprocessing": {"threshold": "4e-1"}})
    ).ensembles["both"].postprocessing.threshold == pytest.approx(0.4)


def test_stacks_of_single_slices_have_no_pieces_in_3d():
    config = with_ensemble({**BOTH, "postprocessing": {"largest_component": True}})
    config["dataset"]["contiguous"] = False
    assert "experiments.both.postprocessing.largest_component" in fault(config)
