"""Students and their teachers."""

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.slices.folder import SliceFolder
from slicewise.study import Study
from tests.study.studies import config, study_of


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
    study.starts.check()
    for fold in study.folds:
        asked = [study.teachers.taught_cases(fold, shard) for shard in study.shards]
        told = [case for cases in asked for case in cases]
        assert sorted(told) == sorted(study.training_cases(fold))
        assert study.teachers.records_of("two", fold) == [f"results/ct/one/fold-{fold}/config.yaml"]
        files = study.teachers.taught_by("two", fold)
        assert files and len(set(files)) == len(files)
        place = f"results/ct/cases/_taught/one/fold-{fold}"
        assert {str(Path(path).parent) for path in files} == {
            f"{place}/coronal64",
            f"{place}/axial64",
        }
    assert study.teachers.taught_by("one", 0) == study.teachers.records_of("one", 0) == []
    told = study.teachers.teaching("one", 0, "coronal64", next(iter(study.shards)))
    assert [each.recipe.plane for each in told.members] == ["axial"]
    assert told.cut_by.plane == "coronal"
    assert study.memory.to_teach("one", 0, next(iter(study.shards))) >= 6000


def test_a_share_of_nothing_needs_no_teacher():
    study = teaching(distil={"teacher": "one", "share": 0.0})
    assert study.teachers.teacher_of("two") is None
    assert study.teachers.taught_by("two", 0) == study.starts.checked("two", 0) == []
    assert study.settings.learnt_from("two") == ["two"]
    assert not [
        rule for rule, of in study.trainings.led_to("two", 0) if of.get("experiment") == "one"
    ]


def test_a_student_follows_from_all_that_its_teacher_follows_from():
    led = teaching().trainings.led_to("two", 1)
    assert ("train", {"experiment": "one", "fold": "1"}) in led
    assert ("plan", {"experiment": "one", "fold": "1"}) in led
    asked = [wildcards for rule, wildcards in led if rule == "teach"]
    assert {each["recipe"] for each in asked} == {"coronal64", "axial64"}
    assert {(each["experiment"], each["fold"]) for each in asked} == {("one", "1")}


def test_what_was_taught_and_is_gone_is_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = teaching()
    assert set(study.teachers.taught_by("two", 0)) <= set(study.trainings.slices_deleted("two", 0))
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
    assert study.trainings.slices_deleted("two", 0) == []
    gone = study.training_cases(0)[0]
    (Path("results/ct/slices/_taught/one/fold-0/axial64") / gone / "taught.json").unlink()
    (path,) = study.trainings.slices_deleted("two", 0)
    assert path in study.teachers.taught_by("two", 0) and "/axial64/" in path


def test_a_student_and_a_teacher_that_wait_for_each_other_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiments = config()["experiments"]
    experiments["two"]["training"] = {"distil": {"teacher": "one"}}
    experiments["one"]["training"] = {"start_from": "results/ct/two"}
    study = study_of(experiments=experiments, run=["two"])
    with pytest.raises(SlicewiseError, match="so neither can be trained first"):
        study.starts.check()


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
    study.starts.check()
    assert study.settings.trained == ["two", "one", "other"]
    assert study.teachers.told("two") == {"name": "both", "members": ["one", "other"]}
    assert study.teachers.records_of("two", 1) == [
        f"results/ct/{member}/fold-1/config.yaml" for member in ("one", "other")
    ]
    assert study.teachers.weights_of("two") == ["results/ct/both/weights.json"]
    asked = study.calibrations.told("both", 0)
    assert [member.name for member in asked.members] == ["one", "other"]
    assert all("/_taught/both/fold-1/" in path for path in study.teachers.taught_by("two", 1))
    led = study.trainings.led_to("two", 1)
    assert ("weights", {"experiment": "both"}) in led
    taught = [each for each in led if each[0] == "teach"]
    assert [each for each in study.trainings.waits_for("two", 1) if each[0] == "teach"] == taught
    for member in ("one", "other"):
        assert ("train", {"experiment": member, "fold": "2"}) in led
    told = study.teachers.teaching("both", 1, "coronal64", next(iter(study.shards)))
    assert [each.name for each in told.members] == ["one", "other"]
    assert study.memory.to_teach("both", 1, next(iter(study.shards))) >= 6000
