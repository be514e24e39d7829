"""A run is found by a folder or by slicewise's own id, and only a run that was scored."""

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Run
from slicewise.tracking.find import copy_files, find_run, last_scored, run_of_all


def made(results: Path, experiment: str, fold: str = "fold-0", scored: bool = True, **more) -> Run:
    """A run as the jobs of an experiment leave it."""
    folder = results / "tiny" / experiment
    tags = {"fold": fold[-1], "weights_digest": f"of {fold}", "started_from": f"before {fold}"}
    run = Run.create(folder / "tracking" / fold, experiment, "key", {}, tags, **more)
    run.contents({"settings.yaml": f"of {experiment}"})
    if scored:
        (folder / "metrics.tsv").write_text(f"of {run.record.id}")
        run.files({"metrics.tsv": folder / "metrics.tsv"})
    run.finish()
    return run


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def refused(name: str, results: Path) -> str:
    with pytest.raises(SlicewiseError) as caught:
        find_run(name, results)
    message = str(caught.value)
    assert "\n" not in message and ";" in message
    return message


def test_by_folder_and_by_id(results):
    made(results, "one")
    run = made(results, "one")  # superseded the first
    other = made(results, "two")
    (results / "tiny" / "one" / "predictions").mkdir()
    names = (
        "results/tiny/one",
        "results/tiny/one/",
        "tiny/one",
        str(results / "tiny" / "one"),
        "results/tiny/one/predictions",
        "results/tiny/one/tracking",
        "results/tiny/one/tracking/fold-0/002",
        run.record.id,
        run.record.id[:8],
    )
    for name in names:
        assert find_run(name, results).record.id == run.record.id, name
    first = "results/tiny/one/tracking/fold-0/001"
    assert find_run(first, results).record.id != run.record.id, "an older one by its own folder"
    assert find_run("results/tiny/two", results).record.id == other.record.id
    # a folder brings its own results
    assert find_run("results/tiny/two", results / "elsewhere").results == results


def test_by_a_folder_that_is_a_link_to_another_disk(results, tmp_path):
    run = made(results, "one")
    (results / "tiny" / "one").rename(tmp_path / "number 7")
    (results / "tiny" / "one").symlink_to(tmp_path / "number 7")
    found = find_run("results/tiny/one", results)
    assert found.record.id == run.record.id
    assert found.results == results


def test_files_of_an_experiment_that_was_renamed_are_found(results, tmp_path):
    made(results, "one")
    (results / "tiny" / "one").rename(results / "tiny" / "two")
    (results / "tiny").rename(results / "large")
    (tmp_path / "out").mkdir()
    found = last_scored(results / "large" / "two")
    assert copy_files(found, ["settings.yaml", "metrics.tsv"], tmp_path / "out")
    found.contents({"note.txt": "new"})
    assert not Run(found.folder).is_copy
    assert {file.path[:10] for file in Run(found.folder).record.files.values()} == {"large/two/"}


def test_what_may_be_an_id_of_mlflow(results):
    made(results, "one")
    for name in ("nonsense", "0" * 32, "a"):
        assert find_run(name, results) is None
    assert find_run("0" * 32, results / "nothing") is None


def test_what_is_no_run_is_one_sentence(results):
    made(results, "one")
    made(results, "two")
    (results / "tiny" / "logs").mkdir()
    for name in ("results/tiny/three", "results/tiny/one/nothing", "results/tiny/one/report.html"):
        assert "there is no such folder" in refused(name, results)
    assert "(there are one, two in it)" in refused("results/tiny", results)
    assert "no experiment that was tracked; name" in refused("results/tiny/logs", results)
    made(results, "three", scored=False)
    assert "trained but not scored" in refused("results/tiny/three", results)


def test_folds_go_by_their_parent(results):
    children = [made(results, "one", f"fold-{k}", scored=False) for k in range(2)]
    names = [f"{child.folder.parent.name}/001" for child in children]
    parent = made(results, "one", "parent", children=names)
    assert find_run("results/tiny/one", results).record.id == parent.record.id
    for name in (children[1].record.id, "results/tiny/one/tracking/fold-1/001"):
        assert f"one fold of run {parent.record.id}" in refused(name, results)
    found = copy_files(parent, ["settings.yaml", "metrics.tsv"], results)
    assert found.weights == {"0": "of fold-0", "1": "of fold-1"}
    before = {f"one/fold-{k}": {"started_from": f"before fold-{k}"} for k in range(2)}
    assert found.starts == before
    # trained again without folds: that is the experiment now
    again = made(results, "one")
    assert find_run("results/tiny/one", results).record.id == again.record.id


def test_an_ensemble_and_an_experiment_of_one_name_are_told_apart(results):
    experiment = made(results, "one")
    assert last_scored(results / "tiny" / "one").record.id == experiment.record.id
    mixed = made(results, "one", "parent", children=[])
    assert find_run("results/tiny/one", results).record.id == mixed.record.id
    made(results, "one")
    # an ensemble again, of the same members: its run goes on
    again = Run(mixed.folder)
    (results / "tiny" / "one" / "metrics.tsv").write_text(f"of {mixed.record.id}")
    assert last_scored(results / "tiny" / "one").record.id == again.record.id
    assert last_scored(results / "tiny" / "two") is None


def test_the_run_of_all_models_is_of_these(results):
    folder = results / "tiny" / "one"
    assert run_of_all(folder, 2) is None
    children = [made(results, "one", f"fold-{k}", scored=False) for k in range(2)]
    names = [f"{child.folder.parent.name}/001" for child in children]
    parent = made(results, "one", "parent", children=names)
    assert run_of_all(folder, 2).record.id == parent.record.id
    assert run_of_all(folder, 3) is None
    assert run_of_all(folder, 0, "ab") is None
    mixed = made(results, "one", "parent", children=[])
    assert run_of_all(folder, 0, "of parent").record.id == mixed.record.id
    assert run_of_all(folder, 0, "of others") is None
    mixed.record = mixed.record.updated(tags={})
    mixed.finish()
    assert run_of_all(folder, 0, "of an earlier version").record.id == mixed.record.id


def test_a_comparison_is_none(results):
    tags = {"compares": "one, two"}
    run = Run.create(results / "tiny/comparison/tracking/comparison", "comparison", "", {}, tags)
    assert "it compares one, two" in refused(run.record.id, results)
    assert "no experiment that was tracked" in refused("results/tiny/comparison", results)


def test_files_are_copied_only_as_they_were(results, tmp_path):
    run = made(results, "one")
    names = ["settings.yaml", "metrics.tsv"]
    found = copy_files(run, names, tmp_path)
    assert (found.name, found.weights) == ("one", {"0": "of fold-0"})
    assert (tmp_path / "metrics.tsv").read_text() == f"of {run.record.id}"
    assert copy_files(run, [*names, "cases.tsv"], tmp_path) is None
    (results / "tiny" / "one" / "metrics.tsv").write_text("of a later run")
    assert copy_files(run, names, tmp_path) is None
    (results / "tiny" / "one" / "metrics.tsv").unlink()
    assert copy_files(run, names, tmp_path) is None
