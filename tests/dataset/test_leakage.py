"""The leakage check: no scan twice, here or in a data set that must share none."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slicewise.dataset.cases import cases_table
from slicewise.dataset.leakage import (
    check_alike,
    check_labels_trained,
    check_leaks,
    check_masks,
    check_sites_scored,
    remove_earlier,
)
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import Scan
from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume
from tests.case_records import case_record


@pytest.fixture
def table() -> pd.DataFrame:
    return cases_table(
        [case_record("b", "two"), case_record("a", "one"), case_record("c", "three")]
    )


def test_different_scans_pass(table):
    check_leaks(table, {"other/cases.tsv": cases_table([case_record("z", "four")])})


def test_a_scan_under_several_names_is_refused(refused):
    twice = cases_table([case_record(case, "same") for case in ("k", "a", "m")])
    message = refused(check_leaks, twice, {})
    assert message.startswith("cases a, k, m:")
    assert "dataset.exclude" in message


def test_a_scan_of_another_data_set_is_refused(refused, table):
    others = {
        "results/one/cases.tsv": cases_table([case_record("y", "five")]),
        "results/two/cases.tsv": cases_table([case_record("z", "three")]),
    }
    message = refused(check_leaks, table, others)
    assert message.startswith("case c: the same image as z in results/two/cases.tsv")


def test_what_was_written_is_checked_as_it_was(refused, table, tmp_path):
    # names such as 001 or NA must not become numbers or nothing on the way through the file
    odd = cases_table(
        [case_record("001", "one"), case_record("NA", "one"), case_record("2", "two")]
    )
    odd.to_csv(tmp_path / "cases.tsv", sep="\t", index=False)
    read = pd.read_csv(tmp_path / "cases.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert refused(check_leaks, read, {}).startswith("cases 001, NA:")


def test_a_table_that_is_none_is_refused(refused, table):
    message = refused(check_leaks, table, {"notes.tsv": pd.DataFrame({"case": ["a"]})})
    assert message.startswith("notes.tsv")


def test_two_names_of_one_scan_are_enough(refused):
    twice = cases_table([case_record("k", "same"), case_record("a", "same")])
    assert refused(check_leaks, twice, {}).startswith("cases a, k:")


def test_a_table_of_two_columns_is_enough(refused, table):
    other = cases_table([case_record("z", "three")])[["case", "fingerprint"]]
    assert refused(check_leaks, table, {"c.tsv": other}).startswith("case c: the same image as z")


# --- one mask for several images -----------------------------------------------------------


def masked(*rows: tuple[str, str, str], ml: float = 3.0) -> pd.DataFrame:
    """Return a table of cases, by their names, patients and the digests of their masks."""
    return cases_table(
        [
            case_record(
                case, case, patient=patient, mask=SOURCE | {"sha256": digest}, ml={"liver": ml}
            )
            for case, patient, digest in rows
        ]
    )


SOURCE = {"file": "mask.nii.gz", "bytes": 10}


def test_one_mask_for_images_of_several_patients_is_refused(refused):
    rows = [("a", "p", "1"), ("b", "q", "2"), ("d", "s", "4"), ("c", "r", "2"), ("e", "t", "4")]
    message = refused(check_masks, masked(*rows))
    assert message.startswith("cases b, c; d, e: one mask for images of several patients")
    assert "split.not_the_same" in message
    assert refused(check_masks, masked(*rows), [["e", "d"]]).startswith("cases b, c: one mask")


def test_one_mask_may_be_that_of_one_patient_or_of_cases_that_are_named_or_empty():
    check_masks(masked(("a", "p", "1"), ("b", "p", "1"), ("c", "q", "2")))
    three = [("a", "p", "1"), ("b", "q", "1"), ("c", "r", "1")]
    check_masks(masked(*three), [["b", "a"], ["b", "c"]])
    check_masks(masked(*three, ml=0.0))


def test_of_three_cases_of_one_mask_a_pair_lets_no_third_through(refused):
    three = masked(("a", "p", "1"), ("b", "q", "1"), ("c", "r", "1"))
    assert refused(check_masks, three, [["a", "b"]]).startswith("cases a, b, c: one mask")


# --- the same scan, changed ----------------------------------------------------------------


@cache
def marks(index: int) -> Scan:
    return slice_marks(phantom(index, seed=11, size=64, slices=(12, 12))[0])


@cache
def copy(index: int) -> Scan:
    """What is left of a scan as three windowed slices, turned."""
    array = phantom(index, seed=11, size=64, slices=(12, 12))[0].canonical().array
    return slice_marks(Volume(np.rot90(np.clip(array[:, :, 3:6], 0, 255)), np.eye(4)))


OURS = {"a": "anna", "b": "bert", "c": "carl"}


def ours() -> dict[str, Scan]:
    return {"a": marks(1), "b": marks(2), "c": marks(3)}


def test_different_patients_pass():
    check_alike(OURS, ours(), {"other/cases.tsv": {"z": marks(4)}})


def test_a_changed_copy_within_a_data_set_is_refused(refused):
    twice = {**ours(), "d": copy(2)}
    message = refused(check_alike, {**OURS, "d": "dora"}, twice, {})
    assert re.match(r"cases b and d \((0\.[7-9]|1\.0)", message)
    for what in ("dataset.exclude", "same patient", "split.not_the_same"):
        assert what in message


def test_scans_of_one_patient_may_be_alike():
    check_alike({**OURS, "d": "bert"}, {**ours(), "d": copy(2)}, {})


def test_a_changed_copy_of_another_data_set_is_refused(refused):
    others = {"one/cases.tsv": {"y": marks(5)}, "two/cases.tsv": {"a": copy(3)}}
    message = refused(check_alike, OURS, ours(), others)
    assert message.startswith("cases c and a (")
    assert "in two/cases.tsv, which split.check_against names" in message
    assert "dataset.exclude" in message
    assert "split.not_the_same" in message


def test_a_pair_that_is_named_is_let_through_and_no_other(refused):
    others = {"two/cases.tsv": {"y": copy(3), "z": copy(1)}}
    message = refused(check_alike, OURS, ours(), others, [["y", "c"]])
    assert message.startswith("cases a and z (")
    check_alike(OURS, ours(), others, [["y", "c"], ["a", "z"]])
    twice = {**ours(), "d": copy(2)}
    check_alike({**OURS, "d": "dora"}, twice, {}, [["d", "b"]])


def test_a_pair_of_this_data_set_lets_no_other_through(refused):
    # names such as p01 are in many data sets
    others = {"two/cases.tsv": {"b": copy(3)}}
    message = refused(check_alike, OURS, ours(), others, [["c", "b"], ["c", "c"]])
    assert message.endswith("split.not_the_same, as [c, two/cases.tsv:b]")
    check_alike(OURS, ours(), others, [["two/cases.tsv:b", "c"]])


def test_of_many_pairs_a_few_are_listed(refused):
    many = {f"c{k}": marks(1) for k in range(12)}
    message = refused(check_alike, OURS, ours(), {"cases.tsv": many})
    assert message.count("a and c") == 8
    assert "and 4 more pairs in cases.tsv" in message


# --- labels that are never trained ---------------------------------------------------------


def presence(**ml: dict[str, str]) -> pd.DataFrame:
    """A table of cases, as it is read: millilitres of each label, by patient."""
    patients = sorted({patient for values in ml.values() for patient in values})
    columns = {f"ml_{label}": [v.get(p, "0.0") for p in patients] for label, v in ml.items()}
    return pd.DataFrame({"case": [f"{p}-ct" for p in patients], "patient": patients, **columns})


def placed(**places: str) -> pd.DataFrame:
    """A split: of each patient the fold that holds it out, or its subset."""
    rows = [
        (f"{p}-ct", p, "train" if place.isdigit() else place, place if place.isdigit() else "")
        for p, place in places.items()
    ]
    return pd.DataFrame(rows, columns=["case", "patient", "subset", "fold"])


LIVERS = dict.fromkeys("abcdef", "900.0")
FOLDS = placed(a="0", b="0", c="1", d="1", e="test", f="test")


@pytest.mark.parametrize(
    ("tumour", "parts"),
    [
        ({"a": "1.5"}, ["fold 0 would not see label tumour", "only patient a has"]),
        ({"c": "1", "d": "0.0000001"}, ["fold 1 would not see", "only patients c, d have"]),
        ({"c": "1", "e": "1"}, ["fold 1 would not see", "only patients c, e have"]),
        ({"e": "1"}, ["fold 0 would", "fold 1 would", "only patient e has"]),
        ({}, ["fold 0 would", "fold 1 would", "nobody has"]),
    ],
)
def test_a_label_that_a_fold_would_not_see_is_told_with_those_who_have_it(refused, tumour, parts):
    cases = presence(liver=LIVERS, tumour=tumour)
    message = refused(check_labels_trained, cases, FOLDS, 2)
    for part in [*parts, "training.missing_labels", "split.stratify"]:
        assert part in message
    assert "liver" not in message
    check_labels_trained(cases, FOLDS, 2, "allow")


def test_labels_that_every_training_sees_pass():
    check_labels_trained(presence(liver=LIVERS, tumour={"a": "1", "d": "2"}), FOLDS, 2)
    alone = placed(a="train", b="train", c="validation", d="test")
    alone["fold"] = ""
    check_labels_trained(presence(liver=LIVERS, tumour={"a": "1"}), alone, 1)


@pytest.mark.parametrize("owner", ["c", "d"])
def test_without_folds_only_training_patients_count(refused, owner):
    split = placed(a="train", b="train", c="validation", d="test")
    message = refused(check_labels_trained, presence(liver=LIVERS, tumour={owner: "1"}), split, 1)
    assert f"the training would not see label tumour, which only patient {owner} has" in message


def test_a_training_without_any_label_is_refused_whatever_is_allowed(refused):
    split = placed(a="train", b="train", c="validation", d="test")
    cases = presence(liver={"a": "0", "b": "0.0", "c": "9", "d": "9"})
    for allowed in ("refuse", "allow"):
        assert "nothing to learn" in refused(check_labels_trained, cases, split, 1, allowed)


def test_a_label_may_be_missing_where_others_of_its_regions_are_there(refused):
    regions = {"whole": ["edema", "rim"], "core": ["rim"]}
    split = placed(a="train", b="train", c="validation", d="test")
    edema = dict.fromkeys("abcd", "9.0")
    without = presence(edema=edema, rim={"d": "1"})
    message = refused(check_labels_trained, without, split, 1, "refuse", regions)
    assert "would not see region core, which only patient d has" in message
    assert "whole" not in message
    check_labels_trained(without, split, 1, "allow", regions)
    check_labels_trained(presence(edema={"d": "1"}, rim=edema), split, 1, "refuse", regions)
    nobody = presence(edema={"d": "1"}, rim={"c": "1"})
    assert "nothing to learn" in refused(check_labels_trained, nobody, split, 1, "allow", regions)


def test_what_an_earlier_version_called_otherwise_goes(tmp_path):
    old = ["gate.json", "_made/gate.json.json", "logs/gate/gate.log", "timings/gate/gate.tsv"]
    old += ["cases/_batches/train-0.json", "slices/axial/_batches/train-0.json"]
    others = ["cases.tsv", "_made/cases.tsv.json", "logs/cases/cases.log", "timings/cases.tsv"]
    for name in [*old, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_earlier(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == {*others}
    assert not (tmp_path / "logs" / "gate").exists()
    remove_earlier(tmp_path)  # where there is nothing old, nothing is missed


def test_a_site_without_any_label_is_refused(refused):
    split = FOLDS.assign(site=["A" if fold == "0" else "B" for fold in FOLDS["fold"]])
    healthy = dict.fromkeys("cd", "0")
    cases = presence(liver=LIVERS | healthy, tumour=LIVERS | healthy)
    message = refused(check_sites_scored, cases, split, "site")
    assert "no patient of site B (fold 1) has any label" in message
    some = presence(liver=LIVERS | healthy, tumour=healthy | {"c": "0.5"})
    check_sites_scored(some, split, "site")


def test_a_site_with_a_trace_of_a_label_or_beyond_the_folds_is_none_without(refused):
    split = FOLDS.assign(site=["A" if fold == "0" else "B" for fold in FOLDS["fold"]])
    split.loc[split["fold"] == "", "site"] = "C"
    healthy = dict.fromkeys("acdef", "0")
    traces = presence(liver=healthy | {"b": "0.001", "d": "0.001"}, tumour=dict.fromkeys("ab", "0"))
    check_sites_scored(traces, split, "site")
    none = presence(liver=dict.fromkeys("abcdef", "0.0"))
    assert "site A (fold 0), B (fold 1) has" in refused(check_sites_scored, none, split, "site")
    one = split[split["case"] != "c-ct"]
    alone = presence(liver=healthy | {"b": "1"})
    assert "site B (fold 1) has" in refused(check_sites_scored, alone, one, "site")


def test_of_many_labels_eight_are_told(refused):
    tumours = {f"t{k}": {"a": "1"} for k in range(9)}
    message = refused(check_labels_trained, presence(liver=LIVERS, **tumours), FOLDS, 2)
    assert message.count("would not see") == 8
    assert "label t7, which only patient a has and 1 more;" in message


def test_the_first_scan_that_is_there_twice_is_told(refused):
    marks = {"p": "z", "q": "z", "r": "a", "s": "a"}
    cases = pd.DataFrame({"case": list(marks), "fingerprint": list(marks.values())})
    assert refused(check_leaks, cases, {}).startswith("cases p, q:")


def test_one_training_sees_everybody_whatever_the_column_of_folds_says():
    alone = placed(a="0", b="1", c="validation")
    check_labels_trained(presence(liver=LIVERS, tumour={"a": "1"}), alone, 1)


def test_what_another_job_removes_meanwhile_is_gone(tmp_path, monkeypatch):
    old = tmp_path / "gate.json"
    old.touch()
    asked = Path.is_dir

    def quicker(path: Path, **options: bool) -> bool:
        if path == old:
            path.unlink()
            return False
        return asked(path, **options)

    monkeypatch.setattr(Path, "is_dir", quicker)
    remove_earlier(tmp_path)
    assert not old.exists()
