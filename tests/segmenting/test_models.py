"""The models that people name, and what is refused of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.errors import SlicewiseError
from slicewise.files import write_yaml
from slicewise.network.model import weights_digest
from slicewise.segmenting import models
from slicewise.segmenting.models import choose, choose_again
from tests.inference.test_predict import finished
from tests.inference.test_unlike import card
from tests.segmenting.made import experiment, with_calibrations


def test_folds_are_taken_together_in_their_order(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "results" / "tiny" / "x", (3, 4, 5))
    whole = choose(str(folder))
    wanted = [weights_digest(finished(2, seed)) for seed in (3, 4, 5)]
    assert whole.weights == wanted
    assert whole.folder == folder and whole.title == "tiny/x"
    assert [one.train for one in whole.trainings] == [["case0"], ["case1"], ["case2"]]
    for name in (folder / "fold-1", folder / "fold-1" / "model.keras"):
        assert choose(str(name)).weights == wanted[1:2]


def test_names_that_depend_on_where_one_is_mean_the_same_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = experiment(tmp_path / "results" / "tiny" / "x", (3, 4))
    folds = [weights_digest(finished(2, seed)) for seed in (3, 4)]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(folder / "fold-1")
    for name in (".", "./", "../fold-1", "../fold-1/", "model.keras", "~/results/tiny/x/fold-1"):
        chosen = choose(name)
        assert chosen.weights == folds[1:], name
        assert (chosen.fold, chosen.folder, chosen.name) == ("fold-1", folder, name)
    assert choose(".").title == "x/fold-1"
    for name in ("..", "../", "../../x"):
        assert choose(name).weights == folds, name
        assert (choose(name).folder, choose(name).title) == (folder, "tiny/x")


def test_what_changes_a_mask_is_told_apart_from_what_is_only_shown(tmp_path: Path) -> None:
    def told(name: str, **settings: object) -> str:
        return choose(str(experiment(tmp_path / name, **settings))).settings_digest

    plain = told("plain")
    assert told("again") == plain
    assert told("ranges", ranges=card(3).ranges.model_dump()) == plain
    changed = ({"threshold": 0.4}, {"fill_holes": True}, {"largest_component": ["organ0"]})
    others = [told(f"p{number}", postprocessing=each) for number, each in enumerate(changed)]
    others += [told("planes", inference={"planes": ["axial", "coronal"]})]
    assert len({plain, *others}) == 5


def test_what_members_would_do_to_their_own_masks_changes_none_of_an_ensemble(
    tmp_path: Path,
) -> None:
    def told(name: str, **settings: object) -> str:
        chosen = choose(str(experiment(tmp_path / name, **settings)))
        members = {"one": chosen.weights[:1], "two": chosen.weights[1:]}
        weighed = EnsembleRecord(
            members=members,
            weights=dict.fromkeys(members, 0.5),
            **{"fitted": False, "because": "equal", "patients": 1, "dice": dict.fromkeys(members)},
            **{"equal_dice": None, "weighted_dice": None, "postprocessing": {}},
        )
        return replace(chosen, weighed=weighed).settings_digest

    plain = told("plain")
    assert told("after", postprocessing={"largest_component": True}) == plain
    assert told("views", inference={"flip": "one"}) != plain


def test_a_file_alone_and_a_folder_of_files(tmp_path: Path) -> None:
    for fold, seed in ((10, 5), (2, 4)):
        finished(2, seed).save(tmp_path / f"fold-{fold}.keras")
    assert choose(str(tmp_path)).weights == [weights_digest(finished(2, seed)) for seed in (4, 5)]
    alone = choose(str(tmp_path / "fold-10.keras"))
    assert not alone.trainings and alone.folder is None


def test_folds_of_other_settings_than_the_first_are_refused(tmp_path: Path) -> None:
    """While folds are trained anew, one after the other, the old ones still lie there."""
    folder = experiment(tmp_path / "x", (3, 4))
    place = folder / "fold-1" / "config.yaml"
    config = yaml.safe_load(place.read_text())
    config["experiment"]["training"] = {"epochs": 77}
    write_yaml(place, config)
    with pytest.raises(SlicewiseError, match=r"fold 0 and fold 1 .* \(experiment.training"):
        choose(str(folder))
    assert choose(str(folder / "fold-1")).of_folds == 2


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x", (3, 4))
    with pytest.raises(SlicewiseError, match="no such model"):
        choose(str(tmp_path / "absent"))
    with pytest.raises(SlicewiseError, match="no model in this folder"):
        choose(str(tmp_path))
    finished(2, 7).save(folder / "fold-1" / "model.keras")
    with pytest.raises(SlicewiseError, match=r"fold-1.*not those of the training"):
        choose(str(folder))
    shutil.rmtree(folder / "fold-1")
    with pytest.raises(SlicewiseError, match="models of 1 folds, and its trainings tell of 2"):
        choose(str(folder))
    text = tmp_path / "text.keras"
    text.write_text("text")
    with pytest.raises(SlicewiseError, match="not a model of slicewise"):
        choose(str(text))


def test_a_model_of_mlflow_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SlicewiseError, match="there is no MLflow store"):
        choose("models:/absent@champion", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_last_model_is_kept_until_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.keras"
    finished(2, 3).save(path)
    first = choose_again(str(path))
    assert choose_again(str(path)) is first
    # the same folder by another name, and the same name from another folder, are looked at anew
    finished(2, 4).save(tmp_path / "n.keras")
    path.write_bytes((tmp_path / "n.keras").read_bytes())
    second = choose_again(str(path))
    assert second.weights == [weights_digest(finished(2, 4))] != first.weights
    (tmp_path / "other").mkdir()
    finished(2, 5).save(tmp_path / "other" / "m.keras")
    monkeypatch.chdir(tmp_path)
    assert choose_again("m.keras").weights == second.weights
    monkeypatch.chdir(tmp_path / "other")
    assert choose_again("m.keras").weights == [weights_digest(finished(2, 5))]
    assert len(models._LAST) == 1, "another one in memory"


def test_a_calibration_that_is_new_is_noticed(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x")
    assert choose_again(str(folder)).expectation is None
    with_calibrations(folder)
    assert choose_again(str(folder)).expectation is not None


def test_a_fold_that_is_new_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    finished(2, 3).save(folder / "a.keras")
    assert len(choose_again(str(folder)).models) == 1
    finished(2, 4).save(folder / "b.keras")
    assert len(choose_again(str(folder)).models) == 2
    (folder / "a.keras").unlink()
    assert choose_again(str(folder)).weights == [weights_digest(finished(2, 4))]
