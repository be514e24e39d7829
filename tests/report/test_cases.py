"""From the files of cases to their pictures."""

from __future__ import annotations

import io

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from slicewise.config import Content, Evaluation
from slicewise.dataset.assignment import Assignment
from slicewise.evaluation.cases import predicted_cases, score_cases
from slicewise.report.cases import FRAMES, SCROLLED, case_figures

CONTENT = Content(
    intensity="hu", contiguous=True, labels={"liver": [1], "tumour": [2]}, other_labels="refuse"
)


@pytest.fixture
def predicted(tmp_path):
    """Cases whose prediction lacks the tumour, each with its image."""
    truth = np.zeros((20, 18, 8), np.uint8)
    truth[4:15, 3:14, 2:7] = 1
    truth[6:9, 5:8, 3:5] = 2
    arrays = {"image": 100.0 * truth, "truth": truth, "guess": np.minimum(truth, 1)}
    for name, array in arrays.items():
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    paths = [[str(tmp_path / f"{name}.nii.gz")] * 14 for name in ("truth", "guess", "image")]
    cases = [Assignment(f"c{k:02d}", f"p{k:02d}", "test", None) for k in range(14)]
    return predicted_cases(cases, *paths)


def outlined(figures) -> set[str]:
    return {frame.truth for view in figures.views for frame in view.frames}


def test_each_case_has_overlays_and_three_planes_and_the_first_are_scrolled(predicted):
    metrics = score_cases(predicted, CONTENT, Evaluation())
    figures = case_figures(metrics, predicted, CONTENT)
    assert [each.case for each in figures] == sorted(metrics["case"].unique())
    for number, each in enumerate(figures):
        assert [view.plane for view in each.views] == ["axial", "coronal", "sagittal"]
        counts = [len(view.frames) for view in each.views]
        assert max(counts) <= FRAMES + 2
        assert (max(counts) > 1) == (number < SCROLLED)
    captions = [caption for caption, _ in figures[0].images]
    assert captions[0].startswith("Worst slice: ")
    assert captions[-1].startswith("Best slice: ")
    assert Image.open(io.BytesIO(figures[0].images[0][1])).format == "JPEG"


def test_without_neighbours_there_is_one_plane(predicted):
    metrics = score_cases(predicted[:1], CONTENT, Evaluation())
    (figures,) = case_figures(
        metrics, predicted[:1], CONTENT.model_copy(update={"contiguous": False})
    )
    assert [view.plane for view in figures.views] == ["axial"]


def test_a_label_that_was_not_trained_is_not_drawn(predicted):
    one = predicted[:1]
    trained = score_cases(one, CONTENT, Evaluation())
    blank = score_cases(one, CONTENT, Evaluation(), untrained=[["tumour"]])
    (with_tumour,) = case_figures(trained, one, CONTENT)
    (without,) = case_figures(blank, one, CONTENT)
    # the liver, the hole in it, and the tumour there, which is no outline of its own then
    assert max(path.count("M") for path in outlined(with_tumour)) == 3
    assert max(path.count("M") for path in outlined(without)) == 2


def test_regions_are_shown_by_what_is_scored(tmp_path):
    """A voxel of the core is written as the first of its labels, which is as right."""
    regions = {"whole": [1, 2, 3], "core": [2, 3]}
    labels = {"edema": [1], "necrosis": [2], "rim": [3]}
    content = CONTENT.model_copy(update={"labels": labels, "regions": regions})
    truth = np.zeros((20, 18, 8), np.uint8)
    truth[4:15, 3:14, 2:7] = 1
    truth[6:12, 5:11, 3:6] = 2
    truth[8:10, 7:9, 3:6] = 3
    arrays = {"image": 100.0 * truth, "truth": truth, "guess": np.minimum(truth, 2)}
    for name, array in arrays.items():
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    paths = [[str(tmp_path / f"{name}.nii.gz")] for name in ("truth", "guess", "image")]
    one = predicted_cases([Assignment("c", "p", "test", None)], *paths)
    metrics = score_cases(one, content, Evaluation())
    assert metrics["dice"].tolist() == [1, 1]
    (shown,) = case_figures(metrics, one, content)
    for view in shown.views:
        assert set(view.dice) == {1}
        assert all(frame.truth == frame.prediction for frame in view.frames)
    assert all(caption.endswith("Dice 1.00") for caption, _ in shown.images)
    # without the core the whole, of which it is a part, is seen all the same
    blank = score_cases(one, content, Evaluation(), untrained=[["core"]])
    (without,) = case_figures(blank, one, content)
    assert max(path.count("M") for path in outlined(shown)) == 3
    assert max(path.count("M") for path in outlined(without)) == 1


@pytest.mark.parametrize("found", [0, 1], ids=["nothing", "the label"])
def test_where_0_is_undrawn_predictions_are_shown_as_where_it_is_not(tmp_path, found):
    truth = np.full((80, 70, 8), 9, np.uint8)
    truth[34:45, 33:44, 2:7] = 0
    truth[36:39, 35:38, 3:5] = 1
    guess = np.zeros_like(truth)
    guess[37:41, 35:38, 3:6] = found
    scribbled = np.array([2, 1, *[0] * 8], np.uint8)[truth]  # background is 2
    arrays = {"image": 1.0 * truth, "9": truth, "0": scribbled, "guess": guess}
    for name, array in arrays.items():
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    pictures = []
    for ignore in (9, 0):
        paths = [[str(tmp_path / f"{name}.nii.gz")] for name in (ignore, "guess", "image")]
        one = predicted_cases([Assignment("c", "p", "test", None)], *paths)
        changed = {"labels": {"liver": [1]}, "other_labels": "background", "ignore": ignore}
        content = CONTENT.model_copy(update=changed)
        pictures += case_figures(score_cases(one, content, Evaluation()), one, content)
    assert pictures[0] == pictures[1]
    # around the liver, and not of all that was found to be none
    assert all(max(view.voxels) < 60 for view in pictures[1].views)
