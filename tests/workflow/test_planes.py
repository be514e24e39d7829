"""Weights of planes by the real commands: fitted on validation patients, carried by the model."""

import copy

from conftest import CONFIG, TEST, Workflow, copied


def test_weights_are_fitted_on_validation_patients_and_predicted_with(clone, tmp_path):
    workflow: Workflow = copied(clone.root, tmp_path / "slicewise")
    for number in range(10, 16):
        workflow.add_patient(f"p{number}", "train")
    for name in TEST:
        workflow.add_patient(name, "test")
    settings = copy.deepcopy(CONFIG)
    plain = settings["experiments"]["plain"]
    plain["optimizer"] = {"learning_rate": 0.005}
    plain["inference"] = {"planes": ["axial", "coronal"], "weights": "fitted"}
    settings["slices"]["coronal48"] = {"plane": "coronal", "size": 48}
    plain |= {"also": ["coronal48"], "input": {"plane": True}}
    plain["postprocessing"] = {"largest_component": "auto"}
    settings |= {"split": {"validation": 4}, "run": ["plain"], "experiments": {"plain": plain}}
    workflow.write_settings(settings)
    table = "results/tiny/plain/metrics.tsv"
    workflow.snakemake(table)
    used = workflow.used("plain")
    told = used["resolved"]["planes"]
    assert told["dice_weighted"] >= told["dice_mean"] > 0
    assert "of 4 held-out patients each gains" in told["because"]
    assert set(told["weights"]) == {"axial", "coronal"}
    log = (workflow.results / "logs" / "train" / "plain" / "fold-0.log").read_text()
    assert "inference.weights: axial " in log
    # of the same masks as are weighed, with equal weights or others
    tried = used["resolved"]["postprocessing"]["largest_component"]
    assert abs(tried["dice_without"] - told["dice_weighted"]) < 1e-3
    inspected = workflow.slicewise("inspect", "results/tiny/plain")
    assert "1 slice at once, whose plane is told" in inspected
    shares = [share for share in told["weights"].values() if share]
    if len(set(shares)) > 1:
        assert f"axial ({told['weights']['axial']:.0%})" in inspected
    assert workflow.due(table) == {}
    # of patients who may not choose, it is refused before anything is trained
    workflow.change("split", {"folds": 2})
    assert "inference.weights does nothing: " in workflow.snakemake(table, fails=True)
