"""Labels as settings."""

import numpy as np
import SimpleITK as sitk

from slicewise.survey import labels
from slicewise.survey.content import Grid
from slicewise.survey.extents import Extents
from slicewise.survey.glance import glance_at
from slicewise.survey.listing import list_folder
from slicewise.volumes.volume import Volume
from tests.imitated import slicer


def masks(*values, number=None, word=""):
    glances = {}
    for n, own in enumerate(values):
        array = np.zeros((9, 9, 9), np.uint16)
        for at, value in enumerate(own):
            array[at] = value
        glances[f"m{n}"] = glance_at(Volume(array, np.eye(4)))
    return labels.Masks(glances, number or len(glances), word)


def test_all_values_become_labels_named_by_the_data_or_by_number(tmp_path):
    said = labels.labels_by_value(masks([1, 3], [3]), list_folder(tmp_path))
    assert {one.path[-1]: one.value for one in said} == {"label_1": 1, "label_3": 3}
    assert "1 of all 2 masks" in said[0].why
    (tmp_path / "dataset.json").write_text('{"labels": {"0": "bg", "1": "a", "2": "b", "3": "c"}}')
    said = labels.labels_by_value(masks([1, 3], number=7), list_folder(tmp_path))
    assert {one.path[-1]: one.value for one in said} == {"a": 1, "b": 2, "c": 3}
    assert "1 of 7 masks read" in said[0].why


def test_a_single_value_is_called_as_its_files_say(tmp_path):
    (one,) = labels.labels_by_value(masks([255], word="liver"), list_folder(tmp_path))
    assert (one.path[-1], one.value) == ("liver", 255)


def test_empty_masks_are_allowed_where_some_were_seen():
    assert labels.empty_masks(masks([1])) == []
    (said,) = labels.empty_masks(masks([1], []))
    assert (said.value, "m1" in said.why) == ("allow", True)


def test_segments_are_named_and_of_a_mixture_none_is(tmp_path):
    slicer(tmp_path)
    paths = sorted(tmp_path.glob("*/*.seg.nrrd"))
    said = labels.labels_by_segment(paths)
    assert {one.path[-1]: one.value for one in said} == {
        "Liver": "Liver",
        "Liver_tumour": "Liver tumour",
    }
    plain = tmp_path / "plain.seg.nrrd"
    sitk.WriteImage(sitk.Image(3, 3, 3, sitk.sitkUInt8), str(plain))
    assert labels.labels_by_segment([*paths, plain]) == []
    assert labels.labels_by_segment([]) == []


def test_segments_of_few_files_are_background_unless_there_is_nothing_else(tmp_path, monkeypatch):
    named = {"a": ["GTV", "Body"], "b": ["GTV", "Body"], "c": ["Heart", "GTV"]}
    monkeypatch.setattr(labels, "_segments", lambda path: named[path.name])
    said = labels.labels_by_segment([tmp_path / name for name in named])
    assert [(one.path[-1], one.value) for one in said] == [
        ("Body", "Body"),
        ("GTV", "GTV"),
        ("other_labels", "background"),
    ]
    alone = {"a": ["x1"], "b": ["x2"], "c": ["x3"]}
    monkeypatch.setattr(labels, "_segments", lambda path: alone[path.name])
    said = labels.labels_by_segment([tmp_path / name for name in alone])
    assert [one.value for one in said] == ["x1", "x2", "x3"]


def test_structures_are_ordered_so_that_small_ones_are_not_covered():
    extents = Extents({"vessel": [1.0], "body": [9.0], "organ": [5.0]})
    said = labels.labels_by_file(["vessel", "body", "organ"], extents, "")
    assert [one.path[-1] for one in said] == ["body", "organ", "vessel"]
    assert [one.value for one in said] == [1, 2, 3]


def test_scans_of_one_patient_are_asked_for():
    assert labels.patients_of(["p1", "p2"]) == []
    (said,) = labels.patients_of(["p01_ED", "p01_ES", "p02_ED", "p02_ES"])
    assert "(?P<patient>" in said.value
    assert said.question
    assert said.others[0].value is None


def test_whose_single_slices_are_is_asked_for():
    flat, thick = (Grid((30, 20, slices), (1.0, 1.0, 1.0), lost=False) for slices in (1, 2))
    (said,) = labels.patients_of_slices([flat, flat], 5)
    assert (said.path[-1], said.value) == ("patient_pattern", None)
    assert said.why.startswith("each of 2 images read is a single slice, and names do not tell")
    assert said.question
    assert labels.patients_of_slices([flat, thick], 5) == []
    assert labels.patients_of_slices([flat], 1) == labels.patients_of_slices([], 5) == []


def test_voxels_that_nobody_drew_are_no_label(tmp_path):
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "a": 1, "ignore": 2}}')
    said = labels.labels_by_value(masks([1, 2]), list_folder(tmp_path))
    assert {one.path: one.value for one in said} == {
        ("dataset", "labels", "a"): 1,
        ("dataset", "ignore"): 2,
    }


def test_regions_of_several_values_are_no_labels(tmp_path):
    described = '{"labels": {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}}'
    (tmp_path / "dataset.json").write_text(described)
    said = labels.labels_by_value(masks([1, 2, 3]), list_folder(tmp_path))
    assert [(one.path[1:], one.value) for one in said] == [
        (("labels", "label_1"), 1),
        (("labels", "label_2"), 2),
        (("ignore",), 3),
        (("regions", "whole"), [1, 2]),
        (("regions", "core"), [2]),
    ]


def test_segments_in_several_spellings_are_one_label(tmp_path, monkeypatch):
    # counted apart, the livers of two of the five would have become background
    named = {"a": ["Liver"], "b": ["liver"], "c": ["LIVER ", "Liver"], "d": ["Liver"], "e": ["X"]}
    monkeypatch.setattr(labels, "_segments", lambda path: named[path.name])
    said = labels.labels_by_segment([tmp_path / name for name in named])
    assert [(one.path[-1], one.value) for one in said] == [
        ("Liver", "Liver"),
        ("other_labels", "background"),
    ]
    assert "4 of 5 masks" in said[0].why
    assert said[1].why.endswith(": X")


def test_values_that_files_call_differently_are_asked_for(tmp_path):
    """One site's tumours were learnt as livers."""
    for site, names in (("A", "1: liver\n2: tumor\n"), ("B", "1: tumor\n2: liver\n")):
        (tmp_path / site).mkdir()
        (tmp_path / site / "labels.txt").write_text(names)
    seen = masks([1, 2], [1, 2])
    glances = dict(zip(("A/1.nii", "B/1.nii"), seen.glances.values(), strict=True))
    said = labels.labels_by_value(labels.Masks(glances, 2), list_folder(tmp_path))
    assert {one.path[-1]: one.value for one in said} == {"label_1": 1, "label_2": 2}
    assert all("dataset.exclude" in one.question for one in said)
    assert "liver by A/labels.txt (in its folder 1 mask, such as A/1.nii)" in said[0].why
    assert "tumor by B/labels.txt (in its folder 1 mask, such as B/1.nii)" in said[0].why


def test_regions_of_one_description_are_none_where_another_has_others(tmp_path):
    for site, core in (("A", 2), ("B", 1)):
        (tmp_path / site).mkdir()
        described = f'{{"labels": {{"background": 0, "whole": [1, 2], "core": {core}}}}}'
        (tmp_path / site / "dataset.json").write_text(described)
    said = labels.labels_by_value(masks([1, 2]), list_folder(tmp_path))
    assert [one.path[1:] for one in said] == [("labels", "label_1"), ("labels", "label_2")]
    assert all(one.question for one in said)
