"""A folder of DICOM studies is known by its headers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from slicewise.config import Dataset
from slicewise.dataset.finding import find_cases
from slicewise.survey.archive import labels_of_archive
from slicewise.survey.extents import extents_of_segments
from slicewise.survey.looking import Looker
from slicewise.survey.proposal import propose
from slicewise.survey.writing import written
from tests.volumes.dicom.archived import ORGAN, write_study
from tests.volumes.dicom.drawn import corners, write_rtstruct, write_seg


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def cases_of(root: Path):
    dataset = Dataset(name="x", layout="dicom", root=".", labels={"liver": 1})
    return find_cases(dataset, root)


def test_files_that_lie_in_the_folder_itself(tmp_path, write_series):
    uid = write_study(tmp_path / "a", write_series, "ID-A")
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in [*(tmp_path / "a" / f"{uid}.images").iterdir(), tmp_path / "a" / "1M"]:
        path.rename(flat / path.name)
    said = propose(flat, "x", str(flat)).said
    assert [one.value for one in said if one.path[-1] == "layout"] == ["dicom"]
    labels = [one for one in said if one.path[1] == "labels"]
    assert [one.value for one in labels] == ["Liver"]


def test_labels_are_what_most_masks_name_in_their_commonest_spelling(tmp_path, write_series):
    for number, names in enumerate([("Liver", "GTV"), ("Liver",), ("LIVER",), ("liver ",)]):
        place = tmp_path / f"p{number}"
        uid = write_study(place, write_series, f"ID-{number}", mask=None)
        masks = {
            name: ORGAN.transpose() if False else np.roll(ORGAN, n) for n, name in enumerate(names)
        }
        write_seg(place / "seg", place / f"{uid}.images", masks)
    said = {one.path: one for one in labels_of_archive(cases_of(tmp_path))}
    labels = {path[-1]: one.value for path, one in said.items() if path[1] == "labels"}
    assert list(labels.values()) == ["Liver"]
    assert said["dataset", "other_labels"].value == "background"
    assert "GTV" in said["dataset", "other_labels"].why


def test_a_proposal_finds_the_cases_and_names_nobody(tmp_path, write_series):
    root = tmp_path / "archive"
    for number in range(3):
        write_study(root / f"ID-{number}", write_series, f"ID-{number}")
    write_study(root / "ID-0", write_series, "ID-0", study="2", series="2")
    proposal = propose(root, "x", str(root))
    text = written(list(proposal.said), proposal.head)
    settings = yaml.safe_load(text)
    assert settings["dataset"]["layout"] == "dicom"
    assert list(settings["dataset"]["labels"].values()) == ["Liver"]
    assert "patient_pattern" not in settings["dataset"]
    cases = find_cases(Dataset.model_validate(settings["dataset"]), tmp_path)
    assert len(cases) == 4
    assert len({case.patient for case in cases}) == 3
    assert "ID-" not in text
    assert "1.2.826" not in text


def twice_drawn(root, write_series, cases, regions, segments):
    """Write studies with a structure set, all but the last also with a segmentation."""
    for number in range(cases):
        place = root / f"p{number}"
        uid = write_study(place, write_series, f"ID-{number}", mask=None)
        images = place / f"{uid}.images"
        square = np.array([(2.5, 3.5), (7.5, 3.5), (7.5, 10.5), (2.5, 10.5)])
        told = {name: corners(images, {at: [square]}) for name, at in regions.items()}
        write_rtstruct(place / "rt", images, told)
        if number < cases - 1:
            write_seg(place / "seg", images, segments)


def labels_and_others(root):
    cases = cases_of(root)
    said = labels_of_archive(cases, partial(extents_of_segments, cases, Looker(root)))
    labels = {one.path[-1]: one.value for one in said if one.path[:2] == ("dataset", "labels")}
    return labels, next((one for one in said if one.path[-1] == "other_labels"), None)


def test_one_truth_that_was_drawn_in_two_ways_is_not_two(tmp_path, write_series):
    """Half of the labels had no voxel, as the others had them."""
    twice_drawn(tmp_path, write_series, 4, {"Lung-Left": 2}, {"Lung": ORGAN})
    labels, others = labels_and_others(tmp_path)
    # all have one, and three of four a segmentation
    assert labels == {"Lung_Left": "Lung-Left"}
    assert others.value == "background"
    assert "3 of 4 series read have a SEG and an RTSTRUCT" in others.why
    assert "background is what SEG has: Lung" in others.why
    assert others.question


def test_a_name_that_both_drawings_have_is_told_of(tmp_path, write_series):
    twice_drawn(tmp_path, write_series, 3, {"lung": 2, "GTV": 3}, {"Lung": ORGAN})
    assert "as both have Lung, which runs refuse" in labels_and_others(tmp_path)[1].question


def test_drawings_of_different_things_are_all_labels(tmp_path, write_series):
    apart = np.zeros_like(ORGAN)
    apart[9:, 12:, 4] = True
    twice_drawn(tmp_path, write_series, 3, {"Lung-Left": 2}, {"Heart": apart})
    labels, others = labels_and_others(tmp_path)
    assert sorted(labels) == ["Heart", "Lung_Left"]
    assert others is None
