"""`slicewise reproduce`: what differs is said, and the run is made again beside the old one."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from conftest import DATASET, TEST, Workflow, copied

from slicewise.evaluation.statistics import read_metrics
from slicewise.files import read_json
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.write import write_nifti
from tests import forked

RELATIVE = "sqlite:///results/mlflow.db"
"""As docs/models.md has it set: from another folder it would be another file."""


def command(*arguments: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "slicewise.cli", "reproduce", *arguments, "--cores", "2"]


def reproduce(workflow: Workflow, *arguments: str, status: int = 0, **environment: str) -> str:
    """Run the command to its end; return all it said."""
    done = subprocess.run(
        command(*arguments, python=forked.python()),
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
def test_folds_are_made_again_together(folded, tmp_path):
    workflow = copied(folded.root, tmp_path / "slicewise")
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
def test_a_fine_tuned_model_starts_from_the_same_one(workflow):
    settings = workflow.settings()
    plain = settings["experiments"]["plain"]
    training = {**plain["training"], "epochs": 1, "start_from": "results/tiny/plain"}
    settings["experiments"]["tuned"] = {**plain, "training": training}
    workflow.write_settings(settings)
    workflow.snakemake("results/tiny/tuned/report.html")
    said = reproduce(workflow, "results/tiny/tuned", "--tolerance", "0")
    assert differences(said) == []
    assert "weights: the same to the bit" in said


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
