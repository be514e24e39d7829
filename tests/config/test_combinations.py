"""The combinations of a sweep: names, values, and how long each is trained."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.config import Experiment, load_settings
from slicewise.config.combinations import rungs, swept
from slicewise.config.sweep import Sweep
from tests.settings import LEAST, changed, fault

GRID = {"optimizer.learning_rate": [0.001, 0.003], "network.filters": [[16, 32], [32, 64]]}
DRAWN = {
    "optimizer.learning_rate": {"low": 0.0001, "high": 0.01, "scale": "log"},
    "training.batch": {"low": 2, "high": 6},
    "optimizer.name": ["adam", "sgd"],
}


def made(sweep: dict, **keys) -> dict[str, Experiment]:
    return swept("b", Experiment(slices="r", sweep=Sweep.model_validate(sweep), **keys)).candidates


def test_all_combinations_are_made_of_what_is_the_same() -> None:
    said = {"optimizer": {"ema": 0.5}, "training": {"epochs": 7}}
    candidates = made(GRID, **said)
    assert list(candidates) == [
        "b-lr0.001-filters16x32",
        "b-lr0.001-filters32x64",
        "b-lr0.003-filters16x32",
        "b-lr0.003-filters32x64",
    ]
    last = candidates["b-lr0.003-filters32x64"]
    assert last.network.filters == [32, 64]
    assert (last.optimizer.learning_rate, last.optimizer.ema, last.training.epochs) == (
        0.003,
        0.5,
        7,
    )
    # the very experiment that somebody would write by hand, so its training is the same
    by_hand = {
        "slices": "r",
        "network": {"filters": [32, 64]},
        "optimizer": {"learning_rate": 0.003, "ema": 0.5},
        "training": {"epochs": 7},
    }
    assert last.model_dump() == Experiment.model_validate(by_hand).model_dump()


def test_a_preset_stays_below_what_is_tried() -> None:
    (one, two) = made({"training.empty": [0.0, 0.5]}, preset="tutorial").values()
    assert (one.training.empty, two.training.empty) == (0.0, 0.5)
    assert two.optimizer.name == "adam" and two.augmentation is None


def test_names_stay_when_another_value_is_tried() -> None:
    more = {**GRID, "optimizer.learning_rate": [0.1, 0.001, 0.003]}
    assert set(made(GRID)) < set(made(more))
    both = made({"input.normalisation": ["all"], "network.normalisation": ["none"]})
    assert list(both) == ["b-input_normalisationall-network_normalisationnone"]
    off = made({"augmentation": [None, {"rotation": 5.0}]})
    assert next(iter(off)) == "b-augmentationnone"
    assert off["b-augmentationnone"].augmentation is None
    changes = ("rotation", "scale", "shift", "shear", "noise", "blur")
    many = {f"augmentation.{each}_probability": [0.1, 0.2] for each in changes}
    names = list(made(many))
    assert len(set(names)) == 64 and max(map(len, names)) <= 120


def test_a_name_is_nobody_elses() -> None:
    config = changed("experiments/e/sweep", {"training.batch": [2, 4]})
    config["experiments"]["e-batch4"] = {"slices": "r"}
    assert "its combination e-batch4 has the name of another experiment" in fault(config)
    ambiguous = {"optimizer.learning_rate": [0.1, 0.1000001]}
    assert "two combinations would both be called e-lr0.1" in fault(
        changed("experiments/e/sweep", ambiguous)
    )


def test_what_does_not_go_together_is_said_of_the_combination() -> None:
    tried = {"network.dimensions": [2, 3], "input.context": [1, 3]}
    said = fault(changed("experiments/e/sweep", tried))
    assert "e-dimensions3-context1, and dimensions: 3 needs to know" in said
    below = {"augmentation.rotation": [1.0, 2.0]}
    config = changed("experiments/e", {"slices": "r", "augmentation": None, "sweep": below})
    assert "augmentation is null" in fault(config)


def test_only_the_best_is_made_and_the_combinations_are_known() -> None:
    config = changed("experiments/e/sweep", {"training.batch": [2, 4]})
    config["experiments"]["e"]["training"] = {"seeds": [5, 6]}
    settings = load_settings(config)
    assert settings.wanted == ["e", "e-seed6"]
    assert list(settings.combinations) == ["e-batch2", "e-batch4"]
    assert [each.training.seed for each in settings.combinations.values()] == [5, 5]
    assert (settings.sweep_of("e"), settings.sweep_of("e-seed6")) == ("e", "e")
    assert settings.sweep_of("e-batch2") is None
    best = settings.with_best("e", "e-batch4").experiments
    assert best["e"].model_dump() == settings.combinations["e-batch4"].model_dump()
    assert (best["e-seed6"].training.batch, best["e-seed6"].training.seed) == (4, 6)
    assert "no experiment is called 'e-batch2'" in fault({**config, "run": ["e-batch2"]})


def test_settings_without_a_sweep_are_dumped_as_before() -> None:
    dumped = load_settings(LEAST).model_dump()
    assert "sweep" not in dumped["experiments"]["e"]
    assert load_settings(dumped, dumped=True).sweeps == {}


@given(st.integers(1, 30), st.integers(0, 50))
def test_a_larger_sample_begins_with_the_same(number, seed):
    few = made({**DRAWN, "sample": number, "seed": seed})
    more = made({**DRAWN, "sample": number + 3, "seed": seed})
    assert len(few) == number
    assert list(more)[:number] == list(few)
    for each in more.values():
        assert 0.0001 <= each.optimizer.learning_rate <= 0.01
        assert 2 <= each.training.batch <= 6


def test_a_sample_of_another_seed_is_another_one_and_reaches_both_ends():
    drawn = [made({**DRAWN, "sample": 40, "seed": seed}) for seed in (1, 2)]
    assert set(drawn[0]) != set(drawn[1])
    assert {each.training.batch for each in drawn[0].values()} == {2, 3, 4, 5, 6}
    assert {each.optimizer.name for each in drawn[0].values()} == {"adam", "sgd"}
    # a third of a range of two powers of ten is its middle one, and not a tenth of it
    low = [each for each in drawn[0].values() if each.optimizer.learning_rate < 0.001]
    assert 10 <= len(low) <= 30


@given(st.integers(1, 100), st.integers(1, 200), st.integers(1, 250), st.integers(2, 5))
def test_rungs_end_with_the_training_and_only_fewer_go_on(number, epochs, budget, reduction):
    sweep = Sweep.model_validate({"a.b": [1], "budget": budget, "reduction": reduction})
    made = rungs(number, epochs, sweep)
    assert made[0].combinations == number and made[-1].epochs == epochs
    for one, two in itertools.pairwise(made):
        assert one.epochs < two.epochs
        assert one.combinations > two.combinations >= 1
        assert two.combinations * reduction >= one.combinations
    # another combination moves the end of no rung, so what was trained serves
    more = [rung.epochs for rung in rungs(number + 1, epochs, sweep)]
    assert more[: len(made) - 1] == [rung.epochs for rung in made[:-1]]


@pytest.mark.parametrize("budget", [None, 60, 99])
def test_without_a_smaller_budget_all_are_trained_to_the_end(budget):
    sweep = Sweep.model_validate({"a.b": [1]} | ({} if budget is None else {"budget": budget}))
    assert [(r.combinations, r.epochs) for r in rungs(8, 60, sweep)] == [(8, 60)]


def test_a_sweep_costs_what_its_rungs_take():
    sweep = Sweep.model_validate({**GRID, "budget": 15})
    assert swept("b", Experiment(slices="r", sweep=sweep)).epochs == 4 * 15 + 2 * 15 + 30
