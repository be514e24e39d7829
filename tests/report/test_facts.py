"""Settings, split and provenance as a report lists them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from slicewise.report.facts import (
    excluded_cases,
    flat,
    grouped_settings,
    members,
    missing_channels,
    resampled,
    sites_left_out,
    split_rows,
    unsized,
)
from slicewise.volumes.tones import tones_of
from slicewise.volumes.volume import Volume
from tests.case_records import case_record

SPLIT = pd.DataFrame(
    {
        "case": ["a1", "a2", "b", "c"],
        "patient": ["a", "a", "b", "c"],
        "subset": ["train", "train", "validation", "test"],
        "fold": [0.0, 0.0, 1.0, None],
    }
)


def test_settings_are_grouped_and_plain_ones_come_first():
    groups = grouped_settings({"training": {"epochs": 4, "loss": {"dice": 1.0}}, "seeds": [1, 2]})
    assert groups == [
        ("general", [("seeds", "1, 2")]),
        ("training", [("epochs", "4"), ("loss.dice", "1.0")]),
    ]


def test_settings_are_written_as_in_their_file():
    written = dict(flat({"a": True, "b": None, "c": [[1, 2], [3, 4]], "d": {}}))
    assert written == {"a": "true", "b": "none", "c": "(1, 2), (3, 4)", "d": "none"}


def test_subsets_are_counted_by_patient_and_case():
    rows = split_rows(SPLIT, crossed=True)
    assert rows[0] == {"name": "Training, each held out once", "patients": 1, "cases": 2}
    assert [row["name"] for row in split_rows(SPLIT[3:], crossed=False)] == ["Test"]


def test_patients_are_named_by_the_fold_that_held_them_out():
    assert members(SPLIT) == [
        ("Training, held out by fold 0", ["a"]),
        ("Validation, held out by fold 1", ["b"]),
        ("Test", ["c"]),
    ]


def test_folds_of_sites_say_their_site():
    split = SPLIT.assign(fold=["0", "0", "1", ""], site=["Ulm", "Ulm", "Bonn", "Trier"])
    assert sites_left_out(split, "site") == [("0", "Ulm"), ("1", "Bonn")]
    assert sites_left_out(SPLIT, "") == []
    assert [name for name, _ in members(split, "site")] == [
        "Training, held out by fold 0: site Ulm",
        "Validation, held out by fold 1: site Bonn",
        "Test",
    ]


def test_masks_on_another_grid_are_listed():
    rows = {
        "case": ["a", "b", "c"],
        "mask_stored": ["same", "resampled", "moved"],
        "mask_outside": ["0", "3", ""],
        "mask_off_mm": ["", "0.4", ""],
        "mask_off_voxels": ["", "0.5", ""],
    }
    assert resampled(pd.DataFrame(rows)) == [("b", "0.4", "0.5", "3")]
    assert resampled(None) == resampled(pd.DataFrame({"case": ["a"]})) == []


def test_cases_that_were_left_out_have_a_reason():
    assert excluded_cases({"a": "no mask"}) == [("a", "no mask")]
    assert excluded_cases(["a"]) == [("a", "excluded in the settings")]


def test_cases_without_a_channel_are_named_and_no_others():
    there = tones_of(Volume(np.arange(512.0).reshape(8, 8, 8), np.eye(4)), "arbitrary")
    records = {
        name: case_record(name, tones=[there, None if name in "bd" else there]) for name in "abcd"
    }
    said = missing_channels(records, ["flair", "t2"], {"a", "b", "c"})
    assert said == ["t2 is missing in 1 of 3 scored cases (b)."]
    assert missing_channels(records, ["flair", "t2"], {"a", "c"}) == []
    assert missing_channels(records, [], {"b"}) == []
    # what an earlier version recorded says nothing of channels
    assert missing_channels({"b": case_record("b")}, ["flair", "t2"], {"b"}) == []


def test_only_scored_cases_whose_size_nobody_gave_are_counted():
    records = {
        "lost": case_record("lost", lost=True),
        "unscored": case_record("unscored", lost=True),
        "given": case_record("given", lost=True, content={"spacing": [0.8, 0.8, 5.0]}),
        "known": case_record("known"),
    }
    assert unsized(records, {"lost", "given", "known", "unread"}) == 1
