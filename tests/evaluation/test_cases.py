"""A model that never saw a label has no score of it."""

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content
from slicewise.evaluation.cases import score_cases
from slicewise.evaluation.statistics import COLUMNS, UNSCORED, summarise

CONTENT = Content(
    intensity="hu", contiguous=True, labels={"liver": [1], "tumour": [2]}, other_labels="refuse"
)
CASES = [("a", "p1", "validation", 0), ("b", "p2", "validation", 1), ("t", "p3", "test", None)]


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
        return score_cases(cases, *files, CONTENT, 2.0, untrained).set_index(["case", "label"])

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
    assert "tumour: no training patient of fold 0 had it, so 1 patient has" in record.getMessage()


def test_an_ensemble_without_a_fold_that_knew_the_label_has_no_score(scored):
    table = scored([["tumour"], ["tumour"]])
    assert table.xs("tumour", level="label")["dice"].isna().all()
    assert table.xs("liver", level="label")["dice"].notna().all()


def test_without_folds_the_one_model_counts(scored):
    cases = [("a", "p1", "validation", None), ("t", "p3", "test", None)]
    assert scored([["tumour"]], cases).xs("tumour", level="label")["dice"].isna().all()
    assert scored([[]], cases)["dice"].notna().all()


def test_means_leave_them_out(scored):
    summary = summarise(scored([["tumour"], []]).reset_index())
    assert summary["validation"]["tumour"]["dice"]["n"] == 1
    assert summary["validation"]["liver"]["dice"]["n"] == 2
