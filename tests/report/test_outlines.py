"""Outlines on slices, and slices as radiologists look at them."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.config import UNDRAWN
from slicewise.report.formats import jpeg
from slicewise.report.outlines import (
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
    contact_sheet,
    display_slice,
    overlay,
    pixel_aspect,
)


def masks(size: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image, truth, prediction = (np.zeros((size, size)) for _ in range(3))
    truth[20:50, 20:50] = 1
    prediction[20:50, 30:60] = 1
    return image, truth.astype(int), prediction.astype(int)


def has_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour, np.uint8)).all(axis=-1).any())


def test_overlay_shows_both_colours_and_only_grey_beside_them():
    picture = overlay(*masks(), window=(-1, 1))
    assert picture.dtype == np.uint8
    assert picture.shape == (384, 384, 3)
    assert has_colour(picture, TRUTH_COLOUR)
    assert has_colour(picture, PREDICTION_COLOUR)
    grey = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    drawn = [(picture == np.array(c)).all(axis=-1) for c in (TRUTH_COLOUR, PREDICTION_COLOUR)]
    assert (grey | drawn[0] | drawn[1]).all()


def test_overlay_shows_both_outlines_where_the_masks_agree():
    image, truth, _ = masks()
    picture = overlay(image, truth, truth, window=(-1, 1))
    assert has_colour(picture, TRUTH_COLOUR)
    assert has_colour(picture, PREDICTION_COLOUR)


def test_overlay_of_one_mask_alone_has_its_colour_alone():
    image, truth, _ = masks()
    empty = np.zeros_like(truth)
    assert not has_colour(overlay(image, truth, empty, window=(-1, 1)), PREDICTION_COLOUR)
    assert not has_colour(overlay(image, empty, truth, window=(-1, 1)), TRUTH_COLOUR)


def test_overlay_clips_to_the_window_and_survives_nan():
    image = np.array([[-500.0, 50.0], [np.nan, 900.0]])
    empty = np.zeros((2, 2), int)
    picture = overlay(image, empty, empty, window=(-100, 200))
    assert picture[0, 0, 0] == 0
    assert picture[-1, -1, 0] == 255


@pytest.mark.parametrize(
    ("shape", "aspect", "expected"),
    [
        ((64, 64), 1.0, (384, 384)),
        ((128, 100), 1.0, (384, 300)),
        ((512, 512), 1.0, (512, 512)),
        ((1024, 512), 1.0, (512, 256)),
        ((40, 128), 3.0, (360, 384)),
        ((128, 40), 1 / 3, (384, 360)),
    ],
)
def test_overlay_has_square_pixels_and_a_bounded_size(shape, aspect, expected):
    empty = np.zeros(shape, int)
    picture = overlay(np.zeros(shape), empty, empty, window=(0, 1), aspect=aspect)
    assert picture.shape[:2] == expected


def test_slices_are_shown_as_radiologists_look_at_them():
    array = np.zeros((4, 5, 6))
    array[3, 4, 5] = 1  # right, front, head
    axial = display_slice(array, 5)
    assert axial.shape == (5, 4)
    assert axial[0, 0] == 1  # front up, the patient's right on the left
    coronal = display_slice(array, 4, "coronal")
    assert coronal.shape == (6, 4)
    assert coronal[0, 0] == 1  # head up, right on the left
    sagittal = display_slice(array, 3, "sagittal")
    assert sagittal.shape == (6, 5)
    assert sagittal[0, 0] == 1  # head up, front on the left


def test_pixel_aspect_is_height_over_width():
    assert pixel_aspect((1.0, 2.0, 5.0)) == 2.0
    assert pixel_aspect((1.0, 2.0, 5.0), "coronal") == 5.0
    assert pixel_aspect((1.0, 2.0, 5.0), "sagittal") == 2.5


def test_contact_sheet_lays_slices_out_as_radiologists_look_at_them():
    images = np.full((5, 20, 12), 80, np.uint8)
    images[0, 0, 0] = 255  # left, back: the lower right corner of an axial slice
    masks = np.zeros_like(images)
    masks[1, 5:9, 4:8] = 1
    sheet = contact_sheet({"images": images, "masks": masks}, columns=3)
    assert sheet.shape == (24, 60, 3)
    assert sheet.dtype == np.uint8
    assert sheet[11, 19].tolist() == [255, 255, 255]
    coloured = (sheet != sheet[..., :1]).any(axis=-1)
    assert coloured[:12, 20:40].any(), "the label of the second slice is outlined"
    assert not coloured[:12, :20].any()
    assert not coloured[12:].any()
    assert not sheet[12:, 40:].any(), "the sheet is filled up with black"


@pytest.mark.parametrize("side", [(1, 1), (1, 900), (700, 3), (2048, 2048)])
@pytest.mark.parametrize("values", ["noise", "constant", "gaps"])
def test_an_overlay_of_any_content_and_size_can_be_drawn(side, values):
    random = np.random.default_rng(4)
    image = np.full(side, 5.0)
    if values == "noise":
        image = random.normal(0, 1e6, side)
    elif values == "gaps":
        image[::2] = np.nan
    labels = random.integers(0, 40, side)
    seen = np.nan_to_num(image)
    window = (float(seen.min()), float(seen.max()))
    picture = overlay(image, labels, labels[::-1], window=window)
    assert 384 <= max(picture.shape) <= 512
    assert jpeg(picture).startswith(b"\xff\xd8")


def test_the_sheet_of_large_slices_fits_a_page():
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (3, 2048, 1024), dtype=np.uint8)
    masks = np.zeros_like(images)
    masks[:, 300:900, 300:900] = 1
    sheet = contact_sheet({"images": images, "masks": masks}, columns=2)
    assert sheet.shape == (2 * 256, 2 * 512, 3)
    assert (sheet != sheet[..., :1]).any(), "the label is outlined"
    assert jpeg(sheet).startswith(b"\xff\xd8")


def test_what_nobody_drew_is_hatched_and_not_outlined():
    image, truth, prediction = masks()
    image += 0.5
    plain = overlay(image, truth, prediction, window=(-1, 1))
    part = truth.copy()
    part[:, 70:] = UNDRAWN
    picture = overlay(image, part, prediction, window=(-1, 1))
    scale = picture.shape[0] // len(image)
    np.testing.assert_array_equal(picture[:, : 70 * scale], plain[:, : 70 * scale])
    hatch = (picture != plain).any(axis=-1)[:, 70 * scale :]
    assert 0.2 < hatch.mean() < 0.3
    assert (picture[:, 70 * scale :] == picture[:, 70 * scale :, :1]).all(), "no line of the truth"
    whole = overlay(image, np.full_like(truth, UNDRAWN), prediction, window=(-1, 1))
    assert has_colour(whole, PREDICTION_COLOUR), "predictions are whole"
    assert not has_colour(whole, TRUTH_COLOUR)


def test_the_sheet_hatches_what_nobody_drew():
    images = np.full((1, 20, 12), 80, np.uint8)
    masks = np.full_like(images, UNDRAWN)
    sheet = contact_sheet({"images": images, "masks": masks}, columns=1)
    assert set(np.unique(sheet)) == {44, 80}
