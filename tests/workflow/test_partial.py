"""Ground truth of which a few slices were drawn, and regions, through the real `snakemake`."""

import nibabel as nib
import numpy as np
import pytest

from slicewise.evaluation.statistics import read_metrics
from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import Workflow, copied

UNDRAWN = 9
TRAINED = ("p01", "p02", "p03", "p04")
TESTED = ("p05", "p06")


def add(workflow: Workflow, name: str, subset: str) -> None:
    """Put in a patient of whom every third slice was drawn; p05 as a whole."""
    image, mask = phantom(int(name[1:]), seed=7, size=48, slices=(9, 9))
    mask.array[mask.array > 2] = 0
    if name != "p05":
        mask.array[..., np.arange(9) % 3 > 0] = UNDRAWN
    folder = workflow.root / "data" / "livers" / "raw" / subset
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(folder / f"{name}_orig.nii.gz", image, dtype=np.int16)
    write_nifti(folder / f"{name}_liver.nii.gz", mask, dtype=np.uint8)


@pytest.mark.slow
def test_a_few_slices_drawn_out_of_each_volume(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    for name in TRAINED:
        add(workflow, name, "train")
    for name in TESTED:
        add(workflow, name, "test")
    experiment = {
        "preset": "tutorial",
        "slices": "axial48",
        "network": {"filters": [4, 8]},
        "training": {"epochs": 1, "threads": 1, "empty": 1.0},
    }
    workflow.write_settings(
        {
            "dataset": {
                "name": "tiny",
                "layout": "pairs",
                "root": "livers",
                "labels": {"liver": 1, "spleen": 2},
                "ignore": UNDRAWN,
            },
            "slices": {"axial48": {"plane": "axial", "size": 48}},
            "experiments": {"plain": experiment},
        }
    )
    said = workflow.snakemake()
    assert (
        "of 6 cases 1 has no voxel of the value 9, so that all of it counts as drawn: p05" in said
    )
    metrics = read_metrics(str(workflow.results / "plain" / "metrics.tsv"))
    tested = metrics[metrics["subset"] == "test"].set_index(["case", "label"])
    assert tested.loc[("p06", "liver"), "undrawn_percent"] == pytest.approx(200 / 3)
    assert np.isnan(tested.loc[("p05", "liver"), "undrawn_percent"])
    # scores are those of the drawn slices of the file, by numpy alone
    truth, guess = (
        np.asanyarray(nib.load(path).dataobj)
        for path in (
            workflow.root / "data/livers/raw/test/p06_liver.nii.gz",
            workflow.results / "plain/predictions/p06.nii.gz",
        )
    )
    assert guess.max() != UNDRAWN, "predictions are whole"
    for label, value in (("liver", 1), ("spleen", 2)):
        t, g = truth[truth != UNDRAWN] == value, guess[truth != UNDRAWN] == value
        row = tested.loc[("p06", label)]
        assert row["volume_ml"] > 0
        assert row["dice"] == pytest.approx(2 * (t & g).sum() / (t.sum() + g.sum()))
    used = workflow.used("plain")["resolved"]
    cases = len(workflow.used("plain")["train"])
    assert used["training_slices"] == 3 * cases
    assert "Not all was drawn" in (workflow.results / "plain" / "report.html").read_text()
    assert workflow.due() == {}

    # the labels together, and one of them within: of the same slices
    workflow.change("dataset.regions", {"organs": [1, 2], "spleens": [2]})
    workflow.snakemake()
    regions = read_metrics(str(workflow.results / "plain" / "metrics.tsv"))
    assert set(regions["label"]) == {"organs", "spleens"}
    guess = np.asanyarray(nib.load(workflow.results / "plain/predictions/p06.nii.gz").dataobj)
    assert set(np.unique(guess)) <= {0, 1, 2}
    rows = regions.set_index(["case", "label"])
    for region, values in (("organs", [1, 2]), ("spleens", [2])):
        t, g = (np.isin(each[truth != UNDRAWN], values) for each in (truth, guess))
        found = rows.loc[("p06", region), "dice"]
        assert found == pytest.approx(2 * (t & g).sum() / (t.sum() + g.sum()))
    assert (workflow.results / "plain" / "report.html").read_text().count("spleens") > 1
    assert workflow.due() == {}
