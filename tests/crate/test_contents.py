"""What a crate holds is what the runs recorded."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from slicewise.crate import contents as module
from slicewise.crate import gather_crate, read_contents
from slicewise.crate.numbers import Names, Numbers
from slicewise.crate.writing import Wanted
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_json, write_text
from slicewise.tracking import Run
from tests.crate.conftest import WORKFLOW, files, written
from tests.crate.made import mixed, tracked


def test_the_files_are_those_of_the_run(crate, folder):
    held = files(crate)
    place = "experiments/baseline"
    assert set(held) == {
        *("README.md", "Snakefile", "requirements.txt", "ro-crate-metadata.json"),
        *("slicewise.json", "cases.tsv", "split.tsv"),
        *(f"{place}/{n}" for n in ("metrics.tsv", "summary.json", "environment.txt")),
        *(f"{place}/fold-0/{n}" for n in ("config.yaml", "history.csv", "model.keras")),
        f"{place}/settings.yaml",
    }
    for name in ("metrics.tsv", "summary.json", "fold-0/model.keras", "fold-0/history.csv"):
        assert held[f"{place}/{name}"] == (folder / name).read_bytes()


def test_digests_of_what_is_left_out_are_told(folder):
    contents = read_contents([folder], WORKFLOW)
    assert contents.inputs[("a", "image")] == "ia" * 32
    assert len(contents.inputs) == 16
    made = contents.ran[0].made
    assert made["predictions/a.nii.gz"] == "pa" * 32
    assert set(made) == {*(f"predictions/{case}.nii.gz" for case in "abcdef"), "report.html"}


def test_masks_of_an_earlier_sharing_are_not_told(folder):
    place = folder / "predictions"
    write_text(place / "a.nii.gz", "the mask of now")
    now = {"case": "a", "sha256": sha256(place / "a.nii.gz")}
    told = [{"case": case, "sha256": f"p{case}"} for case in "abcd"]
    earlier = [{"case": case, "sha256": "of then"} for case in ("a", "b", "Maria_Muster")]
    for shards in ({"0": [now, *told[1:]], "3": earlier}, {"0": earlier, "3": [now, *told[1:]]}):
        for name, masks in shards.items():
            write_json(place / "_shards" / f"{name}.json", masks)
        for names in (None, Numbers.of(set("abcdefyz"), set("abcdefyz"))):
            made = read_contents([folder], WORKFLOW, names).ran[0].made
            called = names or Names()
            digests = {called.file(f"predictions/{case}.nii.gz"): f"p{case}" for case in "cd"}
            digests[called.file("predictions/a.nii.gz")] = now["sha256"]
            # of b nobody knows which is that of the mask that was scored, which is gone
            assert {k: v for k, v in made.items() if k.startswith("predictions/")} == digests


def test_each_fold_is_there_with_its_model(tmp_path):
    folder = tracked(tmp_path / "results" / "tiny" / "baseline", folds=2)
    contents = read_contents([folder], WORKFLOW)
    held = files(written([folder], tmp_path / "crate.zip"))
    for fold in range(2):
        model = held[f"experiments/baseline/fold-{fold}/model.keras"]
        assert model == f"the weights of fold {fold}".encode()
    assert contents.ran[0].weights == {"0": "w0", "1": "w1"}


@pytest.mark.parametrize("folds", [1, 2])
def test_an_ensemble_has_the_models_of_its_members_and_their_weights(tmp_path, folds):
    place = tmp_path / "results" / "tiny"
    folder = mixed(place, folds)
    held = files(written([folder], tmp_path / "crate.zip"))
    assert held["experiments/together/ensemble.json"] == (folder / "ensemble.json").read_bytes()
    for member in ("baseline", "tutorial"):
        for fold in range(folds):
            own = f"experiments/together/{member}/fold-{fold}"
            there = {name for name in held if name.startswith(own)}
            assert there == {f"{own}/{n}" for n in ("config.yaml", "history.csv", "model.keras")}
            model = place / member / f"fold-{fold}" / "model.keras"
            assert held[f"{own}/model.keras"] == model.read_bytes()
    settings = yaml.safe_load(held["experiments/together/settings.yaml"])
    assert settings["run"] == ["together"]
    assert set(settings["experiments"]) == {"baseline", "tutorial", "together"}
    assert settings["experiments"]["baseline"]["training"]["start_from"] == "m.keras"
    (ran,) = read_contents([folder], WORKFLOW).ran
    assert list(ran.weights) == ["all"]
    both = read_contents([place / "baseline", folder], WORKFLOW)
    assert [each.name for each in both.ran] == ["baseline", "together"]


def test_an_ensemble_of_other_models_than_members_have_is_refused(tmp_path):
    place = tmp_path / "results" / "tiny"
    folder = mixed(place)
    again = place / "tutorial" / "tracking" / "fold-0"
    Run.create(again, "tutorial", "another key", {}, {"fold": 0, "weights_digest": "x"})
    with pytest.raises(SlicewiseError, match=r"tutorial/fold-0: the tracked run of this member"):
        read_contents([folder], WORKFLOW)
    shutil.rmtree(again)
    with pytest.raises(SlicewiseError, match="is gone, or of another model; train again"):
        read_contents([folder], WORKFLOW)


def test_settings_are_those_by_which_it_is_made_again(crate):
    settings = yaml.safe_load(files(crate)["experiments/baseline/settings.yaml"])
    assert settings["dataset"]["root"] == "livers"
    assert settings["split"]["check_against"] == []
    assert settings["split"]["not_the_same"] == [["b", "c"]]
    assert settings["experiments"]["baseline"]["training"]["start_from"] == "m.keras"
    assert settings["segment"] is None
    assert list(settings["experiments"]) == ["baseline"]


@pytest.mark.parametrize("name", ["metrics.tsv", "fold-0/model.keras", "fold-0/config.yaml"])
def test_a_file_that_its_run_did_not_make_is_refused(folder, name):
    write_text(folder / name, "by hand")
    with pytest.raises(SlicewiseError, match="it is not the file that its run made"):
        read_contents([folder], WORKFLOW)
    (folder / name).unlink()
    with pytest.raises(SlicewiseError, match="it is gone"):
        read_contents([folder], WORKFLOW)


def test_a_run_that_goes_on_is_refused(folder):
    module._run(folder).working()
    with pytest.raises(SlicewiseError, match="its run is not finished"):
        read_contents([folder], WORKFLOW)


def test_experiments_of_other_splits_do_not_go_together(tmp_path):
    place = tmp_path / "results" / "tiny"
    first = tracked(place / "tutorial")
    split = (place / "split.tsv").read_text()
    second = tracked(place / "baseline")
    assert {each.name for each in read_contents([first, second], WORKFLOW).ran} == {
        "tutorial",
        "baseline",
    }
    write_text(place / "split.tsv", split.replace("train", "validation"))
    with pytest.raises(SlicewiseError, match=r"split\.tsv: it is not the file that its run made"):
        read_contents([first, second], WORKFLOW)


def test_an_experiment_that_is_named_twice_is_there_once(folder, tmp_path):
    again = tmp_path / "results" / "tiny" / ".." / "tiny" / "baseline"
    assert len(read_contents([folder, again], WORKFLOW).ran) == 1


def test_without_a_tracked_run_there_is_no_crate(tmp_path, folder):
    for path in sorted(folder.rglob("run.json")):
        path.unlink()
    planned = gather_crate(Wanted(WORKFLOW), [folder])
    assert "baseline has no tracked run" in planned.why_not
    planned = gather_crate(Wanted(None), [folder])
    assert "Snakefile is neither here" in planned.why_not


def git(*arguments: str, cwd) -> str:
    me = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *me, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_snakefile_is_that_of_the_commit_that_ran(tmp_path):
    clone = tmp_path / "clone"
    write_text(clone / "Snakefile", "# of then\n")
    write_text(clone / "requirements.txt", "numpy==1\n")
    git("init", "--quiet", cwd=clone)
    git("add", ".", cwd=clone)
    git("commit", "--quiet", "-m", "then", cwd=clone)
    commit = git("rev-parse", "HEAD", cwd=clone)
    write_text(clone / "Snakefile", "# of now\n")
    place = tmp_path / "results" / "tiny"
    clean = read_contents([tracked(place / "baseline", tags={"git_commit": commit})], clone)
    assert clean.files["Snakefile"] == b"# of then\n"
    assert clean.ran_this == {"Snakefile": True, "requirements.txt": True}
    tags = {"git_commit": commit, "git_dirty": "true"}
    dirty = read_contents([tracked(place / "tutorial", tags=tags)], clone)
    assert dirty.files["Snakefile"] == b"# of now\n"
    assert dirty.ran_this == {"Snakefile": False, "requirements.txt": False}
