"""A sweep by the real commands: rungs, the best, what is trained again, and who is tested."""

import copy

from slicewise.evaluation.sweep import read_sweep
from slicewise.files import read_json
from slicewise.tracking.journal import current_run
from tests.workflow.conftest import started

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
