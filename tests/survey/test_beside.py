"""`slicewise init` heeds tables that lie beside images and masks."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.survey.init import Wanted, init
from tests.imitated import pair, scan, write


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return what looks at images a1 to a6, with masks b1 to b6, and a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    place = tmp_path / "data" / "study"
    for n in range(1, 7):
        pair(place / f"im/a{n}.nii.gz", place / f"lb/b{n}.nii.gz", n)

    def look(*rows, name="scans.csv", force=True):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("".join(f"{row}\n" for row in rows))
        lines = []
        path = init(Wanted(place, force=force), lines.append)
        return yaml.safe_load(path.read_text()), "\n".join(lines)

    return look


ROWS = ["image,pid,age,set", *(f"im/a{n}.nii.gz,{'ABC'[n % 3]}7,6{n},train" for n in range(1, 7))]


def test_scans_of_a_patient_are_kept_together(study):
    config, lines = study(*ROWS)
    metadata = {"table": "study/scans.csv", "case": "image", "patient": "pid"}
    assert config["dataset"]["metadata"] == metadata
    assert "metadata.patient pid: 3 patients, some with several cases" in lines
    assert "patient_pattern" not in config["dataset"]
    settings = load_settings(config)
    cases = find_cases(settings.dataset, Path("data"))
    split = split_cases(cases, settings.split)
    assert len({(one.patient, one.subset) for one in split}) == 3


def test_who_is_tested_on_is_read_where_it_is_said(study):
    rows = ["file;use;sex", *(f"a{n};{'testing' if n > 4 else 'Train'};F" for n in range(1, 7))]
    config, lines = study(*rows, name="tables/meta.csv")
    assert config["dataset"]["metadata"] == {
        "table": "study/tables/meta.csv",
        "case": "file",
        "subset": "use",
    }
    assert "metadata.subset use: 2 cases are tested on" in lines
    # it says nothing that does nothing
    assert "test" not in config["split"]
    cases = find_cases(load_settings(config).dataset, Path("data"))
    assert [case.name for case in cases if case.subset == "test"] == ["5", "6"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        # nothing about patients or subsets
        (["image,age", *(f"a{n},{n}" for n in range(1, 7))], ""),
        # each a patient of their own, as without it
        (["image,pid", *(f"a{n},p{n}" for n in range(1, 7))], ""),
        # what counts or measures tells no case
        (["age,pid", *(f"{n},p" for n in range(1, 7))], ""),
        # something else
        (["value,name", "1,liver", "2,tumour"], ""),
        (["image,pid", "a1,p1,p2,p3"], "scans.csv is not used: row 2 has 4 cells for 2 columns"),
        # as a spreadsheet or a person writes them
        (
            ["image,pid", *(f"A_0{n},{'XYZ'[n // 3]}" for n in range(1, 7))],
            "though its column pid may tell whose cases are or who is tested on: its column image "
            "calls them A_01, A_02, A_03 and 3 more, and their files a1, a2, a3 and 3 more",
        ),
        (ROWS[:6], "scans.csv is not used, though its column pid may tell whose"),
        (
            ["image,pid", *(f"a{n},{'p' if n > 1 else ''}" for n in range(1, 7))],
            "scans.csv is not used, though its column pid may tell whose cases are or who is "
            "tested on: it does not say it of 1",
        ),
        (
            ["image,set", *(f"a{n},{('test', 'train', '')[n % 3]}" for n in range(1, 7))],
            "its column set may tell whose cases are or who is tested on: it does not say it of 2",
        ),
        (
            ["image,set", *(f"a{n},{'train' if n > 1 else 'val'}" for n in range(1, 7))],
            "nobody is tested on; to test on those who validate, write test",
        ),
        # in other words
        (
            ["image,cohort", *(f"a{n},{'external test' if n > 4 else 'own'}" for n in range(1, 7))],
            "scans.csv may tell by its column cohort who is tested on, and nothing follows from "
            "it: it says external test, own; ",
        ),
        (
            ["image,is_test", *(f"a{n},{int(n > 4)}" for n in range(1, 7))],
            "scans.csv may tell by its column is_test who is tested on",
        ),
        # names of people are not shown
        (["image,who", *(f"a{n},{'Test' if n < 2 else 'Anna'} {n}" for n in range(1, 7))], ""),
    ],
)
def test_a_table_that_does_not_tell_it_of_all_is_not_used(study, rows, said):
    config, lines = study(*rows)
    assert "metadata" not in config["dataset"]
    assert config["split"]["test"] == 0.35
    assert said in lines
    assert said or "scans.csv" not in lines


@pytest.mark.parametrize(
    ("header", "patient"),
    [
        ("Bild;Patientennummer;Gruppe", "Patientennummer"),
        ("imagine;patientid;lot", "patientid"),
        ("ImageName;PatNr;Kohorte", "PatNr"),
    ],
)
def test_columns_are_known_in_other_languages_and_in_one_word(study, header, patient):
    groups = ("Training", "Training", "Test")
    rows = [f"a{n};P{(n - 1) // 2};{groups[(n - 1) // 2]}" for n in range(1, 7)]
    config, _ = study(header, *rows)
    case, _, subset = header.split(";")
    told = {"table": "study/scans.csv", "case": case, "patient": patient, "subset": subset}
    assert config["dataset"]["metadata"] == told


def test_a_second_table_that_tells_something_is_named(study, tmp_path):
    second = tmp_path / "data" / "study" / "split.csv"
    subsets = [f"a{n},{'test' if n > 4 else 'train'}" for n in range(1, 7)]
    second.write_text("\n".join(["image,set", *subsets]))
    config, lines = study(*ROWS)
    assert config["dataset"]["metadata"]["patient"] == "pid"
    assert "split.csv is not used, though its column set may tell whose cases are or who" in lines
    # nothing more than the one that is used
    second.write_text("\n".join(["image,age", *(f"a{n},6{n}" for n in range(1, 7))]))
    assert "split.csv" not in study(*ROWS)[1]
    subsets = [f"a{n},{'external test' if n > 4 else 'own'}" for n in range(1, 7)]
    second.write_text("\n".join(["image,use", *subsets]))
    assert "split.csv may tell by its column use who is tested on" in study(*ROWS)[1]


def test_cases_in_a_table_by_their_numbers_alone_are_told_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "data" / "study"
    for n in range(1, 5):
        pair(place / f"img/scan_{n:03d}.nii.gz", place / f"seg/scan_{n:03d}.nii.gz", n)
    rows = [f"{n},{(n + 1) // 2}" for n in range(1, 5)]
    (place / "redcap.csv").write_text("\n".join(["record_id,subject", *rows]))
    lines = []
    init(Wanted(place), lines.append)
    said = "its column record_id calls them 1, 2, 3 and 1 more, and their files scan_001, scan_002"
    assert said in "\n".join(lines)


@pytest.mark.parametrize(
    ("subsets", "said"),
    [
        (("test", "train"), "A, B would be in more than one of training, validation and test"),
        (("test", "train", ""), "it does not say it of 2, 5"),
    ],
)
def test_scans_of_a_patient_stay_together_where_a_table_tests_on_some(study, subsets, said):
    rows = [f"a{n},{'ABC'[n // 3]},{subsets[n % len(subsets)]}" for n in range(1, 7)]
    config, lines = study("image,pid,set", *rows)
    metadata = {"table": "study/scans.csv", "case": "image", "patient": "pid"}
    assert config["dataset"]["metadata"] == metadata
    assert "scans.csv says who is tested on by its column set, and nothing follows" in lines
    assert said in lines
    assert "may tell by its column" not in lines


def test_lists_of_cases_in_tables_are_told_of(study, tmp_path):
    place = tmp_path / "data" / "study"
    (place / "test.csv").write_text("image,label\nim/a1.nii.gz,lb/b1.nii.gz\na2.nii.gz,x\n")
    (place / "training.csv").write_text("image\n" + "".join(f"a{n}\n" for n in range(1, 7)))
    _, lines = study(*ROWS[:1])
    (said,) = [line for line in lines.splitlines() if "may say who is trained" in line]
    assert said.split(" may")[0].strip() == "test.csv"


def test_lists_of_cases_are_told_of(study, tmp_path):
    place = tmp_path / "data" / "study"
    (place / "test.txt").write_text("a1.nii.gz\n\na2.nii.gz\n")
    (place / "training notes.txt").write_text("Scanned at night.\nSee test.txt.\n")
    (place / "testers.list").write_bytes(b"\xff\xfe\x00")
    _, lines = study(*ROWS[:1])
    (said,) = [line for line in lines.splitlines() if "may say who is trained" in line]
    assert said.split(" may")[0].strip() == "test.txt"


def test_lists_in_json_say_who_is_tested_on(study):
    lists = {
        "training": [{"image": f"im/a{n}.nii.gz", "label": f"lb/b{n}.nii.gz"} for n in range(1, 5)],
        "test": [{"image": f"im/a{n}.nii.gz", "label": f"lb/b{n}.nii.gz"} for n in (5, 6)],
    }
    config, lines = study(json.dumps(lists), name="dataset_0.json")
    assert config["dataset"]["metadata"] == {
        "table": "study/dataset_0.json",
        "case": "image",
        "subset": "subset",
    }
    assert "metadata.subset subset: 2 cases are tested on" in lines
    cases = find_cases(load_settings(config).dataset, Path("data"))
    assert [case.name for case in cases if case.subset == "test"] == ["5", "6"]
    lists["validation"] = lists.pop("test")
    config, lines = study(json.dumps(lists), name="dataset_0.json")
    assert "metadata" not in config["dataset"]
    assert "some are trained on and some validate, and nobody is tested on" in lines
    assert "to test on those who validate, say so in a table and name that in" in lines


def test_folds_that_a_file_tells_are_told_of_and_can_be_taken(study, monkeypatch):
    cases = [f"{n}" for n in range(1, 7)]
    held = [cases[n::3] for n in range(3)]
    splits = [{"train": [c for c in cases if c not in val], "val": val} for val in held]
    config, lines = study(json.dumps(splits), name="splits_final.json")
    assert "metadata" not in config["dataset"]
    (line,) = [line for line in lines.splitlines() if "tells which of 3 folds" in line]
    written = re.search(r"write dataset: (\{.*\}) and split: (\{.*?\})", line)
    config["dataset"] |= yaml.safe_load(written[1])
    config["split"] = yaml.safe_load(written[2])
    settings = load_settings(config)
    found = find_cases(settings.dataset, Path("data"))
    folds = {one.case: one.fold for one in split_cases(found, settings.split)}
    assert folds == {case: number for number, val in enumerate(held) for case in val}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ["image,Fold", *(f"a{n},{n % 3}" for n in range(1, 7))],
            "for the same folds call its column Fold given_fold, and write dataset: ",
        ),
        (["image,fold", *(f"a{n},0" for n in range(1, 7))], ""),
        (["image,fold", *(f"a{n},{n % 2 or ''}" for n in range(1, 7))], ""),
    ],
)
def test_what_a_column_of_folds_says(study, rows, said):
    _, lines = study(*rows)
    assert (said or "folds") in lines if said else "folds each case" not in lines


def test_a_workbook_is_told_of_until_it_is_saved_as_text(study, tmp_path):
    for name in ("people.xlsx", "~$people.xlsx", "spss.SAV"):
        (tmp_path / "data" / "study" / name).write_bytes(b"PK")
    _, lines = study(*ROWS[:1])
    assert "  people.xlsx, spss.SAV is not read, as it is no text" in lines
    _, lines = study(*ROWS)
    assert "people.xlsx" not in lines


def test_patients_whose_names_look_alike_are_asked_for(study, tmp_path):
    rows = ["image,pid", *(f"a{n},{('p1', 'P1', 'p2')[n % 3]}" for n in range(1, 7))]
    # nobody is there to say so, and the one might be trained on and the other tested
    with pytest.raises(SlicewiseError, match=r"'P1' .* and 'p1' .* differ in upper and lower case"):
        study(*rows)
    lines = []
    place = tmp_path / "data" / "study"
    path = init(Wanted(place, force=True), lines.append, lambda question: "2")
    assert yaml.safe_load(path.read_text())["dataset"]["different_patients"] == "all"
    assert "Are patients whose names differ so little different ones?" in "\n".join(lines)


def test_a_table_that_is_no_text_in_utf_8_is_named(study, tmp_path):
    rows = ["image,pid", *(f"a{n},Müller" for n in range(1, 7))]
    other = tmp_path / "data" / "study" / "people.csv"
    other.write_text("\n".join(rows), encoding="cp1252")
    _, lines = study(*ROWS[:1])
    assert "people.csv is not used: not readable as a table, as it is no text in UTF-8" in lines


def test_folders_that_say_who_is_tested_on_go_before_a_table(study, tmp_path):
    place = tmp_path / "data" / "study"
    for n in range(1, 7):
        subset = "test" if n < 3 else "train"
        for folder in ("im", "lb"):
            path = next((place / folder).glob(f"*{n}.nii.gz"))
            (place / subset / folder).mkdir(parents=True, exist_ok=True)
            path.rename(place / subset / folder / path.name)
    config, _ = study("image,set", *(f"a{n},{'test' if n > 4 else 'train'}" for n in range(1, 7)))
    assert "metadata" not in config["dataset"]
    assert config["dataset"]["pairs"]["test"] is not None
    # but whose they are it may say, and where that is a patient of both folders too
    config, _ = study("image,pid", *(f"a{n},{(n + 1) // 2}" for n in range(1, 7)))
    assert config["dataset"]["metadata"]["patient"] == "pid"
    config, lines = study(*ROWS)
    assert "metadata" not in config["dataset"]
    assert "is tested on: B7, C7 would be in more than one of" in lines


def test_a_mask_file_for_each_structure_goes_with_a_table(tmp_path, monkeypatch):
    # as TotalSegmentator comes: its table says who is tested on, and where scans are from
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "data" / "total"
    rows = ["image_id;age;institute;split"]
    for n in range(6):
        array, labels = scan(n)
        write(place / f"s{n:04d}" / "ct.nii.gz", array)
        for value, name in ((1, "liver"), (2, "spleen")):
            mask = (labels == value).astype(np.uint8)
            write(place / f"s{n:04d}" / "segmentations" / f"{name}.nii.gz", mask)
        rows.append(f"s{n:04d};6{n};{'AB'[n % 2]};{('train', 'val', 'test')[n % 3]}")
    (place / "meta.csv").write_text("\n".join(rows))
    config = yaml.safe_load(init(Wanted(place), print).read_text())
    assert config["dataset"]["metadata"]["subset"] == "split"
    assert config.get("split") is None
    config["split"] = {"leave_out": "institute"}
    cases = find_cases(load_settings(config).dataset, Path("data"))
    assert [case.subset for case in cases] == ["train", "validation", "test"] * 2
    assert [dict(case.columns)["institute"] for case in cases] == list("ABABAB")


@pytest.mark.parametrize(
    ("column", "values", "split", "said"),
    [
        ("group", ["train", "Training", "test", "test"], "group", ""),
        ("split", ["train", "train", "test", "test"], None, ""),
        ("group", ["patient", "control", "patient", "control"], None, ""),
        ("group", ["train", "", "test", "test"], None, "does not say it of sub-2"),
        ("group", ["own", "own", "external test", "own"], None, "in dataset.bids.split"),
    ],
)
def test_a_column_of_participants_says_who_is_tested_on(
    tmp_path, monkeypatch, column, values, split, said
):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "data" / "study"
    for n in range(1, 5):
        folder = place / f"sub-{n}" / "anat"
        stem = folder / f"sub-{n}"
        pair(Path(f"{stem}_T1w.nii.gz"), Path(f"{stem}_dseg.nii.gz"), n, "mr")
    rows = [f"sub-{n}\t{value}" for n, value in enumerate(values, start=1)]
    (place / "participants.tsv").write_text("\n".join([f"participant_id\t{column}", *rows]))
    lines = []
    config = yaml.safe_load(init(Wanted(place), lines.append).read_text())
    assert config["dataset"].get("bids", {}).get("split") == split
    cases = find_cases(load_settings(config).dataset, Path("data"))
    tested = sum(case.subset == "test" for case in cases)
    assert tested == (2 if split or column == "split" else 0)
    assert ("test" in config.get("split", {})) == (not tested)
    assert any("participants.tsv may tell by its column" in line for line in lines) == bool(said)
    assert said in "\n".join(lines)
