"""A BIDS data set of two sites, each of which is held out by a fold."""

from __future__ import annotations

import copy
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti
from tests.workflow.conftest import CONFIG, Workflow, copied

ROWS = [("01", "Ulm", "41"), ("02", "Bonn", "55"), ("03", "Ulm", "n/a"), ("04", "Bonn", "72")]
LABELS = {"liver": 1, "spleen": 2}


def add_subject(workflow: Workflow, number: int, subject: str) -> None:
    """Write an image, and a mask of each label among the derivatives."""
    image, mask = phantom(number, seed=7, size=48, slices=(8, 10))
    root = workflow.root / "data" / "study"
    raw = root / f"sub-{subject}" / "ct"
    masks = root / "derivatives" / "manual" / f"sub-{subject}" / "ct"
    for folder in (raw, masks):
        folder.mkdir(parents=True)
    write_nifti(raw / f"sub-{subject}_ct.nii.gz", image, dtype=np.int16)
    for label, value in LABELS.items():
        one = (np.asarray(mask.array) == value).astype(np.uint8)
        path = masks / f"sub-{subject}_space-orig_label-{label}_mask.nii.gz"
        nib.save(nib.Nifti1Image(one, mask.affine), path)


@pytest.fixture(scope="module")
def studied(clone: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    workflow = copied(clone.root, tmp_path_factory.mktemp("sites") / "slicewise")
    for number, (subject, *_) in enumerate(ROWS):
        add_subject(workflow, number, subject)
    lines = ["participant_id\tsite\tage\tsex", *(f"sub-{s}\t{at}\t{age}\tF" for s, at, age in ROWS)]
    (workflow.root / "data" / "study" / "participants.tsv").write_text("\n".join(lines) + "\n")
    settings = copy.deepcopy(CONFIG)
    settings["dataset"] = {
        "name": "tiny",
        "layout": "bids",
        "root": "study",
        "labels": LABELS,
    }
    settings["split"] = {"leave_out": "site"}
    settings["evaluation"] = {"by": ["age"], "bins": {"age": [50]}}
    settings["experiments"]["plain"]["training"]["epochs"] = 1
    settings["run"] = ["plain"]
    workflow.write_settings(settings)
    workflow.snakemake()
    return workflow


def read(workflow: Workflow, name: str) -> pd.DataFrame:
    return pd.read_csv(workflow.results / name, sep="\t", dtype=str, keep_default_na=False)


def test_a_model_is_scored_at_the_site_that_it_never_saw(studied: Workflow) -> None:
    sites = {f"sub-{subject}": site for subject, site, _ in ROWS}
    split = read(studied, "split.tsv")
    assert list(split["site"]) == [sites[patient] for patient in split["patient"]]
    assert dict(zip(split["site"], split["fold"], strict=True)) == {"Bonn": "0", "Ulm": "1"}
    for fold, site in (("0", "Bonn"), ("1", "Ulm")):
        used = studied.used("plain", int(fold))
        trained = {sites[case] for case in used["train"]}
        assert trained == {"Bonn", "Ulm"} - {site}
        assert {sites[case] for case in used["validation_cases"]} == {site}
    metrics = read(studied, "plain/metrics.tsv")
    assert set(metrics["case"]) == set(sites)
    assert {
        sites[c] for c, f in zip(metrics["case"], metrics["fold"], strict=True) if f == "0"
    } == {"Bonn"}


def test_masks_of_labels_are_put_together(studied: Workflow) -> None:
    cases = read(studied, "cases.tsv")
    assert (cases[["ml_liver", "ml_spleen"]].astype(float) > 0).all(axis=None)
    assert list(cases["site"]) == [site for _, site, _ in ROWS]
    assert not {"age", "sex"} & set(cases), "they are no sites"
    compared = read(studied, "comparison_cases.tsv")
    ages = {f"sub-{subject}": age.replace("n/a", "") for subject, _, age in ROWS}
    assert list(compared["age"]) == [ages[case] for case in compared["case"]]
    assert "sex" not in compared, "what no setting names is not kept"


def test_pages_say_which_site_a_fold_is(studied: Workflow) -> None:
    page = (studied.results / "plain" / "report.html").read_text(encoding="utf-8")
    assert "fold 0: Bonn, fold 1: Ulm" in page
    assert "held out by fold 1: site Ulm" in page
    assert "By site" in page
    assert "By age" in page
    groups = read(studied, "plain/groups.tsv")
    mean = groups[(groups["label"] == "mean") & (groups["metric"] == "dice")]
    assert list(mean["group"]) == ["Bonn", "Ulm", "below 50", "50 and above", "not given"]
    assert list(mean["patients"]) == ["2", "2", "1", "2", "1"]
    assert [bool(low) for low in mean["ci_low"]] == [True, True, False, True, False]
    assert "Mean Dice by age" in (studied.results / "comparison.html").read_text(encoding="utf-8")
    assert studied.due() == {}


def test_other_groups_make_no_more_than_pages_again(studied: Workflow, tmp_path: Path) -> None:
    workflow = copied(studied.root, tmp_path / "slicewise")
    workflow.change("evaluation", {"by": ["sex"]})
    due = workflow.due()
    assert set(due) == {"all", "data", "report", "compare", "index"}
