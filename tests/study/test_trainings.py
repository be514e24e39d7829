"""What trainings read, and which jobs they follow from."""

from pathlib import Path

import pytest

from slicewise.config import load_settings
from slicewise.slices.folder import SliceFolder
from slicewise.study import Study
from tests.study.studies import config, planned_study, study_of


def test_a_training_reads_all_recipes_of_all_its_cases(study):
    read = study.trainings.slices_of("one", "0")
    assert {path.split("/")[4] for path in read} == {"axial64", "coronal64"}
    cases = [*study.training_cases(0), *study.validation_cases(0)]
    assert len(read) == 2 * len(study.case_records_of(cases))
    assert {path.split("/")[4] for path in study.trainings.slices_of("two", 0)} == {"coronal64"}


def test_how_predictions_are_shared_out_trains_nobody_again():
    one = study_of()
    other = config()
    other["experiments"]["one"]["prediction"]["chunk"] = 30
    loaded = load_settings(other)
    many = Study(loaded, list(one.cases.values()), list(one.split.values()))
    assert len(many.predictions.shards_of("one")) < len(one.predictions.shards_of("one"))
    assert many.trainings.plan("one", 0) == one.trainings.plan("one", 0)


def test_a_training_is_told_what_was_written_beside_a_plan_and_all_of_any_other():
    study = planned_study()
    told = study.trainings.plan("made", 0).experiment
    assert told["effort"] == "laptop"
    assert told["training"]["epochs"] == 3
    assert "network" not in told
    assert study.trainings.plan("one", 0).experiment["network"]["normalisation"] == "batch"


def test_deleted_slices_are_missed_where_a_training_reads_them(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sorted(study.trainings.slices_deleted("one", 0)) == sorted(
        {*study.trainings.slices_of("one", 0)}
    )
    there = study_of()
    for case in there.cases:
        for recipe in there.recipes_of("one"):
            folder = SliceFolder.below(Path(there.result(f"slices/{recipe}")), case)
            folder.image.parent.mkdir(parents=True)
            for path in (folder.image, folder.mask, folder.geometry):
                path.touch()
    gone = there.training_cases(0)[0]
    Path(there.result(f"slices/coronal64/{gone}/mask.npy")).unlink()
    assert there.trainings.slices_deleted("one", 0) == there.slices_of("coronal64", [gone])


def test_a_training_follows_from_the_records_of_its_cases(study):
    led = study.trainings.led_to("one", "1")
    assert led[:2] == [(rule, {"experiment": "one", "fold": "1"}) for rule in ("train", "plan")]
    cases = [*study.training_cases(1), *study.validation_cases(1)]
    records = {
        study.result(f"cases/_shards/{of['shard']}.json") for rule, of in led if rule == "ingest"
    }
    assert records == set(study.case_records_of(cases))
    assert {of["case"] for rule, of in led if rule == "phantom"} == set(cases)


def test_a_training_waits_for_its_slices_and_for_what_the_leakage_check_sees(study):
    waits = study.trainings.waits_for("one", 1)
    cut = {
        study.result(f"cases/_slices/{of['recipe']}/{of['shard']}.json")
        for rule, of in waits
        if rule == "slices"
    }
    assert cut == set(study.trainings.slices_of("one", 1))
    assert ("leakage", {}) in waits
    tested = {case for case, assigned in study.split.items() if assigned.subset == "test"}
    ingested = {of["shard"] for rule, of in waits if rule == "ingest"}
    assert {study.shard_of[case] for case in tested} <= ingested


def test_scores_come_with_the_plans_and_the_bests_of_all_that_was_learnt_from():
    tried = {"network.filters": [[4, 8], [32, 64]]}
    experiments = {
        "plain": {"slices": "axial64"},
        "tuned": {"slices": "axial64", "sweep": tried},
        "auto": {"preset": "auto", "effort": "quick"},
        "both": {"ensemble": ["tuned", "auto"]},
        "small": {"slices": "axial64", "training": {"distil": {"teacher": "both"}}},
        "last": {"slices": "axial64", "training": {"distil": {"teacher": "plain"}}},
    }
    study = study_of(folds=1, experiments=experiments, run=None)
    for name in ("both", "small"):
        assert study.trainings.plans_learnt(name) == ["results/ct/plan-quick.json"]
        assert study.trainings.bests_learnt(name) == study.sweeps.best_of("tuned") != []
    assert study.trainings.plans_learnt("auto") == ["results/ct/plan-quick.json"]
    assert study.trainings.bests_learnt("tuned") == study.sweeps.best_of("tuned")
    assert study.trainings.plans_learnt("tuned") == study.trainings.bests_learnt("auto") == []
    for name in ("plain", "last"):
        assert study.trainings.plans_learnt(name) == study.trainings.bests_learnt(name) == []


@pytest.mark.parametrize(
    ("block", "read"),
    [
        ({}, False),
        ({"inference": {"planes": ["axial", "coronal"]}}, False),
        ({"postprocessing": {"fill_holes": "auto"}}, False),
        ({"inference": {"planes": ["axial", "coronal"], "weights": "fitted"}}, True),
        ({"inference": {"planes": ["coronal"]}, "postprocessing": {"fill_holes": "auto"}}, True),
        ({"inference": {"tilt": 20}, "postprocessing": {"largest_component": "auto"}}, True),
        ({"preset": "auto", "effort": "laptop"}, False),
        # its plan leaves postprocessing open
        ({"preset": "auto", "effort": "laptop", "inference": {"tilt": 20}}, True),
    ],
)
def test_images_are_read_where_whole_predictions_settle_something(block, read):
    recipe = {} if "preset" in block else {"slices": "axial64"}
    split = {"test": 0.25, "validation": 0.3}
    study = study_of(experiments={"one": recipe | block}, split=split)
    assert study.validation_cases(0)
    assert study.trainings.settled_on("one", 0) == (study.validation_cases(0) if read else [])
