"""Which cases each job takes, and where files lie, against the split itself."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import load_settings
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.columns import read_columns
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.study import Study, marks_beside
from tests.study.studies import NOWHERE, config, planned_study, starting, study_of


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 40), st.integers(1, 4))
def test_training_and_validation_cases_share_nobody(cases, folds):
    study = study_of(cases=cases, folds=folds)
    held_out = []
    for fold in study.folds:
        trained = set(study.training_cases(fold))
        validated = set(study.validation_cases(fold))
        assert trained
        assert not trained & validated
        held_out += sorted(validated)
        told = study.trainings.plan("one", fold).dump()
        assert (set(told["train"]), set(told["validation_cases"])) == (trained, validated)
        assert told["patients"].keys() == trained
        assert told["validation"]["patients"].keys() == validated
        assert told["validation"]["may_select"] == (folds == 1)
    tested = {case for case, assigned in study.split.items() if assigned.subset == "test"}
    assert not tested & set(held_out)
    assert sorted([*held_out, *tested]) == study.scored
    assert {each.case for each in study.scored_cases if each.subset == "test"} == tested


@pytest.mark.parametrize("folds", [1, 3])
def test_a_corrected_mask_scores_and_validates_nobody(folds):
    plain = starting("kept", folds)
    held_out = [case for case in plain.scored if plain.split[case].subset != "test"]
    cases = list(plain.cases.values())
    for case in held_out:
        known = plain.cases[case]
        cases.append(replace(known, name=f"{case}-again", patient=known.patient, corrected=True))
    split = split_cases(cases, plain.settings.split, NOWHERE)
    study = Study(plain.settings, cases, split)
    assert study.scored == plain.scored
    assert study.scored_cases == plain.scored_cases
    for fold in study.folds:
        assert study.validation_cases(fold) == plain.validation_cases(fold)
        corrected = {case.name for case in cases if case.corrected}
        trained = corrected & {*study.training_cases(fold)}
        mine = {f"{case}-again" for case in plain.validation_cases(fold)}
        # held out with their patients
        assert trained == corrected - mine
        assert not (mine & {*study.trainings.plan("one", fold).validation_cases})
        # nor may a model know them that the training starts from
        known = {*study.starts.must_not_know("two", fold)}
        assert known == study.cases.keys() - {*study.training_cases(fold)} >= mine


@pytest.mark.parametrize(
    ("inference", "same"),
    [
        ({}, True),
        ({"planes": ["axial"]}, True),
        ({"planes": ["coronal"]}, False),
        ({"tilt": 9}, False),
    ],
)
def test_what_slices_allow_is_said_of_the_cuts_that_predict_alone(inference, same):
    study = study_of(experiments={"one": {"slices": "axial64", "inference": inference}})
    assert (study.scored_recipe("one") == study.settings.slices["axial64"]) == same


def test_files_stand_for_the_shards_of_cases(study):
    records = study.case_records_of(study.cases)
    assert sorted(records) == sorted(
        f"results/ct/cases/_shards/{shard}.json" for shard in study.shards
    )
    (shard, members), *_ = study.shards.items()
    assert study.case_records_of(members) == [f"results/ct/cases/_shards/{shard}.json"]
    assert study.looks_of(members) == [f"results/ct/cases/_looks/{shard}.json"]
    assert study.slices_of("axial64", members[:1]) == [
        f"results/ct/cases/_slices/axial64/{shard}.json"
    ]


def test_the_jobs_behind_scores_are_named(study):
    jobs = study.jobs_of("one")
    assert jobs["train"] == jobs["plan"] == ["fold-0", "fold-1", "fold-2"]
    assert jobs["ingest"] == list(study.shards)
    assert jobs["phantom"] == list(study.cases)
    assert jobs["convert"] == []
    assert jobs["predict"] == list(study.predictions.shards_of("one"))


def test_converted_cases_are_jobs_of_their_own():
    loaded = load_settings(config(cases=8))
    cases = find_cases(loaded.dataset, NOWHERE)
    split = split_cases(cases, loaded.split, NOWHERE)
    first = Case(cases[0].name, cases[0].patient, ("ct.nrrd",), ("mask.nrrd",))
    study = Study(loaded, [first, *cases[1:]], split)
    assert study.jobs_of("one")["convert"] == [first.name]
    assert study.shards[f"case-{first.name}"] == [first.name]


@pytest.mark.parametrize(
    ("answers", "strictest"), [(("allow", "refuse"), "refuse"), (("allow", "allow"), "allow")]
)
def test_the_strictest_experiment_says_whether_labels_may_be_missing(answers, strictest):
    given = config(run=["one", "two"])
    for name, answer in zip(("one", "two"), answers, strict=True):
        given["experiments"][name]["training"] = {"missing_labels": answer}
    loaded = load_settings(given)
    cases = find_cases(loaded.dataset, NOWHERE)
    study = Study(loaded, cases, split_cases(cases, loaded.split, NOWHERE))
    assert study.missing_labels == strictest


def test_each_seed_knows_of_the_others(study):
    experiments = {"one": {"slices": "axial64", "training": {"seeds": [1, 2]}}}
    several = study_of(experiments=experiments)
    for name in ("one", "one-seed2"):
        assert several.seeds_of(name) == ["one", "one-seed2"]
    assert study.seeds_of("one") == []


def test_marks_of_other_data_sets_are_read_where_they_are(tmp_path):
    for name in ("there.tsv", "there.npz", "not.tsv"):
        (tmp_path / name).touch()
    tables = [str(tmp_path / name) for name in ("there.tsv", "not.tsv")]
    assert marks_beside(tables, in_bucket=False) == [str(tmp_path / "there.npz")]
    assert len(marks_beside(tables, in_bucket=True)) == 2


def test_sites_are_folds_and_the_split_says_them():
    loaded = load_settings(config(split={"leave_out": "site"}))
    rows = [("a", "Ulm"), ("b", "Bonn"), ("c", "Ulm")]
    cases = [Case(name, name, (), (), columns=(("site", site),)) for name, site in rows]
    split = split_cases(cases, loaded.split, NOWHERE)
    study = Study(loaded, cases, split, read_columns(cases, loaded, NOWHERE))
    assert list(study.folds) == [0, 1]
    assert study.training_cases(0) == ["a", "c"]
    assert study.models_for("b") == [0]
    assert study.split["b"] == Assignment("b", "b", "train", 0)
    assert study.split_columns == {"site": {"a": "Ulm", "b": "Bonn", "c": "Ulm"}}
    # without it, nothing is told that was not told before
    assert study_of().columns == {}
    assert study_of().split_columns == {}


def test_plans_follow_from_training_cases_and_are_read_by_whoever_needs_them():
    study = planned_study(folds=1)
    subsets = {study.split[case].subset for case in study.planned_on}
    assert subsets == {"train"}
    assert len(study.planned_on) == sum(a.subset == "train" for a in study.split.values())
    assert study.plans_of(study.recipes_of("made")) == ["results/ct/plan-laptop.json"]
    assert study.plans_of(study.recipes_of("one")) == []
    assert "results/ct/plan-laptop.json" in study.wanted.kept()


def test_with_folds_a_plan_follows_from_all_that_are_not_tested_on():
    study = planned_study(folds=3)
    assert set(study.planned_on) == {c for c, a in study.split.items() if a.subset != "test"}


def test_regions_name_their_labels():
    dataset = config()["dataset"] | {"labels": {"liver": 1, "spleen": [2, 4], "kidneys": 3}}
    assert study_of(dataset=dataset).regions == {}
    both = study_of(dataset=dataset | {"regions": {"trunk": [3, 1, 2, 4], "left": [2, 4]}})
    assert both.regions == {"trunk": ["kidneys", "liver", "spleen"], "left": ["spleen"]}
