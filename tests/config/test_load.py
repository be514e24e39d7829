"""Settings: every mistake is one helpful sentence, and what is not said is the default."""

import copy
import json
import math
from pathlib import Path

import pytest
import yaml

from slicewise.cli import main
from slicewise.config import Settings, json_schema, load_settings
from slicewise.config.schema import IN_RESULTS, PRESETS, RESERVED, merge
from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import COLUMNS

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.stem != "quick")
LEAST = {
    "dataset": {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}},
    "slices": {"r": {"size": 64}},
    "experiments": {"e": {"slices": "r"}},
}


def changed(key: str, value) -> dict:
    """The least configuration with one key set; `...` removes it."""
    config = copy.deepcopy(LEAST)
    block = config
    *path, last = key.split("/")
    for part in path:
        block = block.setdefault(part, {})
    if value is ...:
        del block[last]
    else:
        block[last] = value
    return config


def fault(config) -> str:
    with pytest.raises(SlicewiseError) as caught:
        load_settings(config)
    message = str(caught.value)
    assert "\n" not in message
    # neither pydantic's own names nor its addresses help a user
    assert not [word for word in ("pydantic", "https://", "Value error", "ctx") if word in message]
    return message


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        # unknown keys, at every depth, with the nearest right one
        ("dataset/intensty", "hu", ["dataset.intensty is no known key, did you mean intensity?"]),
        ("trackin", {}, ["trackin is no known key"]),
        ("experiment", {}, ["experiment is no known key, did you mean experiments?"]),
        (
            "experiments/e/training/epoch",
            3,
            ["experiments.e.training.epoch", "did you mean epochs?"],
        ),
        (
            "experiments/e/training",
            {"seed": 1, "seeds": [1, 2]},
            ["experiments.e.training", "give either seed or seeds"],
        ),
        ("experiments/e/training/seeds", [1, 1], ["a seed is there twice"]),
        ("experiments/e/training/seeds", [-1], ["experiments.e.training.seeds", "greater"]),
        ("evaluation/tolerance_mm", 0.0, ["evaluation.tolerance_mm", "greater than 0"]),
        ("evaluation/lesions", ["lungs"], ["evaluation.lesions: no label is called 'lungs'"]),
        ("evaluation/lesions", ["liver", "liver"], ["evaluation", "a label is there twice"]),
        ("evaluation/lesion_iou", 0.5, ["lesion_iou: no label is named in lesions"]),
        ("evaluation/absent_labels", "zero", ["evaluation.absent_labels", "challenge"]),
        ("evaluation/tolerance", 1.0, ["did you mean tolerance_mm?"]),
        ("experiments/e/optimiser", {}, ["experiments.e.optimiser", "did you mean optimizer?"]),
        ("slices/r/sise", 3, ["slices.r.sise", "did you mean size?", "plane"]),
        ("split/zzzzzz", 3, ["split.zzzzzz is no known key", "Allowed here: test, validation"]),
        # wrong types: nothing is guessed
        ("split/seed", "13", ['split.seed is "13"', "valid integer"]),
        ("split/folds", 2.0, ["split.folds is 2.0", "valid integer"]),
        ("split/test", True, ["split.test is true"]),
        ("split/check_against", "a.tsv", ["split.check_against", "valid list"]),
        ("dataset/contiguous", "no", ["dataset.contiguous", '"no"', "valid boolean"]),
        ("dataset/exclude", "p1", ["dataset.exclude", "valid list"]),
        ("dataset/root", 3, ["dataset.root is 3", "quotes are missing"]),
        ("experiments/e/optimizer/learning_rate", "1e-3x", ["learning_rate", '"1e-3x"']),
        ("experiments/e/optimizer/learning_rate", math.inf, ["learning_rate", "finite number"]),
        ("experiments/e/optimizer/learning_rate", "1e999", ["learning_rate", '"1e999"']),
        ("experiments/e/training/epochs", "1e-2", ["training.epochs", "valid integer"]),
        ("experiments/e/network/filters", [8, "16"], ["experiments.e.network.filters", '"16"']),
        ("slices", [], ["slices is []"]),
        # values out of range
        ("split/test", 1.5, ["split.test is 1.5", "less than 1"]),
        ("split/test", -1, ["split.test is -1", "greater than or equal to 0"]),
        ("split/folds", 0, ["split.folds is 0"]),
        ("slices/r/size", 4, ["slices.r.size is 4", "greater than or equal to 16"]),
        ("slices/r/every", 0, ["slices.r.every is 0"]),
        ("slices/r/plane", "oblique", ["slices.r.plane", "'axial', 'coronal' or 'sagittal'"]),
        ("dataset/intensity", "HU", ["dataset.intensity", "'hu', 'clipped_hu' or 'arbitrary'"]),
        ("experiments/e/preset", "unet", ["experiments.e.preset", "'baseline' or 'tutorial'"]),
        ("experiments/e/input/window", [10, 1], ["experiments.e.input.window", "low below high"]),
        ("experiments/e/optimizer/ema", 1.0, ["experiments.e.optimizer.ema"]),
        ("slices", {}, ["slices is {}", "at least 1"]),
        # what is missing
        ("dataset", ..., ["dataset is missing"]),
        ("dataset/labels", ..., ["dataset.labels is missing"]),
        ("experiments/e/slices", ..., ["experiments.e.slices is missing"]),
        ("dataset/root", ..., ["root is needed with layout msd"]),
        # names that become folders
        ("dataset/name", "my set", ["dataset.name", "letters, digits"]),
        ("dataset/name", "../up", ["dataset.name", "letters, digits"]),
        ("dataset/labels", {"the liver": 1}, ["the liver", "letters, digits"]),
        # keys that do not fit each other
        ("slices/r/every", 2, ["slices.r", "either size or every"]),
        ("experiments/e/slices", "s", ["experiments.e.slices", "no recipe is called 's'", "r"]),
        ("run", ["f"], ["run: no experiment is called 'f'", "there are: e"]),
        ("dataset/labels", {"liver": "liver"}, ["labels.liver must be a mask value"]),
        ("dataset/labels", {"liver": 0}, ["labels.liver", "from 1 to 255"]),
        ("dataset/labels", {"mean": 1}, ["labels.mean", "taken"]),
        ("dataset/labels", {"Background": 1}, ["labels.Background", "something else"]),
        ("dataset/labels", {"dice": 1}, ["labels.dice", "something else"]),
        ("dataset/labels", {"HD95-mm": 1}, ["labels.HD95-mm", "something else"]),
        ("dataset/labels", {"dice_mean": 1}, ["labels.dice_mean", "something else"]),
        ("dataset/labels", {"liver": 1, "LIVER": 2}, ["labels.LIVER", "differs from liver"]),
        ("dataset/labels", {"l-lung": 1, "l_lung": 2}, ["labels.l_lung", "differs from l-lung"]),
        ("dataset/labels", {"2": 1}, ["labels.2", "choose a word"]),
        ("dataset/different_patients", [["p1"]], ["dataset.different_patients"]),
        ("dataset/empty_masks", "ok", ["dataset.empty_masks", "'refuse' or 'allow'"]),
        ("split/strata", "t.tsv", ["split", "strata goes with stratify"]),
        ("experiments/e/training/missing_labels", True, ["training.missing_labels"]),
        ("dataset/labels", {"a": 1, "b": [2, 1]}, ["labels", "share a mask value"]),
        ("dataset/phantom", {}, ["phantom", "goes with layout phantom only"]),
        ("dataset/patient_pattern", "(", ["dataset.patient_pattern", "no", "regular expression"]),
        ("dataset/patient_pattern", "p.", ["dataset.patient_pattern", "group named patient"]),
        (
            "experiments/e/loss",
            {"dice": 0.0, "cross_entropy": 0.0},
            ["experiments.e.loss", "all 0"],
        ),
        ("slices/r/tilt", [10.0], ["slices.r.tilt"]),
        ("slices/r/tilt", [10.0, 0.0], ["experiments.e.slices", "r is tilted", "`also`"]),
        ("experiments/e/also", ["s"], ["experiments.e.also", "'s'", "there are: r"]),
        ("experiments/e/input", {"context": 2}, ["experiments.e.input.context", "1, 3 or 5"]),
        (
            "experiments/e/inference",
            {"flip": "one"},
            ["experiments.e", "inference.flip", "augmentation.flip"],
        ),
        (
            "experiments/e/postprocessing",
            {"fill_holes": "perhaps"},
            ["experiments.e.postprocessing.fill_holes", '"perhaps"'],
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


# what people call a label, which is no score
SCORES = [name for name in COLUMNS if name != "lesions"]


@pytest.mark.parametrize("name", [*SCORES, "case", "patient", "subset", "fold", "label", "mean"])
def test_no_label_has_the_name_of_a_column_of_scores(name):
    for spelling in (name, name.upper()):
        assert f"labels.{spelling}" in fault(changed("dataset/labels", {spelling: 1}))


@pytest.mark.parametrize(
    "name", ["liver", "n", "1", "volume", "mean_organ", "diced", "foreground", "lesions"]
)
def test_other_names_of_labels_are_free(name):
    load_settings(changed("dataset/labels", {name: 1}))


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("postprocessing", "largest_component", True),
        ("postprocessing", "largest_component", "auto"),
        ("input", "context", 3),
        ("inference", "planes", ["axial", "coronal"]),
    ],
)
def test_three_dimensional_processing_of_a_pile_of_slices_is_refused(block, key, value):
    config = changed("dataset/contiguous", False)
    config["experiments"]["e"][block] = {key: value}
    assert f"experiments.e.{block}.{key}" in fault(config)


def test_lesions_of_a_pile_of_slices_are_refused():
    config = changed("dataset/contiguous", False)
    config["evaluation"] = {"lesions": ["liver"]}
    assert "evaluation.lesions: a lesion means nothing" in fault(config)


@pytest.mark.parametrize("recipe", [{"plane": "coronal"}, {"tilt": [0.0, 5.0]}])
def test_a_pile_of_slices_is_cut_as_it_lies(recipe):
    config = changed("dataset/contiguous", False)
    config["slices"]["other"] = recipe
    assert "slices.other" in fault(config)


@pytest.mark.parametrize("name", [*IN_RESULTS, "Reproduced"])
def test_names_of_folders_beside_results_are_no_data_set(name):
    message = fault(changed("dataset/name", name))
    assert message == (
        f"configuration: dataset.name is {name!r}: results/{name.lower()} is used by slicewise "
        "itself; choose another name"
    )
    load_settings(changed("dataset/name", f"{name}2"))


@pytest.mark.parametrize("name", RESERVED)
def test_an_experiment_cannot_take_the_name_of_a_folder_of_results(name):
    assert f"experiments.{name}" in fault(changed("experiments", {name: {"slices": "r"}}))


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


def test_what_is_not_said_is_the_default():
    settings = load_settings(LEAST)
    assert settings.split.test == 0.35
    assert settings.experiments["e"].training.epochs == 60
    assert settings.wanted == ["e"]
    assert settings.dataset.content.labels == {"liver": [1]}


def test_organs_are_numbered_in_their_order():
    config = changed("dataset/layout", "ircad")
    config["dataset"]["labels"] = {"liver": "liver", "kidneys": "leftkidney"}
    assert load_settings(config).dataset.content.labels == {"liver": [1], "kidneys": [2]}


def test_a_preset_fills_in_what_is_not_said_and_nothing_else():
    experiment = {"preset": "tutorial", "slices": "r", "training": {"epochs": 3}}
    settings = load_settings(changed("experiments/e", experiment)).experiments["e"]
    assert settings.training.epochs == 3
    assert settings.training.batch == 10
    loss = settings.loss
    assert (loss.dice, loss.cross_entropy, loss.focal, loss.tversky) == (1.0, 0.0, 0.0, 0.0)
    assert (loss.dice_over, loss.smooth) == ("batch", 1.0)
    assert settings.training.empty == 0.0
    assert settings.augmentation is None
    assert settings.optimizer.name == "adam"


@pytest.mark.parametrize("name", PRESETS)
def test_a_dump_of_the_settings_loads_to_the_same_settings(name):
    # rules hand dumps to scripts, which make settings of them again
    settings = load_settings(changed("experiments/e/preset", name))
    assert load_settings(settings.model_dump()) == settings
    assert load_settings(json.loads(settings.model_dump_json())) == settings


def test_seeds_make_an_experiment_each_that_knows_of_no_other():
    one = load_settings(changed("experiments/e/training/seed", 3))
    assert (one.wanted, one.repeats) == (["e"], {})
    few, many = (
        load_settings(changed("experiments/e/training/seeds", s)) for s in ([3, 1], [3, 1, 2])
    )
    assert many.wanted == ["e", "e-seed1", "e-seed2"]
    assert many.repeats == {"e": many.wanted}
    assert [many.experiments[name].training.seed for name in many.wanted] == [3, 1, 2]
    # so one seed more trains once more, and nothing else again
    assert {n: few.experiments[n] for n in few.wanted}.items() <= many.experiments.items()
    assert few.experiments["e"] == one.experiments["e"]


def test_run_makes_the_repeats_too_or_one_of_them():
    config = changed("experiments/e/training/seeds", [1, 2])
    assert load_settings({**config, "run": ["e"]}).wanted == ["e", "e-seed2"]
    assert load_settings({**config, "run": ["e-seed2"]}).wanted == ["e-seed2"]
    assert load_settings({**config, "run": ["e-seed2", "e"]}).wanted == ["e-seed2", "e"]


def test_a_repeat_cannot_take_the_name_of_another_experiment():
    config = changed("experiments/e/training/seeds", [1, 2])
    config["experiments"]["e-seed2"] = {"slices": "r"}
    assert "its repeat e-seed2 has the name of another experiment" in fault(config)


def test_merging_leaves_its_arguments_alone():
    base = {"a": {"b": 1, "c": 2}, "d": {"e": 1}}
    over = {"a": {"b": 3}, "d": None}
    kept = copy.deepcopy((base, over))
    assert merge(base, over) == {"a": {"b": 3, "c": 2}, "d": None}
    assert (base, over) == kept


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


def test_every_setting_is_described():
    def undescribed(model, path: str) -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            inner = getattr(field.annotation, "model_fields", None)
            if inner is not None:
                found += undescribed(field.annotation, f"{path}.{name}")
            elif not field.description and field.annotation in (int, float, str, bool):
                found.append(f"{path}.{name}")
        return found

    assert not undescribed(Settings, "settings")


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
