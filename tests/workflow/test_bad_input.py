"""Bad input through the real command: one sentence for each fault, and the good cases finished."""

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import badinput as bad
import numpy as np
import pytest
import yaml
from badinput import (
    AFFINE,
    ROOT,
    SECRETS,
    Ran,
    configure,
    nifti,
    organ,
    scan,
    series,
    snakemake,
    table,
)

MOVED = AFFINE + np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 5.0], [0, 0, 0, 0]])


def with_voxel(value: float) -> np.ndarray:
    """A scan with one voxel that is no finite number."""
    array = scan(30).astype(np.float32)
    array[3, 3, 3] = value
    return array


def truncated(path: Path) -> str:
    """A download that was cut short: the header is whole, the voxels are not."""
    nifti(path, scan(31))
    path.write_bytes(path.read_bytes()[:-300])
    return path.name


def text(path: Path) -> str:
    """No image, whatever the name says."""
    path.write_text("this is a note about the patient's scan\n" * 20)
    return path.name


# What is wrong with each case: how its image and its mask are made (None: a good one), which of
# the two the sentence must name, what it must say, and a word of the remedy.
FAULTS: dict[str, tuple] = {
    "truncated": (lambda f: truncated(f / "cut.nii.gz"), None, "image", "cut short", "copy"),
    "text": (lambda f: text(f / "text.nii"), None, "image", "no NIfTI", "convert"),
    "four-d": (
        lambda f: nifti(f / "four.nii.gz", np.stack([scan(32)] * 2, axis=-1)),
        None,
        "image",
        "4 dimensions",
        "one 3-D volume",
    ),
    "shape": (
        None,
        lambda f: nifti(f / "short.nii.gz", organ((20, 24, 4)), AFFINE @ np.diag([1, 1, 1.25, 1])),
        "mask",
        "not on the grid of its image",
        "resample",
    ),
    "affine": (
        None,
        lambda f: nifti(f / "moved.nii.gz", organ(), MOVED),
        "mask",
        "with a label lie outside of its image",
        "resample",
    ),
    "empty": (
        None,
        lambda f: nifti(f / "nothing.nii.gz", 0 * organ()),
        "mask",
        "no voxel of any label",
        "exclude",
    ),
    "no-label": (
        None,
        lambda f: nifti(f / "sevens.nii.gz", 7 * organ()),
        "mask",
        "does not name: 7",
        "dataset.labels",
    ),
    "nan": (
        lambda f: nifti(f / "nan.nii.gz", with_voxel(np.nan)),
        None,
        "image",
        "not finite",
        "exclude",
    ),
    "wrapped": (
        lambda f: nifti(f / "wrapped.nii.gz", scan(33).astype(np.uint8)),
        None,
        "image",
        "Hounsfield",
        "dataset.intensity",
    ),
    "two-series": (
        lambda f: series(f / "two", scan(34), uids=[2, 2, 2, 7, 7]),
        None,
        "image",
        "2 DICOM series",
        "keep one series",
    ),
    "missing-slice": (
        lambda f: series(f / "gap", scan(35), places=[0, 1, 3, 4, 5]),
        None,
        "image",
        "1 of its slices are missing",
        "add the missing",
    ),
    "tilted": (
        lambda f: series(f / "tilted", scan(36), shifts=[0, 0.5, 1, 1.5, 2]),
        None,
        "image",
        "gantry",
        "tilt correction",
    ),
    "escaping-zip": (
        lambda f: bad.escaping_zip(f / "evil.zip"),
        None,
        "image",
        "outside its own folder",
        "get it again",
    ),
}
REAL = {
    "real-tilted": ("tilted_ct/GE", "mm", "exclude"),
    "real-uint8": ("uint8_not_hu.nii.gz", "values go from", "dataset.intensity"),
}
GOOD = ("good", "dicom", "zipped")


@pytest.fixture(scope="module")
def odd() -> Path | None:
    folder = bad.real_data() / "odd"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="module")
def many_faults(tmp_path_factory, odd) -> tuple[Ran, dict[str, tuple[Path, Path]]]:
    """One run over a data set in which most cases are bad, and the files of each case."""
    folder = tmp_path_factory.mktemp("faults")
    mask = nifti(folder / "mask.nii.gz", organ())
    rows = {
        "good": (nifti(folder / "good.nii.gz", scan(1)), mask),
        "dicom": (series(folder / "series", scan(3)), mask),
        "zipped": (bad.zipped(folder / series(folder / "packed", scan(4))), mask),
    }
    for name, (make_image, make_mask, *_) in FAULTS.items():
        image = (
            make_image(folder) if make_image else nifti(folder / f"{name}.nii.gz", scan(len(rows)))
        )
        rows[name] = (image, make_mask(folder) if make_mask else mask)
    if odd is not None:
        rows |= {name: (str(odd / file), mask) for name, (file, *_) in REAL.items()}
    configure(folder, table(folder, rows))
    ran = snakemake(
        folder,
        *("--cores", "2", "results/x/cases.tsv"),
        *(f"results/x/cases/_slices/r/case-{case}.json" for case in GOOD if case != "good"),
        *("--configfile", "config.yaml"),
    )
    return ran, {name: (folder / image, folder / mask) for name, (image, mask) in rows.items()}


def test_a_bad_case_ends_the_run_with_a_status_but_not_the_good_ones(many_faults):
    ran, files = many_faults
    assert ran.code != 0
    results = ran.folder / "results" / "x"
    for case in GOOD:
        assert json.loads((results / "cases" / case / "record.json").read_text())["case"] == case
    for case in ("dicom", "zipped"):
        assert np.load(results / "slices" / "r" / case / "image.npy").shape[0] == 5
    finished = {path.parent.name for path in results.glob("cases/*/record.json")}
    assert finished == set(GOOD), "a bad case has a case record"
    assert not (results / "cases.tsv").exists(), "the table must not leave cases out silently"
    assert len(ran.sentences) >= len(files) - len(GOOD)


def named_by(sentence: str) -> list[str]:
    """The files that a sentence of an error begins with."""
    who = sentence.removeprefix("error: ").split(": ")[0].split(" (")[0]
    return who.split(", ")


def test_one_cause_of_many_cases_is_one_sentence(tmp_path):
    rows = {
        f"p{k:02d}": (
            nifti(tmp_path / f"{k:02d}_ct.nii.gz", scan(60 + k)),
            nifti(tmp_path / f"{k:02d}_seg.nii.gz", 7 * organ()),
        )
        for k in range(12)
    }
    configure(tmp_path, table(tmp_path, rows))
    ran = snakemake(tmp_path, "--cores", "2", "results/x/cases.tsv", "--configfile", "config.yaml")
    assert ran.code != 0
    at_the_end = ran.err[ran.err.index("Exiting because a job execution failed") :]
    (said,) = (line for line in at_the_end.splitlines() if line.startswith("error: "))
    assert "and 9 more (12 of 12 cases): it holds values that dataset.labels" in said
    assert len(named_by(said)) == 3


@pytest.mark.parametrize("name", [*FAULTS, *REAL])
def test_each_fault_is_one_sentence_with_its_remedy(many_faults, name, odd):
    ran, files = many_faults
    if name in REAL and odd is None:
        pytest.skip("the real data are not there; set SLICEWISE_DATA to their folder")
    kind, fault, remedy = FAULTS[name][2:] if name in FAULTS else ("image", *REAL[name][1:])
    path = str(files[name][kind == "mask"])
    at_the_end = ran.err[ran.err.index("Exiting because a job execution failed") :]
    # what is wrong with others, too, is said once at the end
    ours = [line for line in at_the_end.splitlines() if line.startswith("error: ")]
    said = [line for line in ours if any(path.endswith(file) for file in named_by(line))]
    assert len(said) == 1, at_the_end
    assert fault in said[0]
    assert remedy in said[0]
    logs = (ran.folder / "results" / "x" / "logs").glob("*/*.log")
    lines = [line for log in logs for line in log.read_text().splitlines()]
    (own,) = (line for line in lines if line.startswith(f"error: {path}"))
    assert own in ran.err.splitlines(), "where it happened"
    assert fault in own


def test_no_traceback_and_no_half_written_file(many_faults):
    ran, _ = many_faults
    everything = ran.out + ran.err
    everything += "".join(p.read_text() for p in ran.folder.rglob("*.log"))
    assert "Traceback" not in everything
    assert not re.search(r'File ".*", line \d+, in ', everything)
    assert not bad.half_written(ran.folder)


def test_no_archive_member_is_written_outside(many_faults):
    ran, _ = many_faults
    assert not list(ran.folder.rglob("escaped.dcm"))
    assert not list(ran.folder.parent.glob("escaped.dcm"))


def test_no_identity_is_in_anything_that_was_written(many_faults):
    ran, files = many_faults
    # Snakemake lists input files, and these are named by UID as by a scanner: the names are the
    # user's own, nothing beyond them may be said.
    own_names = [str(path) for folder, _ in files.values() for path in folder.glob("*.dcm")]
    assert own_names
    written = {"standard output": ran.out.encode(), "standard error": ran.err.encode()}
    for path in [*(ran.folder / "results").rglob("*"), *(ran.folder / ".snakemake").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            written[str(path)] = gzip.decompress(content) if path.suffix == ".gz" else content
    assert sum(name.endswith("image.nii.gz") for name in written) == 2, "converted images"
    for name, content in written.items():
        if "/results/" not in name:
            for own in own_names:
                content = content.replace(own.encode(), b"")
        found = [secret for secret in SECRETS if secret.encode() in content or secret in name]
        assert not found, name


def test_without_the_bad_cases_the_good_ones_are_not_read_again(many_faults, tmp_path):
    ran, files = many_faults
    folder = tmp_path / "again"
    shutil.copytree(ran.folder, folder)
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    settings["dataset"]["exclude"] = sorted(files.keys() - {*GOOD})
    # they have one mask
    settings["split"] = {"not_the_same": [["good", name] for name in GOOD if name != "good"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    case_record = folder / "results" / "x" / "cases" / "good" / "record.json"
    before = case_record.stat().st_mtime_ns
    again = snakemake(
        folder, "--cores", "2", "results/x/leakage.json", "--configfile", "config.yaml"
    )
    assert again.code == 0, again.err
    assert case_record.stat().st_mtime_ns == before
    table = (folder / "results" / "x" / "cases.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in table[1:]] == sorted(GOOD)


# --- faults that are seen before any job starts --------------------------------------------


def pair(folder: Path, place: str, name: str, seed: int = 0) -> None:
    """A case in the tutorial's layout; nothing opens it."""
    for kind in ("orig", "liver"):
        path = folder / "data" / place / f"{name}_{kind}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


PAIRS = {"layout": "pairs", "root": "data", "labels": {"liver": 1}}
ALL_TRAIN = {**PAIRS, "pairs": {"train": "raw", "test": None}}


def unsafe_name(folder: Path) -> None:
    pair(folder, "raw", "fine")
    pair(folder, "raw", "née;rm -rf")
    configure(folder, ALL_TRAIN)


def braces(folder: Path) -> None:
    pair(folder, "of {ward}/raw", "p1")
    configure(folder, {**ALL_TRAIN, "pairs": {"train": "of {ward}/raw", "test": None}})


def no_text(folder: Path) -> None:
    pair(folder, "raw/K\udcf6ln", "p1")
    patterns = {"image": "*/*/{case}_orig.nii.gz", "mask": "*/*/{case}_liver.nii.gz"}
    configure(folder, {**ALL_TRAIN, "pairs": {**patterns, "train": None, "test": None}})


def on_both_sides(folder: Path) -> None:
    pair(folder, "raw/train", "p1_a")
    pair(folder, "raw/train", "p2_a")
    pair(folder, "raw/test", "p1_b")
    configure(folder, {**PAIRS, "patient_pattern": "^(?P<patient>p[0-9]+)_"})


def too_many_test_patients(folder: Path) -> None:
    for k in range(3):
        pair(folder, "raw", f"p{k}")
    configure(folder, ALL_TRAIN, split={"test": 5})


def three_wrong_keys(folder: Path) -> None:
    configure(
        folder, {**ALL_TRAIN, "intensty": "hu"}, slices={"r": {"size": 4}}, split={"seed": "s"}
    )


# What is wrong, how it is made and what the sentence must say.
BEFORE: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "keys": (
        three_wrong_keys,
        (
            "dataset.intensty is no known key, did you mean intensity?",
            'split.seed is "s": should be a valid integer',
            "slices.r.size is 4: should be greater than or equal to 16",
        ),
    ),
    "no data": (
        lambda f: configure(f, {**ALL_TRAIN, "root": "nowhere"}),
        ("/nowhere", "no data there", "SLICEWISE_DATA"),
    ),
    "unsafe name": (unsafe_name, ("'née;rm -rf'", "safe", "layout: table")),
    "braces": (braces, ("of {ward}/raw/p1_orig", "in braces is a name to fill in", "rename")),
    "no text": (no_text, (r"/K\xf6ln/p1_orig", "is no text in UTF-8", "rename")),
    "patient on both sides": (on_both_sides, ("p1", "training and in the test", "move")),
    "too many test patients": (
        too_many_test_patients,
        ("split.test", "5 patients", "only 3", "lower"),
    ),
}


def ircad(folder: Path) -> None:
    organs = {"MASKS_DICOM/liver/image_0": b"", "PATIENT_DICOM/image_0": b""}
    for name in organs:
        path = folder / "data" / "3Dircadb1.1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in ("MASKS_DICOM.zip", "PATIENT_DICOM.zip"):
        path = folder / "data" / "3Dircadb1.2" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    configure(folder, {**PAIRS, "layout": "ircad", "labels": {"liver": "liver"}})


def msd(folder: Path) -> None:
    names = ["liver_1", "liver_2"]
    for name in names:
        for place in ("imagesTr", "labelsTr"):
            path = folder / "data" / place / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    entries = [
        {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
        for name in names
    ]
    (folder / "data" / "dataset.json").write_text(json.dumps({"training": entries}))
    configure(folder, {**PAIRS, "layout": "msd"})


def nnunet(folder: Path) -> None:
    for number in (1, 2):
        for name in (f"imagesTr/liver_{number}_0000.nii.gz", f"labelsTr/liver_{number}.nii.gz"):
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    configure(folder, {**PAIRS, "layout": "nnunet"})


def structures(folder: Path) -> None:
    for number in (1, 2):
        for name in ("ct", "masks/liver", "masks/left", "masks/right", "masks/spleen"):
            path = folder / "data" / f"s{number}" / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    kidneys = ["*/masks/left.nii.gz", "*/masks/right.nii.gz"]
    masks = {"liver": "*/masks/liver.nii.gz", "kidneys": kidneys}
    settings = {**PAIRS, "pairs": {"image": "*/ct.nii.gz", "masks": masks}}
    configure(folder, {**settings, "labels": {"liver": 1, "kidneys": 2}})


def tutorial(folder: Path) -> None:
    pair(folder, "raw/train", "p1")
    pair(folder, "raw/test", "p2")
    configure(folder, PAIRS)


def mixed_table(folder: Path) -> None:
    for name in ("ct.nii.gz", "mask.nii.gz", "ct.zip", "mask.nrrd", "ct/1.dcm"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    rows = {
        "a": ("ct.nii.gz", "mask.nii.gz", "p1"),
        "b": ("ct", "mask.nii.gz", "p2"),
        "c": ("ct.zip", "mask.nrrd", "p3"),
    }
    configure(folder, table(folder, rows, ("image", "mask", "patient")))


# How a layout is made, and the number of conversions and of cases that it asks for.
LAYOUTS = {
    "pairs": (tutorial, 0, 2),
    "ircad": (ircad, 2, 2),
    "msd": (msd, 0, 2),
    "nnunet": (nnunet, 0, 2),
    "table": (mixed_table, 2, 3),
    "structures": (structures, 2, 2),
}


def one_scan_twice(folder: Path) -> None:
    turned, mirrored = (np.ascontiguousarray(array[::-1]) for array in (scan(1), organ()))
    flipped = AFFINE @ np.diag([-1.0, 1, 1, 1])
    flipped[:3, 3] += AFFINE[:3, 0] * (turned.shape[0] - 1)
    rows = {
        # names of digits alone, as many data sets have, stay names in every table
        "001": (nifti(folder / "one.nii.gz", scan(1)), nifti(folder / "mask.nii.gz", organ())),
        # mirrored in the file and in its header: the same voxels at the same places
        "002": (
            nifti(folder / "two.nii", turned.astype(np.float32), flipped),
            nifti(folder / "two-mask.nii", mirrored, flipped),
        ),
    }
    configure(folder, table(folder, rows))


def one_mask_missing(folder: Path) -> None:
    for k in range(4):
        nifti(folder / "data" / "raw" / f"p{k}_orig.nii.gz", scan(k))
        nifti(folder / "data" / "raw" / f"p{k}_liver.nii.gz", organ())
    (folder / "data" / "raw" / "p2_liver.nii.gz").unlink()
    configure(folder, ALL_TRAIN)


def unsized_test_case(folder: Path) -> None:
    rows = {}
    for k, subset in enumerate(("train", "train", "test")):
        affine = np.eye(4) if subset == "test" else AFFINE
        image = nifti(folder / f"i{k}.nii.gz", scan(k), affine)
        mask = np.roll(organ(), k, axis=0)
        rows[f"p{k}"] = (image, nifti(folder / f"m{k}.nii.gz", mask, affine), subset)
    short = {"epochs": 1, "steps_per_epoch": 2, "threads": 1}
    experiments = {"e": {"slices": "r", "input": {"context": 3}, "training": short}}
    dataset = table(folder, rows, ("image", "mask", "subset"))
    configure(folder, dataset, split={"validation": 0}, experiments=experiments)


PLAN = ("--dry-run", "--cores", "1")
RUNS = {name: (make, PLAN) for name, (make, *_) in (BEFORE | LAYOUTS).items()}
RUNS["twice"] = (one_scan_twice, ("--cores", "1", "results/x/leakage.json"))
RUNS["unsized"] = (unsized_test_case, ("--cores", "2", "results/x/e/fold-0/model.keras"))
RUNS["no mask"] = (one_mask_missing, ("--cores", "2", "results/x/cases.tsv"))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[Callable[[str], Ran]]:
    """Look up one of `RUNS`; all are started at once because each takes seconds of one core."""

    def make_and_run(name: str, folder: Path) -> Ran:
        make, arguments = RUNS[name]
        make(folder)
        return snakemake(folder, *arguments, "--configfile", "config.yaml")

    with ThreadPoolExecutor(2) as pool:
        runs: dict[str, Future[Ran]] = {
            name: pool.submit(make_and_run, name, tmp_path_factory.mktemp("run")) for name in RUNS
        }
        yield lambda name: runs[name].result()
        # when only some of the tests were asked for
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", BEFORE)
def test_a_fault_seen_before_the_start_is_one_sentence(run, name):
    ran, parts = run(name), BEFORE[name][1]
    assert ran.code != 0
    assert len(ran.sentences) == 1, ran.err
    for part in parts:
        assert part in ran.sentences[0]
    # neither a traceback nor the place in our files, which Snakemake adds to its own errors
    assert not re.search(r"Traceback|\.smk", ran.out + ran.err)
    assert not (ran.folder / "results").exists()


def test_a_workflow_in_a_folder_with_braces_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "of {me}").symlink_to(ROOT)
    files = ("--snakefile", "Snakefile"), ("--configfile", "config/config.yaml")
    named = [part for flag, file in files for part in (flag, str(tmp_path / "of {me}" / file))]
    ran = snakemake(tmp_path, "-n", *named)
    assert ran.code != 0
    (sentence,) = ran.sentences
    assert f"{tmp_path}/of {{me}}: to Snakemake" in sentence
    assert "Traceback" not in ran.out + ran.err


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_planned_without_opening_an_image(run, layout):
    _, conversions, cases = LAYOUTS[layout]
    ran = run(layout)
    assert ran.code == 0, ran.err
    planned = {
        line.split()[0]: int(line.split()[1])
        for line in (ran.out + ran.err).splitlines()
        if re.fullmatch(r"[a-z]\w* +\d+", line)
    }
    assert planned.get("convert", 0) == conversions
    assert planned["ingest"] == cases


# --- faults that need more than one job ----------------------------------------------------


def test_the_same_image_under_two_names_is_stopped_before_training(run):
    ran = run("twice")
    assert ran.code != 0
    at_the_end = ran.err[ran.err.index("Exiting because") :]
    assert len([line for line in at_the_end.splitlines() if line.startswith("error: ")]) == 1
    assert "cases 001, 002: the same image" in at_the_end
    assert "dataset.exclude" in at_the_end
    assert not (ran.folder / "results/x/leakage.json").exists()


def test_a_test_case_that_could_not_be_predicted_is_refused_before_training(run):
    ran = run("unsized")
    assert ran.code != 0
    assert "case p2: its header has lost the size of its voxels" in ran.err
    assert "give dataset.spacing, or input.context: 1" in ran.err
    assert not (ran.folder / "results/x/e/checkpoints").exists()


def test_a_missing_mask_fails_its_case_alone(run):
    ran = run("no mask")
    assert ran.code != 0
    assert "raw/p2_orig.nii.gz: image without mask; add the mask" in ran.err
    results = ran.folder / "results" / "x"
    records = {path.parent.name for path in results.glob("cases/*/record.json")}
    assert records == {"p0", "p1", "p3"}
    assert not (results / "cases.tsv").exists()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A folder `results` on a disk of its own that is nearly full."""
    results = tmp_path / "results"
    results.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=128k", "slicewise-test", str(results)],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode:
        pytest.skip("only root can make a small disk to fill")
    yield results
    subprocess.run(["umount", str(results)], check=True)


def test_no_space_left(tmp_path, small_disk):
    noise = np.random.default_rng(1).integers(-1024, 200, (64, 64, 30)).astype(np.int16)
    mask = nifti(tmp_path / "mask.nii.gz", (noise > 0).astype(np.uint8))
    rows = {"big": (bad.zipped(tmp_path / series(tmp_path / "big", noise)), mask)}
    configure(tmp_path, table(tmp_path, rows))
    image = "results/x/cases/big/image.nii.gz"
    ran = snakemake(tmp_path, "--cores", "1", image, "--configfile", "config.yaml")
    assert ran.code != 0
    assert f"error: {image}: no space left on the disk" in ran.sentences[-1]
    assert "Traceback" not in ran.err
    assert not list(small_disk.rglob("*.nii.gz")), "half a file, under its final name or not"
    assert not bad.half_written(tmp_path)
