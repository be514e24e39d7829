"""Labels on another grid: the largest share wins, and nothing comes from beyond the mask."""

import numpy as np
import pytest

from slicewise.volumes.resampling import corners_of, resampled


def test_the_same_grid_changes_nothing():
    labels = np.random.default_rng(0).integers(0, 4, (9, 8, 21)).astype(np.uint8)
    np.testing.assert_array_equal(resampled(labels, np.eye(4), labels.shape), labels)


def test_a_shift_by_whole_voxels_moves_labels():
    labels = np.zeros((20, 4, 4), np.uint8)
    labels[10:18, 1:3, 1:3] = 2
    shift = np.eye(4)
    shift[:3, 3] = (9, 0, -1)
    placed = resampled(labels, shift, (12, 4, 4))
    expected = np.zeros((12, 4, 4), np.uint8)
    expected[1:9, 1:3, 2:4] = 2
    np.testing.assert_array_equal(placed, expected)


@pytest.mark.parametrize(("part", "winner"), [(0.45, 1), (0.55, 2), (0.5, 1)])
def test_the_larger_share_wins_and_the_lower_number_of_equal_ones(part, winner):
    labels = np.array([1, 1, 2, 2], np.uint8).reshape(4, 1, 1)
    shift = np.eye(4)
    shift[0, 3] = 1 + part
    assert resampled(labels, shift, (1, 1, 1))[0, 0, 0] == winner


def test_background_wins_where_it_is_half():
    labels = np.array([0, 3, 0], np.uint8).reshape(3, 1, 1)
    shift = np.eye(4)
    for part, expected in ((0.49, 3), (0.5, 0), (0.51, 0)):
        shift[0, 3] = 1 + part
        assert resampled(labels, shift, (1, 1, 1))[0, 0, 0] == expected


def test_a_mask_without_labels_is_resampled_to_none():
    turned = np.diag([1.1, 1.2, 0.9, 1.0])
    assert not resampled(np.zeros((4, 5, 6), np.uint8), turned, (6, 5, 4)).any()


def test_a_box_has_eight_corners():
    corners = corners_of(np.array([(0, 1), (2, 3), (4, 5)]))
    assert corners.shape == (8, 4)
    assert len(np.unique(corners, axis=0)) == 8
    assert corners[:, 3].tolist() == [1] * 8
    assert corners.min(axis=0).tolist() == [0, 2, 4, 1]
