"""What Metrics Reloaded recommends, against what is reported."""

from __future__ import annotations

import numpy as np
import pandas as pd

from slicewise.evaluation.statistics import read_metrics, summarise
from slicewise.files import write_json, write_text
from slicewise.publish.gathered import gather
from slicewise.publish.reloaded import PIECES, recommended
from tests.published import experiment


def rows_of(folder, **changed):
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t")
    for column, value in changed.items():
        metrics[column] = value
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(folder / "summary.json", summarise(read_metrics(folder / "metrics.tsv")))
    section = recommended([gather(folder)])
    return section.said[0].text, section.tables[0].rows


def test_what_is_always_reported_is_followed(tmp_path):
    said, rows = rows_of(experiment(tmp_path / "results" / "tiny" / "baseline"))
    assert "no difference was found" in said
    assert {followed for *_, followed in rows} == {"yes"}
    assert not any("is small" in what for what, *_ in rows)


def test_a_small_structure_needs_surfaces(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    # 0.1 ml of voxels of 0.8 × 0.8 × 5 mm are 31 voxels
    _, rows = rows_of(folder, volume_ml=0.1)
    assert (
        "liver is small (31 voxels, median): surfaces decide",
        "NSD stands beside Dice",
        "yes",
    ) in rows
    said, rows = rows_of(folder, volume_ml=0.1, nsd=np.nan)
    assert ("liver is small (31 voxels, median): surfaces decide", "NSD is not known", "no") in rows
    assert "they differ where it says no" in said


def test_patients_without_a_label_need_detection(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t")
    lacks = metrics["case"].isin(["a", "b"])
    metrics.loc[lacks, ["dice", "nsd", "hd95_mm"]] = np.nan
    metrics.loc[lacks, "volume_ml"] = 0.0
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    _, rows = rows_of(folder)
    what = "liver is absent in 2 of 6 patients: detection"
    assert (what, "sensitivity and specificity by patient", "yes") in rows
    summary = summarise(read_metrics(folder / "metrics.tsv"))
    summary["test"]["liver"]["detection"]["notable"] = False
    write_json(folder / "summary.json", summary)
    section = recommended([gather(folder)])
    assert (what, "not counted", "no") in section.tables[0].rows
    assert "they differ where it says no" in section.said[0].text


def test_a_patient_with_and_without_a_label_is_one(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t")
    second = metrics["case"] == "b"
    metrics.loc[second, "patient"] = "a"
    metrics.loc[second, ["dice", "nsd", "hd95_mm"]] = np.nan
    metrics.loc[second, "volume_ml"] = 0.0
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    _, rows = rows_of(folder)
    assert any(what == "liver is absent in 1 of 5 patients: detection" for what, *_ in rows), rows


def test_lesions_are_asked_about_where_no_label_is_named(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    assert PIECES in recommended([gather(folder)]).questions
    rows_of(folder, lesions=2, lesions_found=1, lesions_false=0, lesion_iou=0.1)
    assert PIECES not in recommended([gather(folder)]).questions
