"""The loop closes: a new scan is segmented, corrected and trained on, by the real commands."""

from __future__ import annotations

import shutil

import numpy as np

from slicewise.dataset.cases import read_table
from slicewise.files import read_json
from slicewise.phantom.patient import phantom
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

CONFIG = "config/config.yaml"
NEW = ["ingest", "slices"]


def test_a_corrected_scan_is_all_that_is_ingested_and_cut(workflow):
    image, truth = phantom(31, seed=7, size=48, slices=(8, 10))
    scan = workflow.root / "scans" / "s1.nii.gz"
    write_nifti(scan, image, dtype=np.int16)
    liver = (truth.array == 1).astype(np.uint8)
    write_nifti(workflow.root / "mine.nii.gz", Volume(liver, image.affine), dtype=np.uint8)
    model = ("--model", "results/tiny/plain", "--output", "new")
    caches = {"XDG_CACHE_HOME": str(workflow.root / "caches")}
    workflow.slicewise("segment", "scans", *model, **caches)
    workflow.change("dataset.corrections", "kept/corrections.tsv")
    # what is asked for and not there yet changes nothing
    assert workflow.due() == {}
    correct = ("correct", "new", "scans/s1.nii.gz", "mine.nii.gz", "--configfile", CONFIG)
    workflow.slicewise(*correct, **caches)
    kept = workflow.root / "data" / "kept"
    row = read_table(kept / "corrections.tsv").iloc[0]
    weights = workflow.used("plain")["resolved"]["weights_sha256"]
    assert (row["case"], row["weights"]) == ("s1", weights)
    # by its own id, which it has before any server knows of it
    (run,) = (workflow.results / "plain" / "tracking" / "fold-0").glob("*/run.json")
    assert row["run"] == read_json(run)["id"] and row["model"] == "tiny/plain"
    due = workflow.due()
    assert {rule: due[rule] for rule in NEW} == dict.fromkeys(NEW, 1) and due["train"] == 2
    slices = workflow.results / "slices" / "axial48"
    before = {path: path.stat().st_mtime_ns for path in slices.rglob("*.npy")}
    tested = read_table(workflow.results / "split.tsv").query("subset == 'test'")["case"].tolist()
    # a model of before, kept elsewhere, is fine-tuned with it
    shutil.copytree(workflow.results / "plain" / "fold-0", workflow.root / "kept-model")
    settings = workflow.settings()
    plain = settings["experiments"]["plain"]
    training = {**plain["training"], "epochs": 1, "start_from": "kept-model"}
    settings["experiments"]["tuned"] = {**plain, "training": training}
    workflow.write_settings(settings)
    said = workflow.snakemake("results/tiny/tuned/metrics.tsv", "results/tiny/plain/metrics.tsv")
    assert "starts from kept-model: its weights are taken" in said
    for name in ("plain", "tuned"):
        assert "s1" in workflow.used(name)["train"]
    assert "s1" not in workflow.used("tuned")["started_from"]["scans"].values()
    after = {path: path.stat().st_mtime_ns for path in slices.rglob("*.npy")}
    assert {path.parent.name for path in after.keys() - before.keys()} == {"s1"}
    assert before.items() <= after.items()
    split = read_table(workflow.results / "split.tsv").set_index("case")
    assert split.loc["s1", "subset"] == "train"
    assert sorted(split[split["subset"] == "test"].index) == sorted(tested)
    cases = read_table(workflow.results / "cases.tsv").set_index("case")
    assert float(cases.loc["s1", "ml_liver"]) > 0
    # what it was trained on is known again
    read = read_nifti(kept / row["mask"])[0].array
    np.testing.assert_array_equal(read, liver)
    workflow.slicewise("segment", "scans", *model, "--force", **caches)
    assert "trained on this scan (case s1)" in (workflow.root / "new/volumes.tsv").read_text()
