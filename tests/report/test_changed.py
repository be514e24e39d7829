"""The patients that differ most between experiments, and their pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from slicewise.config import Content
from slicewise.report import changed
from slicewise.report.changed import EXPERIMENTS, Files, draw_changed, files_of_cases, most_changed
from slicewise.report.outlines import PREDICTION_COLOUR, TRUTH_COLOUR
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.pages import table

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="background")
AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])


def test_the_largest_spread_comes_first_a_patient_once():
    one = table({"a": 0.8, "b": 0.8, "c": 0.8, "d": 0.8})
    two = table({"a": 0.8, "b": 0.9, "c": 0.5, "d": 0.6})
    for each in (one, two):
        each["patient"] = ["a", "b", "cd", "cd"]
    assert most_changed({"one": one, "two": two}) == ["c", "b"]
    assert most_changed({"one": one, "two": two}, limit=1) == ["c"]
    assert most_changed({"one": one}) == []


def test_files_of_cases_are_called_by_the_folders_of_their_experiments():
    folders = [Path("results/ct/one"), Path("/fetched/ct/two")]
    files = files_of_cases(["a", "b"], ["a.nii", "b.nii"], ["am.nii", "bm.nii"], folders)
    assert list(files) == ["a", "b"]
    assert (files["b"].image, files["b"].mask) == ("b.nii", "bm.nii")
    assert files["b"].predictions == {
        "one": "results/ct/one/predictions/b.nii.gz",
        "two": "/fetched/ct/two/predictions/b.nii.gz",
    }


def test_test_cases_come_before_validation_cases():
    tables = [
        pd.concat([table({"t": dice}), table({"v": 1 - dice}, "validation")]) for dice in (0.8, 0.7)
    ]
    assert most_changed(dict(enumerate(tables))) == ["t"]


def written(path: Path, array: np.ndarray, dtype=np.uint8) -> str:
    write_nifti(path, Volume(array, AFFINE), dtype=dtype)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    image = np.zeros((80, 60, 6), np.int16)
    truth = np.zeros(image.shape, np.uint8)
    truth[20:50, 20:40, 1:5] = 1
    other = truth.copy()
    other[20:50, 20:30, 3] = 0  # they differ here
    other[20:22, 20:22, 2] = 0
    return Files(
        written(tmp_path / "image.nii.gz", image, np.int16),
        written(tmp_path / "mask.nii.gz", truth),
        {
            "one": written(tmp_path / "one.nii.gz", truth),
            "two": written(tmp_path / "two.nii.gz", other),
        },
    )


def test_the_slice_is_where_predictions_differ_most(files: Files):
    tables = {"one": table({"a": 1.0, "b": 1.0}), "two": table({"a": 0.9, "b": 0.5})}
    (shown,) = draw_changed(tables, {"a": files}, CONTENT)
    assert (shown.case, shown.patient, shown.place) == ("a", "a", "slice 4 of 6")
    assert shown.spread == pytest.approx(0.1)
    assert [(name, dice) for name, dice, _ in shown.pictures] == [("one", 1.0), ("two", 0.9)]
    one, two = (np.asarray(Image.open(io.BytesIO(data))) for *_, data in shown.pictures)
    # the same part of the same slice, with a margin around the organ: 60 x 40 mm and 2 x 24 mm
    assert one.shape == two.shape
    assert one.shape[1] / one.shape[0] == pytest.approx(108 / 88, abs=0.05)
    for picture in (one, two):
        for colour in (TRUTH_COLOUR, PREDICTION_COLOUR):
            assert (np.abs(picture.astype(int) - colour).sum(axis=2) < 90).sum() > 100
    assert (one != two).any()


def test_regions_differ_by_what_is_scored_alone(files: Files, tmp_path: Path):
    """Not where one experiment writes another label of the same regions."""
    regions = {"whole": [1, 2], "rest": [3]}
    labels = {"edema": [1], "core": [2], "cyst": [3]}
    content = CONTENT.model_copy(update={"labels": labels, "regions": regions})
    same = np.zeros((80, 60, 6), np.uint8)
    same[20:50, 20:40, 1:5] = 1
    same[20:50, 20:40, 1] = 2
    made = {**files.predictions, "one": written(tmp_path / "same.nii.gz", same)}
    tables = {"one": table({"a": 1.0}), "two": table({"a": 0.9})}
    (shown,) = draw_changed(tables, {"a": Files(files.image, files.mask, made)}, content)
    assert shown.place == "slice 4 of 6"


def test_where_0_is_undrawn_predictions_are_shown_as_where_it_is_not(files: Files, tmp_path: Path):
    truth = np.full((80, 60, 6), 9, np.uint8)
    truth[20:50, 20:40, 1:5] = 1
    truth[20:50, 45:55, 1:5] = 0
    scribbled = np.array([2, 1, *[0] * 8], np.uint8)[truth]  # background is 2
    nothing = written(tmp_path / "nothing.nii.gz", np.zeros_like(truth))
    made = {**files.predictions, "one": nothing}
    tables = {"one": table({"a": 0.0}), "two": table({"a": 0.9})}
    pages = []
    for mask, ignore in ((truth, 9), (scribbled, 0)):
        content = CONTENT.model_copy(update={"ignore": ignore})
        own = written(tmp_path / f"{ignore}.nii.gz", mask)
        pages += draw_changed(tables, {"a": Files(files.image, own, made)}, content)
    assert pages[0] == pages[1]


def test_equal_experiments_and_missing_files_draw_nothing(files: Files):
    same = {"one": table({"a": 0.8}), "two": table({"a": 0.8})}
    assert list(draw_changed(same, {"a": files}, CONTENT)) == []
    tables = {"one": table({"a": 1.0}), "two": table({"a": 0.9})}
    assert list(draw_changed(tables, {}, CONTENT)) == []
    assert list(draw_changed({"one": table({"a": 1.0})}, {"a": files}, CONTENT)) == []


def test_only_the_first_experiments_are_drawn(files: Files):
    tables = {f"e{k}": table({"a": 0.5 + k / 100}) for k in range(EXPERIMENTS + 1)}
    many = Files(files.image, files.mask, dict.fromkeys(tables, files.predictions["two"]))
    (shown,) = draw_changed(tables, {"a": many}, CONTENT)
    assert [name for name, *_ in shown.pictures] == list(tables)[:EXPERIMENTS]
    # where a mask and its prediction are empty, some slice is shown all the same
    blank = written(Path(files.image).with_name("blank.nii.gz"), np.zeros((80, 60, 6), np.uint8))
    empty = Files(files.image, blank, dict.fromkeys(tables, blank))
    assert len(list(draw_changed(tables, {"a": empty}, CONTENT))) == 1


def test_a_case_that_cannot_be_drawn_leaves_the_others(files, monkeypatch):
    tables = {"one": table({"a": 0.9, "b": 0.8}), "two": table({"a": 0.5, "b": 0.7})}
    real = changed.overlay
    calls = iter(range(10))

    def first_fails(*given, **named):
        if next(calls) == 0:
            raise OSError("broken data stream")
        return real(*given, **named)

    monkeypatch.setattr(changed, "overlay", first_fails)
    first, second = draw_changed(tables, {"a": files, "b": files}, CONTENT)
    assert "a by every experiment could not be drawn (OSError: broken" in first.sentence
    assert second.case == "b"
