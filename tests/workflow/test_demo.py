"""A whole run: what it leaves under results and in MLflow."""

import re
import socket
import subprocess

import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from conftest import TEST, TRAINING, copied, started

from slicewise.dataset.cases import read_table
from slicewise.evaluation.ledger import files_digest
from slicewise.files import read_json, sha256

EPOCHS = 2
BY_EPOCH = ("train/loss", "train/dice", "val/loss", "val/dice", "lr", "images_per_second")


@pytest.mark.slow
def test_the_demo_runs_from_a_clone(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    # nothing is said of how good its models are, and three of four minutes went into that
    for name in ("tutorial", "baseline"):
        workflow.change(f"experiments.{name}.training.epochs", EPOCHS)
    # as a user has it, one job of each rule is in an interpreter of its own
    seen = tmp_path / "seen"
    seen.mkdir()
    said = workflow.snakemake(FRESH_PYTHON="each", FRESH_SEEN=str(seen))
    assert {path.name for path in seen.iterdir()} == {*started(said)} - {"all"}
    results = workflow.root / "results" / "phantom"
    end = said[said.index("Mean Dice per patient in 3-D, phantom:") :]
    for name in ("tutorial", "baseline"):
        assert f"results/phantom/{name}/report.html" in end
        assert (results / name / "report.html").stat().st_size > 10_000
        test = read_json(results / name / "summary.json")["test"]["liver"]["dice"]
        assert test["n"] == 7
        assert 0 < test["ci_low"] <= test["mean"] <= test["ci_high"] < 1
    assert end.count("over 7 test patients") == 2
    assert (results / "comparison.html").is_file()

    for name in ("tutorial", "baseline"):
        assert len(pd.read_csv(results / name / "fold-0" / "history.csv")) == EPOCHS

    split = pd.read_csv(results / "split.tsv", sep="\t")
    assert len(split) == split["patient"].nunique() == 20
    assert (split["subset"] == "test").sum() == 7

    for case in split.loc[split["subset"] == "test", "case"]:
        image = sitk.ReadImage(str(results / "cases" / case / "image.nii.gz"))
        for name in ("tutorial", "baseline"):
            made = sitk.ReadImage(str(results / name / "predictions" / f"{case}.nii.gz"))
            for grid in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
                assert getattr(made, grid)() == getattr(image, grid)(), (case, grid)
    assert workflow.due() == {}


def test_the_report_says_what_each_stage_took_and_asked_for(finished):
    page = (finished.results / "rich" / "report.html").read_text()
    words = re.sub(r"<[^>]+>|\s+", " ", page[page.index("Where time and memory went") :])
    taken = re.search(r"Training +1 +[\d.]+ +[\d.]+ +of 1 440 +([\d ]+) +of 8 000 ", words)
    assert 300 < float(taken[1].replace(" ", "")) < 8000
    for stage in ("Reading and checking", "Cutting slices", "Prediction", "Scoring"):
        assert f" {stage} " in words


def test_each_experiment_is_one_run_in_mlflow(finished):
    client = finished.client()
    experiment = client.get_experiment_by_name("slicewise/tiny")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"rich", "plain", "comparison"}
    compared = runs.pop("comparison")
    head = ["git", "-C", str(finished.root), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    for name, run in runs.items():
        run_id, tags = run.info.run_id, run.data.tags
        assert run.info.status == "FINISHED"
        assert run_id == finished.run_id(name)

        history = pd.read_csv(finished.results / name / "fold-0" / "history.csv")
        for key in BY_EPOCH:
            points = sorted(client.get_metric_history(run_id, key), key=lambda p: p.step)
            assert [p.step for p in points] == list(history["epoch"])
            assert [p.timestamp for p in points] == list(history["timestamp"])
            assert [p.value for p in points] == pytest.approx(list(history[key]))

        dice = read_json(finished.results / name / "summary.json")["test"]["mean"]["dice"]
        for key in ("mean", "ci_low", "ci_high"):
            assert run.data.metrics[f"test/dice_{key}"] == pytest.approx(dice[key])
        assert run.data.metrics["system/system_memory_usage_megabytes"] > 0

        # the settings were changed after the only commit
        assert (tags["git_commit"], tags["git_dirty"]) == (commit, "true")
        assert tags["split_digest"] == sha256(finished.results / "split.tsv")
        cases = read_table(finished.results / "cases.tsv")
        assert tags["data_digest"] == files_digest(cases)
        assert tags["weights_digest"] == finished.used(name)["resolved"]["weights_sha256"]
        assert (tags["rule"], tags["gpu"], tags["host"]) == ("train", "CPU", socket.gethostname())
        assert tags["mlflow.source.git.commit"] == commit

        used = finished.used(name)
        inputs = {entry.tags[0].value: entry.dataset.digest for entry in run.inputs.dataset_inputs}
        assert inputs.keys() == {"train", "validation", "test"}
        assert inputs["train"] == used["resolved"]["slices_sha256"][:36]
        assert inputs["validation"] == used["resolved"]["watched_sha256"][:36]

        top = {file.path for file in client.list_artifacts(run_id)}
        assert {"config.yaml", "history.csv", "metrics.tsv", "report.html"} <= top
        assert {"split.tsv", "cases.tsv", "summary.json", "figures", "overlays"} <= top
        assert {"settings.yaml", "environment.txt", "uncommitted.diff", "patients.json"} <= top
        assert client.list_artifacts(run_id, "overlays")
        assert len(client.list_artifacts(run_id, "images")) == 3 * 2 * len(TEST)
        assert f"over {len(TEST)} test patients" in tags["mlflow.note.content"]
    assert runs["rich"].data.params["optimizer.learning_rate"] == "0.005"

    difference = pd.read_csv(finished.results / "comparison.tsv", sep="\t")
    assert compared.info.status == "FINISHED"
    dice = difference[(difference["metric"] == "dice") & (difference["subset"] == "test")]
    found = compared.data.metrics["plain_minus_rich/test/dice"]
    assert [found] == pytest.approx(dice["difference"])
    for name, run in runs.items():
        assert compared.data.tags[f"compared.{name}"] == run.data.tags["slicewise.run"]
    files = {file.path for file in client.list_artifacts(compared.info.run_id)}
    assert files == {"comparison.html", "comparison.tsv", "comparison_cases.tsv"}
    page = (finished.results / "comparison.html").read_text()
    assert "2 runs have been scored on this test set" in page
    assert page.count("data:image/jpeg") == 2 * len(TEST)
    assert runs["plain"].data.params["optimizer.name"] == "adam"


def test_the_model_in_mlflow_has_a_signature(finished):
    client = finished.client()
    experiment = client.get_experiment_by_name("slicewise/tiny")
    models = client.search_logged_models(experiment_ids=[experiment.experiment_id])
    assert len(models) == 2
    assert {model.source_run_id for model in models} == {
        finished.run_id(name) for name in ("rich", "plain")
    }
    for model in models:
        (card,) = (finished.root / "results" / "mlartifacts").rglob(
            f"*{model.model_id}*/**/MLmodel"
        )
        assert str(card).startswith(str(finished.root / "results" / "mlartifacts"))
        signature = yaml.safe_load(card.read_text())["signature"]
        assert "image" in signature["inputs"]
        assert "liver_ml" in signature["outputs"]


@pytest.mark.slow
def test_folds_are_children_of_one_run(folded):
    metrics = pd.read_csv(folded.results / "plain" / "metrics.tsv", sep="\t")
    held_out = metrics[metrics["fold"].notna()]
    assert sorted(held_out["case"]) == TRAINING
    assert set(held_out["fold"]) == {0, 1}
    assert list(metrics.loc[metrics["subset"] == "test", "case"]) == TEST
    for fold in (0, 1):
        used, own = folded.used("plain", fold), held_out.loc[held_out["fold"] == fold, "case"]
        assert used["validation_cases"] == sorted(own)
        assert not {*used["train"]} & {*own, *TEST}
        assert used["resolved"]["selected_by"] == "final"

    client = folded.client()
    experiment = client.get_experiment_by_name("slicewise/tiny")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"plain", "plain/fold-0", "plain/fold-1"}
    parent = runs["plain"]
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert parent.data.metrics["test/patients"] == len(TEST)
    assert "test/dice_mean" in parent.data.metrics
    # out-of-fold: every patient once, by the final weights of the fold that held it out
    summary = read_json(folded.results / "plain" / "summary.json")["validation"]["mean"]["dice"]
    assert parent.data.metrics["validation/patients"] == len(TRAINING)
    for name in ("mean", "ci_low", "ci_high"):
        assert parent.data.metrics[f"validation/dice_{name}"] == summary[name]
    assert summary["mean"] == pytest.approx(held_out["dice"].mean())
    page = (folded.results / "plain" / "report.html").read_text()
    assert f"Cross-validation: Dice {summary['mean']:.3f}" in page
    assert parent.data.params["optimizer.name"] == "adam"
    for fold in ("0", "1"):
        child = runs[f"plain/fold-{fold}"]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.tags["fold"] == fold
        assert "val/dice" in child.data.metrics
    assert folded.due("results/tiny/plain/report.html") == {}
