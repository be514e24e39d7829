"""The gate: no scan twice, here or in a data set that must share none."""

import pandas as pd
import pytest

from slicewise.volumes.gate import cases_table, check_leaks


def passport(case: str, fingerprint: str) -> dict:
    file = {"file": f"{case}.nii.gz", "sha256": case * 2, "bytes": 10}
    return {
        "case": case,
        "patient": f"of-{case}",
        "image": file,
        "mask": {**file, "sha256": "m"},
        "shape": [10, 12, 5],
        "spacing": [0.75, 0.75, 2.5],
        "orientation": "LPS",
        "intensity": {"min": -1000.0, "p50": 30.0, "max": 900.0},
        "ml": {"liver": 1500.25, "tumour": 0.0},
        "fingerprint": fingerprint,
    }


@pytest.fixture
def table() -> pd.DataFrame:
    return cases_table([passport("b", "two"), passport("a", "one"), passport("c", "three")])


def test_the_table_has_a_row_a_case_in_order(table):
    assert list(table["case"]) == ["a", "b", "c"]
    first = table.iloc[0]
    assert first["image_sha256"] == "aa"
    assert (first["shape"], first["spacing"]) == ("10x12x5", "0.75x0.75x2.5")
    assert (first["ml_liver"], first["intensity_p50"]) == (1500.25, 30.0)


def test_different_scans_pass(table):
    check_leaks(table, {"other/cases.tsv": cases_table([passport("z", "four")])})


def test_a_scan_under_several_names_is_refused(refused):
    twice = cases_table([passport(case, "same") for case in ("k", "a", "m")])
    message = refused(check_leaks, twice, {})
    assert message.startswith("cases a, k, m:")
    assert "dataset.exclude" in message


def test_a_scan_of_another_data_set_is_refused(refused, table):
    others = {
        "results/one/cases.tsv": cases_table([passport("y", "five")]),
        "results/two/cases.tsv": cases_table([passport("z", "three")]),
    }
    message = refused(check_leaks, table, others)
    assert message.startswith("case c: the same image as z in results/two/cases.tsv")


def test_what_was_written_is_checked_as_it_was(refused, table, tmp_path):
    # names such as 001 or NA must not become numbers or nothing on the way through the file
    odd = cases_table([passport("001", "one"), passport("NA", "one"), passport("2", "two")])
    odd.to_csv(tmp_path / "cases.tsv", sep="\t", index=False)
    read = pd.read_csv(tmp_path / "cases.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert refused(check_leaks, read, {}).startswith("cases 001, NA:")


def test_a_table_that_is_none_is_refused(refused, table):
    message = refused(check_leaks, table, {"notes.tsv": pd.DataFrame({"case": ["a"]})})
    assert message.startswith("notes.tsv")
