"""Models that trainings start from."""

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from tests.study.studies import config, starting, study_of


def test_an_experiment_starts_from_another_fold_by_fold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = starting("results/ct/one")
    study.starts.check()
    wanted = [f"results/ct/one/fold-2/{name}" for name in ("model.keras", "config.yaml")]
    assert study.starts.files_of("two", 2) == (wanted, [])
    assert study.starts.files_of("one", 2) == ([], [])
    assert study.starts.brought("one", 2, "json") == []
    one = starting(str(tmp_path / "results/ct/one/fold-1"))
    assert one.starts.files_of("two", 2)[0][0] == "results/ct/one/fold-1/model.keras"
    held_out = set(study.starts.must_not_know("two", 1))
    assert held_out == set(study.cases) - set(study.training_cases(1))
    led = [rule for rule, of in study.trainings.led_to("two", 1) if of.get("fold") == "1"]
    assert led == ["train", "plan", "start", "train", "plan"]


def test_models_of_other_results_are_there_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for fold in range(3):
        place = tmp_path / "other" / f"fold-{fold}"
        place.mkdir(parents=True)
        (place / "model.keras").touch()
    (place / "config.yaml").touch()
    study = starting("other")
    study.starts.check()
    assert study.starts.files_of("two", 1) == ([], [Path("other/fold-1/model.keras")])
    _, files = study.starts.files_of("two", 2)
    assert [path.name for path in files] == ["model.keras", "config.yaml"]
    _, files = starting("other/fold-0").starts.files_of("two", 2)
    assert files == [Path("other/fold-0/model.keras")]
    assert starting("models:/ct@champion").starts.files_of("two", 1) == ([], [])
    (tmp_path / "model.onnx").touch()
    for name, folds, said in (
        ("absent", 3, "there is no such model"),
        ("other", 2, "models of 3 folds, and there are 2 here"),
        ("model.onnx", 1, "cannot be trained"),
        ("results/ct/two", 3, "would start from itself"),
    ):
        with pytest.raises(SlicewiseError, match=said):
            starting(name, folds).starts.check()
    with pytest.raises(SlicewiseError, match="two from one from two"):
        starting("results/ct/one", one="results/ct/two").starts.check()


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
            study.starts.check()
