"""Expected Dice by the real commands: learnt from held-out patients, shown of new scans."""

import copy
import json
import shutil

import pandas as pd
import pytest
from conftest import CONFIG, TEST, Workflow, copied

from slicewise.dataset.calibration import FEWEST
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.files import write_json


@pytest.fixture
def calibrated(clone, tmp_path) -> Workflow:
    """The workflow with enough patients in two folds, and a network that finds something."""
    workflow = copied(clone.root, tmp_path / "slicewise")
    for number in range(10, 13 + FEWEST):
        workflow.add_patient(f"p{number}", "train")
    for name in TEST:
        workflow.add_patient(name, "test")
    settings = copy.deepcopy(CONFIG)
    plain = settings["experiments"]["plain"]
    plain["optimizer"] = {"learning_rate": 0.005}
    plain["training"]["epochs"] = 6
    plain["postprocessing"] = {"largest_component": "auto"}
    other = {**plain, "training": {**plain["training"], "seed": 5}}
    together = {"ensemble": ["plain", "other"]}
    experiments = {"plain": plain, "other": other, "both": together}
    settings |= {"split": {"folds": 2}, "run": ["plain"], "experiments": experiments}
    workflow.write_settings(settings)
    return workflow


def test_it_is_learnt_from_held_out_patients_and_shown_of_new_scans(calibrated):
    workflow = calibrated
    report = "results/tiny/plain/report.html"
    said = workflow.snakemake(report)
    assert said.count("rule calibrate:") == 2
    folds = [workflow.results / "plain" / f"fold-{fold}" for fold in range(2)]
    told = [json.loads((fold / "calibration.json").read_text()) for fold in folds]
    for fold, own in zip(folds, told, strict=True):
        weights = workflow.used("plain", int(fold.name[-1]))["resolved"]["weights_sha256"]
        assert own["weights_sha256"] == weights
        assert not any(f"p{k:02d}" in json.dumps(own) for k in range(8, 22)), "names nobody"
        decided = workflow.used("plain", int(fold.name[-1]))
        assert decided["one_piece"]["liver"]["cases"] == len(decided["train"])
        # of held-out patients nobody may choose
        assert decided["resolved"]["postprocessing"]["largest_component"] == {
            "by": "training masks",
            "kept": True,
            "labels": ["liver"],
            "because": f"in each of {len(decided['train'])} training masks liver is one piece "
            "(100 % of it at least)",
        }
    assert sum(len({mask["patient"] for mask in own["masks"]}) for own in told) >= FEWEST
    page = (workflow.root / report).read_text()
    assert "training masks liver is one piece" in page
    assert "Expected against true Dice" in page and "of 2 masks" in page
    assert workflow.due(report) == {}
    # the way scans are spoilt has no part in the weights
    path = workflow.root / "src" / "slicewise" / "training" / "spoilt.py"
    kept = path.read_text()
    path.write_text(f"{kept}\nEDITED = 1\n")
    assert workflow.due(report) == {"calibrate": 2, "report": 1}
    path.write_text(kept)
    (workflow.root / "new").mkdir()
    shutil.copy(workflow.image("p08"), workflow.root / "new" / "s1.nii.gz")
    named = json.dumps({"scans": "new", "experiment": "plain"})
    workflow.snakemake("segment", "--config", f"segment={named}")
    out = workflow.results / "segmented" / "plain"
    (row,) = pd.read_csv(out / "volumes.tsv", sep="\t").to_dict("records")
    assert 0 <= row["expected_low"] <= row["expected_dice"] <= row["expected_high"] <= 1
    assert "Expected Dice" in (out / "gallery.html").read_text()
    described = workflow.slicewise("inspect", "results/tiny/plain")
    assert "held out of the training" in described and "spoilt on purpose" in described
    of_an_ensemble(workflow)


def of_an_ensemble(workflow: Workflow) -> None:
    """See that an ensemble of what was trained is tried, too, and as a whole."""
    report = "results/tiny/both/report.html"
    named = ("--config", 'run=["plain", "both"]')
    said = workflow.snakemake(report, *named)
    assert said.count("rule calibrate:") == 2, "members by themselves are not asked for"
    weighed = EnsembleRecord.read(workflow.results / "both" / "ensemble.json")
    files = [workflow.results / f"both/fold-{fold}/calibration.json" for fold in range(2)]
    told = [json.loads(path.read_text()) for path in files]
    assert [own["weights_sha256"] for own in told] == [weighed.tried(0), weighed.tried(1)]
    assert "Expected against true Dice" in (workflow.root / report).read_text()
    assert workflow.due(report, *named) == {}
    described = workflow.slicewise("inspect", "results/tiny/both")
    assert "held out of the training" in described and "only ranked" not in described
    out = workflow.root / "of both"
    workflow.slicewise("segment", "new", "--model", "results/tiny/both", "--output", str(out))
    (row,) = pd.read_csv(out / "volumes.tsv", sep="\t").to_dict("records")
    assert 0 <= row["expected_low"] <= row["expected_dice"] <= row["expected_high"] <= 1
    # other weights are other masks, of which nothing is known
    record = {**weighed.model_dump(), "weights": {"plain": 1.0, "other": 0.0}, "by_fold": []}
    write_json(workflow.results / "both" / "ensemble.json", record)
    assert "only ranked" in workflow.slicewise("inspect", "results/tiny/both")
