"""New scans, by the real command, with a model of a real run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from conftest import Workflow

from slicewise.files import sha256
from tests import forked


def test_masks_equal_the_predictions_of_the_workflow(finished, tmp_path):
    images = [finished.image(name) for name in ("p08", "p09")]
    command = ["segment", *map(str, images), str(tmp_path / "absent.nii")]
    options = ["--model", "results/tiny/plain", "--output", str(tmp_path / "new")]
    done = subprocess.run(
        [forked.python(), "-m", "slicewise.cli", *command, *options],
        cwd=finished.root,
        env=finished.environment(XDG_CACHE_HOME=str(tmp_path / "caches")),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip() == str(tmp_path / "new" / "gallery.html")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"slicewise: {tmp_path / 'absent.nii'}: there is no such file")
    for name, image in zip(("p08", "p09"), images, strict=True):
        own = nib.load(tmp_path / "new" / "masks" / f"{image.name.removesuffix('.nii.gz')}.nii.gz")
        wanted = nib.load(finished.results / "plain" / "predictions" / f"{name}.nii.gz")
        np.testing.assert_array_equal(np.asarray(own.dataobj), np.asarray(wanted.dataobj))
        np.testing.assert_array_equal(own.affine, wanted.affine)
        assert own.get_data_dtype() == wanted.get_data_dtype()


def test_a_model_says_what_it_is(finished):
    said = finished.slicewise("inspect", "results/tiny/plain")
    lines = dict(line.split(maxsplit=1) for line in said.splitlines() if line[:1].strip())
    assert lines["finds"].startswith("liver (1)")
    # of two patients there is no interval
    assert "over 2 test patients" in said and "95 % interval" not in said
    weights = finished.used("plain")["resolved"]["weights_sha256"]
    assert weights[:16] in lines["weights"]


def test_a_model_of_the_store(finished, tmp_path):
    run = finished.run_id("plain")
    said = finished.slicewise("inspect", f"runs:/{run}/model")
    assert run in said and "test Dice" in said
    # and its run tells whom it was trained on
    case = finished.used("plain")["train"][0]
    told = ["--model", f"runs:/{run}/model", "--output", str(tmp_path / "known")]
    finished.slicewise("segment", str(finished.image(case)), *told)
    assert f"was trained on this scan (case {case})" in (tmp_path / "known/volumes.tsv").read_text()


def scans_of(workflow: Workflow, names: list[str]) -> Path:
    folder = workflow.root / "new"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(workflow.image(name[-3:]), folder / f"{name}.nii.gz")
    return folder


def segment(workflow: Workflow, scans: str = "new", *, fails: bool = False, dry: bool = False):
    told = json.dumps({"scans": scans, "experiment": "plain"})
    asked = ["segment", *(["--dry-run"] if dry else []), "--config", f"segment={told}"]
    return workflow.snakemake(*asked, fails=fails)


def test_the_workflow_segments_what_is_new(workflow):
    folder = scans_of(workflow, [f"s{k}_p08" for k in range(5)] + ["s5_p09"])
    # hashes of names share them out by eights
    workflow.change("experiments.plain.prediction", {"chunk": 2})
    out = workflow.results / "segmented" / "plain"
    segment(workflow)
    masks = sorted((out / "masks").glob("*.nii.gz"))
    assert [path.name[:6] for path in masks] == [f"s{k}_p08" for k in range(5)] + ["s5_p09"]
    wanted = nib.load(workflow.results / "plain" / "predictions" / "p09.nii.gz")
    np.testing.assert_array_equal(nib.load(masks[-1]).dataobj, wanted.dataobj)
    table = pd.read_csv(out / "volumes.tsv", sep="\t")
    assert set(table["scan"]) == {path.name[:6] for path in masks}
    assert "s5_p09" in (out / "gallery.html").read_text()
    # a mask that lies among the scans is none of them
    shutil.copy(masks[0], folder / "s6_mask.nii.gz")
    said = segment(workflow, dry=True)
    assert "Nothing to be done" in said
    assert "new: left aside: 1 mask that slicewise made" in said
    # one more, and a mask that was deleted
    before = {path: path.stat().st_mtime_ns for path in masks}
    scans_of(workflow, ["s7_p09"])
    said = segment(workflow)
    assert said.count("rule masks:") == 1
    after = {path: path.stat().st_mtime_ns for path in masks}
    assert after == before and (out / "masks" / "s7_p09.nii.gz").is_file()
    # bad ones: all others are finished, each is named, and mended ones are made
    (folder / "s8_p09.nii.gz").write_bytes(b"no scan")
    (folder / "s9_p09.nii.gz").write_bytes(masks[0].read_bytes()[:200])
    scans_of(workflow, ["t1_p08", "t2_p09", "t3_p08"])
    said = segment(workflow, fails=True)
    # in the job's words, and once more at the end
    errors = sorted({line for line in said.splitlines() if line.startswith("error: ")})
    assert [error.split(".nii.gz")[0] for error in errors] == [
        "error: new/s8_p09",
        "error: new/s9_p09",
    ]
    assert len(list((out / "masks").glob("*.nii.gz"))) == 10
    page = (out / "gallery.html").read_text()
    assert "t3_p08" in page and "s9_p09" in page
    for name in ("s8_p09", "s9_p09"):
        (folder / f"{name}.nii.gz").unlink()
    segment(workflow)
    assert "s9_p09" not in (out / "gallery.html").read_text()


def test_scans_that_were_trained_on_are_known_again_though_padded(workflow):
    folder = scans_of(workflow, ["s1_p08"])
    trained = sorted(workflow.used("plain")["train"])[0]
    shutil.copy(workflow.image(trained), folder / "s2.nii.gz")
    image = nib.load(workflow.image(trained))
    wider = np.pad(np.asarray(image.dataobj), 5, constant_values=-1024)
    nib.save(nib.Nifti1Image(wider, image.affine), folder / "s3.nii.gz")
    said = segment(workflow)
    known = r"2 of 3 scans were trained on \((s2, s3|s3, s2)\): such masks do not show how good"
    assert re.search(known, said)
    out = workflow.results / "segmented" / "plain"
    flags = pd.read_csv(out / "volumes.tsv", sep="\t").set_index("scan")["flags"].fillna("")
    assert flags["s2"].startswith(f"The model was trained on this scan (case {trained}), so")
    assert flags["s3"].startswith(f"The model was trained on a scan (case {trained}) so like this")
    assert "was trained" not in flags["s1_p08"]
    assert "Nothing to be done" in segment(workflow, dry=True)


def test_a_table_of_scans_and_a_mask_by_hand(workflow):
    folder = scans_of(workflow, ["s1_p08", "s2_p09"])
    table = workflow.root / "new.tsv"
    table.write_text("scan\timage\none\tnew/s1_p08.nii.gz\ntwo\tnew/absent.nii.gz\n")
    said = segment(workflow, "new.tsv", fails=True)
    assert "absent.nii.gz: there is no such file" in said
    out = workflow.results / "segmented" / "plain"
    assert "absent.nii.gz: there is no such file" in (out / "gallery.html").read_text()
    table.write_text("scan\timage\none\tnew/s1_p08.nii.gz\n")
    segment(workflow, "new.tsv")
    mask = out / "masks" / "one.nii.gz"
    first = sha256(mask)
    # another scan of this name makes another mask, but never in the place of one by hand
    shutil.copy(folder / "s2_p09.nii.gz", folder / "s1_p08.nii.gz")
    segment(workflow, "new.tsv")
    assert sha256(mask) != first
    corrected = nib.load(mask)
    array = np.zeros(corrected.shape, np.uint8)
    nib.save(nib.Nifti1Image(array, corrected.affine), mask)
    by_hand = sha256(mask)
    said = segment(workflow, "new.tsv", fails=True)
    assert "one.nii.gz: there is a mask already" in said and "move it to another" in said
    assert sha256(mask) == by_hand


def test_without_scans_it_says_what_to_name(workflow):
    said = workflow.snakemake("segment", fails=True)
    assert "error: segment: no scans are named; give them" in said
