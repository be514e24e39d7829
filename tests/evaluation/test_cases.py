"""Scoring the files of cases."""

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content, Evaluation, Recipe
from slicewise.dataset.assignment import Assignment
from slicewise.evaluation.cases import predicted_cases, score_cases
from slicewise.evaluation.statistics import COLUMNS, UNSCORED, summarise

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


def score(case, mask, prediction, content=CONTENT, recipe=None):
    predicted = predicted_cases([case], [mask], [prediction])
    return score_cases(predicted, content, Evaluation(), recipe=recipe)


def test_what_the_recipe_allows_is_beside_each_score(files):
    case = Assignment("a", "p", "test", None)
    rows = score(case, *files, recipe=Recipe(size=16)).set_index("label")
    assert 0.8 < rows["recipe_dice"]["organ"] < 1
    assert rows["recipe_dice"]["lesion"] == 0
    assert rows["dice"]["lesion"] == 1
    whole = score(case, *files, recipe=Recipe())
    assert whole["recipe_dice"].tolist() == [1, 1]
    assert score(case, *files)["recipe_dice"].isna().all()


def test_spacing_is_that_of_the_data_set_where_files_have_lost_it(files):
    for path in files:
        array = np.asanyarray(nib.load(path).dataobj)
        nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    case = Assignment("a", "p", "test", None)
    content = CONTENT.model_copy(update={"spacing": [0.8, 0.8, 5.0]})
    rows = score(case, *files, content).set_index("label")
    assert rows["volume_ml"]["organ"] == pytest.approx(30 * 32 * 4 * 0.8 * 0.8 * 5 / 1000)


def test_a_mask_stored_otherwise_is_scored_on_the_grid_of_the_prediction(files, tmp_path):
    image = nib.load(files[0])
    turn = np.array([[-1, 0, 0, 59], [0, 1, 0, 8], [0, 0, 1, 0], [0, 0, 0, 1]])
    stored = np.asanyarray(image.dataobj)[59::-1, 8:]
    other = str(tmp_path / "stored.nii.gz")
    nib.save(nib.Nifti1Image(np.ascontiguousarray(stored), image.affine @ turn), other)
    case = Assignment("a", "p", "test", None)
    rows = score(case, other, files[1])
    assert rows.equals(score(case, *files))
    assert rows["dice"].tolist() == [1, 1]


@pytest.mark.parametrize("found", [0, 1], ids=["nothing", "the label"])
def test_background_that_a_model_found_is_no_undrawn_voxel(tmp_path, found):
    """Whatever value says undrawn in scribbles: 0 too, which is background in a prediction."""
    truth = np.full((8, 8, 8), 9, np.uint8)
    truth[2:4] = 1
    truth[5:7] = 0
    guess = np.zeros_like(truth)
    guess[2:3] = found
    scribbled = np.array([2, 1, *[0] * 8], np.uint8)[truth]  # background is 2, and undrawn 0
    rows = []
    for array, ignore in ((truth, 9), (scribbled, 0)):
        paths = [str(tmp_path / f"{name}.nii.gz") for name in ("truth", "guess")]
        for path, one in zip(paths, (array, guess), strict=True):
            nib.save(nib.Nifti1Image(one, np.eye(4)), path)
        content = CONTENT.model_copy(
            update={"labels": {"organ": [1]}, "other_labels": "background", "ignore": ignore}
        )
        rows.append(score(Assignment("a", "p", "test", None), *paths, content))
    assert rows[0].equals(rows[1])
    assert rows[1]["dice"].tolist() == pytest.approx([2 * 64 / (64 + 128) if found else 0])
    assert rows[1]["undrawn_percent"].tolist() == [50]


# -- a model that never saw a label has no score of it ------------------------------------

LABELS = Content(
    intensity="hu", contiguous=True, labels={"liver": [1], "tumour": [2]}, other_labels="refuse"
)
CASES = [
    Assignment("a", "p1", "validation", 0),
    Assignment("b", "p2", "validation", 1),
    Assignment("t", "p3", "test", None),
]


@pytest.fixture
def scored(tmp_path):
    """Score the same prediction of three cases, with folds that lacked labels."""
    truth = np.zeros((8, 9, 6), np.uint8)
    truth[1:6, 2:7, 1:5] = 1
    truth[2:4, 3:5, 2:4] = 2
    guess = np.minimum(truth, 1)
    for name, array in (("truth", truth), ("guess", guess)):
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")

    def score(untrained, cases=CASES):
        files = ([str(tmp_path / f"{name}.nii.gz")] * len(cases) for name in ("truth", "guess"))
        table = score_cases(
            predicted_cases(cases, *files), LABELS, Evaluation(), untrained=untrained
        )
        return table.set_index(["case", "label"])

    return score


def test_a_fold_that_lacked_a_label_leaves_its_scores_empty(scored, caplog):
    plain, table = scored(()), scored([["tumour"], []])
    scores = [name for name in COLUMNS if name not in UNSCORED]
    assert table.loc[("a", "tumour"), scores].isna().all()
    assert table.loc[("a", "tumour"), "volume_ml"] == plain.loc[("a", "tumour"), "volume_ml"] > 0
    others = [key for key in table.index if key != ("a", "tumour")]
    # an ensemble of which one fold knew the label is scored
    assert table.loc[others, "dice"].tolist() == plain.loc[others, "dice"].tolist()
    assert plain.loc[("a", "tumour"), "dice"] == 0
    (record,) = caplog.records
    assert "tumour: no training slice of fold 0 showed it, so 1 patient has" in record.getMessage()


def test_an_ensemble_without_a_fold_that_knew_the_label_has_no_score(scored):
    table = scored([["tumour"], ["tumour"]])
    assert table.xs("tumour", level="label")["dice"].isna().all()
    assert table.xs("liver", level="label")["dice"].notna().all()


def test_without_folds_the_one_model_counts(scored):
    cases = [Assignment("a", "p1", "validation", None), Assignment("t", "p3", "test", None)]
    assert scored([["tumour"]], cases).xs("tumour", level="label")["dice"].isna().all()
    assert scored([[]], cases)["dice"].notna().all()


def test_means_leave_them_out(scored):
    summary = summarise(scored([["tumour"], []]).reset_index())
    assert summary["validation"]["tumour"]["dice"]["n"] == 1
    assert summary["validation"]["liver"]["dice"]["n"] == 2
