"""Cases in folders of their own, with a mask file a label, through the real `snakemake`."""

import numpy as np
import pandas as pd
import pytest

from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import Workflow, copied

TABLE = "results/structures/cases.tsv"
VALUES = {"liver": [1], "kidneys": [3], "spleen": [2]}


@pytest.fixture(scope="module")
def ingested(clone, tmp_path_factory) -> Workflow:
    """Two patients with a file a structure; of one, the kidneys lie in part of the spleen."""
    workflow = copied(clone.root, tmp_path_factory.mktemp("structures") / "slicewise")
    for number in (1, 2):
        image, mask = phantom(number, seed=7, size=48, slices=(8, 10))
        folder = workflow.root / "data" / "total" / f"s{number}"
        (folder / "masks").mkdir(parents=True)
        write_nifti(folder / "ct.nii.gz", image, dtype=np.int16)
        for name, values in VALUES.items():
            inside = np.isin(mask.array, values).astype(np.uint8) * 255
            write_nifti(folder / "masks" / f"{name}.nii.gz", Volume(inside, mask.affine))
    settings = {
        "dataset": {
            "name": "structures",
            "layout": "pairs",
            "root": "total",
            "labels": {"liver": 5, "organs": 900},
            "pairs": {
                "image": "*/ct.nii.gz",
                "masks": {
                    "liver": "*/masks/liver.nii.gz",
                    "organs": ["*/masks/kidneys.nii.gz", "*/masks/spleen.nii.gz"],
                },
            },
        },
        "slices": {"axial48": {"size": 48}},
        "experiments": {"plain": {"slices": "axial48"}},
    }
    workflow.write_settings(settings)
    workflow.snakemake(TABLE)
    return workflow


def test_volumes_are_those_of_the_structures(ingested):
    cases = pd.read_csv(ingested.root / TABLE, sep="\t", index_col="case")
    for number in (1, 2):
        _, mask = phantom(number, seed=7, size=48, slices=(8, 10))
        liver = np.count_nonzero(mask.array == 1) * mask.voxel_ml
        others = np.count_nonzero(np.isin(mask.array, (2, 3))) * mask.voxel_ml
        row = cases.loc[f"s{number}"]
        assert row["ml_liver"] == pytest.approx(liver, abs=1e-3)
        assert row["ml_organs"] == pytest.approx(others, abs=1e-3)


def test_the_table_says_from_which_path_a_case_came(ingested):
    cases = pd.read_csv(ingested.root / TABLE, sep="\t")
    assert list(cases["image"]) == ["s1/ct.nii.gz", "s2/ct.nii.gz"]
    assert list(cases["mask"]) == ["s1/masks/liver.nii.gz", "s2/masks/liver.nii.gz"]


def test_an_edit_of_one_structure_converts_its_case_alone(ingested, tmp_path):
    workflow = copied(ingested.root, tmp_path / "slicewise")
    assert workflow.due(TABLE) == {}
    path = workflow.root / "data" / "total" / "s2" / "masks" / "spleen.nii.gz"
    _, mask = phantom(2, seed=7, size=48, slices=(8, 10))
    write_nifti(path, Volume((mask.array == 1).astype(np.uint8), mask.affine))
    assert workflow.due(TABLE) == {"convert": 1, "ingest": 1, "cases": 1}
    said = workflow.snakemake(TABLE, fails=True)
    assert "spleen.nii.gz: " in said
    assert "voxels of organs belong to an earlier label as well, such as liver" in said
    settings = workflow.settings()
    settings["dataset"]["pairs"]["overlaps"] = "later"
    workflow.write_settings(settings)
    workflow.snakemake(TABLE)
    cases = pd.read_csv(workflow.root / TABLE, sep="\t", index_col="case")
    assert cases.loc["s2", "ml_liver"] == 0
