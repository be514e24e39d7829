"""A sweep by the real commands: rungs, the best, what is trained again, and who is tested."""

import copy
import os
from pathlib import Path

import pandas as pd
import pytest
from test_resume import STEPS, kill_in_training, safe_epoch, wait_until_idle

from slicewise.evaluation.sweep import read_sweep
from slicewise.files import read_json
from slicewise.tracking.journal import current_run
from tests.workflow.conftest import Workflow, copied, started

RUNGS = "results/tiny/tried/sweep/rung-2.json"
SCORED = "results/tiny/tried/metrics.tsv"


def with_sweep(workflow, rates: list[float]) -> None:
    settings = workflow.settings()
    plain = copy.deepcopy(settings["experiments"]["plain"])
    plain["training"]["epochs"] = 3
    # with it rates that are too high lead to numbers that are none
    plain["optimizer"] = {"name": "sgd"}
    tried = {"optimizer.learning_rate": rates, "training.batch": [4, 8], "budget": 1}
    settings["experiments"]["tried"] = {**plain, "sweep": tried}
    workflow.write_settings(settings)


def test_the_best_by_validation_is_trained_to_its_end_and_it_alone_is_tested(workflow):
    with_sweep(workflow, [0.001, 0.01])
    steps = {"plan": 5, "rung": 7, "promote": 3, "train": 1}
    assert workflow.due(SCORED) == {**steps, "predict": 1, "evaluate": 1}
    workflow.snakemake(SCORED)
    rung = workflow.results / "tried" / "sweep" / "rung-0"
    first = {path.stem: read_json(path) for path in rung.glob("*.json")}
    went_on = read_json(workflow.results / "tried" / "sweep" / "rung-0.json")["go_on"]
    dice = {name: each["dice"] for name, each in first.items()}
    assert len(dice) == 4 and all(len(each["history"]) == 1 for each in first.values())
    assert went_on == sorted(dice, key=lambda name: -dice[name])[:2]
    (best,) = read_json(workflow.root / RUNGS)["go_on"]
    # the same training as of an experiment that somebody writes by hand
    settings = workflow.settings()
    hand = copy.deepcopy(settings["experiments"]["tried"])
    tried = hand.pop("sweep")
    rate, batch = best.removeprefix("tried-lr").split("-batch")
    assert float(rate) in tried["optimizer.learning_rate"]
    hand["optimizer"]["learning_rate"] = float(rate)
    hand["training"]["batch"] = int(batch)
    settings["experiments"]["hand"] = hand
    workflow.write_settings(settings)
    workflow.snakemake("results/tiny/hand/fold-0/model.keras")
    own, by_hand = (workflow.used(name)["resolved"] for name in ("tried", "hand"))
    assert own["weights_sha256"] == by_hand["weights_sha256"]
    assert workflow.due(SCORED) == {}
    # nothing of the others was tested
    for name in dice:
        assert {path.name for path in (workflow.results / name).iterdir()} == {
            "checkpoints",
            "fold-0",
            "tracking",
        }
        assert [path.name for path in (workflow.results / name / "fold-0").iterdir()] == [
            "plan.json",
            "_made",
        ]
        said = workflow.snakemake(f"results/tiny/{name}/metrics.tsv", fails=True)
        assert "error: " in said
    # one value is another one: what was trained with the others serves
    with_sweep(workflow, [0.001, 1e30])
    said = workflow.snakemake(RUNGS)
    assert started(said).count("plan") == 2
    assert "ends here: the loss is no number" in said
    first = [
        read_json(workflow.results / "tried" / "sweep" / "rung-0" / f"tried-lr{rate}-batch4.json")
        for rate in ("0.001", "1e30")
    ]
    assert first[0]["dice"] == dice["tried-lr0.001-batch4"]
    assert first[1]["failed"] and first[1]["dice"] is None
    went_on = read_json(workflow.results / "tried" / "sweep" / "rung-0.json")["go_on"]
    assert {name.split("-batch")[0] for name in went_on} == {"tried-lr0.001"}
    assert current_run(workflow.results / "tried-lr1e30-batch4/tracking/fold-0").record.status == (
        "FAILED"
    )


def test_its_page_has_the_test_once_and_its_runs_are_children_in_mlflow(workflow):
    with_sweep(workflow, [0.001, 0.01])
    workflow.change("experiments.tried.sweep", {"training.batch": [4, 8]})
    workflow.change("experiments.tried.training.seeds", [1, 2])
    page = "results/tiny/tried/sweep.html"
    # without a budget all are trained to the end
    assert workflow.due("swept", "--config", 'run=["tried"]')["rung"] == 2
    workflow.snakemake(page)
    table = read_sweep(workflow.results / "tried" / "sweep.tsv")
    assert sorted(table["combination"]) == ["tried-batch4", "tried-batch8"]
    assert set(table["epochs"]) == {3}
    text = (workflow.root / page).read_text()
    for name in ("tried", "tried-seed2"):
        test = read_json(workflow.results / name / "summary.json")["test"]["liver"]["dice"]["mean"]
        assert f">{test:.3f}</td>" in text
    # the repeat trains the best settings with another seed
    used = [workflow.used(name) for name in ("tried", "tried-seed2")]
    assert [each["experiment"]["training"]["seed"] for each in used] == [1, 2]
    assert len({each["experiment"]["training"]["batch"] for each in used}) == 1
    assert len({each["resolved"]["weights_sha256"] for each in used}) == 2
    client = workflow.client()
    parent = workflow.run_id("tried")
    for name in ("tried-batch4", "tried-batch8"):
        run = client.get_run(workflow.run_id(name))
        assert run.data.tags["mlflow.parentRunId"] == parent
        assert run.info.status == "FINISHED"
        assert len(client.get_metric_history(run.info.run_id, "val/dice")) == 3
        assert not [key for key in run.data.metrics if key.startswith("test/")]
    assert "test/dice_mean" in client.get_run(parent).data.metrics
    assert workflow.due(page) == {}


PAGE = "results/tiny/tried/sweep.html"
RUNG = 3
"""Epochs of the first rung; the second ends after twice as many, with the training."""


def swept_in_rungs(workflow: Workflow) -> None:
    """Try two learning rates in two rungs, each long enough to be killed in its midst."""
    settings = workflow.settings()
    # dropout, moments, moving average and schedule: all that going on could get wrong
    whole = copy.deepcopy(settings["experiments"]["rich"])
    whole["training"] |= {"epochs": 2 * RUNG, "steps_per_epoch": STEPS}
    whole["sweep"] = {"optimizer.learning_rate": [0.002, 0.008], "budget": RUNG}
    settings["experiments"]["tried"] = whole
    workflow.write_settings(settings)


def trained_until(workflow: Workflow, rung: int) -> dict[str, bytes | dict]:
    """What each job of a rung recorded, but for the seconds that it took."""
    made = {}
    for path in sorted((workflow.results / "tried" / "sweep" / f"rung-{rung}").glob("*.json")):
        record = read_json(path)
        del record["seconds"]
        rows = record.pop("history")
        by_the_clock = ("timestamp", "images_per_second")
        made[path.name] = record | {
            "history": [{k: v for k, v in row.items() if k not in by_the_clock} for row in rows]
        }
    return made


def table(workflow: Workflow) -> str:
    """The table of the sweep, but for the minutes that trainings took."""
    path = workflow.results / "tried" / "sweep.tsv"
    return pd.read_csv(path, sep="\t", dtype=str).drop(columns="minutes").to_csv(index=False)


@pytest.mark.slow
def test_rungs_that_are_killed_go_on_and_end_as_if_nothing_had_happened(workflow, tmp_path):
    swept_in_rungs(workflow)
    undisturbed = copied(workflow.root, tmp_path / "undisturbed")
    undisturbed.snakemake(PAGE)

    for rung, after in enumerate((0, RUNG)):
        kill_in_training(workflow, PAGE, os.killpg, "tried-lr*", after)
        assert not wait_until_idle(workflow, 20), "a process outlived its group"
        # in its midst: an epoch of it is safe, and its end is not there
        epoch = safe_epoch(workflow, "tried-lr*")
        assert after < epoch < after + RUNG
        records = workflow.results / "tried" / "sweep" / f"rung-{rung}"
        left = len(list(records.glob("*.json")))
        assert left < len(trained_until(undisturbed, rung))
        assert "--unlock" in workflow.snakemake(PAGE, fails=True)
        workflow.snakemake("--unlock")
        assert not (workflow.results / "tried" / "sweep.tsv").exists()
    said = workflow.snakemake(PAGE)
    # the second rung goes on after what was safe, not after the first rung
    assert f"going on after epoch {epoch}" in said

    assert table(workflow) == table(undisturbed)
    for rung in (0, 1):
        assert trained_until(workflow, rung) == trained_until(undisturbed, rung)
    used = [each.used("tried")["resolved"] for each in (workflow, undisturbed)]
    for key in ("weights_sha256", "selected_epoch", "steps"):
        assert used[0][key] == used[1][key]
    files = [Path("tried/metrics.tsv"), Path("tried/summary.json")]
    files += [Path(f"tried/sweep/rung-{rung}.json") for rung in (0, 1)]
    predictions = (undisturbed.results / "tried" / "predictions").glob("*.nii.gz")
    files += [path.relative_to(undisturbed.results) for path in predictions]
    assert len(files) > 4
    for path in files:
        own, whole = (each.results / path for each in (workflow, undisturbed))
        assert own.read_bytes() == whole.read_bytes(), path
    assert workflow.due(PAGE) == {}
    # MLflow has each combination once, with a point an epoch
    workflow.slicewise("sync")
    client = workflow.client()
    for name in read_sweep(workflow.results / "tried" / "sweep.tsv")["combination"]:
        run = workflow.run_id(name)
        points = client.get_metric_history(run, "val/dice")
        steps = sorted(point.step for point in points)
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) in (RUNG, 2 * RUNG)
