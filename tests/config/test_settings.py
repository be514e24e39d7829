"""What must fit together among the blocks."""

import pytest
import yaml

from slicewise.config import RESERVED, load_settings
from slicewise.config.load import settings_of
from slicewise.config.settings import BESIDE
from tests.settings import LEAST, changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("evaluation/lesions", ["lungs"], ["evaluation.lesions: no label is called 'lungs'"]),
        ("slices", [], ["slices is []"]),
        ("slices", {}, ["slices is {}", "at least 1"]),
        ("dataset", ..., ["dataset is missing"]),
        ("experiments/e/slices", "s", ["experiments.e.slices", "no recipe is called 's'", "r"]),
        ("run", ["f"], ["run: no experiment is called 'f'", "there are: e"]),
        ("slices/r/tilt", [10.0, 0.0], ["experiments.e.slices", "r is tilted", "`also`"]),
        ("experiments/e/also", ["s"], ["experiments.e.also", "'s'", "there are: r"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("postprocessing", "largest_component", True),
        ("postprocessing", "largest_component", "auto"),
        ("input", "context", 3),
        ("input", "plane", True),
        ("inference", "planes", ["axial", "coronal"]),
        ("inference", "tilt", 10.0),
    ],
)
def test_three_dimensional_processing_of_a_pile_of_slices_is_refused(block, key, value):
    config = changed("dataset/contiguous", False)
    config["experiments"]["e"][block] = {key: value}
    assert f"experiments.e.{block}.{key}" in fault(config)


def test_labels_whose_largest_component_is_kept_are_there():
    steps = {"largest_component": ["liver"]}
    settings = load_settings(changed("experiments/e/postprocessing", steps))
    assert settings.experiments["e"].postprocessing.largest_of(["spleen", "liver"]) == [2]
    message = fault(changed("experiments/e/postprocessing", {"largest_component": ["lever"]}))
    assert "experiments.e.postprocessing.largest_component: no label is called 'lever'" in message
    assert "liver" in message
    fault(changed("experiments/e/postprocessing", {"largest_component": []}))


@pytest.mark.parametrize(
    "given",
    [
        {"weights": [1.0]},
        {"weights": [1.0], "planes": ["axial"]},
        {"weights": [1.0], "planes": ["axial", "coronal"]},
        {"weights": [0, 0], "planes": ["axial", "coronal"]},
    ],
)
def test_each_of_several_planes_has_a_weight(given):
    message = fault(changed("experiments/e/inference", given))
    assert "experiments.e.inference" in message and "planes; name several planes in" in message


def test_negative_weights_are_none():
    given = {"weights": [1, -1], "planes": ["axial", "coronal"]}
    assert "weights" in fault(changed("experiments/e/inference", given))
    given["weights"] = [0, 2]
    settings = load_settings(changed("experiments/e/inference", given))
    assert settings.experiments["e"].inference.shares == {"coronal": 1.0}


def test_blocks_of_a_pile_of_slices_or_of_tilted_ones_are_refused():
    config = changed("experiments/e/network", {"dimensions": 3, "block": 16})
    config["slices"]["tilted"] = {"size": 64, "tilt": [0.0, 5.0]}
    config["experiments"]["e"]["also"] = ["tilted"]
    assert "experiments.e.also: tilted is tilted, and blocks" in fault(config)
    config["experiments"]["e"].update(also=[], inference={"tilt": 5.0})
    assert "experiments.e.inference.tilt: blocks" in fault(config)
    config = changed("experiments/e/network", {"dimensions": 3, "block": 16})
    config["dataset"]["contiguous"] = False
    assert "experiments.e.network.dimensions: this means nothing on slices that" in fault(config)


def test_lesions_of_a_pile_of_slices_are_refused():
    config = changed("dataset/contiguous", False)
    config["evaluation"] = {"lesions": ["liver"]}
    assert "evaluation.lesions: a lesion means nothing" in fault(config)


@pytest.mark.parametrize("recipe", [{"plane": "coronal"}, {"tilt": [0.0, 5.0]}])
def test_a_pile_of_slices_is_cut_as_it_lies(recipe):
    config = changed("dataset/contiguous", False)
    config["slices"]["other"] = recipe
    assert "slices.other" in fault(config)


@pytest.mark.parametrize("name", RESERVED)
def test_an_experiment_cannot_take_the_name_of_a_folder_of_results(name):
    for called in (name, name.title()):  # macOS and CIFS do not tell these apart
        said = fault(changed("experiments", {called: {"slices": "r"}}))
        assert f"experiments.{called}: this name is taken by a folder" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"E": {"slices": "r"}}, "experiments: e and E differ in capital letters alone"),
        ({"E": {"ensemble": ["e", "f"]}, "f": {"slices": "r"}}, "experiments: e and E differ"),
        (
            {"f": {"slices": "r", "training": {"seeds": [1, 2]}}, "F-seed2": {"slices": "r"}},
            "f-seed2 and F-seed2",
        ),
        (
            {
                "f": {"slices": "r", "sweep": {"optimizer.learning_rate": [0.1, 0.2]}},
                "F-lr0.1": {"slices": "r"},
            },
            "F-lr0.1 and f-lr0.1",
        ),
    ],
)
def test_experiments_that_would_be_one_folder_on_some_disks_are_refused(more, said):
    config = changed("experiments/e/slices", "r")
    config["experiments"] |= more
    assert said in fault(config)


def test_recipes_that_would_be_one_folder_on_some_disks_are_refused():
    config = changed("slices/R", {"size": 32})
    assert "slices: r and R differ in capital letters alone, so some disks" in fault(config)
    config = changed("experiments/auto", {"preset": "auto", "effort": "quick"})
    config["slices"]["Auto-quick"] = {"size": 32}
    assert "slices: Auto-quick and auto-quick differ" in fault(config)


@pytest.mark.parametrize("name", BESIDE)
def test_an_experiment_cannot_take_the_name_of_a_column_beside_its_own(name):
    said = fault(changed("experiments", {name: {"slices": "r"}}))
    assert f"experiments.{name}: this name is taken by a column" in said


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


def test_a_plan_names_its_recipe_before_it_is_made():
    config = changed("experiments/auto", {"preset": "auto", "effort": "quick"})
    settings = load_settings(config)
    assert list(settings.slices) == ["r", "auto-quick"]
    assert settings.planned == {"auto-quick": "quick"}
    assert load_settings(LEAST).planned == {}
    # a plan needs no other recipe
    alone = {**config, "experiments": {"auto": config["experiments"]["auto"]}}
    del alone["slices"]
    assert list(load_settings(alone).slices) == ["auto-quick"]


def test_complete_settings_with_a_plan_are_settings():
    config = changed("experiments/auto", {"preset": "auto", "effort": "quick"})
    dumped = load_settings(config).model_dump()
    assert load_settings(dumped, dumped=True).planned == {"auto-quick": "quick"}


def test_a_recipe_of_the_name_of_a_plan_is_refused():
    config = changed("experiments/auto", {"preset": "auto", "effort": "quick"})
    config["slices"]["auto-quick"] = {"size": 32}
    assert "slices.auto-quick" in fault(config)
    # without a plan it is a name as any other
    del config["experiments"]["auto"]
    assert load_settings(config).slices["auto-quick"].size == 32


def taught(**teachers: str) -> dict:
    """Settings of experiments e, f and g, by who learns from whom."""
    config = changed("experiments/e/slices", "r")
    for name in ("e", "f", "g"):
        block = {"slices": "r"}
        if name in teachers:
            block["training"] = {"distil": {"teacher": teachers[name]}}
        config["experiments"][name] = block
    return config


def test_a_teacher_has_to_be_an_experiment_that_does_not_learn_from_its_student():
    said = "experiments.e.training.distil.teacher: no experiment is called 'h'; there are: e, f, g"
    assert said in fault(taught(e="h"))
    assert "it would learn from itself (e from e); name another" in fault(taught(e="e"))
    ring = fault(taught(e="f", f="g", g="f"))
    assert "experiments.f.training.distil.teacher: it would learn from itself (f from g" in ring
    settings = load_settings(taught(e="f", f="g"))
    assert settings.learnt_from("e") == ["e", "f", "g"]
    assert settings.experiments["e"].training.share == 0.5


def test_settings_of_a_student_have_its_teachers_and_can_be_read_again():
    config = taught(e="f", f="g")
    config["slices"]["s"] = {"size": 32}
    config["experiments"]["g"]["slices"] = "s"
    used = yaml.safe_load(settings_of(load_settings(config), "e"))
    assert [*used["experiments"]] == ["e", "f", "g"] and [*used["slices"]] == ["r", "s"]
    assert load_settings(used).wanted == ["e"]
    alone = yaml.safe_load(settings_of(load_settings(config), "g"))
    assert [*alone["experiments"]] == ["g"] and [*alone["slices"]] == ["s"]


def test_combinations_of_a_sweep_learn_from_its_teacher():
    config = taught(e="f")
    config["experiments"]["e"]["sweep"] = {"optimizer.learning_rate": [0.001, 0.003]}
    settings = load_settings(config)
    teachers = [block.training.teacher for block in settings.combinations.values()]
    assert teachers == ["f", "f"]
    assert settings.teachers_of("e") == ["f"]
    config["experiments"]["f"]["training"] = {"distil": {"teacher": "e"}}
    assert "it would learn from itself" in fault(config)


def test_a_training_without_a_teacher_is_dumped_as_it_was():
    settings = load_settings(taught(e="f"))
    assert "distil" not in settings.experiments["f"].training.model_dump()
    assert settings.experiments["f"].training.teacher is None


def test_an_ensemble_may_teach_but_not_its_own_member():
    config = taught(e="both")
    config["experiments"]["both"] = {"ensemble": ["f", "g"]}
    settings = load_settings(config)
    assert settings.learnt_from("e") == ["e", "both", "f", "g"]
    assert load_settings({**config, "run": ["e"]}).trained == ["e", "f", "g"]
    used = yaml.safe_load(settings_of(settings, "e"))
    assert {*used["experiments"]} == {"e", "f", "g", "both"}
    assert load_settings(used, dumped=True).wanted == ["e"]
    config["experiments"]["both"] = {"ensemble": ["e", "g"]}
    assert "it would learn from itself (e from both from e)" in fault(config)
