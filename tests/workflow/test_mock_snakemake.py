"""Each script runs alone, with the `snakemake` object that `mock_snakemake` builds."""

import copy
import os
import subprocess

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from conftest import CHECKOUT, CONFIG, Workflow, copied

from slicewise.files import sha256
from slicewise.phantom.patient import phantom
from tests import forked

EXPERIMENT = {"experiment": "plain"}
FOLD = {**EXPERIMENT, "fold": 0}
SHARD = {"shard": "train-0"}
# in the order of stages: each reads what those before it have just made again
JOBS: list[tuple[str, dict[str, object]]] = [
    ("ingest", SHARD),
    ("look", SHARD),
    ("data", {}),
    ("cases", {}),
    ("split", {}),
    ("leakage", {}),
    ("slices", {**SHARD, "recipe": "axial48"}),
    ("plan", FOLD),
    ("train", FOLD),
    ("predict", {**EXPERIMENT, "shard": "0"}),
    ("prediction", {**EXPERIMENT, "case": "p08"}),
    ("evaluate", EXPERIMENT),
    ("report", EXPERIMENT),
    ("compare", {}),
    ("index", {}),
]
# run where the data set has no volumes of its own, or none that are NIfTI, a training is planned,
# new scans are named, enough patients were held out, a training starts or learns from a model,
# settings are swept, or experiments segment together
OTHERS = {
    *("start", "independent", "phantom", "convert", "propose", "masks", "segment", "calibrate"),
    *("rung", "promote", "sweep", "teach", "weights", "mix"),
}


def run_scripts(workflow: Workflow, jobs: list[tuple[str, dict[str, object]]]) -> None:
    """Run scripts one after the other, in a process of their own without `snakemake`."""
    lines = ["from pathlib import Path", "from tests.mock_snakemake import run_script"]
    lines += [f"run_script({rule!r}, Path.cwd(), **{wildcards!r})" for rule, wildcards in jobs]
    path = os.pathsep.join([str(workflow.root / "src"), str(CHECKOUT)])
    done = subprocess.run(
        [forked.python(), "-c", "\n".join(lines)],
        cwd=workflow.root,
        env=workflow.environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_every_script_is_run_by_a_test():
    scripts = {path.stem for path in (CHECKOUT / "scripts").glob("*.py")}
    assert {rule for rule, _ in JOBS} | OTHERS == scripts


@pytest.mark.slow
def test_scripts_run_one_by_one_make_what_a_run_makes(workflow):
    names = ("plain/metrics.tsv", "plain/summary.json", "cases.tsv", "split.tsv")
    before = {name: sha256(workflow.results / name) for name in names}
    run_scripts(workflow, JOBS)
    assert {name: sha256(workflow.results / name) for name in names} == before


def of_dataset(clone: Workflow, folder, **dataset: object) -> Workflow:
    """Give a copy of the workflow the settings of another data set."""
    workflow = copied(clone.root, folder / "slicewise")
    settings = copy.deepcopy(CONFIG)
    settings["dataset"] = {"name": "other", "labels": {"liver": 1}, **dataset}
    workflow.write_settings(settings)
    return workflow


def test_the_script_of_phantoms_makes_the_patient_of_its_name(clone, tmp_path):
    made = {"cases": 6, "size": 48, "slices": [8, 10]}
    workflow = of_dataset(
        clone, tmp_path, layout="phantom", other_labels="background", phantom=made
    )
    run_scripts(workflow, [("phantom", {"case": "phantom_004"})])
    image, mask = phantom(4, seed=7, size=48, slices=(8, 10))
    for name, volume in (("image", image), ("mask", mask)):
        written = nib.load(workflow.root / "results/other/cases/phantom_004" / f"{name}.nii.gz")
        assert np.array_equal(np.asanyarray(written.dataobj), volume.array)


def test_the_script_of_conversion_keeps_the_voxels_of_an_nrrd(clone, tmp_path):
    patterns = {"image": "*_orig.nrrd", "mask": "*_liver.nrrd"}
    workflow = of_dataset(clone, tmp_path, layout="pairs", root="livers", pairs=patterns)
    voxels = {
        "orig": np.arange(-60, 60, dtype=np.int16).reshape(4, 5, 6),
        "liver": np.arange(120).reshape(4, 5, 6).astype(np.uint8) // 80,
    }
    for case in ("p01", "p02", "p03"):
        folder = workflow.root / "data" / "livers" / "raw" / ("test" if case == "p03" else "train")
        folder.mkdir(parents=True, exist_ok=True)
        for kind, array in voxels.items():
            SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), folder / f"{case}_{kind}.nrrd")
    run_scripts(workflow, [("convert", {"case": "p02"})])
    for name, array in (("image", voxels["orig"]), ("mask", voxels["liver"])):
        written = nib.load(workflow.root / "results/other/cases/p02" / f"{name}.nii.gz")
        # SimpleITK's arrays are k, j, i
        assert np.array_equal(np.asanyarray(written.dataobj), array.transpose(2, 1, 0))
