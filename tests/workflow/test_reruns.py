"""What runs again: all that depends on a change, and nothing else."""

import os
import re
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from conftest import LARGE, TEST, TRAINING, Workflow, copied, started
from playwright.sync_api import expect
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from slicewise.dataset.shards import FEWEST, SIZE, shares
from slicewise.files import sha256
from slicewise.phantom.patient import phantom
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.workflow.mlflowui import chromium

LAST = {"all": 1, "compare": 1, "index": 1}
LOOKED = {"look": 1, "data": 1}
# What other slices, settings or code of an experiment entail.
PLAIN = {"plan": 1, "train": 1, "predict": 1, "evaluate": 1, "report": 1, **LAST}
BOTH = {rule: 1 if rule in LAST else 2 for rule in PLAIN}
# the page about the data shows where settings differ from what is proposed for it
SHOWN = {"data": 1}
# Test patients never share a shard with these.
SHARDS = len(shares(TRAINING, SIZE, FEWEST))
REPORT = "results/tiny/plain/report.html"
MEGABYTE = 1_000_000


def touch(folder: Path, keep: tuple[str, ...] = (".snakemake", ".git")) -> int:
    """Give all files but those below `keep` a new time of change; return how many they are."""
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in keep
    ]
    # The last made is touched first, so that every input is newer than what was made of it.
    for position, path in enumerate(sorted(files, key=lambda p: -p.stat().st_mtime_ns)):
        os.utime(path, times=(time.time(), time.time() + position / 1000))
    return len(files)


def change_one_byte(path: Path, position: int) -> None:
    """Flip a bit, so that not even the size of the file tells."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.due() == {}


def test_touching_sources_reruns_nothing(workflow):
    assert workflow.image(LARGE).stat().st_size > MEGABYTE
    touched = touch(workflow.root, keep=(".snakemake", ".git", "results"))
    assert touched > 80  # scripts, rules, library, settings, volumes
    assert workflow.due() == {}


def test_touching_everything_reruns_nothing(workflow):
    touch(workflow.root)
    assert workflow.due() == {}


def test_data_that_moved_rerun_nothing_once_snakemake_forgets_its_notes(workflow):
    """It notes paths; records hold the content of what results were made from."""
    moved = workflow.root / "another disk"
    (workflow.root / "data").rename(moved)
    there = {"SLICEWISE_DATA": str(moved)}
    assert workflow.due(**there)["train"] == 2
    shutil.rmtree(workflow.root / ".snakemake" / "metadata")
    assert workflow.due(**there) == {}


def test_a_learning_rate_retrains_its_experiment_alone(workflow):
    workflow.change("experiments.plain.optimizer.learning_rate", 0.02)
    assert workflow.due() == {**PLAIN, **SHOWN}


def test_settings_that_are_taken_back_train_nothing(workflow):
    """A wrong start that was stopped after its plans were made, and before any training."""
    plans = [f"results/tiny/{name}/fold-0/plan.json" for name in ("plain", "rich")]
    before = workflow.settings()
    workflow.change("experiments.plain.optimizer.learning_rate", 0.02)
    workflow.snakemake(plans[0])
    assert workflow.due()["train"] == 1
    workflow.write_settings(before)
    running = workflow.root / ".snakemake" / "locks" / "0.input.lock"
    running.parent.mkdir(exist_ok=True)
    running.write_text("another\n")
    assert workflow.due()["train"] == 1, "whoever runs this folder has the plans that it reads"
    running.unlink()
    assert workflow.due() == {}
    # another split plans all of them, and they train nothing either once it is taken back
    workflow.change("split.seed", 7)
    workflow.snakemake(*plans)
    workflow.write_settings(before)
    assert not {"train", "plan"} & workflow.due().keys()
    workflow.snakemake()
    assert workflow.due() == {}


def test_the_end_of_a_part_says_what_is_not_of_now(workflow):
    workflow.change("evaluation", {"tolerance_mm": 4})
    said = workflow.snakemake("--until", "predict")
    assert said.count("not scored yet (the scores that lie there are of other settings") == 2
    assert "run the same command once more" not in said
    said = workflow.snakemake("scored")
    assert said.count("report.html (as it was: not made again yet)") == 2
    assert "index.html (as it was" in said and "not scored yet" not in said
    assert "as it was" not in workflow.snakemake()
    # what is to be trained anew has no scores of now, though nothing of it was asked for
    workflow.change("experiments.plain.training.epochs", 3)
    workflow.change("evaluation", {"tolerance_mm": 5})
    said = workflow.snakemake("results/tiny/rich/report.html").split("Mean Dice per patient")[1]
    assert re.search(r"^  plain  not scored yet", said, re.M)
    assert re.search(r"^  rich   0\.\d", said, re.M)
    assert "rich/report.html\n" in said, "which was made"
    assert all(f"{page}.html (as it was" in said for page in ("comparison", "index"))


def test_a_dry_run_ends_with_stages_and_reasons(workflow):
    assert "\nstage " not in workflow.snakemake("--dry-run")
    assert f"{REPORT} is as it would be made now." in workflow.slicewise("why", REPORT)
    workflow.change("experiments.plain.optimizer.learning_rate", 0.002)
    said = workflow.snakemake("--dry-run").splitlines()
    lines = said[next(k for k, line in enumerate(said) if line.startswith("stage ")) :]
    rows = {line.split()[0]: re.split("  +", line) for line in lines[1:]}
    assert rows["plan"][3] == "made with other settings (experiment.optimizer.learning_rate)"
    assert rows["train"][3] == "made from what is made again"
    assert all(re.fullmatch(r"\d+ (s|min)", rows[stage][2]) for stage in ("train", "report"))
    assert re.match(r"together \d+ jobs: \d+ (s|min) one after the other, as before", lines[-1])
    head, *changed = workflow.slicewise("why", REPORT).splitlines()
    assert head == f"{REPORT} would be made again, as what it is made from would be."
    cause = "made with other settings (experiment.optimizer.learning_rate)"
    plan = "results/tiny/plain/fold-0/plan.json"
    assert changed == ["What changed:", f"  {plan}: {cause}"]
    assert workflow.slicewise("why", plan) == f"{plan} would be made again: {cause}.\n"


def test_one_more_seed_trains_once_more(workflow):
    workflow.change("experiments.plain.training.seeds", [1, 2])
    # the report of the first says that there is a second, and leads to it
    repeat = {"predict": 1, "plan": 1, "train": 1, "evaluate": 1, "report": 2}
    assert workflow.due() == {**repeat, **LAST}


def test_a_window_extracts_nothing(workflow):
    workflow.change("experiments.plain.input.window", [-100, 200])
    assert workflow.due() == {**PLAIN, **SHOWN}


def test_batches_of_prediction_rerun_nothing_but_prediction(workflow):
    workflow.change("experiments.plain.prediction.batch", 4)
    assert "train" not in workflow.due()


def test_a_recipe_extracts_again_and_ingests_nothing(workflow):
    workflow.change("slices.axial48.size", 32)
    assert workflow.due() == {**BOTH, **SHOWN, "slices": SHARDS}


def test_an_added_training_patient_is_extracted_alone(workflow):
    def ages(*names: str) -> dict[str, int]:
        made = (p for name in names for p in workflow.results.rglob(name))
        return {str(path): path.stat().st_mtime_ns for path in made}

    before = ages("record.json", "image.npy")
    workflow.add_patient("p07", "train")
    assert workflow.due() == {
        **BOTH,
        **LOOKED,
        "ingest": 1,
        "slices": 1,
        "cases": 1,
        "leakage": 1,
        "split": 1,
    }
    (shard,) = (
        f"train-{number}.json"
        for number, members in shares([*TRAINING, "p07"], SIZE, FEWEST).items()
        if {"p07", "p03"} <= {*members}
    )
    workflow.snakemake(f"results/tiny/cases/_slices/axial48/{shard}")
    # others of its batch were neither read nor cut again
    after = ages("record.json", "image.npy")
    assert {path for path in after if after[path] != before.get(path)} == {
        str(workflow.results / "cases" / "p07" / "record.json"),
        str(workflow.results / "slices" / "axial48" / "p07" / "image.npy"),
    }


def test_an_added_test_patient_retrains_nothing(workflow):
    workflow.add_patient("p10", "test")
    due = workflow.due()
    assert not {"train", "slices"} & due.keys()
    assert due["ingest"] == 1


def test_a_setting_retrains_even_while_leaks_are_looked_for_again(workflow):
    workflow.add_patient("p10", "test")
    workflow.change("experiments.plain.optimizer.learning_rate", 0.02)
    due = workflow.due()
    assert (due["leakage"], due["train"]) == (1, 1)
    assert "slices" not in due


def test_what_only_waits_for_what_is_made_again_is_made_again_for_its_own_reasons(workflow):
    """In the same run: what was predicted by other code would be scored else."""
    path = workflow.root / "scripts" / "predict.py"
    path.write_text(f"{path.read_text()}EDITED = 1\n")
    workflow.change("dataset.exclude", [TEST[0]])
    due = workflow.due()
    assert (due["leakage"], due["predict"], due["evaluate"]) == (1, 2, 2)
    assert not {"train", "slices"} & due.keys()


@pytest.mark.slow
def test_an_added_test_patient_is_scored_by_the_same_model(workflow):
    model = workflow.results / "plain" / "fold-0" / "model.keras"
    before = sha256(model), model.stat().st_mtime_ns
    workflow.add_patient("p10", "test")
    said = workflow.snakemake(REPORT)
    assert not {"train", "slices"} & set(started(said))
    assert (sha256(model), model.stat().st_mtime_ns) == before
    metrics = pd.read_csv(workflow.results / "plain" / "metrics.tsv", sep="\t")
    assert list(metrics.loc[metrics["subset"] == "test", "case"]) == ["p08", "p09", "p10"]
    assert workflow.due(REPORT) == {}
    run = workflow.client().get_run(workflow.run_id("plain"))
    assert run.data.metrics["test/patients"] == 3


@pytest.mark.slow
def test_a_training_patient_added_to_the_test_set_is_not_scored(workflow):
    raw = workflow.root / "data" / "livers" / "raw"
    for kind in ("orig", "liver"):
        shutil.copy2(raw / "train" / f"p03_{kind}.nii.gz", raw / "test" / f"p11_{kind}.nii.gz")
    said = workflow.snakemake(REPORT, fails=True)
    assert "cases p03, p11: the same image under several names" in said
    assert "evaluate" not in started(said)


def test_results_that_take_the_name_of_others_are_trained_no_more_than_those_put_back(workflow):
    """Snakemake has noted of these paths what made the others."""
    settings = workflow.settings()
    settings["experiments"]["plain"] = settings["experiments"].pop("rich")
    settings["run"] = ["plain"]
    workflow.write_settings(settings)
    (workflow.results / "plain").rename(workflow.results / "former")
    (workflow.results / "rich").rename(workflow.results / "plain")
    due = workflow.due()
    assert due["report"] == 1
    assert {"plan", "train", "predict", "evaluate"}.isdisjoint(due)


@pytest.mark.slow
def test_a_case_that_memory_is_too_small_for_trains_nobody_once_it_is_gone(workflow):
    script = workflow.root / "scripts" / "ingest.py"
    text = script.read_text()
    killed = "        import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    line = "        case_records = ingest.ingest(\n"
    assert line in text
    script.write_text(text.replace(line, killed + line))
    workflow.add_patient("p07", "train")
    said = workflow.snakemake(fails=True)
    assert "the job was killed" in said
    script.write_text(text)
    for path in (workflow.root / "data").rglob("p07_*"):
        path.unlink()
    assert {"ingest", "plan", "train", "predict"}.isdisjoint(workflow.due())


@pytest.mark.slow
def test_a_bad_case_that_is_taken_away_again_trains_nobody(workflow):
    """Be it damaged, or a scan that is there already."""
    raw = workflow.root / "data" / "livers" / "raw"
    bad = [raw / "train" / f"p03b_{kind}.nii.gz" for kind in ("orig", "liver")]
    for path in bad:
        path.write_bytes(b"")
    said = workflow.snakemake(fails=True)
    assert "p03b_orig.nii.gz: the file is" in said
    for path in bad:
        path.unlink()
    assert {"ingest", "plan", "train", "predict"}.isdisjoint(workflow.due())
    for path in bad:
        shutil.copy2(raw / "train" / path.name.replace("p03b", "p03"), raw / "test")
        (raw / "test" / path.name.replace("p03b", "p03")).rename(raw / "test" / path.name)
    assert "cases p03, p03b: the same image under several names" in workflow.snakemake(fails=True)
    workflow.change("dataset.exclude", ["p03b"])
    assert {"plan", "train"}.isdisjoint(workflow.due())


@pytest.mark.slow
def test_a_scan_of_another_data_set_is_a_leak(workflow):
    raw = workflow.root / "data" / "others" / "raw" / "train"
    raw.mkdir(parents=True)
    for kind in ("orig", "liver"):  # mirrored, under another name
        volume = read_volume(workflow.image("p03").with_name(f"p03_{kind}.nii.gz"))
        mirrored = Volume(volume.array[::-1].copy(), volume.affine)
        write_nifti(raw / f"q01_{kind}.nii.gz", mirrored, dtype=volume.array.dtype)
    settings = workflow.settings()
    settings["dataset"] |= {"name": "others", "root": "others", "pairs": {"test": None}}
    settings["split"] = {"check_against": ["results/tiny/cases.tsv"]}
    workflow.write_settings(settings)
    leakage = "results/others/leakage.json"
    said = workflow.snakemake(leakage, fails=True)
    assert re.search(
        r"error: cases q01 and p03 \((1\.000|0\.9\d+)\) in results/tiny/cases.tsv", said
    )
    # nor does it open where only exact copies could be found, until the marks are there again
    marks = workflow.results / "cases.npz"
    marks.rename(marks.with_suffix(".away"))
    assert "results/tiny/cases.npz: it is missing" in workflow.snakemake(leakage, fails=True)
    marks.with_suffix(".away").rename(marks)
    settings["split"]["not_the_same"] = [["q01", "results/tiny/cases.tsv:p03"]]
    workflow.write_settings(settings)
    workflow.snakemake(leakage)
    marks.write_bytes(marks.read_bytes() + b"-")
    assert workflow.due(leakage) == {"leakage": 1}
    # and where somebody copied others over them that are older than what was made from these
    os.utime(marks, (1e9, 1e9))
    assert workflow.due(leakage) == {"leakage": 1}


def test_a_phantom_that_is_left_out_changes_no_other(clone, tmp_path):
    workflow = copied(clone.root, tmp_path / "slicewise")
    made = {"seed": 7, "size": 48, "slices": [8, 10]}
    workflow.write_settings(
        {
            "dataset": {
                "name": "made",
                "layout": "phantom",
                "labels": {"liver": 1},
                "phantom": {"cases": 4, **made},
                "exclude": ["phantom_002"],
            },
            "slices": {"axial48": {"size": 48}},
            "experiments": {"plain": {"slices": "axial48"}},
        }
    )
    workflow.snakemake("results/made/cases/phantom_003/image.nii.gz")
    image = read_volume(workflow.root / "results/made/cases/phantom_003/image.nii.gz")
    np.testing.assert_array_equal(image.array, phantom(3, **made)[0].array.astype(np.int16))


@pytest.mark.parametrize("name", [LARGE, "p01"])
def test_one_byte_of_a_volume_reruns_what_depends_on_it(workflow, name):
    # the time of writing in the head of a gzip file: the volume can still be read
    change_one_byte(workflow.image(name), 4)
    read = {"ingest": 1, "slices": 1, "cases": 1, "leakage": 1, **LOOKED}
    assert workflow.due() == {**BOTH, **read}


def test_one_byte_of_a_test_volume_retrains_nothing(workflow):
    change_one_byte(workflow.image("p08"), 4)
    due = workflow.due()
    assert due["ingest"] == 1
    assert due["predict"] == 2
    assert not {"train", "slices"} & due.keys()


def test_one_report_can_be_asked_for(workflow):
    settings = workflow.settings()
    settings["experiments"]["other"] = settings["experiments"]["plain"]
    workflow.write_settings(settings)
    # it is no experiment of `run`, and the finished ones have nothing to do with it
    assert workflow.due("results/tiny/other/report.html") == {
        "plan": 1,
        "train": 1,
        "predict": 1,
        "evaluate": 1,
        "report": 1,
    }


def test_a_report_archive_holds_pages_and_captions(workflow):
    workflow.snakemake("--report", "report.zip")
    with zipfile.ZipFile(workflow.root / "report.zip") as archive:
        names = archive.namelist()
        pages = "".join(
            archive.read(name).decode(errors="replace")
            for name in names
            if name.endswith((".html", ".js"))
        )
    for caption in (
        "Loss and Dice of experiment rich by epoch",
        "settings of experiment plain",
        "All experiments of data set tiny",
    ):
        assert caption in pages
    for end in (
        "report.html",
        "comparison.html",
        "comparison.tsv",
        "comparison_cases.tsv",
        "curves.png",
    ):
        assert any(name.endswith(end) for name in names), end


def test_pages_of_a_report_archive_lead_to_each_other(workflow, tmp_path):
    workflow.snakemake("--report", "report.zip")
    with zipfile.ZipFile(workflow.root / "report.zip") as archive:
        archive.extractall(tmp_path)
    (start,) = tmp_path.rglob("raw/*/index.html")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(start.as_uri())
        page.get_by_role("link", name="the comparison of all experiments").click()
        expect(page).to_have_title("Comparison · tiny · slicewise")
        page.get_by_role("link", name="rich", exact=True).click()
        expect(page).to_have_title("rich · tiny · slicewise")


# -- DICOM ---------------------------------------------------------------------


def write_series(folder: Path, stored: np.ndarray, uid: str) -> None:
    """Write an axial series, one file a slice, as scanners do."""
    folder.mkdir(parents=True)
    for k, plane in enumerate(np.moveaxis(stored, 2, 0)):
        header = pydicom.Dataset()
        header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, f"{uid}.{k}"
        header.SeriesInstanceUID, header.Modality = uid, "CT"
        header.InstanceNumber = k + 1
        header.Rows, header.Columns = plane.shape[1], plane.shape[0]
        header.PixelSpacing, header.SliceThickness = [5, 5], 5
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient = [0, 0, 5 * k]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 1
        header.RescaleSlope, header.RescaleIntercept = 1, 0
        header.PixelData = np.ascontiguousarray(plane.T).astype(np.int16).tobytes()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.MediaStorageSOPClassUID = CTImageStorage
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.save_as(folder / f"image_{k}", enforce_file_format=True)


SCANS = "results/scans/cases.tsv"


@pytest.fixture(scope="module")
def converted(clone, tmp_path_factory) -> Workflow:
    """Two patients as DICOM folders with an organ folder each, converted and ingested."""
    workflow = copied(clone.root, tmp_path_factory.mktemp("converted") / "slicewise")
    for k in (1, 2):
        random = np.random.default_rng(k)
        image = random.integers(-900, 900, (32, 32, 4))
        organ = np.zeros_like(image)
        organ[8:20, 8:24, 1:3] = 255
        folder = workflow.root / "data" / "scans" / f"3Dircadb1.{k}"
        write_series(folder / "PATIENT_DICOM", image, f"1.2.826.0.1.{k}")
        write_series(folder / "MASKS_DICOM" / "liver", organ, f"1.2.826.0.2.{k}")
    workflow.write_settings(
        {
            "dataset": {
                "name": "scans",
                "layout": "ircad",
                "root": "scans",
                "labels": {"liver": "liver"},
            },
            "slices": {"axial48": {"size": 48}},
            "experiments": {"plain": {"slices": "axial48"}},
        }
    )
    workflow.snakemake(SCANS)
    return workflow


def test_touching_dicom_files_converts_nothing(converted, tmp_path):
    workflow = copied(converted.root, tmp_path / "slicewise")
    # the folders too: a folder as input would rerun
    for path in [*(workflow.root / "data").rglob("*")]:
        os.utime(path)
    assert workflow.due(SCANS) == {}


def test_one_byte_of_a_dicom_file_converts_its_patient_alone(converted, tmp_path):
    workflow = copied(converted.root, tmp_path / "slicewise")
    change_one_byte(
        workflow.root / "data" / "scans" / "3Dircadb1.2" / "PATIENT_DICOM" / "image_3", -1
    )
    assert workflow.due(SCANS) == {"convert": 1, "ingest": 1, "cases": 1}


def test_a_moved_workflow_has_nothing_to_rerun(finished, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(finished.root, moved, symlinks=True)
    assert Workflow(moved).due() == {}
