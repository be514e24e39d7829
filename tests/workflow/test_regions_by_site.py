"""Regions, slices that nobody drew, sites held out, groups and seeds in one study."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from slicewise.evaluation.statistics import read_metrics
from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import Workflow, copied

UNDRAWN = 9
REGIONS = {"organs": [1, 2], "spleens": [2]}
SITES = {"p1": "Ulm", "p2": "Bonn", "p3": "Ulm", "p4": "Bonn"}
WHOLE = ("p1", "p2")
EXPERIMENTS = ("plain", "plain-seed2")


def write_study(workflow: Workflow) -> None:
    """Write patients of two sites, of each of which one was drawn in every third slice."""
    folder = workflow.root / "data"
    folder.mkdir(exist_ok=True)
    rows = ["case\timage\tmask\tsite"]
    for number, (name, site) in enumerate(SITES.items()):
        image, mask = phantom(number, seed=7, size=48, slices=(9, 9))
        mask.array[mask.array > 2] = 0
        if name not in WHOLE:
            mask.array[..., np.arange(9) % 3 > 0] = UNDRAWN
        write_nifti(folder / f"{name}.nii.gz", image, dtype=np.int16)
        write_nifti(folder / f"{name}_mask.nii.gz", mask, dtype=np.uint8)
        rows.append(f"{name}\t{name}.nii.gz\t{name}_mask.nii.gz\t{site}")
    (folder / "cases.tsv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def studied(clone: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    workflow = copied(clone.root, tmp_path_factory.mktemp("regions") / "slicewise")
    write_study(workflow)
    experiment = {
        "slices": "axial48",
        "network": {"filters": [8, 16]},
        "optimizer": {"learning_rate": 0.02},
        "augmentation": None,
        "training": {
            **{"epochs": 1, "batch": 4, "steps_per_epoch": 30, "threads": 1},
            **{"precision": "float32", "seeds": [1, 2]},
        },
    }
    workflow.write_settings(
        {
            "dataset": {
                **{"name": "tiny", "layout": "table", "root": "cases.tsv"},
                **{"labels": {"liver": 1, "spleen": 2}, "regions": REGIONS, "ignore": UNDRAWN},
            },
            "split": {"leave_out": "site"},
            "evaluation": {"by": ["site"]},
            "slices": {"axial48": {"plane": "axial", "size": 48}},
            "experiments": {"plain": experiment},
        }
    )
    workflow.snakemake()
    return workflow


def arrays(workflow: Workflow, experiment: str, case: str) -> tuple[np.ndarray, ...]:
    """Return what was drawn of a case, and what was predicted, as their files have it."""
    paths = (
        workflow.root / "data" / f"{case}_mask.nii.gz",
        workflow.results / experiment / "predictions" / f"{case}.nii.gz",
    )
    truth, guess = (np.asanyarray(nib.load(path).dataobj) for path in paths)
    return truth, guess


def scores(workflow: Workflow, experiment: str) -> pd.DataFrame:
    return read_metrics(str(workflow.results / experiment / "metrics.tsv"))


def hausdorff95(truth: np.ndarray, guess: np.ndarray, spacing: tuple[float, ...]) -> float:
    """Return the 95 % Hausdorff distance between the outermost voxels of two masks."""
    rims = [mask & ~ndimage.binary_erosion(mask) for mask in (truth, guess)]
    far = [ndimage.distance_transform_edt(~rim, sampling=spacing) for rim in rims]
    return max(np.percentile(far[1][rims[0]], 95), np.percentile(far[0][rims[1]], 95))


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_scores_are_those_of_the_drawn_voxels_of_a_site_never_seen(
    studied: Workflow, experiment: str
) -> None:
    rows = scores(studied, experiment).set_index(["case", "label"])
    assert len(rows) == len(SITES) * len(REGIONS)
    found = 0
    for fold, site in enumerate(sorted(set(SITES.values()))):
        used = studied.used(experiment, fold)
        assert {SITES[case] for case in used["train"]} == set(SITES.values()) - {site}
        for case in (case for case, at in SITES.items() if at == site):
            truth, guess = arrays(studied, experiment, case)
            assert set(np.unique(guess)) <= {0, 1, 2}, "predictions are whole"
            for region, values in REGIONS.items():
                row = rows.loc[case, region]
                assert row["fold"] == fold
                t, g = (np.isin(each[truth != UNDRAWN], values) for each in (truth, guess))
                dice = 2 * (t & g).sum() / (t.sum() + g.sum())
                assert row["dice"] == pytest.approx(dice, abs=1e-6)
                found += dice > 0
    assert found >= len(SITES), "a training that finds nothing would prove little"


@pytest.mark.slow
def test_distances_are_those_of_cases_drawn_as_a_whole(studied: Workflow) -> None:
    rows = scores(studied, "plain").set_index(["case", "label"])
    compared = 0
    for case in SITES:
        truth, guess = arrays(studied, "plain", case)
        spacing = nib.load(studied.root / "data" / f"{case}.nii.gz").header.get_zooms()
        for region, values in REGIONS.items():
            distance = rows.loc[case, region]["hd95_mm"]
            t, g = (np.isin(each, values) for each in (truth, guess))
            if case not in WHOLE or not g.any():
                assert np.isnan(distance)
                continue
            # between corners of voxels, by area, in place of between their middles
            assert distance == pytest.approx(hausdorff95(t, g, spacing), abs=float(max(spacing)))
            compared += 1
    assert compared


@pytest.mark.slow
def test_groups_are_means_over_the_patients_of_a_site(studied: Workflow) -> None:
    for experiment in EXPERIMENTS:
        rows = scores(studied, experiment)
        rows["site"] = rows["case"].map(SITES)
        groups = pd.read_csv(studied.results / experiment / "groups.tsv", sep="\t")
        groups = groups[groups["metric"] == "dice"].set_index(["label", "group"])
        for (region, site), own in rows.groupby(["label", "site"]):
            assert groups.loc[(region, site), "mean"] == pytest.approx(own["dice"].mean(), abs=1e-4)
            assert groups.loc[(region, site), "patients"] == 2
    first, second = (arrays(studied, experiment, "p1")[1] for experiment in EXPERIMENTS)
    assert (first != second).any(), "seeds are trainings of their own"
    assert studied.due() == {}
