"""Members of ensembles, and on whom they are weighed."""

import pytest

from slicewise.study import Study
from tests.study.studies import config, study_of


@pytest.fixture
def mixed() -> Study:
    """A study of an ensemble of two experiments, which cut volumes along two planes."""
    experiments = config()["experiments"] | {"both": {"ensemble": ["one", "two"]}}
    return study_of(cases=14, experiments=experiments, run=["both"])


def test_an_ensemble_is_told_of_its_members_in_their_order(mixed):
    told = mixed.ensembles.told_members("both")
    assert [(each.name, each.recipe.plane) for each in told] == [
        ("one", "axial"),
        ("two", "coronal"),
    ]
    assert mixed.ensembles.told_members("one") == []
    assert [each.name for each in mixed.ensembles.told("one")] == ["one"]


def test_files_of_an_ensemble_are_those_of_its_members(mixed):
    assert mixed.ensembles.record_of("both") == ["results/ct/both/ensemble.json"]
    assert mixed.ensembles.models_of("both") == [
        f"results/ct/{member}/fold-{fold}/model.keras"
        for member in ("one", "two")
        for fold in range(3)
    ]
    assert mixed.ensembles.record_of("one") == mixed.ensembles.models_of("one") == []
    assert mixed.ensembles.kept_of("one") == []
    assert "results/ct/both/ensemble.json" in mixed.wanted.kept()


def test_nobody_is_weighed_on_who_is_tested(mixed):
    told = mixed.ensembles.weights("both")
    weighed = [case for cases in told.folds for case in cases]
    assert sorted(weighed) == sorted(set(weighed))
    assert {mixed.split[case].subset for case in weighed} == {"train"}
    for fold, cases in enumerate(told.folds):
        assert cases and not set(cases) & set(mixed.training_cases(fold))
    assert set(told.patients) == set(weighed)
