"""Frames of the viewer: which slices, where they lie, and their outlines."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from slicewise.report import picture, viewer
from slicewise.report.outlines import display_slice
from tests.report.test_picture import points

EACH = {"liver": [1], "tumour": [2]}
PLANES = ("axial", "coronal", "sagittal")
SPACING = (1.0, 1.0, 2.0)


def volume() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, prediction = np.zeros((2, 60, 50, 40), np.uint8)
    truth[20:40, 15:35, 10:30] = prediction[20:40, 15:35, 10:30] = 1
    prediction[30:40, 15:35, 22:24] = 0  # half of two axial slices is missed
    prediction[44, 15, 35] = 1  # a speck
    image = np.random.default_rng(0).normal(0, 100, truth.shape)
    return image, truth, prediction


def views(*arrays: np.ndarray, frames: int = 8, planes=PLANES) -> dict[str, viewer.View]:
    drawn = viewer.plane_views(
        viewer.ShownCase(*arrays, SPACING, (-160, 240), EACH), planes, frames
    )
    return {view.plane: view for view in drawn}


def test_each_plane_begins_where_most_is_wrong_and_has_the_lowest_dice():
    shown = views(*volume())
    assert shown["axial"].frames[shown["axial"].worst].index == 22
    for view in shown.values():
        indices = [frame.index for frame in view.frames]
        assert indices == sorted(set(indices))
        assert len(indices) <= 8 + 2
        dice = [frame.dice for frame in view.frames]
        assert np.nanmin(dice) == np.nanmin(view.dice)
        for frame in view.frames:
            expected = view.dice[frame.index - view.first]
            assert frame.dice == pytest.approx(expected, nan_ok=True)
    assert shown["axial"].frames[0].index == 10
    assert shown["axial"].frames[-1].index == 35
    assert shown["axial"].slices == 40


def test_one_frame_is_the_worst():
    for view in views(*volume(), frames=1).values():
        assert len(view.frames) == 1
        assert view.worst == 0


def test_pictures_are_cut_to_the_masks_and_a_margin_and_have_square_pixels():
    shown = views(*volume())
    assert shown["axial"].voxels == (20 + 5 + 15 + 15, 20 + 15 + 15)
    assert shown["axial"].extent_mm == (55.0, 50.0)
    assert shown["coronal"].voxels == (55, 26 + 8 + 4)  # the volume ends above
    assert shown["coronal"].extent_mm == (55.0, 76.0)
    for view in shown.values():
        picture = Image.open(io.BytesIO(view.frames[0].image))
        assert picture.format == "WEBP"
        assert picture.size == tuple(int(side) for side in view.extent_mm)


def test_large_pictures_are_made_smaller():
    empty = np.zeros((700, 4, 4), np.uint8)
    (view,) = views(empty, empty, empty, planes=["axial"]).values()
    assert Image.open(io.BytesIO(view.frames[0].image)).size == (viewer.LONGEST, 2)


def test_outlines_lie_where_the_mask_is_in_the_picture():
    image, truth, prediction = volume()
    for plane, view in views(image, truth, prediction).items():
        frame = view.frames[view.worst]
        mask = display_slice(truth, frame.index, plane)
        rows, columns = np.nonzero(mask)
        across, up = (n - 1 for n in mask.shape[::-1])
        # the picture begins at the voxels `left` and `top`, counted down
        right, down = across - view.left, up - view.top
        corners = points(frame.truth) / 2
        assert corners.min(axis=0) == pytest.approx((columns.min() - right, rows.min() - down))
        assert corners.max(axis=0) == pytest.approx(
            (columns.max() + 1 - right, rows.max() + 1 - down)
        )


def test_noise_does_not_make_the_page_heavy():
    random = np.random.default_rng(0)
    image = random.normal(0, 100, (100, 90, 30))
    truth, prediction = (random.random((2, 100, 90, 30)) < 0.3).astype(np.uint8)
    for view in views(image, truth, prediction, frames=12).values():
        assert sum(map(viewer._bytes, view.frames)) <= viewer.BUDGET
        assert len(view.frames) >= 2
        for frame in view.frames:
            assert 0 < len(frame.truth) <= picture.LONGEST_PATH


def test_empty_masks_show_the_middle():
    image, truth, _ = volume()
    for view in views(image, truth * 0, truth * 0).values():
        assert view.frames[view.worst].index == view.slices // 2 or len(view.frames) > 1
        assert np.isnan(view.dice).all()
        assert all(frame.truth == frame.prediction == "" for frame in view.frames)


def test_what_nobody_drew_is_no_outline_and_widens_no_picture():
    image, truth, prediction = volume()
    part = np.where(truth == 0, np.uint8(255), truth)
    shown = views(image, part, prediction, frames=1, planes=["axial"])["axial"]
    plain = views(image, truth, prediction, frames=1, planes=["axial"])["axial"]
    assert (shown.voxels, shown.frames[0].truth) == (plain.voxels, plain.frames[0].truth)
    assert shown.frames[0].prediction == plain.frames[0].prediction
    assert shown.frames[0].image != plain.frames[0].image, "it is hatched"
