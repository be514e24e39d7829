"""Every mistake in settings is one helpful sentence, and what is not said is the default."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from slicewise.cli import main
from slicewise.config import PRESETS, json_schema, load_settings, merge
from slicewise.config.load import read_back
from tests.settings import LEAST, changed, fault, used_settings

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.stem != "quick")


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("trackin", {}, ["trackin is no known key"]),
        ("experiment", {}, ["experiment is no known key, did you mean experiments?"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


def test_all_mistakes_are_told_at_once_and_each_once():
    config = changed("split/test", "half")
    config["slices"]["r"]["size"] = 4
    config["dataset"]["intensty"] = "hu"
    message = fault(config)
    for key in ("split.test", "slices.r.size", "dataset.intensty"):
        assert message.count(key) == 1


@pytest.mark.parametrize("empty", [None, []])
def test_a_block_left_empty_is_a_sentence(empty):
    # `slices:` with nothing below it is None in YAML
    assert "slices" in fault({**LEAST, "slices": empty})


@pytest.mark.parametrize(
    "key",
    [
        *("run", "split", "split/validation", "split/not_the_same", "evaluation/tolerance_mm"),
        *("dataset/patient_pattern", "dataset/exclude", "dataset/contiguous"),
        *("slices/r/plane", "experiments/e/preset", "experiments/e/network"),
        *("experiments/e/training/batch", "experiments/e/input/window"),
    ],
)
def test_null_is_as_if_the_key_were_not_there(key):
    assert load_settings(changed(key, None)) == load_settings(LEAST)


def test_a_file_that_is_laid_over_takes_keys_out():
    below = changed("split", {"validation": 0.3, "test": 1})
    over = {"split": {"validation": None, "folds": 3}}
    split = load_settings(merge(below, over)).split
    assert (split.validation, split.folds, split.test) == (0.2, 3, 1)
    # of a preset, what it says comes back
    config = changed("experiments/e", {"slices": "r", "preset": "tutorial", "training": None})
    wanted = changed("experiments/e", {"slices": "r", "preset": "tutorial"})
    assert load_settings(config) == load_settings(wanted)
    both = LEAST["experiments"] | {"f": {"slices": "r"}}
    mixed = {"ensemble": ["e", "f"], "postprocessing": None}
    settings = load_settings({**LEAST, "experiments": both | {"m": mixed}})
    assert settings.ensembles["m"].ensemble == ["e", "f"]


def test_null_that_means_something_stays():
    settings = load_settings(changed("experiments/e/training", {"epochs": None, "minutes": 5}))
    assert settings.experiments["e"].training.epochs is None
    assert load_settings(changed("experiments/e/augmentation", None)) != load_settings(LEAST)


@pytest.mark.parametrize(
    "key",
    [
        *("dataset", "dataset/name", "dataset/labels/spleen", "slices/s", "experiments/f"),
        *("experiments/training", "experiments/e/slices", "trackin"),
    ],
)
def test_a_name_or_a_value_that_was_forgotten_is_a_sentence(key):
    assert key.replace("/", ".") in fault(changed(key, None))


def test_what_is_not_said_is_the_default():
    settings = load_settings(LEAST)
    assert settings.split.test == 0.35
    assert settings.experiments["e"].training.epochs == 60
    assert settings.wanted == ["e"]
    assert settings.dataset.content.labels == {"liver": [1]}


@pytest.mark.parametrize("name", PRESETS)
def test_a_dump_of_the_settings_loads_to_the_same_settings(name):
    # rules hand dumps to scripts, which make settings of them again
    settings = load_settings(changed("experiments/e/preset", name))
    assert load_settings(settings.model_dump()) == settings
    assert load_settings(json.loads(settings.model_dump_json())) == settings


@pytest.mark.parametrize("name", ["e", "f"])
def test_settings_of_one_experiment_load_whichever_segments_new_scans(name):
    experiments = LEAST["experiments"] | {"f": {"slices": "r"}}
    segment = {"scans": "new", "experiment": "f"}
    used = used_settings(LEAST | {"experiments": experiments, "segment": segment}, name)
    again = load_settings(yaml.safe_load(used), dumped=True)
    assert (again.wanted, again.segment) == ([name], None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_of_the_project_loads_alone_and_with_the_quick_overlay(path):
    config = yaml.safe_load(path.read_text())
    settings = load_settings(config)
    assert settings.dataset.name == config["dataset"]["name"]
    overlay = yaml.safe_load((ROOT / "config" / "quick.yaml").read_text())
    quick = load_settings(merge(config, overlay))
    assert all(experiment.training.minutes == 1 for experiment in quick.experiments.values())
    # only how long and how large, never what is trained on or how it is scored
    assert (quick.dataset, quick.split, quick.slices) == (
        settings.dataset,
        settings.split,
        settings.slices,
    )


def test_the_schema_that_is_committed_is_the_one_of_the_settings(capsys):
    committed = (ROOT / "config" / "schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == json_schema(), "write it anew: slicewise schema"
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == committed
    assert main(["schema", "--check", str(ROOT / "config" / "schema.json")]) == 0


def test_a_schema_that_drifted_is_told(tmp_path, capsys):
    (tmp_path / "schema.json").write_text("{}\n")
    assert main(["schema", "--check", str(tmp_path / "schema.json")]) == 1
    assert "write it anew with slicewise schema" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "+1e-3", "10e-4", "0.1e-2", ".1e-2", "1.e-3"])
def test_a_number_with_an_exponent_is_a_number(written):
    # to YAML 1.1, which Snakemake reads, most of these are text
    config = yaml.safe_load(
        f"dataset: {{name: x, layout: msd, root: x, labels: {{liver: 1}}}}\n"
        "slices: {r: {size: 64}}\n"
        "experiments: {e: {preset: tutorial, slices: r, "
        f"optimizer: {{learning_rate: {written}}}}}}}"
    )
    before = copy.deepcopy(config)
    assert load_settings(config).experiments["e"].optimizer.learning_rate == pytest.approx(1e-3)
    assert config == before


def test_a_whole_number_with_an_exponent_counts_epochs_and_a_list_has_its_numbers():
    config = changed("experiments/e/training/epochs", "1e2")
    config["experiments"]["e"]["input"] = {"window": ["-1.5e2", "2e2"]}
    config["split"] = {"test": "1e1", "validation": "2e-1"}
    settings = load_settings(config)
    assert (settings.split.test, settings.split.validation) == (10, 0.2)
    experiment = settings.experiments["e"]
    assert experiment.training.epochs == 100
    assert isinstance(experiment.training.epochs, int)
    assert experiment.input.window == [-150.0, 200.0]


def test_where_a_name_is_meant_an_exponent_stays_one():
    config = changed("dataset/name", "1e3")
    config["experiments"] = {"2e5": {"slices": "r", "optimizer": {"learning_rate": "1e-4"}}}
    config["dataset"]["exclude"] = ["1e-3"]
    settings = load_settings(config)
    assert settings.dataset.name == "1e3"
    assert settings.dataset.exclude == ["1e-3"]
    assert settings.experiments["2e5"].optimizer.learning_rate == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("key", "written", "parts"),
    [
        ("dataset/exclude", "[001]", ["dataset.exclude.0 is 1", "001 becomes 1"]),
        ("dataset/exclude", "[a, 010]", ["dataset.exclude.1 is 8"]),
        ("dataset/exclude", "[1.10]", ["dataset.exclude.0 is 1.1"]),
        ("dataset/name", "2024", ["dataset.name is 2024"]),
        ("dataset/name", "2024-05-01", ['dataset.name is "2024-05-01"', "a date"]),
        ("dataset/name", "12:30", ["dataset.name is 750"]),
        ("dataset/name", "no", ["dataset.name is false", "no becomes false"]),
        ("dataset/different_patients", "[[001, 002]]", ["different_patients.0.0 is 1"]),
        ("split/not_the_same", "[[7, 8]]", ["split.not_the_same.0.1 is 8"]),
        ("dataset/labels", "{1: 1}", ["dataset.labels.1 is 1"]),
        ("experiments", "{7: {slices: r}}", ["experiments.7 is 7"]),
        ("experiments/e/slices", "48", ["experiments.e.slices is 48"]),
        ("run", "[3]", ["run.0 is 3"]),
    ],
)
def test_a_name_without_quotes_says_that_they_are_missing(key, written, parts):
    message = fault(changed(key, yaml.safe_load(written)))
    for part in (*parts, "quotes are missing", "write it in quotes"):
        assert part in message


def test_the_command_line_gives_numbers_as_text():
    """As Snakemake hands over what stands within a map or a list of `--config`."""
    given = {
        "dataset": {"patient_pattern": "null", "exclude": ["001"]},
        "slices": {"5": {"size": "32"}},
        "experiments": {
            "one": {
                "slices": "5",
                "network": {"filters": ["4", "8"]},
                "training": {"epochs": "5", "minutes": "null", "empty": "0.5"},
                "postprocessing": {"fill_holes": "true"},
            }
        },
        "run": ["one"],
    }
    config = merge(LEAST, copy.deepcopy(given))
    read_back(config, given)
    settings = load_settings(config)
    one = settings.experiments["one"]
    assert (one.slices, one.network.filters, one.postprocessing.fill_holes) == ("5", [4, 8], True)
    assert (one.training.epochs, one.training.minutes, one.training.empty) == (5, None, 0.5)
    assert (settings.dataset.patient_pattern, settings.dataset.exclude) == (None, ["001"])


def test_text_of_a_file_stays_text():
    config = changed("split/folds", "3")
    config["split"]["seed"] = "3"
    read_back(config, {"split": {"seed": "3"}})
    assert config["split"]["seed"] == 3
    assert 'split.folds is "3"' in fault(config)


def test_what_is_tried_on_the_command_line_is_read_back_too() -> None:
    tried = {"optimizer.learning_rate": ["0.001", "1e-2"], "optimizer.name": ["adamw", "sgd"]}
    config = changed("experiments/e/sweep", {**tried, "augmentation": ["null", {"shear": "3.5"}]})
    read_back(config, copy.deepcopy(config))
    assert config["experiments"]["e"]["sweep"] == {
        "optimizer.learning_rate": [0.001, "1e-2"],
        "optimizer.name": ["adamw", "sgd"],
        "augmentation": [None, {"shear": 3.5}],
    }
    assert len(load_settings(config).combinations) == 8
