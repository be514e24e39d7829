"""Weights of an ensemble follow from held-out patients, where these can tell any."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.inference.requests import Trained
from slicewise.training.weighing import fit, weighed_on
from slicewise.training.weights import Weighed, choices
from tests.trained import record_of

MEMBERS = {"axial": ["a0", "a1"], "planes": ["p0", "p1"], "noise": ["n0", "n1"]}


def cases(scores: dict[str, list[float]], fold=lambda k: k % 2) -> list[Weighed]:
    """Patients whose Dice by each member alone is given, and between these by the mean."""
    alone = np.array([scores[name] for name in MEMBERS])
    tried = choices(len(MEMBERS)) @ alone
    return [Weighed(f"p{k}", fold(k), tried[:, k : k + 1]) for k in range(tried.shape[1])]


def test_a_useless_member_counts_nothing():
    good = [0.90, 0.91, 0.93, 0.89, 0.92, 0.94]
    made = fit(
        cases({"axial": good, "planes": good, "noise": [0.1, 0.2, 0.1, 0.3, 0.2, 0.1]}),
        MEMBERS,
        crossed=False,
    )
    assert made.fitted and made.because.startswith("fitted")
    assert made.weights["noise"] == 0
    # of what is as good, the nearest to equal
    assert made.weights["axial"] == made.weights["planes"] == pytest.approx(0.5)
    assert made.by_fold == []
    assert made.weighted_dice == pytest.approx(np.mean(good))
    assert made.dice["noise"] == pytest.approx(1 / 6)
    assert made.equal_dice < made.weighted_dice


def test_few_patients_choose_nothing():
    made = fit(
        cases({"axial": [0.9] * 3, "planes": [0.9] * 3, "noise": [0.0] * 3}),
        MEMBERS,
        crossed=False,
    )
    assert not made.fitted
    assert made.weights == dict.fromkeys(MEMBERS, pytest.approx(1 / 3))
    assert "3 patients alone could choose them" in made.because
    nobody = fit([], MEMBERS, crossed=True)
    assert nobody.patients == 0 and nobody.equal_dice is None
    assert nobody.by_fold == [nobody.weights] * 2


def test_what_is_no_more_than_noise_chooses_nothing():
    random = np.random.default_rng(3)
    drawn = {name: list(0.9 + 0.05 * random.standard_normal(8)) for name in MEMBERS}
    made = fit(cases(drawn), MEMBERS, crossed=False)
    assert not made.fitted and made.because.endswith("no more than noise")
    assert made.weighted_dice == made.equal_dice


def test_patients_of_a_fold_do_not_choose_for_themselves():
    # in fold 0 the first member is good, in fold 1 the second: each would choose its own
    scores = {
        "axial": [0.9, 0.1] * 5,
        "planes": [0.1, 0.9] * 5,
        "noise": [0.0, 0.0] * 5,
    }
    made = fit(cases(scores), MEMBERS, crossed=True)
    assert made.by_fold[0] == {"axial": 0.0, "planes": 1.0, "noise": 0.0}
    assert made.by_fold[1] == {"axial": 1.0, "planes": 0.0, "noise": 0.0}
    # what others chose is bad for all of them, and that is what is told
    assert made.weighted_dice == pytest.approx(0.1)


def test_a_patient_counts_once_whatever_scans_there_are():
    few = cases({"axial": [0.9] * 4, "planes": [0.5] * 4, "noise": [0.4] * 4})
    more = [Weighed("p0", 0, few[0].dice) for _ in range(20)]
    once, often = (fit(each, MEMBERS, crossed=False) for each in (few, [*few, *more]))
    assert once.patients == often.patients == 4
    assert once.weights == often.weights
    assert once.equal_dice == pytest.approx(often.equal_dice)


def test_labels_that_a_patient_lacks_count_nothing():
    whole = cases({"axial": [0.9] * 5, "planes": [0.5] * 5, "noise": [0.4] * 5})
    lacking = [
        Weighed(each.patient, each.fold, np.hstack([each.dice, np.full_like(each.dice, np.nan)]))
        for each in whole
    ]
    assert fit(lacking, MEMBERS, crossed=False) == fit(whole, MEMBERS, crossed=False)
    nothing = [Weighed(e.patient, e.fold, np.full_like(e.dice, np.nan)) for e in whole]
    assert not fit(nothing, MEMBERS, crossed=False).fitted


def test_a_member_that_was_trained_on_a_held_out_patient_stops_it():
    trained = {
        name: {fold: Trained(fold, None, record_of(f"a{fold}", own, "w")) for fold in (0, 1)}
        for name, own in (("axial", "elsewhere"), ("planes", "held out"))
    }
    with pytest.raises(SlicewiseError, match=r"in planes/fold-0 was trained on a0, of the same pa"):
        weighed_on([], [["b1"], []], {"b1": "held out"}, trained, 0.5)
