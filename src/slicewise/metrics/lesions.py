"""Lesions that were found, missed and made up: components of a mask, one by one.

Voxels belong to one lesion when they touch by a face, an edge or a corner.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from slicewise.metrics.failures import TOUCHING


def lesions(truth: np.ndarray, prediction: np.ndarray, iou: float) -> dict[str, int]:
    """Count the lesions of a case, and how many of them were found.

    A lesion is found where a component of the prediction overlaps it by at
    least `iou` (intersection over union). Each component finds one lesion at
    most, so that a large one cannot find them all, and pairs are made so that
    as many as possible are found (as panoptica does, Kofler et al.,
    arXiv:2312.02608). 0.1 is what lesion detection commonly takes, as where a
    lesion lies matters more than its outline (nnDetection, Baumgartner et al.,
    MICCAI 2021). With 0 any voxel in common is enough, and a component may find
    several lesions: then what is missed and made up are the missed parts and
    false islands of `failures`.

    Parameters
    ----------
    truth, prediction : ndarray of bool, shape (i, j, k)
        Ground truth and prediction.
    iou : float
        The least overlap, from 0 to 1.

    Returns
    -------
    dict
        lesions, how many the ground truth has; lesions_found of them;
        lesions_false, components of the prediction that found none.
    """
    if truth.flags.f_contiguous:  # scipy is several times slower on these
        truth = truth.T
        prediction = prediction.T
    true_parts, number = ndimage.label(truth, TOUCHING)
    guess_parts, guesses = ndimage.label(prediction, TOUCHING)
    shared = truth & prediction
    pairs = true_parts[shared].astype(np.int64) * (guesses + 1) + guess_parts[shared]
    codes, both = np.unique(pairs, return_counts=True)
    rows = codes // (guesses + 1) - 1
    columns = codes % (guesses + 1) - 1
    if iou == 0:
        hits = len(np.unique(rows))
        used = len(np.unique(columns))
    else:
        true_sizes = np.bincount(true_parts[truth], minlength=number + 1)[1:]
        guess_sizes = np.bincount(guess_parts[prediction], minlength=guesses + 1)[1:]
        # times the union, as a quotient rounds: 1 of 10 voxels is an overlap of 0.1
        enough = both >= iou * (true_sizes[rows] + guess_sizes[columns] - both) * (1 - 1e-12)
        hits = _most_pairs(rows[enough], columns[enough], (number, guesses))
        used = hits
    return {"lesions": number, "lesions_found": hits, "lesions_false": guesses - used}


def _most_pairs(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> int:
    """Return how many pairs can be made of which none shares a row or a column."""
    if not len(rows):
        return 0
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=shape).tocsr()
    return int((maximum_bipartite_matching(graph) >= 0).sum())
