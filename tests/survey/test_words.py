"""Words for images, masks and subsets."""

import pytest

from slicewise.survey.words import is_person, subset_of, tells_kind, without_subset, words_of


@pytest.mark.parametrize(
    ("name", "words", "subset", "kind"),
    [
        ("imagesTr", ["images", "tr"], "train", True),
        ("Train_Sets", ["train", "sets"], "train", True),
        ("VALIDATION", ["validation"], "validation", True),
        ("raw/test", ["raw", "test"], "test", True),
        ("anna", ["anna"], None, False),
        ("contestants", ["contestants"], None, False),
        ("case_007", ["case"], None, False),
        ("LiTS17/batch", ["lits", "batch"], None, False),
        ("FeTS", ["fets"], None, False),
        ("BraTSReg", ["brats", "reg"], None, False),
        ("ImgTS", ["img", "ts"], "test", True),
        ("testset/images", ["testset", "images"], "test", True),
        ("trainingsdaten", ["trainingsdaten"], "train", True),
        ("Hold-Out", ["holdout"], "test", True),
        ("threshold_out", ["threshold", "out"], None, False),
        ("Masken", ["masken"], None, True),
    ],
)
def test_words_are_whole_ones(name, words, subset, kind):
    assert words_of(name) == words
    assert subset_of(name) == subset
    assert tells_kind(name) == kind


def test_only_the_subset_is_left_out():
    assert without_subset("imagesTr/{0}") == without_subset("imagesTs/{0}")
    assert without_subset("imagesTr/{0}") != without_subset("labelsTr/{0}")
    assert without_subset("trainset/{0}") == without_subset("hold_out/{0}")


def test_a_challenge_is_no_test_set_and_patients_are_known_by_their_words():
    assert subset_of("BraTS20_001") is None
    assert subset_of("imagesTs") == "test"
    assert [is_person(name) for name in ("pat_07", "Case 3", "sub-abc", "scan1", "P", "HGG")] == [
        *(True, True, True),
        *(False, False, False),
    ]
