"""Which cases each job takes, and where files lie, against the split itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import load_settings
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.calibration import MOST
from slicewise.dataset.case import Case
from slicewise.dataset.columns import read_columns
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.slices.folder import SliceFolder
from slicewise.study import Study, marks_beside

NOWHERE = Path("no folder: phantoms need none")


def config(cases: int = 9, folds: int = 3, **keys) -> dict:
    return {
        "dataset": {
            "name": "ct",
            "layout": "phantom",
            "labels": {"liver": 1},
            "other_labels": "background",
            "phantom": {"cases": cases, "size": 64, "slices": [16, 20]},
        },
        "split": {"test": 0.25, "folds": folds},
        "slices": {"axial64": {"size": 64}, "coronal64": {"plane": "coronal", "size": 64}},
        "experiments": {
            "one": {"slices": "axial64", "also": ["coronal64"], "prediction": {"chunk": 2}},
            "two": {"slices": "coronal64"},
        },
        "run": ["one"],
        **keys,
    }


def study_of(*, in_bucket: bool = False, **keys) -> Study:
    loaded = load_settings(config(**keys))
    cases = find_cases(loaded.dataset, NOWHERE)
    return Study(loaded, cases, split_cases(cases, loaded.split, NOWHERE), in_bucket=in_bucket)


@pytest.fixture
def study() -> Study:
    return study_of()


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 40), st.integers(1, 4), st.booleans())
def test_nobody_is_predicted_by_a_model_that_was_trained_on_them(cases, folds, in_bucket):
    study = study_of(cases=cases, folds=folds, in_bucket=in_bucket)
    predicted = [case for shard in study.predicted_shards("one").values() for case in shard]
    assert sorted(predicted) == study.scored
    for shard in study.predicted_shards("one"):
        told = study.prediction("one", shard)
        for each in told.segmented:
            assert each.folds
            for fold in each.folds:
                assert each.case not in study.training_cases(fold)
        models = study.of_predicting_folds("model.keras", "one", shard)
        needed = sorted({fold for each in told.segmented for fold in each.folds})
        assert models == [f"results/ct/one/fold-{fold}/model.keras" for fold in needed]


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
        told = study.training_plan("one", fold).dump()
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
        assert not (mine & {*study.training_plan("one", fold).validation_cases})
        # nor may a model know them that the training starts from
        known = {*study.held_out_of_start("two", fold)}
        assert known == study.cases.keys() - {*study.training_cases(fold)} >= mine


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


def test_a_training_reads_all_recipes_of_all_its_cases(study):
    read = study.slices_of_training("one", "0")
    assert {path.split("/")[4] for path in read} == {"axial64", "coronal64"}
    cases = [*study.training_cases(0), *study.validation_cases(0)]
    assert len(read) == 2 * len(study.case_records_of(cases))
    assert {path.split("/")[4] for path in study.slices_of_training("two", 0)} == {"coronal64"}


def test_how_predictions_are_shared_out_trains_nobody_again():
    one = study_of()
    other = config()
    other["experiments"]["one"]["prediction"]["chunk"] = 30
    loaded = load_settings(other)
    many = Study(loaded, list(one.cases.values()), list(one.split.values()))
    assert len(many.predicted_shards("one")) < len(one.predicted_shards("one"))
    assert many.training_plan("one", 0) == one.training_plan("one", 0)


def test_each_prediction_has_the_record_of_its_shard(study):
    for shard, members in study.predicted_shards("one").items():
        for case in members:
            record = study.prediction_record_of("one", case)
            assert record == f"results/ct/one/predictions/_shards/{shard}.json"
            assert record in study.prediction_records_of("one")


def test_what_is_kept_is_of_wanted_experiments_alone(study):
    kept = study.kept()
    assert len(kept) == len(set(kept))
    assert "results/ct/comparison.tsv" in kept
    assert "results/ct/one/fold-2/model.keras" in kept
    assert not any("/two/" in path for path in kept)
    assert set(study.prediction_records_of("one")) <= set(kept)
    assert study_of(in_bucket=True).kept() == [], "it would all be fetched"
    assert study.of_wanted("report.html") == ["results/ct/one/report.html"]
    assert study.of_wanted_folds("x") == [f"results/ct/one/fold-{k}/x" for k in range(3)]


def test_what_can_be_asked_for_is_of_cases_folds_and_experiments_that_are_there(study):
    experiment = next(iter(study.settings.experiments))
    fold = {"experiment": experiment, "fold": "0"}
    assert f"{study.results}/{experiment}/fold-0/model.keras" in study.targets()
    assert study.knows({}) and study.knows(fold)
    assert study.knows({"experiment": experiment, "case": study.scored[0]})
    shard = next(iter(study.predicted_shards(experiment)))
    assert study.knows({"experiment": experiment, "shard": shard})
    assert study.knows({"shard": next(iter(study.shards))})
    assert not study.knows({**fold, "fold": str(len(study.folds))})
    assert not study.knows({"experiment": "nobody's", "fold": "0"})
    assert not study.knows({"experiment": experiment, "case": "nobody"})
    assert not study.knows({"shard": "none"})


def test_in_a_bucket_each_prediction_is_a_job():
    study = study_of(in_bucket=True)
    assert study.predicted_shards("one") == {case: [case] for case in study.scored}


def test_the_jobs_behind_scores_are_named(study):
    jobs = study.jobs_of("one")
    assert jobs["train"] == jobs["plan"] == ["fold-0", "fold-1", "fold-2"]
    assert jobs["ingest"] == list(study.shards)
    assert jobs["phantom"] == list(study.cases)
    assert jobs["convert"] == []
    assert jobs["predict"] == list(study.predicted_shards("one"))


def test_converted_cases_are_jobs_of_their_own():
    loaded = load_settings(config(cases=8))
    cases = find_cases(loaded.dataset, NOWHERE)
    split = split_cases(cases, loaded.split, NOWHERE)
    first = Case(cases[0].name, cases[0].patient, ("ct.nrrd",), ("mask.nrrd",))
    study = Study(loaded, [first, *cases[1:]], split)
    assert study.jobs_of("one")["convert"] == [first.name]
    assert study.shards[f"case-{first.name}"] == [first.name]


def test_memory_follows_the_sizes_of_what_a_job_reads(study):
    assert study.sizes_of(study.scored[:2]) == [study.size_of(case) for case in study.scored[:2]]
    small = study.memory_to_train("one", 0, gpu=False)
    given = config()
    given["experiments"]["one"]["network"] = {"filters": [64, 128, 256, 512, 1024]}
    given["experiments"]["one"]["training"] = {"batch": 512}
    large = load_settings(given)
    more = Study(large, list(study.cases.values()), list(study.split.values()))
    assert more.memory_to_train("one", 0, gpu=False) > small
    shard = next(iter(study.predicted_shards("one")))
    assert more.memory_to_predict("one", shard) >= study.memory_to_predict("one", shard) > 0


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


def planned_study(**keys) -> Study:
    planned = {"preset": "auto", "effort": "laptop", "training": {"epochs": 3}}
    experiments = {"one": {"slices": "axial64"}, "made": planned}
    return study_of(experiments=experiments, run=["made"], **keys)


def test_plans_follow_from_training_cases_and_are_read_by_whoever_needs_them():
    study = planned_study(folds=1)
    subsets = {study.split[case].subset for case in study.planned_on}
    assert subsets == {"train"}
    assert len(study.planned_on) == sum(a.subset == "train" for a in study.split.values())
    assert study.plans_of(study.recipes_of("made")) == ["results/ct/plan-laptop.json"]
    assert study.plans_of(study.recipes_of("one")) == []
    assert "results/ct/plan-laptop.json" in study.kept()


def test_with_folds_a_plan_follows_from_all_that_are_not_tested_on():
    study = planned_study(folds=3)
    assert set(study.planned_on) == {c for c, a in study.split.items() if a.subset != "test"}


def test_a_training_is_told_what_was_written_beside_a_plan_and_all_of_any_other():
    study = planned_study()
    told = study.training_plan("made", 0).experiment
    assert told["effort"] == "laptop"
    assert told["training"]["epochs"] == 3
    assert "network" not in told
    assert study.training_plan("one", 0).experiment["network"]["normalisation"] == "batch"


def test_memory_for_a_plan_is_that_of_the_largest():
    study = planned_study()
    recipe = study.estimated.slices["auto-laptop"]
    assert recipe.size == 256
    assert study.memory_to_train("made", 0, gpu=False) >= 8000
    assert study.estimated.experiments["one"] == study.settings.experiments["one"]


def test_deleted_slices_are_missed_where_a_training_reads_them(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sorted(study.slices_deleted("one", 0)) == sorted({*study.slices_of_training("one", 0)})
    there = study_of()
    for case in there.cases:
        for recipe in there.recipes_of("one"):
            folder = SliceFolder.below(Path(there.result(f"slices/{recipe}")), case)
            folder.image.parent.mkdir(parents=True)
            for path in (folder.image, folder.mask, folder.geometry):
                path.touch()
    gone = there.training_cases(0)[0]
    Path(there.result(f"slices/coronal64/{gone}/mask.npy")).unlink()
    assert there.slices_deleted("one", 0) == there.slices_of("coronal64", [gone])


def test_a_training_follows_from_the_records_of_its_cases(study):
    led = study.led_to_training("one", "1")
    assert led[:2] == [(rule, {"experiment": "one", "fold": "1"}) for rule in ("train", "plan")]
    cases = [*study.training_cases(1), *study.validation_cases(1)]
    records = {
        study.result(f"cases/_shards/{of['shard']}.json") for rule, of in led if rule == "ingest"
    }
    assert records == set(study.case_records_of(cases))
    assert {of["case"] for rule, of in led if rule == "phantom"} == set(cases)


@pytest.mark.parametrize(
    ("cases", "folds", "enough"), [(11, 3, False), (12, 3, True), (12, 1, False)]
)
def test_models_are_calibrated_where_enough_patients_were_held_out(cases, folds, enough):
    study = study_of(cases=cases, folds=folds)
    assert study.is_calibrated == enough
    each = [study.calibrated_on(fold) for fold in study.folds]
    told = sorted(case for fold in each for case in fold)
    tested = {case for case, assigned in study.split.items() if assigned.subset == "test"}
    assert told == (sorted(study.split.keys() - tested) if enough else [])
    for fold, taken in enumerate(each):
        assert not set(taken) & set(study.training_cases(fold))
        asked = study.calibration("one", fold)
        assert asked.cases == taken and asked.patients.keys() == set(taken)
    paths = [f"results/ct/one/fold-{fold}/calibration.json" for fold in study.folds]
    assert study.calibrations_of("one") == (paths if enough else [])
    assert study.memory_to_calibrate("one", 0) >= 6000


def test_where_masks_may_be_drawn_in_part_all_that_were_held_out_may_be_tried():
    many = 120
    whole = study_of(cases=many, folds=2)
    dataset = whole.settings.dataset.model_copy(update={"ignore": 9})
    loaded = whole.settings.model_copy(update={"dataset": dataset})
    study = Study(loaded, [*whole.cases.values()], [*whole.split.values()])
    for fold in study.folds:
        some, every = whole.calibrated_on(fold), study.calibrated_on(fold)
        assert len(some) == MOST < len(every)
        assert sorted(every) == sorted(study.validation_cases(fold))
        # who is tried first is the same
        assert every[:MOST] == some


def starting(start_from: str, folds: int = 3, **also: str) -> Study:
    """Return a study whose experiment two starts from a model."""
    experiments = config()["experiments"]
    experiments["two"]["training"] = {"start_from": start_from}
    if "one" in also:
        experiments["one"]["training"] = {"start_from": also["one"]}
    return study_of(folds=folds, experiments=experiments, run=["two"])


def test_an_experiment_starts_from_another_fold_by_fold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = starting("results/ct/one")
    study.check_starts()
    wanted = [f"results/ct/one/fold-2/{name}" for name in ("model.keras", "config.yaml")]
    assert study.starts_from("two", 2) == (wanted, [])
    assert study.starts_from("one", 2) == ([], []) and study.start_of("one", 2, "json") == []
    one = starting(str(tmp_path / "results/ct/one/fold-1"))
    assert one.starts_from("two", 2)[0][0] == "results/ct/one/fold-1/model.keras"
    held_out = set(study.held_out_of_start("two", 1))
    assert held_out == set(study.cases) - set(study.training_cases(1))
    led = [rule for rule, of in study.led_to_training("two", 1) if of.get("fold") == "1"]
    assert led == ["train", "plan", "start", "train", "plan"]


def test_models_of_other_results_are_there_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for fold in range(3):
        place = tmp_path / "other" / f"fold-{fold}"
        place.mkdir(parents=True)
        (place / "model.keras").touch()
    (place / "config.yaml").touch()
    study = starting("other")
    study.check_starts()
    assert study.starts_from("two", 1) == ([], [Path("other/fold-1/model.keras")])
    assert [path.name for path in study.starts_from("two", 2)[1]] == ["model.keras", "config.yaml"]
    assert starting("other/fold-0").starts_from("two", 2)[1] == [Path("other/fold-0/model.keras")]
    assert starting("models:/ct@champion").starts_from("two", 1) == ([], [])
    (tmp_path / "model.onnx").touch()
    for name, folds, said in (
        ("absent", 3, "there is no such model"),
        ("other", 2, "models of 3 folds, and there are 2 here"),
        ("model.onnx", 1, "cannot be trained"),
        ("results/ct/two", 3, "would start from itself"),
    ):
        with pytest.raises(SlicewiseError, match=said):
            starting(name, folds).check_starts()
    with pytest.raises(SlicewiseError, match="two from one from two"):
        starting("results/ct/one", one="results/ct/two").check_starts()


def test_no_experiment_starts_from_an_ensemble(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("other", "results/ct/both"):
        for fold in range(3):
            # what an experiment left that was called so before
            (tmp_path / name / f"fold-{fold}").mkdir(parents=True)
            (tmp_path / name / f"fold-{fold}" / "model.keras").touch()
    (tmp_path / "other" / "ensemble.json").touch()
    experiments = config()["experiments"] | {"both": {"ensemble": ["one", "three"]}}
    experiments["three"] = experiments["one"]
    for name in ("other", "results/ct/both", "results/ct/both/fold-1"):
        experiments["two"]["training"] = {"start_from": name}
        study = study_of(folds=3, experiments=experiments, run=["two"])
        with pytest.raises(SlicewiseError, match=f"{name} is an ensemble.*name a member, or learn"):
            study.check_starts()


def swept(large: tuple[int, int] = (32, 64), **keys) -> Study:
    """A study of an experiment that is the best of four, with another seed."""
    tried = {"network.filters": [[4, 8], [*large]], "training.batch": [2, 4], "budget": 15}
    tuned = {"slices": "axial64", "training": {"epochs": 60, "seeds": [5, 6]}, "sweep": tried}
    return study_of(folds=1, experiments={"tuned": tuned}, run=None, **keys)


def test_combinations_are_trained_in_rungs_and_nothing_else_is_made_of_them():
    study = swept()
    names = [f"tuned-filters{f}-batch{b}" for f in ("4x8", "32x64") for b in (2, 4)]
    assert study.places("tuned", 0) == names
    assert [study.places("tuned", rung) for rung in (1, 2)] == [["1", "2"], ["1"]]
    assert [study.rung("tuned", rung, "1").epochs for rung in (1, 2)] == [30, 60]
    assert study.rung("tuned", 0, names[1]).combinations == [names[1]]
    assert study.rung("tuned", 1, "2").combinations == names
    assert [study.promote("tuned", rung).go_on for rung in range(3)] == [2, 1, 1]
    last = "results/ct/tuned/sweep/rung-2.json"
    assert [study.best_of(name) for name in ("tuned", "tuned-seed6", *names)] == [
        [last],
        [last],
        *[[]] * 4,
    ]
    assert study.plans_at("tuned", 0, names[0]) == [f"results/ct/{names[0]}/fold-0/plan.json"]
    assert study.training_plan(names[3], 0).experiment["network"]["filters"] == [32, 64]
    # no page, prediction or model of any of them is asked for
    asked = [*study.targets(), *study.pages(), *study.kept(), *study.of_wanted("metrics.tsv")]
    assert not [path for path in asked for name in names if f"/{name}/" in path]
    assert "results/ct/tuned/sweep.html" in study.pages()
    assert not study.knows({"experiment": names[0]})


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
        assert study.plans_learnt(name) == ["results/ct/plan-quick.json"]
        assert study.bests_learnt(name) == study.best_of("tuned") != []
    assert study.plans_learnt("auto") == ["results/ct/plan-quick.json"]
    assert study.bests_learnt("tuned") == study.best_of("tuned")
    assert study.plans_learnt("tuned") == study.bests_learnt("auto") == []
    for name in ("plain", "last"):
        assert study.plans_learnt(name) == study.bests_learnt(name) == []


def test_the_best_asks_for_the_memory_of_the_largest_combination():
    study = swept(large=(2048, 4096))
    names = ("tuned", "tuned-filters4x8-batch2", "tuned-filters2048x4096-batch4")
    by_name = {name: study.memory_to_train(name, 0, gpu=False) for name in names}
    assert by_name["tuned"] == by_name["tuned-filters2048x4096-batch4"]
    assert by_name["tuned"] > by_name["tuned-filters4x8-batch2"]


def test_a_sweep_without_a_patient_who_may_choose_is_refused():
    swept().check_sweeps()
    with pytest.raises(SlicewiseError, match="there is no validation patient to choose"):
        swept(cases=4).check_sweeps()


def teaching(**training: object) -> Study:
    """Return a study whose experiment two learns from one."""
    experiments = config()["experiments"]
    experiments["two"] |= {
        "also": ["axial64"],
        "training": {"distil": {"teacher": "one"}, **training},
    }
    return study_of(experiments=experiments, run=["two"])


def test_a_fold_is_taught_of_its_training_cases_by_the_model_of_the_same_fold():
    study = teaching()
    study.check_starts()
    for fold in study.folds:
        asked = [study.taught_cases(fold, shard) for shard in study.shards]
        told = [case for cases in asked for case in cases]
        assert sorted(told) == sorted(study.training_cases(fold))
        assert study.teacher_records_of("two", fold) == [f"results/ct/one/fold-{fold}/config.yaml"]
        files = study.taught_by("two", fold)
        assert files and len(set(files)) == len(files)
        place = f"results/ct/cases/_taught/one/fold-{fold}"
        assert {str(Path(path).parent) for path in files} == {
            f"{place}/coronal64",
            f"{place}/axial64",
        }
    assert study.taught_by("one", 0) == study.teacher_records_of("one", 0) == []
    told = study.teaching("one", 0, "coronal64", next(iter(study.shards)))
    assert [each.recipe.plane for each in told.members] == ["axial"]
    assert told.cut_by.plane == "coronal"
    assert study.memory_to_teach("one", 0, next(iter(study.shards))) >= 6000


def test_a_share_of_nothing_needs_no_teacher():
    study = teaching(distil={"teacher": "one", "share": 0.0})
    assert study.teacher_of("two") is None
    assert study.taught_by("two", 0) == study.held_out_of_start("two", 0) == []


def test_a_student_follows_from_all_that_its_teacher_follows_from():
    led = teaching().led_to_training("two", 1)
    assert ("train", {"experiment": "one", "fold": "1"}) in led
    assert ("plan", {"experiment": "one", "fold": "1"}) in led
    asked = [wildcards for rule, wildcards in led if rule == "teach"]
    assert {each["recipe"] for each in asked} == {"coronal64", "axial64"}
    assert {(each["experiment"], each["fold"]) for each in asked} == {("one", "1")}


def test_what_was_taught_and_is_gone_is_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = teaching()
    assert set(study.taught_by("two", 0)) <= set(study.slices_deleted("two", 0))
    for recipe in ("coronal64", "axial64"):
        for case in study.cases:
            kept = SliceFolder.below(Path(f"results/ct/slices/{recipe}"), case)
            kept.image.parent.mkdir(parents=True)
            for path in (kept.image, kept.mask, kept.geometry):
                path.touch()
            place = Path(f"results/ct/slices/_taught/one/fold-0/{recipe}/{case}")
            place.mkdir(parents=True)
            (place / "probability.npy").touch()
            (place / "taught.json").touch()
    study = teaching()
    assert study.slices_deleted("two", 0) == []
    gone = study.training_cases(0)[0]
    (Path("results/ct/slices/_taught/one/fold-0/axial64") / gone / "taught.json").unlink()
    (path,) = study.slices_deleted("two", 0)
    assert path in study.taught_by("two", 0) and "/axial64/" in path


def test_a_student_and_a_teacher_that_wait_for_each_other_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiments = config()["experiments"]
    experiments["two"]["training"] = {"distil": {"teacher": "one"}}
    experiments["one"]["training"] = {"start_from": "results/ct/two"}
    study = study_of(experiments=experiments, run=["two"])
    with pytest.raises(SlicewiseError, match="so neither can be trained first"):
        study.check_starts()


def test_a_file_of_a_teacher_is_known_by_the_shards_of_ingest():
    study = teaching()
    named = {"experiment": "one", "fold": "0", "recipe": "axial64"}
    assert study.knows({**named, "shard": next(iter(study.shards))})
    assert not study.knows({**named, "shard": "nothing"})


def test_a_student_of_an_ensemble_learns_from_all_its_members(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiments = config()["experiments"]
    experiments["other"] = {"slices": "axial64"}
    experiments["both"] = {"ensemble": ["one", "other"]}
    experiments["two"]["training"] = {"distil": {"teacher": "both"}}
    study = study_of(experiments=experiments, run=["two"])
    study.check_starts()
    assert study.settings.trained == ["two", "one", "other"]
    assert study.told_teacher("two") == {"name": "both", "members": ["one", "other"]}
    assert study.teacher_records_of("two", 1) == [
        f"results/ct/{member}/fold-1/config.yaml" for member in ("one", "other")
    ]
    assert study.mixed_teacher_of("two") == ["results/ct/both/ensemble.json"]
    asked = study.calibration("both", 0)
    assert [member.name for member in asked.members] == ["one", "other"]
    assert all("/_taught/both/fold-1/" in path for path in study.taught_by("two", 1))
    led = study.led_to_training("two", 1)
    assert ("weights", {"experiment": "both"}) in led
    for member in ("one", "other"):
        assert ("train", {"experiment": member, "fold": "2"}) in led
    told = study.teaching("both", 1, "coronal64", next(iter(study.shards)))
    assert [each.name for each in told.members] == ["one", "other"]
    assert study.memory_to_teach("both", 1, next(iter(study.shards))) >= 6000


def test_regions_name_their_labels():
    dataset = config()["dataset"] | {"labels": {"liver": 1, "spleen": [2, 4], "kidneys": 3}}
    assert study_of(dataset=dataset).regions == {}
    both = study_of(dataset=dataset | {"regions": {"trunk": [3, 1, 2, 4], "left": [2, 4]}})
    assert both.regions == {"trunk": ["kidneys", "liver", "spleen"], "left": ["spleen"]}


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
    assert study.settled_on("one", 0) == (study.validation_cases(0) if read else [])
