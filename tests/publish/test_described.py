"""What the data are and how they were split, in sentences."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from slicewise.dataset.case_record import write_case_records
from slicewise.files import write_text
from slicewise.publish.cards import datasheet, model_card
from slicewise.publish.claim import CLAIM
from slicewise.publish.described import geometry
from slicewise.publish.gathered import gather
from slicewise.publish.tables import patients, results
from slicewise.publish.tripod import TRIPOD
from tests.case_records import case_record
from tests.publish.test_methods import gathered, text_of
from tests.published import known

MEASURED = re.compile(r"\d (mm|ml)\b|HD95|NSD|surface Dice")


def written_of(one) -> str:
    """Return all sentences on an experiment: methods, cards and answers of checklists."""
    answers = [each.text for kind in (CLAIM, TRIPOD) for _, each in kind.answers([one])]
    sheet = [said.text for section in datasheet([one]) for said in section.said]
    return " ".join([text_of(one), model_card(one), *answers, *sheet])


def test_the_data_are_counted_and_measured(tmp_path):
    said = text_of(gathered(tmp_path), "Data")
    assert "has 8 cases of 8 patients: CT in Hounsfield units, with ground truth of liver." in said
    assert "The finest side of a voxel is 0.8 (0.6 to 0.8) mm, the coarsest 5 (2.5 to 5) mm" in said
    assert "volumes have 0.0819 million voxels" in said
    assert "liver is drawn in 8 of 8 cases, with 1,500 ml." in said


def test_volumes_are_those_of_masks_that_were_drawn_as_a_whole(tmp_path):
    one = gathered(tmp_path)
    cases = one.cases.assign(mask_undrawn_percent="")
    cases.loc[:2, "mask_undrawn_percent"] = "90"
    cases.loc[:2, "ml_liver"] = "20.0"
    said = text_of(replace(one, cases=cases), "Data")
    assert "drawn in 8 of 8 cases, with 1,500 ml where it is drawn as a whole." in said
    every = replace(one, cases=cases.assign(mask_undrawn_percent="90"))
    assert "liver is drawn in 8 of 8 cases, in each in part." in text_of(every, "Data")


def test_the_split_is_counted_by_patients(tmp_path):
    said = text_of(gathered(tmp_path), "Split")
    assert "2 patients (2 cases) for training; 6 patients (6 cases) for testing." in said
    assert "seed" not in said  # nothing is recorded of how it was drawn


def test_stacks_of_slices_have_no_millimetres(tmp_path):
    one = gathered(tmp_path, content={"contiguous": False, "intensity": "clipped_hu"})
    assert "Cases are stacks of 20 slices that are no neighbours" in text_of(one, "Data")
    assert "liver is drawn in 8 of 8 cases, with 468,750 (468,750 to" in text_of(one, "Data")
    assert not MEASURED.search(written_of(one).replace("nothing is said in millimetres", ""))
    assert set(results([one])["metric"]) & {"dice", "nsd", "hd95_mm", "volume_error_ml"} == {"dice"}
    assert not [name for name in patients([one]) if name.endswith(("_ml", "_mm"))]


def with_lost(folder, cases):
    """Say in the records of cases that some images do not know how large their voxels are."""
    path = folder.parent / "cases.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str)
    table.loc[table["case"].isin(cases), "spacing"] = "1x1x1"
    write_text(path, table.to_csv(sep="\t", index=False))
    shard = folder.parent / "cases" / "_shards" / "test-0.json"
    write_case_records(shard, [case_record(case, lost=True) for case in cases])


def test_voxels_of_unknown_size_are_said(tmp_path):
    folder = gathered(tmp_path).result.folder
    with_lost(folder, ["a", "b"])
    said = text_of(gather(folder), "Data")
    assert "2 headers do not tell how large voxels are, and 1 × 1 × 1 mm was taken there." in said
    assert MEASURED.search(said)
    every = pd.read_csv(folder.parent / "cases.tsv", sep="\t", dtype=str)["case"]
    with_lost(folder, every)
    assert "Headers do not tell how large voxels are" in text_of(gather(folder), "Data")
    assert not MEASURED.search(written_of(gather(folder)))


def test_synthetic_images_are_of_nobody(tmp_path, monkeypatch):
    known(monkeypatch, tmp_path, dataset={"layout": "phantom"})
    one = gathered(tmp_path)
    assert "of 8 patients: synthetic CT in Hounsfield units" in text_of(one, "Data")
    answers = {item.number: each for item, each in CLAIM.answers([one])}
    assert answers["11"].text == "The images are synthetic, and show nobody."
    assert answers["16"].status == "not applicable"
    assert "tell nothing of patients" in answers["40"].text
    known(monkeypatch, tmp_path, dataset={"layout": "msd"})
    asked = {item.number: each for item, each in CLAIM.answers([gather(one.result.folder)])}
    assert asked["11"].status == asked["16"].status == "asked"
    assert "files lie as the Medical Segmentation Decathlon has them" in asked["7"].text


@pytest.mark.parametrize(
    ("told", "is_said"),
    [
        ({}, True),
        ({"patient_pattern": "(?P<patient>.)"}, False),
        ({"metadata": {"table": "t", "patient": None}}, True),
        ({"metadata": {"table": "t", "patient": "who"}}, False),
    ],
)
def test_cases_that_were_taken_for_patients_are_said_to_be(tmp_path, monkeypatch, told, is_said):
    known(monkeypatch, tmp_path, dataset={"layout": "pairs", **told})
    said = "Each case was taken for a patient of its own." in text_of(gathered(tmp_path), "Data")
    assert said is is_said


def test_regions_are_what_is_segmented(tmp_path):
    regions = {"whole": [1], "core": [1]}
    one = gathered(tmp_path, content={"regions": regions})
    assert "with ground truth of core, whole." in text_of(one, "Data")
    assert "in each voxel the threshold was 0.5 for each." in text_of(one, "Prediction")


def test_voxels_that_are_cubes_have_one_side(tmp_path):
    one = gathered(tmp_path)
    cubes = one.cases.assign(spacing="1x1x1")
    assert geometry(one, cubes).startswith("The sides of a voxel are 1 mm, and volumes have")
