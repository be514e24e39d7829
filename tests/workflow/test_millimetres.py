"""Stacks that lie differently and have other pixels in each patient, through `snakemake`."""

import copy

import nibabel as nib
import numpy as np
import pytest

from slicewise.files import read_json
from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import CONFIG, Workflow, copied

pytestmark = pytest.mark.slow

LYING = {  # where the axes of the stack run to in the patient; pixels of a side
    "p01": ((0, 1, 2), 48),
    "p02": ((0, 2, 1), 64),
    "p03": ((1, 2, 0), 48),
    "p04": ((0, 1, 2), 96),
    "p05": ((0, 2, 1), 48),
}


def add(workflow: Workflow, name: str, subset: str) -> None:
    """Put in a patient as a stack whose thick axis is another one in each."""
    order, size = LYING[name]
    image, mask = phantom(int(name[1:]), seed=7, size=size, slices=(8, 9))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(image.spacing)[list(np.argsort(order))]
    folder = workflow.root / "data" / "livers" / "raw" / subset
    folder.mkdir(parents=True, exist_ok=True)
    for what, volume, dtype in (("orig", image, np.int16), ("liver", mask, np.uint8)):
        write_nifti(folder / f"{name}_{what}.nii.gz", Volume(volume.array, affine), dtype=dtype)


def test_each_stack_is_cut_as_it_was_acquired_and_predicted_on_its_grid(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    for name in LYING:
        add(workflow, name, "test" if name > "p03" else "train")
    settings = copy.deepcopy(CONFIG)
    settings["slices"]["axial48"] = {"plane": "acquired", "size": 32, "spacing": 9.0}
    settings["run"] = ["plain"]
    settings["split"] = {"validation": 1}
    workflow.write_settings(settings)
    workflow.snakemake()
    cut = sorted((workflow.results / "slices" / "axial48").glob("*/geometry.json"))
    assert [path.parent.name for path in cut] == ["p01", "p02", "p03"]
    for path in cut:
        geometry = read_json(path)
        assert geometry["shape"][0] in (8, 9)
        np.testing.assert_allclose(geometry["pixel_spacing"], 9.0, rtol=0.01)
    for name in ("p04", "p05"):
        image = nib.load(workflow.image(name))
        mask = nib.load(workflow.results / "plain" / "predictions" / f"{name}.nii.gz")
        assert mask.shape == image.shape
        np.testing.assert_allclose(mask.affine, image.affine)
    assert workflow.due() == {}
    # another spacing cuts and trains anew; a plane by name cuts strips, and says so
    workflow.change("slices.axial48.spacing", 8.0)
    assert {"slices", "train", "predict"} <= workflow.due().keys()
    workflow.change("slices.axial48", {"plane": "axial", "size": 48})
    workflow.snakemake("--until", "slices")
    logs = "".join(p.read_text() for p in workflow.results.glob("logs/slices/axial48/*.log"))
    assert "slices.axial48: of" in logs
    assert "acquired in another plane (p02: coronal" in logs
