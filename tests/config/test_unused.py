"""What a user writes is done, or refused in a sentence that says which setting wins."""

import copy
import itertools
import json
from pathlib import Path

import pytest
import yaml

from slicewise.config import (
    PRESETS,
    Augmentation,
    Experiment,
    Settings,
    load_settings,
    merge,
)
from slicewise.config.unused import RULES, _is_whole
from slicewise.errors import SlicewiseError
from tests.settings import used_settings

ROOT = Path(__file__).parents[2]
LEAST = {
    "dataset": {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}},
    "slices": {"r": {"size": 64}, "s": {"size": 32}},
    "experiments": {"e": {"slices": "r"}},
}
TWO = {"dataset": {"labels": {"liver": 1, "tumour": 2}}}
PHANTOM = {"dataset": {"layout": "phantom", "root": None}}


def e(**blocks) -> dict:
    """Settings of the experiment."""
    return {"experiments": {"e": blocks}}


def written(*parts: dict) -> dict:
    config = copy.deepcopy(LEAST)
    for part in parts:
        config = merge(config, part)
    return config


def split(**settings) -> dict:
    return {"split": settings}


# what is written, where it does nothing, what the sentence says, and where it has an effect
PAIRS = [
    # optimizer
    ("optimizer", {"momentum": 0.9}, {"name": "adamw"}, "is adamw", {"name": "sgd"}),
    ("optimizer", {"momentum": 0.9}, {"name": "adam"}, "is adam", {"name": "sgd"}),
    ("optimizer", {"momentum": 0.99}, {}, "momentum of sgd", {"name": "sgd"}),
    ("optimizer", {"weight_decay": 1e-3}, {"name": "adam"}, "only adamw", {"name": "sgd"}),
    ("optimizer", {"ema_share": 0.2}, {"ema": None}, "optimizer.ema is null", {"ema": 0.99}),
    # loss
    ("loss", {"dice_over": "image"}, {"dice": 0.0}, "loss.dice is 0", {"dice": 1.0}),
    ("loss", {"focal_gamma": 2.0}, {}, "loss.focal is 0", {"focal": 1.0}),
    ("loss", {"tversky_alpha": 0.4}, {}, "loss.tversky is 0", {"tversky": 1.0}),
    ("loss", {"tversky_beta": 0.4}, {"tversky": 0.0}, "loss.tversky is 0", {"tversky": 1.0}),
    ("loss", {"smooth": 1.0}, {"dice": 0.0}, "loss.dice and loss.tversky", {"tversky": 1.0}),
    # input and network
    ("input", {"context_mm": 5.0}, {}, "input.context is 1", {"context": 3}),
    ("network", {"deep_supervision": True}, {"filters": [8, 16]}, "two stages", {}),
    # training
    ("training", {"epochs": 60}, {"minutes": 5}, "training.minutes: 5", {}),
    ("training", {"foreground": 0.5}, {"empty": 0.0}, "training.empty is 0", {"empty": 0.1}),
    ("training", {"patience": 5}, {"epochs": 6}, "after 6 validations", {"epochs": 7}),
    (
        "training",
        {"patience": 5},
        {"epochs": 60, "validate_every": 10},
        "after 6 validations",
        {"epochs": 61, "validate_every": 10},
    ),
    ("training", {"patience": 200}, {}, "epochs: 60", {"minutes": 5}),
    (
        "training",
        {"patience": 9},
        {"epochs": 21, "coarse": {"share": 0.55}},
        "after 10 validations (of its coarse part none counts)",
        {"epochs": 21, "coarse": {"share": 0.45}},
    ),
    # inference
    ("inference", {"weights": "fitted"}, {}, "fewer than two", {"planes": ["axial", "coronal"]}),
    ("inference", {"shift": 64}, {}, "slices of 64 pixels", {"shift": 63}),
]
for _change in (key for key in Augmentation.model_fields if not key.endswith("_probability")):
    _off = False if _change == "flip" else {"gamma": 1.0, "low_resolution": 1.0}.get(_change, 0.0)
    _on = True if _change == "flip" else {"gamma": 1.5, "low_resolution": 2.0}.get(_change, 0.1)
    _chance = f"{_change}_probability"
    PAIRS += [
        ("augmentation", {_chance: 0.4}, {_change: _off}, f"{_change} is", {_change: _on}),
        ("augmentation", {_change: _on}, {_chance: 0}, f"{_chance} is 0", {_chance: 0.4}),
    ]


def fault(config: dict) -> str:
    with pytest.raises(SlicewiseError) as caught:
        load_settings(config)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("block", "setting", "beside", "why", "effective"),
    PAIRS,
    ids=[f"{b}-{'-'.join(s)}-{'-'.join(w) or 'default'}" for b, s, w, _, _ in PAIRS],
)
def test_a_setting_that_another_one_makes_idle(block, setting, beside, why, effective):
    message = fault(written(e(**{block: {**setting, **beside}})))
    (key,) = setting
    assert message.startswith(f"configuration: experiments.e.{block}.{key} does nothing: ")
    assert why in message
    load_settings(written(e(**{block: beside})))
    load_settings(written(e(**{block: {**setting, **effective}})))


def test_a_plane_is_told_where_there_are_several():
    other = {"slices": {"b": {"plane": "coronal"}, "c": {"plane": "acquired"}}}
    told = {"input": {"plane": True}}
    message = fault(written(e(**told), other))
    assert "experiments.e.input.plane does nothing: it learns slices of one plane alone, ax" in (
        message
    )
    for allowed in ({"also": ["b"]}, {"slices": "c"}):
        load_settings(written(e(**told, **allowed), other))
    load_settings(written(e(input={"plane": False})))
    auto = {"preset": "auto", "effort": "quick", **told}
    load_settings(written({"experiments": {"p": auto}}))


@pytest.mark.parametrize(
    ("where", "why"),
    [(split(folds=3), "split.folds: 3"), (split(validation=0), "split.validation is 0")],
)
@pytest.mark.parametrize(
    ("block", "setting"),
    [
        ("training", {"patience": 3}),
        ("training", {"select": "loss"}),
        ("training", {"select": "dice"}),
        ("postprocessing", {"fill_holes": "auto"}),
        ("inference", {"weights": "fitted", "planes": ["axial", "coronal"]}),
    ],
)
def test_what_needs_somebody_who_may_choose(block, setting, where, why):
    message = fault(written(e(**{block: setting}), where))
    key = next(iter(setting))
    assert f"experiments.e.{block}.{key} does nothing: " in message
    assert why in message
    load_settings(written(e(**{block: setting})))
    for allowed in (
        {"training": {"select": "final", "patience": None}},
        {"postprocessing": {"fill_holes": True}},
    ):
        load_settings(written(e(**allowed), where))


@pytest.mark.parametrize(
    ("where", "why"),
    [(split(folds=3), "split.folds: 3"), (split(validation=0), "split.validation is 0")],
)
def test_training_masks_decide_on_pieces_where_they_can(where, why):
    auto = e(postprocessing={"largest_component": "auto"})
    load_settings(written(auto, where))
    regions = {"dataset": {"labels": {"liver": 1, "tumour": 2}, "regions": {"all": [1, 2]}}}
    for data, kind in ((regions, "regions"), ({"dataset": {"ignore": 9}}, "drawn in part")):
        message = fault(written(auto, where, data))
        assert f"largest_component does nothing: {why}" in message or why in message
        assert kind in message
        load_settings(written(auto, data))


def test_how_often_nobody_is_validated():
    every = e(training={"validate_every": 2})
    assert "validate_every does nothing: split.validation is 0" in fault(
        written(every, split(validation=0))
    )
    load_settings(written(every))
    # what a fold holds out is watched
    load_settings(written(every, split(folds=3)))


def test_crops_show_a_label_by_training_foreground_and_are_predicted_whole():
    """What is cut out of slices in millimetres: of a slice with a label it may show none."""
    shown = e(training={"empty": 0.0, "foreground": 0.8})
    crops = {"slices": {"mm": {"spacing": 1.0, "size": 64}, "whole": {"spacing": 1.0}}}
    assert "every slice of a batch shows a label" in fault(written(shown))
    for cut in ({"slices": "mm"}, {"also": ["mm"]}, {"also": ["s", "mm"]}):
        load_settings(written(crops, shown, e(**cut)))
    assert "training.foreground" in fault(written(crops, shown, e(slices="whole", also=["s"])))
    far = e(inference={"shift": 64})
    assert "inference.shift" in fault(written(crops, far, e(also=["mm"])))
    load_settings(written(crops, far, e(slices="mm", also=["s"])))


@pytest.mark.parametrize(
    ("parts", "key", "why"),
    [
        ([TWO, e(postprocessing={"threshold": 0.4})], "postprocessing.threshold", "of 2 labels"),
        ([e(also=["r"])], "also", "r would be trained on twice"),
        ([e(also=["s", "s"])], "also", "s would be trained on twice"),
        ([PHANTOM, {"dataset": {"root": "x"}}], "dataset.root", "reads none"),
        ([split(folds=2, validation=0.2)], "split.validation", "split.folds: 2"),
        (
            [{"dataset": {"contiguous": False}, "evaluation": {"tolerance_mm": 3.0}}],
            "evaluation.tolerance_mm",
            "dataset.contiguous is false",
        ),
        (
            [
                {
                    "dataset": {
                        "layout": "ircad",
                        "labels": {"liver": "liver"},
                        "other_labels": "background",
                    }
                }
            ],
            "dataset.other_labels",
            "organ folders",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_of_several_blocks(parts, key, why):
    message = fault(written(*parts))
    assert f"{key} does nothing: " in message
    assert why in message


def test_mirroring_that_training_never_showed():
    """As a dump, too: it would be wrong, not only idle."""
    both = e(augmentation={"flip": True}, inference={"flip": "both"})
    assert "write inference.flip: one, or augmentation.flip: both" in fault(written(both))
    for seen, asked in ((True, "one"), ("both", "one"), ("both", "both")):
        load_settings(written(e(augmentation={"flip": seen}, inference={"flip": asked})))
    for seen in ({"augmentation": None}, {"augmentation": {"flip": False}}, {}):
        for asked in ("one", "both"):
            assert "inference.flip" in fault(written(e(**seen, inference={"flip": asked})))


def test_planes_are_averaged_once_each():
    assert "a plane is there twice" in fault(written(e(inference={"planes": ["axial", "axial"]})))


def test_a_training_ends_somehow():
    assert "epochs is null" in fault(written(e(training={"epochs": None})))
    load_settings(written(e(training={"epochs": None, "minutes": 1})))


def test_an_overlay_takes_the_epochs_of_another_file_back():
    base = written(e(training={"epochs": 20}))
    assert "write epochs: null" in fault(merge(base, e(training={"minutes": 1})))
    load_settings(merge(base, e(training={"epochs": None, "minutes": 1})))


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_preset_says_is_nobodys_mistake(preset):
    load_settings(written(e(preset=preset)))
    for block in ({"optimizer": {"momentum": 0.9}}, {"loss": {"focal_gamma": 1.0}}):
        assert "does nothing" in fault(written(e(preset=preset, **block)))


def test_augmentation_that_a_preset_leaves_out_may_be_asked_for():
    load_settings(written(e(preset="tutorial", augmentation={"rotation": 5.0})))


def test_all_idle_settings_are_told_at_once():
    message = fault(
        written(
            e(optimizer={"momentum": 0.9}, loss={"focal_gamma": 1.0}, input={"context_mm": 1.0})
        )
    )
    assert message.count("does nothing") == 3


def dumps() -> list[Settings]:
    """Settings in which much is idle, but nothing by the user's own words."""
    return [
        load_settings(written(*parts))
        for parts in (
            [],
            [e(preset="tutorial"), split(folds=3)],
            [e(training={"minutes": 1, "epochs": None}), TWO],
            [PHANTOM, e(network={"filters": [8, 16]}, augmentation={"rotation": 0.0})],
            [e(training={"seeds": [1, 2]}), split(validation=0)],
        )
    ]


@pytest.mark.parametrize("settings", dumps())
def test_a_dump_says_everything_and_is_nobodys_mistake(settings):
    whole = json.loads(settings.model_dump_json())
    assert _is_whole(whole, Settings)
    assert load_settings(whole).model_dump() == settings.model_dump()
    name = next(iter(settings.experiments))
    used = yaml.safe_load(used_settings(whole, name))
    assert load_settings(used).experiments[name] == settings.experiments[name]
    assert Experiment(**settings.experiments[name].model_dump()) == settings.experiments[name]


def test_a_dump_of_an_older_version_is_read_where_it_is_known_to_be_one():
    whole = json.loads(load_settings(written()).model_dump_json())
    del whole["experiments"]["e"]["training"]["devices"]  # as if it had come later
    assert "does nothing" in fault(whole)
    assert load_settings(whole, dumped=True) == load_settings(written())


def test_one_key_left_out_is_no_dump():
    whole = json.loads(load_settings(written()).model_dump_json())
    whole["experiments"]["e"]["optimizer"]["momentum"] = 0.5
    load_settings(whole)
    del whole["staging"]
    assert "optimizer.momentum does nothing" in fault(whole)


def test_every_rule_is_about_a_setting_and_has_a_test():
    whole = load_settings(written()).model_dump()["experiments"]["e"]
    tested = {f"{block}.{key}" for block, setting, *_ in PAIRS for key in setting}
    tested |= {
        "also",
        "input.plane",
        "training.select",
        "training.validate_every",
        "postprocessing.threshold",
    }
    tested |= {"postprocessing.largest_component", "postprocessing.fill_holes"}
    for rule in RULES:
        block = whole
        for part in rule.key.split("."):
            assert part in block, rule.key
            block = block[part]
    assert {rule.key for rule in RULES} == tested


def test_files_of_the_project_write_nothing_idle():
    files = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.stem != "quick")
    quick = yaml.safe_load((ROOT / "config" / "quick.yaml").read_text())
    for path, over in itertools.product(files, ({}, quick)):
        load_settings(merge(yaml.safe_load(path.read_text()), over))
