"""A training that starts from a model, by the real commands."""

import shutil

import yaml

from slicewise.dataset.cases import read_table
from slicewise.files import sha256

TUNED = "results/tiny/tuned/fold-0/model.keras"


def with_start(workflow, name: str) -> None:
    settings = workflow.settings()
    plain = settings["experiments"]["plain"]
    training = {**plain["training"], "epochs": 1, "start_from": name}
    settings["experiments"]["tuned"] = {**plain, "training": training}
    workflow.write_settings(settings)


def test_it_fine_tunes_and_refuses_whom_the_model_knows(workflow):
    before = workflow.used("plain", 0)
    with_start(workflow, "results/tiny/plain")
    assert workflow.due(TUNED) == {"start": 1, "plan": 1, "train": 1}
    said = workflow.snakemake(TUNED)
    assert "starts from results/tiny/plain: its weights are taken" in said
    started = workflow.used("tuned", 0)["started_from"]
    assert started["weights_sha256"] == before["resolved"]["weights_sha256"]
    assert started["known"] and len(started["scans"]) == len(before["train"])
    copy = workflow.results / "tuned" / "start" / "fold-0.keras"
    assert sha256(copy) == started["sha256"]
    assert workflow.due(TUNED) == {}
    # the same model elsewhere: only where it came from is noted anew, and nothing is known of it
    shutil.copy(copy, workflow.root / "kept.keras")
    with_start(workflow, "kept.keras")
    assert workflow.due(TUNED) == {"start": 1, "plan": 1, "train": 1}
    # who is tested here must not be known to it, whatever they are called there
    elsewhere = workflow.root / "elsewhere"
    shutil.copytree(workflow.results / "plain" / "fold-0", elsewhere)
    record = yaml.safe_load((elsewhere / "config.yaml").read_text())
    cases = read_table(workflow.results / "cases.tsv").set_index("case")
    record["fingerprints"]["other"] = cases.loc["p08", "fingerprint"]
    (elsewhere / "config.yaml").write_text(yaml.safe_dump(record))
    with_start(workflow, "elsewhere")
    said = workflow.snakemake(TUNED, fails=True)
    assert "elsewhere was trained on p08, who are held out here" in said
