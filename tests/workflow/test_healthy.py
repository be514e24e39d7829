"""Healthy patients, and a label that one patient has, through the real `snakemake`."""

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.statistics import read_metrics
from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import Workflow, copied

FOLDED = {f"p{k:02d}": str(k % 3) for k in range(1, 8)}
HEALTHY = {"p02", "p05", "p09"}
ALONE = "p01"  # the only one with a spleen


def add(workflow: Workflow, name: str, subset: str) -> None:
    """Put in a patient: a liver or nothing, and a spleen if it is the one that has it."""
    image, mask = phantom(int(name[1:]), seed=7, size=48, slices=(8, 9))
    kept = np.isin(mask.array, [] if name in HEALTHY else [1, 2] if name == ALONE else [1])
    mask.array[~kept] = 0
    folder = workflow.root / "data" / "livers" / "raw" / subset
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(folder / f"{name}_orig.nii.gz", image, dtype=np.int16)
    write_nifti(folder / f"{name}_liver.nii.gz", mask, dtype=np.uint8)


@pytest.fixture(scope="module")
def workflow(clone, tmp_path_factory) -> Workflow:
    made = copied(clone.root, tmp_path_factory.mktemp("healthy") / "slicewise")
    for name in FOLDED:
        add(made, name, "train")
    for name in ("p08", "p09"):
        add(made, name, "test")
    made.write_settings(
        {
            "dataset": {
                "name": "tiny",
                "layout": "pairs",
                "root": "livers",
                "labels": {"liver": 1, "spleen": 2},
            },
            "split": {"folds": 3},
            "slices": {"axial48": {"plane": "axial", "size": 48}},
            "experiments": {
                "plain": {
                    "preset": "tutorial",
                    "slices": "axial48",
                    "network": {"filters": [4, 8]},
                    "training": {"epochs": 1, "threads": 1},
                }
            },
        }
    )
    return made


@pytest.mark.slow
def test_what_is_refused_first_and_trained_then(workflow):
    said = workflow.snakemake(fails=True)
    for name in sorted(HEALTHY):
        assert f"{name}_liver.nii.gz: it has no voxel of any label" in said
    assert "dataset.empty_masks to allow" in said

    workflow.change("dataset.empty_masks", "allow")
    said = workflow.snakemake(fails=True)
    split = pd.read_csv(workflow.results / "split.tsv", sep="\t", dtype=str).set_index("case")
    fold = split.loc[ALONE, "fold"]
    assert f"fold {fold} would not see label spleen, which only patient {ALONE} has" in said
    assert not list(workflow.results.glob("plain/fold-*/model.keras")), "before any training"

    workflow.change("experiments.plain.training.missing_labels", "allow")
    said = workflow.snakemake()
    metrics = read_metrics(workflow.results / "plain" / "metrics.tsv").set_index(["case", "label"])
    # healthy patients have rows like others
    assert set(metrics.index.get_level_values("case")) == {*FOLDED, "p08", "p09"}
    assert (metrics.loc[sorted(HEALTHY), "volume_ml"] == 0).all()
    assert metrics.loc[sorted(HEALTHY), "predicted_ml"].notna().any()
    assert (workflow.results / "plain" / "report.html").is_file()
    # the label that a fold never saw has no score there, and one in the test cases
    assert np.isnan(metrics.loc[(ALONE, "spleen"), "dice"])
    assert metrics.loc[(ALONE, "spleen"), "volume_ml"] > 0
    assert not np.isnan(metrics.loc[(ALONE, "liver"), "dice"])
    for number in "012":
        used = workflow.used("plain", int(number))["resolved"]["untrained_labels"]
        assert used == (["spleen"] if number == fold else [])
    assert f"label spleen: no training slice of fold {fold} showed it" in said
    assert workflow.due() == {}
