"""A network of three dimensions through `snakemake`: trained, scored, and used on new scans."""

import copy

import nibabel as nib
import numpy as np
import pandas as pd

from tests.workflow.conftest import CONFIG, copied


def test_blocks_are_trained_scored_and_used(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    for name in ("p01", "p02", "p03", "p04"):
        workflow.add_patient(name, "train")
    workflow.add_patient("p08", "test")
    settings = copy.deepcopy(CONFIG)
    # cases have 8 or 9 slices, so some are predicted in two blocks
    network = {"filters": [4, 8], "dimensions": 3, "block": 8}
    training = {"epochs": 2, "batch": 2, "precision": "float32", "threads": 1}
    settings["experiments"] = {
        "volume": {"slices": "axial48", "network": network, "training": training}
    }
    settings["run"] = ["volume"]
    workflow.write_settings(settings)
    workflow.snakemake()
    assert workflow.due() == {}

    folder = workflow.results / "volume"
    assert workflow.used("volume")["experiment"]["network"].items() >= network.items()
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t", dtype={"case": str})
    assert {"p08"} <= set(metrics["case"])
    assert (folder / "report.html").is_file()
    image = nib.load(workflow.image("p08"))
    mask = nib.load(folder / "predictions" / "p08.nii.gz")
    assert mask.shape == image.shape
    np.testing.assert_allclose(mask.affine, image.affine)

    said = workflow.slicewise("inspect", "results/tiny/volume")
    assert "blocks of 8 slices at once" in said
    workflow.slicewise("export", "results/tiny/volume", "--output", str(tmp_path / "m.onnx"))
    for model, name in (("results/tiny/volume", "keras"), (str(tmp_path / "m.onnx"), "onnx")):
        scan = str(workflow.image("p08"))
        workflow.slicewise("segment", scan, "--model", model, "--output", str(tmp_path / name))
        (path,) = (tmp_path / name / "masks").glob("*.nii.gz")
        own = np.asarray(nib.load(path).dataobj)
        apart = np.count_nonzero(own != np.asarray(mask.dataobj))
        # by onnxruntime but for voxels within rounding of the threshold
        assert apart == 0 if name == "keras" else apart < 1e-3 * own.size
    workflow.change("experiments.volume.network.block", 4)
    assert {"train", "predict"} <= workflow.due().keys()
