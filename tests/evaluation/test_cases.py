"""Scoring the files of cases."""

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content, Recipe
from slicewise.evaluation.cases import ABDOMEN, display_window, score_cases

CONTENT = Content(
    intensity="hu", contiguous=True, labels={"organ": [3], "lesion": [7]}, other_labels="refuse"
)


@pytest.fixture
def files(tmp_path):
    truth = np.zeros((64, 64, 6), np.uint8)
    truth[10:40, 12:44, 1:5] = 3
    truth[50:51, 50:51, 2] = 7
    paths = [str(tmp_path / f"{name}.nii.gz") for name in ("truth", "guess")]
    for path in paths:
        nib.save(nib.Nifti1Image(truth, np.diag([0.8, 0.8, 5, 1])), path)
    return paths


def test_what_the_recipe_allows_is_beside_each_score(files):
    case = ["a", "p", "test", None]
    recipe = Recipe(size=16).model_dump()
    rows = score_cases([case], files[:1], files[1:], CONTENT, 2.0, recipe).set_index("label")
    assert 0.8 < rows["recipe_dice"]["organ"] < 1
    assert rows["recipe_dice"]["lesion"] == 0
    assert rows["dice"]["lesion"] == 1
    whole = score_cases([case], files[:1], files[1:], CONTENT, 2.0, Recipe().model_dump())
    assert whole["recipe_dice"].tolist() == [1, 1]
    assert score_cases([case], files[:1], files[1:], CONTENT, 2.0)["recipe_dice"].isna().all()


def test_spacing_is_that_of_the_data_set_where_files_have_lost_it(files):
    for path in files:
        array = np.asanyarray(nib.load(path).dataobj)
        nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    case = ["a", "p", "test", None]
    content = CONTENT.model_copy(update={"spacing": [0.8, 0.8, 5.0]})
    rows = score_cases([case], files[:1], files[1:], content, 2.0).set_index("label")
    assert rows["volume_ml"]["organ"] == pytest.approx(30 * 32 * 4 * 0.8 * 0.8 * 5 / 1000)


def test_pictures_show_tissue_whatever_a_few_voxels_hold():
    random = np.random.default_rng(0)
    content = CONTENT.model_copy(update={"intensity": "arbitrary"})
    array = random.normal(100, 20, (30, 30, 10))
    low, high = display_window(array, content)
    assert (low, high) == pytest.approx(np.percentile(array, (1, 99)), abs=1)
    array.ravel()[random.choice(array.size, 500, replace=False)] = 1e9
    assert display_window(array, content)[1] < 300
    low, high = display_window(random.normal(0, 1e-9, (9, 9, 9)), content)
    assert 1e-10 < high - low < 1e-8
    assert display_window(array, CONTENT) == ABDOMEN
