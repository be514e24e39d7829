"""Sweeps in rungs."""

import pytest

from slicewise.errors import SlicewiseError
from tests.study.studies import swept


def test_combinations_are_trained_in_rungs_and_nothing_else_is_made_of_them():
    study = swept()
    names = [f"tuned-filters{f}-batch{b}" for f in ("4x8", "32x64") for b in (2, 4)]
    assert study.sweeps.places("tuned", 0) == names
    assert [study.sweeps.places("tuned", rung) for rung in (1, 2)] == [["1", "2"], ["1"]]
    assert [study.sweeps.rung("tuned", rung, "1").epochs for rung in (1, 2)] == [30, 60]
    assert study.sweeps.rung("tuned", 0, names[1]).combinations == [names[1]]
    assert study.sweeps.rung("tuned", 1, "2").combinations == names
    assert [study.sweeps.promote("tuned", rung).go_on for rung in range(3)] == [2, 1, 1]
    last = "results/ct/tuned/sweep/rung-2.json"
    assert [study.sweeps.best_of(name) for name in ("tuned", "tuned-seed6", *names)] == [
        [last],
        [last],
        *[[]] * 4,
    ]
    assert study.sweeps.plans_at("tuned", 0, names[0]) == [
        f"results/ct/{names[0]}/fold-0/plan.json"
    ]
    assert study.sweeps.waits_for("tuned", 0, names[0]) == study.trainings.waits_for(names[0], 0)
    assert study.trainings.plan(names[3], 0).experiment["network"]["filters"] == [32, 64]
    # no page, prediction or model of any of them is asked for
    asked = [
        *study.wanted.targets(),
        *study.wanted.pages(),
        *study.wanted.kept(),
        *study.wanted.of("metrics.tsv"),
    ]
    assert not [path for path in asked for name in names if f"/{name}/" in path]
    assert "results/ct/tuned/sweep.html" in study.wanted.pages()
    # seeds are compared as one
    assert study.sweeps.best_of_how_many() == {"tuned": 4}
    assert not study.knows({"experiment": names[0]})


def test_a_sweep_without_a_patient_who_may_choose_is_refused():
    swept().sweeps.check()
    with pytest.raises(SlicewiseError, match="there is no validation patient to choose"):
        swept(cases=4).sweeps.check()
