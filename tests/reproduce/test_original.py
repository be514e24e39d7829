"""What describes the run that is made again."""

import pytest
import yaml

from slicewise.config import load_settings
from slicewise.errors import SlicewiseError
from slicewise.reproduce.original import Original, place_starts, read_settings
from slicewise.tracking.fetch import Fetched
from tests.reproduce.conftest import CONFIG
from tests.settings import used_settings


def test_settings_are_made_to_fit_another_folder(tmp_path):
    path = tmp_path / "settings.yaml"
    used = CONFIG | {"tracking": {"register": True}, "run": ["plain", "rich"]}
    used["split"] = {"check_against": ["results/other/cases.tsv"]}
    path.write_text(yaml.safe_dump(used))
    found = read_settings(path, tmp_path, "x", {})
    assert found["tracking"] == {"register": False}
    assert found["split"]["check_against"] == [str(tmp_path / "results" / "other" / "cases.tsv")]
    assert found["run"] == ["plain"]
    assert load_settings(found).model_dump(mode="json") == found
    path.write_text(yaml.safe_dump(used | {"invented": 1}))
    with pytest.raises(SlicewiseError) as caught:
        read_settings(path, tmp_path, "x", {"git_commit": "0123456789abcdef"})
    assert "run x: its settings do not fit the code here" in str(caught.value)
    assert str(caught.value).endswith("git worktree add ../then 0123456789ab")


def test_new_scans_that_another_experiment_segments_stay_behind(tmp_path):
    segment = {"scans": "new", "experiment": "rich"}
    path = tmp_path / "settings.yaml"
    path.write_text(used_settings(CONFIG | {"segment": segment}, "plain"))
    found = read_settings(path, tmp_path, "x", {})
    assert found["segment"] is None
    # as earlier versions noted them
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"segment": segment}))
    assert read_settings(path, tmp_path, "x", {}) == found


def test_it_is_made_again_beside_the_old_one(tmp_path, settings):
    fetched = Fetched("plain", {}, {}, "0123456789abcdef")
    one = Original(fetched, tmp_path / "results", settings)
    assert one.folder == tmp_path / "results" / "reproduced" / "0123456789ab"
    assert one.made == one.folder / "results" / "tiny"
    assert (one.project, one.experiment) == (tmp_path, "plain")


@pytest.mark.parametrize(("name", "needs"), [("both", ["rich", "plain"]), ("small", ["both"])])
def test_settings_have_all_that_it_learns_from(tmp_path, name, needs):
    distil = {"teacher": "both", "share": 0.5}
    experiments = CONFIG["experiments"] | {
        "both": {"ensemble": ["rich", "plain"]},
        "small": {"slices": "axial48", "training": {"epochs": 2, "distil": distil}},
    }
    path = tmp_path / "settings.yaml"
    path.write_text(used_settings(CONFIG | {"experiments": experiments}, name))
    found = read_settings(path, tmp_path, "x", {})
    one = Original(Fetched(name, {}, {}, "0123456789abcdef"), tmp_path / "results", found)
    assert one.experiment == name
    assert {name, *needs} <= {*found["experiments"], *found["ensembles"]}
    # as snakemake is given it
    again = load_settings(yaml.safe_load(yaml.safe_dump(found)))
    assert set(again.ensembles) == {"both"} and again.wanted == [name]


@pytest.mark.parametrize(
    ("name", "placed"),
    [
        ("results/tiny/large", "{here}/results/tiny/large"),  # which is not made again
        ("kept/m.keras", "{here}/kept/m.keras"),
        ("results/other/plain", "{here}/results/other/plain"),
        ("/elsewhere/m.keras", "/elsewhere/m.keras"),
        ("models:/tiny@champion", "models:/tiny@champion"),
        ("results/tiny/plain", "results/tiny/plain"),
        ("./results/tiny/plain/", "results/tiny/plain"),
        ("{here}/results/tiny/plain/fold-1", "results/tiny/plain/fold-1"),
        ("results/tiny/plain/fold-1/model.keras", "results/tiny/plain/fold-1/model.keras"),
        # which no rule makes
        ("results/tiny/plain/start/m.keras", "{here}/results/tiny/plain/start/m.keras"),
    ],
)
@pytest.mark.parametrize("is_link", [False, True])
def test_a_training_starts_from_the_same_model_in_another_folder(
    tmp_path, monkeypatch, name, placed, is_link
):
    """Or from that which is made again with it."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    if is_link:
        (tmp_path / "large disk").mkdir()
        results.symlink_to(tmp_path / "large disk")
    experiments = {
        "plain": CONFIG["experiments"]["plain"],
        "tuned": {"slices": "axial48", "training": {"start_from": name.format(here=tmp_path)}},
        "both": {"ensemble": ["plain", "tuned"]},
    }
    path = tmp_path / "settings.yaml"
    path.write_text(used_settings(CONFIG | {"experiments": experiments, "run": ["both"]}, "both"))
    found = read_settings(path, tmp_path, "x", {})
    place_starts(found, results)
    started = found["experiments"]["tuned"]["training"]["start_from"]
    assert started == placed.format(here=tmp_path)
