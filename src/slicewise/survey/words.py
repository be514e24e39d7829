"""Words by which people call folders and files: what is an image, a mask, for training, for tests.

They decide only where names and contents leave both ways open.
"""

from __future__ import annotations

import re

from slicewise.dataset.names import PERSONS

_SETS = ("set", "sets", "data", "daten", "sdaten")


def _with_sets(*words: str) -> tuple[str, ...]:
    """Return words, and what people write in one word with them: ``testset``."""
    return (*words, *(f"{word}{end}" for word in words for end in _SETS))


TRAIN = (*_with_sets("train", "training"), "tr", "trn", "labeled", "labelled")
VALIDATION = (*_with_sets("val", "valid", "validation"), "va")
TEST = (*_with_sets("test", "testing"), "ts", "tst", "holdout")
SUBSETS = (*TRAIN, *VALIDATION, *TEST, "unlabeled", "unlabelled")
IMAGES = (
    *("image", "images", "img", "imgs", "imaging", "scan", "scans", "volume", "volumes", "vol"),
    *("orig", "original", "raw", "data", "ct", "mr", "mri", "pet", "bild", "bilder", "imagenes"),
)
MASKS = (
    *("mask", "masks", "label", "labels", "lab", "lbl", "seg", "segs", "segmentation", "gt"),
    *("segmentations", "annotation", "annotations", "ground", "truth", "groundtruth", "contour"),
    *("contours", "roi", "rois", "delineation", "delineations", "manual", "derivatives"),
    *("maske", "masken", "masque", "masques", "mascara", "mascaras", "segmentierung"),
)
PREDICTED = (
    *("pred", "preds", "prediction", "predictions", "predicted", "output", "outputs", "inference"),
    *("auto", "automatic", "automated", "totalsegmentator", "segmentator", "nnunet", "ai"),
)
"""Of masks that a program made."""
KINDS = frozenset((*SUBSETS, *IMAGES, *MASKS))
CHALLENGES = re.compile(r"(?<![A-Za-z])([A-Z][a-z]{1,2})TS(?![a-z])")
"""BraTS, FeTS, KiTS, LiTS: tumour segmentation, and no word for tests."""
HOLD_OUT = re.compile(r"(?i)(?<![a-z])hold[-_ ]out(?![a-z])")
"""What is one word, however it is written."""


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case; a change to capitals begins one.

    Examples
    --------
    >>> words_of("imagesTr_01"), words_of("Train_Sets")
    (['images', 'tr'], ['train', 'sets'])
    >>> words_of("BraTS2021"), words_of("KiTS"), words_of("LabTS")
    (['brats'], ['kits'], ['lab', 'ts'])
    """
    name = CHALLENGES.sub(_in_one_word, HOLD_OUT.sub("holdout", name))
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def _in_one_word(name: re.Match[str]) -> str:
    """Return the name of a challenge without capitals within it, and other names as they are."""
    return name[0] if name[1].lower() in KINDS else name[0].capitalize()


def tells_kind(name: str) -> bool:
    """Tell whether a folder's name says what its files are."""
    return any(word in KINDS for word in words_of(name))


def is_person(name: str) -> bool:
    """Tell whether a name is a word for a patient with a number.

    Examples
    --------
    >>> is_person("P01"), is_person("sub-7"), is_person("2019_case_3"), is_person("visit2")
    (True, True, True, False)
    """
    match = re.fullmatch(r"(?:.*[^A-Za-z])?([A-Za-z]+)[-_. ]*\d+", name)
    return name.startswith("sub-") or (match is not None and match[1].lower() in PERSONS)


def subset_of(name: str) -> str | None:
    """Return the subset that a path names: ``train``, ``validation``, ``test`` or nothing.

    Examples
    --------
    >>> subset_of("raw/test"), subset_of("imagesTr"), subset_of("livers")
    ('test', 'train', None)
    """
    words = words_of(name)
    for subset, known in (("test", TEST), ("validation", VALIDATION), ("train", TRAIN)):
        if any(word in known for word in words):
            return subset
    return None


def without_subset(text: str) -> str:
    """Return a path without the words that name a subset, to compare it with those of others.

    Examples
    --------
    >>> without_subset("imagesTr/{0}.nii.gz") == without_subset("imagesVa/{0}.nii.gz")
    True
    """
    return re.sub(
        r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])",
        lambda word: "=" if word[0].lower() in SUBSETS else word[0],
        HOLD_OUT.sub("holdout", text),
    )
