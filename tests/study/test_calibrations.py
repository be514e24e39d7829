"""On whom models are calibrated."""

import pytest

from slicewise.dataset.calibration import MOST
from slicewise.study import Study
from tests.study.studies import config, study_of


@pytest.mark.parametrize(
    ("cases", "folds", "enough"), [(11, 3, False), (12, 3, True), (12, 1, False)]
)
def test_models_are_calibrated_where_enough_patients_were_held_out(cases, folds, enough):
    study = study_of(cases=cases, folds=folds)
    assert study.calibrations.are_possible == enough
    each = [study.calibrations.cases_of(fold) for fold in study.folds]
    told = sorted(case for fold in each for case in fold)
    tested = {case for case, assigned in study.split.items() if assigned.subset == "test"}
    assert told == (sorted(study.split.keys() - tested) if enough else [])
    for fold, taken in enumerate(each):
        assert not set(taken) & set(study.training_cases(fold))
        asked = study.calibrations.told("one", fold)
        assert asked.cases == taken and asked.patients.keys() == set(taken)
    paths = [f"results/ct/one/fold-{fold}/calibration.json" for fold in study.folds]
    assert study.calibrations.files_of("one") == (paths if enough else [])
    assert study.memory.to_calibrate("one", 0) >= 6000


def test_what_an_experiment_is_called_calibrates_nothing_again():
    both = {"ensemble": ["one", "two"]}
    named = [{"one": {"slices": "axial64"}, name: {"slices": "coronal64"}} for name in ("a", "b")]
    first, second = (study_of(cases=12, experiments=each, run=None) for each in named)
    assert first.calibrations.told("a", 0) == second.calibrations.told("b", 0)
    mixed = study_of(cases=12, experiments=config()["experiments"] | {"both": both}, run=None)
    told = mixed.calibrations.told("both", 0)
    assert [member.name for member in told.members] == ["one", "two"]


def test_where_masks_may_be_drawn_in_part_all_that_were_held_out_may_be_tried():
    many = 120
    whole = study_of(cases=many, folds=2)
    dataset = whole.settings.dataset.model_copy(update={"ignore": 9})
    loaded = whole.settings.model_copy(update={"dataset": dataset})
    study = Study(loaded, [*whole.cases.values()], [*whole.split.values()])
    for fold in study.folds:
        some, every = whole.calibrations.cases_of(fold), study.calibrations.cases_of(fold)
        assert len(some) == MOST < len(every)
        assert sorted(every) == sorted(study.validation_cases(fold))
        # who is tried first is the same
        assert every[:MOST] == some
