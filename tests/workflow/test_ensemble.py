"""Experiments that segment together, by the real commands: weighed, scored, kept and used."""

import copy
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from slicewise.dataset.calibration import FEWEST
from slicewise.files import read_json
from slicewise.tracking.journal import current_run
from slicewise.volumes.nifti import read_note
from tests.workflow.conftest import DATASET, TEST, Workflow, copied, started

OWN = {"weights", "mix", "predict", "evaluate", "report"}
TOGETHER = ["plain", "coronal"]


def with_ensemble(workflow: Workflow) -> None:
    """Let an experiment of another plane, which nobody asks for, segment with the first."""
    settings = workflow.settings()
    settings["slices"]["coronal48"] = {"plane": "coronal", "size": 48}
    other = copy.deepcopy(settings["experiments"]["plain"])
    settings["experiments"]["coronal"] = {**other, "slices": "coronal48"}
    settings["experiments"]["both"] = {"ensemble": TOGETHER}
    settings["run"] = ["plain", "both"]
    workflow.write_settings(settings)


@pytest.fixture(scope="module")
def mixed(finished, tmp_path_factory) -> Workflow:
    """An ensemble of two experiments without folds, up to all pages; not to be changed."""
    workflow = copied(finished.root, tmp_path_factory.mktemp("mixed") / "slicewise")
    with_ensemble(workflow)
    workflow.change("tracking", {"register": True})
    workflow.snakemake()
    return workflow


@pytest.fixture
def changed(mixed, tmp_path) -> Workflow:
    """A copy of it, to be changed."""
    return copied(mixed.root, tmp_path / "slicewise")


def weights(workflow: Workflow, experiment: str = "both") -> dict:
    return read_json(workflow.results / experiment / "weights.json")


def digests(workflow: Workflow, member: str, folds: int = 1) -> list[str]:
    used = [workflow.used(member, fold) for fold in range(folds)]
    return [each["resolved"]["weights_sha256"] for each in used]


def test_it_is_scored_compared_and_reported_like_an_experiment(mixed):
    assert mixed.due() == {}
    made = weights(mixed)
    assert made["members"] == {name: digests(mixed, name) for name in TOGETHER}
    known = [mixed.used(name)["fingerprints"].values() for name in TOGETHER]
    assert made["scans"] == [sorted(own) for own in known] and all(made["scans"])
    assert made["weights"] == {"plain": 0.5, "coronal": 0.5}
    assert "1 patient alone" in made["because"] and not made["fitted"]
    metrics = pd.read_csv(mixed.results / "both" / "metrics.tsv", sep="\t")
    assert set(metrics.loc[metrics["subset"] == "test", "case"]) == set(TEST)
    # what the weights were told of held-out patients is what scoring finds, as nothing is done
    # to the masks
    held_out = metrics.loc[metrics["subset"] == "validation", "dice"].mean()
    # but for voxels within rounding of the threshold, and of large volumes by a sample
    assert made["weighted_dice"] == pytest.approx(held_out, abs=2e-3)
    for case in TEST:
        note = read_note(mixed.results / "both" / "predictions" / f"{case}.nii.gz")
        assert note["models"] == [*digests(mixed, "plain"), *digests(mixed, "coronal")]
        assert note["weights"] == made["weights"]
    # only what it needs is made of a member that nobody asked for
    assert not (mixed.results / "coronal" / "metrics.tsv").exists()
    page = (mixed.results / "both" / "report.html").read_text()
    assert "Members of the ensemble" in page and ">coronal</th>" in page
    assert "all 2 models of its members together" in page
    table = pd.read_csv(mixed.results / "comparison.tsv", sep="\t")
    assert {"plain", "both"} == {*table["first"], *table["second"]}
    assert "both/report.html" in (mixed.results / "index.html").read_text()
    assert read_json(mixed.results / "both" / "tracking" / "scored.json")


def test_mlflow_has_it_as_one_run_and_one_registered_model(mixed, tmp_path):
    client = mixed.client()
    run = client.get_run(mixed.run_id("both", "parent"))
    assert run.info.status == "FINISHED"
    assert run.data.params["ensemble"] == str(TOGETHER)
    assert run.data.params["weights.coronal"] == "0.5"
    summary = read_json(mixed.results / "both" / "summary.json")
    assert run.data.metrics["test/dice_mean"] == summary["test"]["mean"]["dice"]["mean"]
    assert "mlflow.parentRunId" not in run.data.tags
    versions = client.search_model_versions("name = 'slicewise-tiny'")
    (version,) = [each for each in versions if each.run_id == run.info.run_id]
    # loaded in a process of its own, as its code comes with it
    image = mixed.image(TEST[0])
    said = mixed.slicewise(
        "segment", str(image), "--model", f"models:/slicewise-tiny/{version.version}",
        "--output", str(tmp_path / "masks"), "--results", str(mixed.root / "results"),
    )  # fmt: skip
    assert "gallery.html" in said
    (mask,) = (tmp_path / "masks" / "masks").glob("*.nii.gz")
    predicted = mixed.results / "both" / "predictions" / f"{TEST[0]}.nii.gz"
    assert_same(mask, predicted)
    compared = current_run(mixed.results / "comparison" / "tracking" / "comparison").record
    assert {"compared.plain", "compared.both"} <= compared.tags.keys()


def assert_same(one: Path, other: Path) -> None:
    first, second = (np.asarray(nib.load(path).dataobj) for path in (one, other))
    np.testing.assert_array_equal(first, second)


def test_new_scans_are_segmented_by_its_folder(mixed, tmp_path):
    folder = str(mixed.results / "both")
    image = mixed.image(TEST[1])
    mixed.slicewise("segment", str(image), "--model", folder, "--output", str(tmp_path / "masks"))
    (mask,) = (tmp_path / "masks" / "masks").glob("*.nii.gz")
    assert_same(mask, mixed.results / "both" / "predictions" / f"{TEST[1]}.nii.gz")
    shown = mixed.slicewise("inspect", folder)
    assert "plain 0.50, coronal 0.50" in shown
    assert f"of the {FEWEST} patients that it takes, 1 were held out of the training" in shown


def test_it_is_written_up_and_made_again_from_its_crate(mixed, clone, tmp_path):
    paper = tmp_path / "paper"
    mixed.slicewise("publish", f"results/{DATASET}/both", "--output", str(paper))
    text = (paper / "paper.md").read_text()
    assert "The probabilities of plain and coronal were brought to the voxels" in text
    assert "Weights are equal, as 1 patient alone could choose them" in text
    assert all(f"## {title}\n" in text for title in ("Network of coronal", "Prediction of both"))
    other = copied(clone.root, tmp_path / "other")
    data = str(mixed.root / "data" / "livers")
    said = other.slicewise(
        "reproduce", str(paper / "crate.zip"), "--data", data, "--cores", "2", "--tolerance", "0"
    )
    assert f"both of data set {DATASET}, made again" in said
    assert "weights: the same to the bit" in said
    assert "the difference in mean Dice is within the tolerance of 0" in said


def test_what_is_done_to_masks_fits_no_weights_again(changed):
    changed.change("experiments.both.postprocessing", {"fill_holes": True})
    due = changed.due()
    assert due["mix"] == due["predict"] == 1
    assert not {"weights", "train"} & due.keys()


def test_an_experiment_that_takes_its_name_is_scored_as_itself(changed, tmp_path):
    settings = changed.settings()
    settings["experiments"]["both"] = copy.deepcopy(settings["experiments"]["coronal"])
    changed.write_settings(settings)
    changed.snakemake("trained")
    folder = changed.results / "both"
    with pytest.raises(subprocess.CalledProcessError) as stop:
        changed.slicewise("inspect", str(folder))
    assert "has taken the name of this ensemble since" in stop.value.stderr
    changed.snakemake("results/tiny/both/metrics.tsv")
    assert not [*folder.glob("weights.json"), *folder.glob("ensemble.json")]
    assert "members" not in changed.slicewise("inspect", str(folder))
    assert changed.due("results/tiny/both/metrics.tsv") == {}


def test_no_test_patient_has_a_say_in_the_weights(changed):
    before = (changed.results / "both" / "weights.json").read_bytes()
    mask = changed.image(TEST[0]).with_name(f"{TEST[0]}_liver.nii.gz")
    stored = nib.load(mask)
    flipped = np.asarray(stored.dataobj)[::-1].copy()
    nib.save(nib.Nifti1Image(flipped, stored.affine, stored.header), mask)
    said = changed.snakemake("results/tiny/both/metrics.tsv")
    assert "evaluate" in started(said) and "weights" not in started(said)
    changed.snakemake("-R", "weights", "--until", "weights", "results/tiny/both/weights.json")
    assert (changed.results / "both" / "weights.json").read_bytes() == before


def test_weights_follow_the_held_out_patients_and_nobody_edits_them(changed):
    path = changed.results / "both" / "ensemble.json"
    kept = path.read_text()
    path.write_text(kept.replace('"plain": 0.5', '"plain": 0.4').replace(": 0.5,", ": 0.6,", 1))
    said = changed.snakemake("results/tiny/both/metrics.tsv", fails=True)
    assert "ensemble.json: it is not what the job wrote" in said
    path.write_text(kept)
    split = pd.read_csv(changed.results / "split.tsv", sep="\t")
    held_out = split.loc[split["subset"] == "validation", "case"].iloc[0]
    mask = changed.image(held_out).with_name(f"{held_out}_liver.nii.gz")
    stored = nib.load(mask)
    nib.save(nib.Nifti1Image(np.asarray(stored.dataobj)[::-1].copy(), stored.affine), mask)
    assert changed.due("results/tiny/both/weights.json")["weights"] == 1


def test_folds_are_weighed_by_the_patients_of_the_others(folded, tmp_path):
    workflow = copied(folded.root, tmp_path / "slicewise")
    with_ensemble(workflow)
    workflow.change("run", ["both"])
    workflow.snakemake("results/tiny/both/report.html")
    made = weights(workflow)
    assert made["members"] == {name: digests(workflow, name, 2) for name in TOGETHER}
    assert made["patients"] == 6 and len(made["by_fold"]) == 2
    split = pd.read_csv(workflow.results / "split.tsv", sep="\t").set_index("case")
    for path in (workflow.results / "both" / "predictions").glob("*.nii.gz"):
        note = read_note(path)
        fold = split.loc[note["case"], "fold"]
        tested = split.loc[note["case"], "subset"] == "test"
        assert note["weights"] == (made["weights"] if tested else made["by_fold"][int(fold)])
        assert len(note["models"]) == (4 if tested else 2)
    metrics = pd.read_csv(workflow.results / "both" / "metrics.tsv", sep="\t")
    held_out = metrics.loc[metrics["subset"] == "validation", "dice"].mean()
    # but for voxels within rounding of the threshold, and of large volumes by a sample
    assert made["weighted_dice"] == pytest.approx(held_out, abs=2e-3)
    assert workflow.due("results/tiny/both/report.html") == {}
