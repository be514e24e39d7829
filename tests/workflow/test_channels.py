"""Two channels, of which only the second shows the liver, through the real `snakemake`."""

import nibabel as nib
import numpy as np
import pandas as pd

from slicewise.evaluation.statistics import read_metrics
from slicewise.inference.serving import _load_pyfunc
from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import copied

PATIENTS = [f"p{number}" for number in range(1, 8)]
TESTED = {"p6", "p7"}
LACKS = "p7"


def add(place, name):
    """Write a patient: noise, the CT on another grid, and the mask."""
    image, mask = phantom(int(name[1:]), seed=7, size=48, slices=(8, 9))
    folder = place / ("test" if name in TESTED else "train") / name
    folder.mkdir(parents=True)
    noise = np.random.default_rng(int(name[1:])).normal(100, 20, image.array.shape)
    if name != LACKS:
        noisy = Volume(noise.astype(np.float32), image.affine)
        write_nifti(folder / f"{name}_noise.nii.gz", noisy)
    # mirrored, which moves no voxel
    ct = nib.Nifti1Image(image.array.astype(np.int16), image.affine)
    turned = ct.as_reoriented(np.array([[0, -1], [1, 1], [2, 1]]))
    nib.save(turned, folder / f"{name}_ct.nii.gz")
    liver = (mask.array == 1).astype(np.uint8)
    write_nifti(folder / f"{name}_seg.nii.gz", Volume(liver, mask.affine))


def test_two_channels_from_files_to_scores(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    place = workflow.root / "data" / "two"
    for name in PATIENTS:
        add(place, name)
    settings = {
        "dataset": {
            "name": "two",
            "layout": "pairs",
            "root": "two",
            "intensity": "arbitrary",
            "labels": {"liver": 1},
            "channels": ["noise", "ct"],
            "pairs": {
                "image": "{case}/{case}_{channel}.nii.gz",
                "mask": "{case}/{case}_seg.nii.gz",
                "train": "train",
                "test": "test",
            },
        },
        "slices": {"axial48": {"size": 48}},
        "experiments": {
            "plain": {
                "slices": "axial48",
                "input": {"context": 3},
                "network": {"filters": [8, 16]},
                "augmentation": None,
                "optimizer": {"learning_rate": 0.01, "ema": None},
                "training": {
                    "epochs": 2,
                    "steps_per_epoch": 50,
                    "batch": 4,
                    "threads": 1,
                    "precision": "float32",
                },
            }
        },
    }
    workflow.write_settings(settings)
    said = workflow.snakemake("--dry-run", fails=True)
    assert f"case {LACKS}: it has no file of the channel noise" in said
    workflow.change("dataset.missing_channels", "zero")
    said = workflow.snakemake()
    assert "channel ct lies on another grid than" in said
    assert "there is no channel noise, which is left empty" in said

    results = workflow.root / "results" / "two"
    cases = pd.read_csv(results / "cases.tsv", sep="\t", index_col="case")
    assert cases.loc["p1", "image"] == "p1/p1_noise.nii.gz + p1_ct.nii.gz"
    ct, _ = phantom(1, seed=7, size=48, slices=(8, 9))
    made = np.asarray(nib.load(results / "cases/p1/image.nii.gz").dataobj)
    np.testing.assert_array_equal(made[..., 1], ct.array)
    scores = read_metrics(results / "plain" / "metrics.tsv")
    tested = scores[scores["subset"] == "test"]
    assert set(tested["case"]) == TESTED
    # by noise alone it would be about none
    assert tested["dice"].mean() > 0.6
    page = (results / "plain" / "report.html").read_text()
    assert f"noise is missing in 1 of 2 scored cases ({LACKS})." in page
    assert workflow.due() == {}

    # a new scan, by a file a channel
    model = _load_pyfunc(str(results / "plain" / "fold-0" / "model.keras"))
    paths = {name: str(place / f"test/p6/p6_{name}.nii.gz") for name in ("noise", "ct")}
    answer = model.predict([{"image": paths, "mask": str(tmp_path / "p6.nii.gz")}])
    ours = np.asarray(nib.load(results / "plain/predictions/p6.nii.gz").dataobj)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "p6.nii.gz").dataobj), ours)
    assert answer["liver_ml"][0] > 0
