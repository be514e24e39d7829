"""`slicewise reproduce`: what differs is said, and the run is made again beside the old one."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import CONFIG, DATASET, TEST, Workflow

from slicewise import reproduce as module
from slicewise.config import load_settings, used_settings
from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import read_metrics
from slicewise.files import read_json
from slicewise.tracking.fetch import Fetched
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.write import write_nifti

NUMBERS = ("dice_before", "dice_after", "largest_difference")
RELATIVE = "sqlite:///results/mlflow.db"
"""As docs/models.md has it set: from another folder it would be another file."""


def noted(tags: dict[str, str]) -> SimpleNamespace:
    """Stand in for a run with these tags."""
    return SimpleNamespace(record=SimpleNamespace(tags=tags))


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "slicewise.cli", "reproduce", *arguments, "--cores", "2"]


def reproduce(workflow: Workflow, *arguments: str, status: int = 0, **environment: str) -> str:
    """Run the command to its end; return all it said."""
    done = subprocess.run(
        command(*arguments),
        cwd=workflow.root,
        env=workflow.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == status, done.stdout[-6000:]
    assert "Traceback" not in done.stdout
    return done.stdout


def differences(said: str) -> list[str]:
    mark = "differs: "
    return [line.removeprefix(mark) for line in said.splitlines() if line.startswith(mark)]


def until(what, process: subprocess.Popen) -> None:
    for _ in range(3000):
        if what():
            return
        assert process.poll() is None, "it ended before"
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def started(workflow: Workflow, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        command(*arguments),
        cwd=workflow.root,
        env=workflow.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def git(workflow: Workflow, *arguments: str) -> str:
    me = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    environment = workflow.environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    done = subprocess.run(
        ["git", *me, *arguments],
        cwd=workflow.root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_made_again_it_is_the_same(workflow):
    """To the bit, after a kill; and the tolerance counts."""
    run_id = workflow.run_id("plain")
    place = workflow.root / "results" / "reproduced" / run_id[:12]
    made = place / "results" / DATASET / "plain"

    process = started(workflow, run_id)
    until((made / "tracking" / "fold-0" / "001" / "run.json").is_file, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = reproduce(workflow, run_id, status=1)
    assert "another process is making this run again" in said

    before = (workflow.results / "plain" / "metrics.tsv").read_bytes()
    said = reproduce(workflow, run_id, "--tolerance", "0", MLFLOW_TRACKING_URI=RELATIVE)
    assert differences(said) == []
    *_, title, same, weights, dice, new, verdict = said.splitlines()
    assert title == f"run {run_id}: plain of data set {DATASET}, made again"
    assert same == "code, versions, settings and data are those of the run"
    assert weights == "weights: the same to the bit"
    assert dice.endswith("the largest difference of a case is 0.0000")
    assert verdict == "the difference in mean Dice is within the tolerance of 0"

    result = read_json(place / "reproduction.json")
    summary = read_json(workflow.results / "plain" / "summary.json")
    mean = pytest.approx(summary["test"]["mean"]["dice"]["mean"])
    assert (result["dice_before"], result["dice_after"]) == (mean, mean)
    assert (result["same_weights"], result["holds"], result["differences"]) == (True, True, [])
    assert (made / "metrics.tsv").read_bytes() == before
    assert (workflow.results / "plain" / "metrics.tsv").read_bytes() == before
    assert not (place / "results" / "mlflow.db").exists()

    # both runs side by side in the same experiment, with one model each
    client = workflow.client()
    number = client.get_experiment_by_name(f"slicewise/{DATASET}").experiment_id
    (again,) = client.search_runs([number], f"tags.reproduces = '{run_id}'")
    assert new.split(": ")[0] == f"new run {again.info.run_id}"
    old = client.get_run(run_id)
    assert (again.info.run_name, again.info.status) == ("plain", "FINISHED")
    assert again.data.tags["weights_digest"] == old.data.tags["weights_digest"]
    assert again.data.metrics["test/dice_mean"] == old.data.metrics["test/dice_mean"]
    runs = {run.info.run_id: run.info.run_name for run in client.search_runs([number])}
    assert sorted(runs.values()) == ["comparison", "plain", "plain", "rich"]
    models = [model.source_run_id for model in client.search_logged_models([number])]
    assert {runs[run] for run in models} == {"plain", "rich"} and len(set(models)) == 3
    artifacts = {file.path for file in client.list_artifacts(again.info.run_id)}
    assert {"metrics.tsv", "report.html", "reproduction.json"} <= artifacts

    # had it been another result, by a little in one case
    (metrics,) = (workflow.root / "results").glob(f"**/{run_id}/artifacts/metrics.tsv")
    table = read_metrics(str(metrics))
    table.loc[table["case"] == TEST[0], "dice"] += 0.003
    table.to_csv(metrics, sep="\t", index=False)
    said = reproduce(workflow, run_id, "--tolerance", "0.001", status=1)
    assert "weights: the same to the bit" in said
    assert "the largest difference of a case is 0.0030" in said
    assert said.splitlines()[-1].endswith(" is beyond the tolerance of 0.001")
    result = read_json(place / "reproduction.json")
    assert result["dice_before"] - result["dice_after"] == pytest.approx(0.0015)
    assert not result["holds"]


@pytest.mark.slow
def test_a_check_says_whatever_differs(workflow):
    run_id = workflow.run_id("plain")
    then = git(workflow, "rev-parse", "HEAD")
    git(workflow, "commit", "--quiet", "--all", "-m", "The settings of the tests")
    now = git(workflow, "rev-parse", "HEAD")
    workflow.change("experiments.plain.training.epochs", 3)
    workflow.change("experiments.rich.training.epochs", 3)  # of another experiment
    workflow.change("tracking.register", True)  # changes no result

    files = {name: workflow.image(name) for name in ("p01", "p03", "p04", "p05")}
    volume, _ = read_nifti(files["p01"])
    write_nifti(files["p01"], replace(volume, array=volume.array + 1), dtype=np.int16)
    # the same voxels, compressed otherwise
    volume, _ = read_nifti(files["p03"])
    write_nifti(files["p03"].with_name("p03_orig.nii"), volume, dtype=np.int16)
    subprocess.run(["gzip", "-1", "-f", str(files["p03"].with_suffix(""))], check=True)
    mask = files["p04"].with_name("p04_liver.nii.gz")
    volume, _ = read_nifti(mask)
    array = volume.array.copy()
    array[array.shape[0] // 2 :] = 0
    write_nifti(mask, replace(volume, array=array), dtype=np.uint8)
    files["p05"].unlink()
    files["p05"].with_name("p05_liver.nii.gz").unlink()
    workflow.add_patient("p07", "train")

    (versions,) = (workflow.root / "results").glob(f"**/{run_id}/artifacts/environment.txt")
    lines = versions.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("numpy==", "pytest==", "pooch=="))]
    versions.write_text("".join([*kept, "numpy==1.0\n", "pooch==0.1\n"]))

    said = reproduce(workflow, run_id, "--check")
    found = differences(said)
    diff = f"results/reproduced/{run_id[:12]}/original/uncommitted.diff"
    assert found[0] == f"commit {then[:12]} then, {now[:12]} now, of the same code"
    assert "rich" in (workflow.root / diff).read_text(), "only the configuration was changed"
    assert found[1] == f"numpy 1.0 then, {np.__version__} now"
    assert found[2].startswith("the version of ")
    assert "pytest" in found[2]
    assert found[3:] == [
        "experiments.plain.training.epochs is 2 then, 3 in config/config.yaml",
        "case p05 is gone",
        "case p07 is new",
        "the image of case p01 is another file",
        "the image of case p03 is another file with the same voxels",
        "the mask of case p04 is another file",
    ]
    assert "made again" not in said
    place = workflow.root / "results" / "reproduced" / run_id[:12]
    assert not (place / "reproduction.json").exists()
    assert not (place / "results" / DATASET / "plain").exists()


@pytest.mark.slow
def test_folds_are_made_again_together(workflow):
    shutil.rmtree(workflow.root / "results")
    workflow.change("split", {"folds": 2})
    workflow.change("run", ["plain"])
    workflow.snakemake("results/tiny/plain/report.html")
    run_id, child = (workflow.run_id("plain", fold) for fold in ("parent", "fold-1"))
    said = reproduce(workflow, child, "--check", status=1)
    assert (
        said == f"slicewise: run {child}: it is one fold of run {run_id}; name that one instead\n"
    )

    said = reproduce(workflow, run_id, "--tolerance", "0")
    assert differences(said) == []
    assert "weights: the same to the bit" in said
    client = workflow.client()
    number = client.get_experiment_by_name(f"slicewise/{DATASET}").experiment_id
    again = {
        run.info.run_name: run
        for run in client.search_runs([number], f"tags.reproduces = '{run_id}'")
    }
    assert again.keys() == {"plain", "plain/fold-0", "plain/fold-1"}
    parent = again.pop("plain").info.run_id
    assert f"new run {parent}: " in said
    assert {run.data.tags["mlflow.parentRunId"] for run in again.values()} == {parent}


@pytest.mark.slow
def test_ctrl_c_ends_it_in_order(workflow):
    run_id = workflow.run_id("plain")
    cases = workflow.root / "results" / "reproduced" / run_id[:12] / "results" / DATASET / "cases"
    process = started(workflow, run_id)
    until(lambda: any(cases.glob("*/record.json")), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    last = said.splitlines()[-1]
    assert last.startswith(
        f"slicewise: results/reproduced/{run_id[:12]}: making the run again stop"
    )
    assert "KeyboardInterrupt" not in last


def test_ctrl_c_counts_where_snakemake_was_done_all_the_same(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "snakemake"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ntrap '' INT\nsleep 1\nkill -INT $PPID\nsleep 0.5\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program.parent / "python"))
    folder = tmp_path / "again"
    folder.mkdir()
    with (
        module._snakemake(tmp_path, folder, folder / "settings.yaml", "1", tmp_path) as make,
        pytest.raises(SlicewiseError, match="making the run again stopped"),
    ):
        make(folder / "cases.tsv")


@pytest.mark.slow
def test_what_cannot_be_reproduced_is_one_sentence(workflow):
    said = reproduce(workflow, "nonsense", status=1)
    assert said == (
        "slicewise: run nonsense: MLflow at results/mlflow.db has no such run; copy the id from "
        "its page, or name the folder results/<dataset>/<experiment>\n"
    )
    said = reproduce(workflow, "x", status=1, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert said.startswith("slicewise: MLflow at http://127.0.0.1:9 does not answer (")
    assert said.count("\n") == 1
    # a training that was not evaluated
    run_id = workflow.run_id("plain")
    (metrics,) = (workflow.root / "results").glob(f"**/{run_id}/artifacts/metrics.tsv")
    metrics.unlink()
    said = reproduce(workflow, run_id, status=1)
    assert said.startswith(
        f"slicewise: run {run_id}: it holds no metrics.tsv, so it was not finished"
    )
    assert not (workflow.root / "results" / "reproduced").exists(), "nothing was begun"
    # data that cannot be read any more
    workflow.image("p01").write_bytes(b"")
    said = reproduce(workflow, workflow.run_id("rich"), "--check", status=1)
    assert "p01_orig.nii.gz" in said
    last = said.splitlines()[-1]
    assert last.startswith("slicewise: results/reproduced/")
    assert "making the run again stopped, see above" in last


# -- parts ----------------------------------------------------------------------------


def test_without_a_store_none_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    with pytest.raises(SlicewiseError, match=r"mlflow\.db: no run is tracked yet; run snakemake"):
        module.reproduce("x", tmp_path, tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.fixture
def settings(tmp_path):
    """The settings of a run, read as for a rerun from another folder."""
    path = tmp_path / "settings.yaml"
    path.write_text(used_settings(CONFIG, "plain"))
    found = module._settings(path, tmp_path, "x", {})
    path.unlink()  # as a configuration it would be found
    return found


def written(folder: Path, name: str, content: object) -> None:
    (folder / "config").mkdir(exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (folder / "config" / name).write_text(text)


def test_the_nearest_configuration_counts(settings, tmp_path, monkeypatch):
    whole = CONFIG
    none = [f"no configuration of data set {DATASET} was found to compare with: --configfile"]

    def chosen() -> list[str]:
        return module._chosen(settings, "plain", module._candidates(tmp_path, tmp_path, DATASET))

    monkeypatch.chdir(tmp_path)
    for name, content in (
        ("broken.yaml", "a: [1"),
        ("empty.yaml", ""),
        ("list.yaml", "- 1"),
        ("overlay.yaml", {"experiments": {"plain": {"training": {"minutes": 1}}}}),
        ("other.yaml", whole | {"dataset": whole["dataset"] | {"name": "other"}}),
    ):
        written(tmp_path, name, content)
    assert chosen() == none
    without = {k: v for k, v in whole["experiments"].items() if k != "plain"}
    written(tmp_path, "a.yaml", whole | {"experiments": without, "run": ["rich"]})
    assert chosen() == ["config/a.yaml has no experiment plain that can be used"]
    written(tmp_path, "b.yaml", whole | {"split": {"validation": 2, "seed": 5}})
    assert chosen() == [
        "split.seed is 13 then, 5 in config/b.yaml",
        "split.validation is 1 then, 2 in config/b.yaml",
    ]
    written(tmp_path, "c.yaml", whole | {"tracking": {"register": True}, "run": ["rich"]})
    assert chosen() == []


def test_settings_are_made_to_fit_another_folder(tmp_path):
    path = tmp_path / "settings.yaml"
    used = CONFIG | {"tracking": {"register": True}}
    used["split"] = {"check_against": ["results/other/cases.tsv"]}
    path.write_text(yaml.safe_dump(used))
    found = module._settings(path, tmp_path, "x", {})
    assert found["tracking"] == {"register": False}
    assert found["split"]["check_against"] == [str(tmp_path / "results" / "other" / "cases.tsv")]
    assert load_settings(found).model_dump(mode="json") == found
    path.write_text(yaml.safe_dump(used | {"invented": 1}))
    with pytest.raises(SlicewiseError) as caught:
        module._settings(path, tmp_path, "x", {"git_commit": "0123456789abcdef"})
    assert "run x: its settings do not fit the code here" in str(caught.value)
    assert str(caught.value).endswith("git worktree add ../then 0123456789ab")


NOW = {"library_sha256": "l", "workflow_sha256": "w"}
OTHER = {"library_sha256": "m", "workflow_sha256": "w"}


@pytest.mark.parametrize(
    ("then", "kept", "here", "said"),
    [
        ({"git_commit": "a"}, None, {"git_commit": "a"}, 0),
        (
            {"git_commit": "a", "git_dirty": "true"},
            "x",
            {"git_commit": "a", "git_dirty": "true"},
            0,
        ),
        (
            {"git_commit": "a", "git_dirty": "true"},
            "y",
            {"git_commit": "a", "git_dirty": "true"},
            2,
        ),
        (
            {"git_commit": "b", "git_dirty": "true"},
            "x",
            {"git_commit": "a", "git_dirty": "true"},
            3,
        ),
        ({"git_commit": "a", "git_dirty": "true"}, None, {"git_commit": "a"}, 1),
        ({"git_commit": "a"}, "x", {"git_commit": "a", "git_dirty": "true"}, 1),
        ({"git_commit": "a"}, None, {}, 1),
        ({}, None, {}, 0),
        # what ran is known by its digest
        (NOW | {"git_commit": "b", "git_dirty": "true"}, "y", {"git_commit": "a"}, 1),
        (NOW | {"git_commit": "a"}, None, {"git_commit": "a", "git_dirty": "true"}, 0),
        (OTHER | {"git_commit": "a"}, None, {"git_commit": "a"}, 1),
        (OTHER | {"git_commit": "unknown"}, None, {"git_commit": "unknown"}, 1),
        (
            OTHER | {"git_commit": "a", "git_dirty": "true"},
            "x",
            {"git_commit": "a", "git_dirty": "true"},
            3,
        ),
    ],
)
def test_code(tmp_path, monkeypatch, then, kept, here, said):
    monkeypatch.setattr(module, "git_state", lambda folder: here)
    monkeypatch.setattr(module, "library_digests", lambda folder: NOW)
    monkeypatch.setattr(module, "git_diff", lambda folder: "x")
    diff = tmp_path / "uncommitted.diff"
    if kept is not None:
        diff.write_text(kept)
    assert len(list(module._code(then, tmp_path, diff))) == said


def test_long_lists_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "environment", lambda: {f"p{k:03d}": "2" for k in range(30)})
    (tmp_path / "environment.txt").write_text("".join(f"p{k:03d}==1\n" for k in range(30)))
    (line,) = module._versions(tmp_path / "environment.txt")
    assert line.startswith("the version of p000, p001, ")
    assert line.endswith("p019 and 10 more")
    for name, digest in (("then", "a"), ("now", "b")):
        columns = ("image_sha256", "mask_sha256", "fingerprint")
        table = pd.DataFrame({"case": range(30)} | dict.fromkeys(columns, digest))
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    lines = module._data(tmp_path / "then.tsv", tmp_path / "now.tsv")
    assert len(lines) == module.SHOWN + 1
    assert lines[-1] == "40 more cases or files"
    assert module._data(tmp_path / "now.tsv", tmp_path / "now.tsv") == []


REST = {"fold": None, "volume_ml": 1.0, "predicted_ml": 1.0}


def scores(path: Path, dice: dict[tuple[str, str, str], float], subset: str = "test") -> Path:
    rows = [
        {"case": case, "patient": patient, "subset": subset, "label": label, "dice": value, **REST}
        for (case, patient, label), value in dice.items()
    ]
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    return path


def test_dice_is_that_of_reports(tmp_path):
    old = scores(
        tmp_path / "old", {("1", "a", "l"): 0.2, ("2", "b", "l"): 0.6, ("3", "b", "l"): 0.8}
    )
    # a patient is gone, another is new, and one of two volumes changed
    new = scores(
        tmp_path / "new", {("2", "b", "l"): 0.6, ("3", "b", "l"): 0.4, ("4", "c", "l"): 0.9}
    )
    assert module._compare(old, new) == {
        "dice_before": pytest.approx(0.7),
        "dice_after": pytest.approx(0.5),
        "largest_difference": pytest.approx(0.4),
    }
    assert module._compare(old, old)["dice_before"] == pytest.approx(0.45)
    other = scores(tmp_path / "other", {("5", "d", "l"): 0.9})
    with pytest.raises(SlicewiseError, match="no test case was scored both then and now"):
        module._compare(old, other)
    # labels are averaged after the scans, so that one in few of them counts as much
    scans = pd.DataFrame(
        [("a", "x", "liver", 0.8), ("b", "x", "liver", 0.8), ("a", "x", "tumour", 0.2)],
        columns=["case", "patient", "label", "dice"],
    ).assign(subset="test", **REST)
    empty = scans.assign(dice=[0.8, 0.8, np.nan])
    paths = [tmp_path / name for name in ("scans.tsv", "empty.tsv")]
    for path, table in zip(paths, (scans, empty), strict=True):
        table.to_csv(path, sep="\t", index=False)
    assert module._compare(paths[0], paths[0])["dice_before"] == pytest.approx(0.5)
    # a score that only one has is a difference
    assert module._compare(*paths)["dice_after"] == pytest.approx(0.4)
    assert module._compare(*paths)["largest_difference"] == pytest.approx(0.2)
    scans.assign(dice=np.nan).to_csv(paths[1], sep="\t", index=False)
    with pytest.raises(SlicewiseError, match="no test case has a Dice, then or now"):
        module._compare(paths[1], paths[1])
    watched = scores(tmp_path / "watched", {("1", "a", "l"): 0.3}, "validation")
    assert module._compare(watched, watched)["dice_after"] == pytest.approx(0.3)


def cases(path: Path, mask: str) -> None:
    columns = {"case": ["1"], "image_sha256": "i", "mask_sha256": mask, "fingerprint": "f"}
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, sep="\t", index=False)


class Stopped(Exception):
    """Stands for whatever ends a rerun."""


def test_what_was_made_of_other_data_is_made_anew(tmp_path, monkeypatch):
    """Also where the other file is older, as from a backup: snakemake would not notice."""
    calls, now, results = [], SimpleNamespace(), tmp_path / "results"

    def fetch(mirror, run_id, run, place):
        cases(place / "cases.tsv", "of then")
        (place / "settings.yaml").write_text(used_settings(CONFIG, "plain"))
        (place / "environment.txt").write_text("")
        return Fetched("plain", {}, {}, run_id)

    @contextmanager
    def snakemake(workflow, folder, config, cores, project):
        def make(target, *more):
            if target.name == "cases.tsv":
                cases(target, now.mask)
                return
            calls.append(more)
            if now.stops:
                raise Stopped

        yield make

    monkeypatch.setattr(module, "_fetch", fetch)
    monkeypatch.setattr(module, "_snakemake", snakemake)
    monkeypatch.setattr(
        module, "_runs", lambda tracking: [SimpleNamespace(record=SimpleNamespace(tags={}))]
    )
    monkeypatch.setattr(module, "_compare", lambda old, new: dict.fromkeys(NUMBERS, 0.5))
    monkeypatch.setattr(module, "_track", lambda runs, run_id, kept, log: "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    for now.mask, now.stops, forced in (
        ("of then", True, False),
        ("of then", False, False),
        ("of then", False, False),
        ("another", True, True),
        ("another", True, True),  # not done yet
        ("another", False, True),
        ("another", False, False),
        ("of then", False, True),
    ):
        with pytest.raises(Stopped) if now.stops else nullcontext():
            module.reproduce("x", tmp_path, results, log=lambda line: None)
        assert calls.pop() == (("--forceall",) if forced else ())


def test_a_configuration_is_found_wherever_it_lies(settings, tmp_path, monkeypatch):
    """With the Snakefile in a clone, and the configuration in the folder of a project."""
    clone, project = tmp_path / "clone", tmp_path / "project"
    (clone / "config").mkdir(parents=True)
    (project / "study" / "one").mkdir(parents=True)
    monkeypatch.chdir(project)
    for place, change in (
        (clone / "config" / "a.yaml", 0),
        (project / "study" / "one" / "b.yml", 2),
        # neither results, nor what lies too deep, nor what is hidden
        (project / "results" / "c.yaml", 1),
        (project / ".kept" / "c.yaml", 1),
        (project / "study" / "one" / "deep" / "c.yaml", 1),
    ):
        place.parent.mkdir(exist_ok=True)
        changed = CONFIG | {"split": {"validation": 1, "seed": 13 + change}}
        place.write_text(yaml.safe_dump(changed))
    found = module._candidates(clone, project, DATASET)
    # the clone's is nearer to what it was, but it is not what the project runs
    assert set(found) == {"study/one/b.yml"}
    near = ["split.seed is 13 then, 15 in study/one/b.yml"]
    assert module._chosen(settings, "plain", found) == near
    (tmp_path / "elsewhere").mkdir()
    elsewhere = module._candidates(clone, tmp_path / "elsewhere", DATASET)
    assert "../clone/config/a.yaml" in elsewhere

    # one that is named counts, and files over each other as snakemake has them
    over = project / "over.yaml"
    over.write_text("split: {seed: 13}\n")
    given = [Path("study/one/b.yml"), over]
    found = module._candidates(clone, project, DATASET, given)
    assert list(found) == ["study/one/b.yml and over.yaml"]
    assert module._chosen(settings, "plain", found) == []
    for text in ("a: [1", "- 1"):
        over.write_text(text)
        with pytest.raises(SlicewiseError, match=r"over\.yaml: .*; correct the path or the file"):
            module._candidates(clone, project, DATASET, [over])
    with pytest.raises(SlicewiseError, match=r"gone\.yaml: cannot be read"):
        module._candidates(clone, project, DATASET, [project / "gone.yaml"])


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_the_tolerance_is_met_on_both_sides(tolerance):
    for change, holds in ((0.0, True), (tolerance, True), (-tolerance, True), (0.11, False)):
        for after in (change, -change):
            result = module.Reproduction("x", [], True, 0.0, after, 0.0, tolerance)
            assert result.holds is holds


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({"0": "x", "1": "y"}, True),
        ({"0": "x", "1": "z"}, False),
        ({"0": "x"}, None),
        ({}, None),
    ],
)
def test_weights_of_all_folds_count(then, said):
    tags = [{"fold": "0", "weights_digest": "x"}, {"fold": "1", "weights_digest": "y"}, {}]
    runs = [noted(each) for each in tags]
    assert module._same_weights(then, runs) is said


def test_another_device_is_said():
    cpu, gpu = {"gpu": "CPU"}, {"gpu": "NVIDIA A100"}
    assert module._device(cpu, cpu) == []
    assert module._device(gpu, cpu) == ["trained on NVIDIA A100 then, on CPU now"]
