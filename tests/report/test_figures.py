from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from slicewise.evaluation.statistics import agreement
from slicewise.report import figures


def masks(size: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image, truth, prediction = (np.zeros((size, size)) for _ in range(3))
    truth[20:50, 20:50] = 1
    prediction[20:50, 30:60] = 1
    return image, truth.astype(int), prediction.astype(int)


def has_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour, np.uint8)).all(axis=-1).any())


def history(epochs: int = 5, validation: bool = True) -> pd.DataFrame:
    parts = ("train", "val") if validation else ("train",)
    columns = {
        f"{part}/{name}": np.linspace(0.1, 0.9, epochs)
        for part in parts
        for name in ("loss", "dice")
    }
    return pd.DataFrame({"epoch": range(epochs), **columns})


def test_overlay_shows_both_colours_and_only_grey_beside_them():
    picture = figures.overlay(*masks(), window=(-1, 1))
    assert picture.dtype == np.uint8
    assert picture.shape == (384, 384, 3)
    assert has_colour(picture, figures.TRUTH_COLOUR)
    assert has_colour(picture, figures.PREDICTION_COLOUR)
    grey = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    drawn = [
        (picture == np.array(c)).all(axis=-1)
        for c in (figures.TRUTH_COLOUR, figures.PREDICTION_COLOUR)
    ]
    assert (grey | drawn[0] | drawn[1]).all()


def test_overlay_shows_both_outlines_where_the_masks_agree():
    image, truth, _ = masks()
    picture = figures.overlay(image, truth, truth, window=(-1, 1))
    assert has_colour(picture, figures.TRUTH_COLOUR)
    assert has_colour(picture, figures.PREDICTION_COLOUR)


def test_overlay_of_one_mask_alone_has_its_colour_alone():
    image, truth, _ = masks()
    empty = np.zeros_like(truth)
    assert not has_colour(
        figures.overlay(image, truth, empty, window=(-1, 1)), figures.PREDICTION_COLOUR
    )
    assert not has_colour(
        figures.overlay(image, empty, truth, window=(-1, 1)), figures.TRUTH_COLOUR
    )


def test_overlay_clips_to_the_window_and_survives_nan():
    image = np.array([[-500.0, 50.0], [np.nan, 900.0]])
    empty = np.zeros((2, 2), int)
    picture = figures.overlay(image, empty, empty, window=(-100, 200))
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
    picture = figures.overlay(np.zeros(shape), empty, empty, window=(0, 1), aspect=aspect)
    assert picture.shape[:2] == expected


def test_slices_are_shown_as_radiologists_look_at_them():
    array = np.zeros((4, 5, 6))
    array[3, 4, 5] = 1  # right, front, head
    axial = figures.display_slice(array, 5)
    assert axial.shape == (5, 4)
    assert axial[0, 0] == 1  # front up, the patient's right on the left
    coronal = figures.display_slice(array, 4, "coronal")
    assert coronal.shape == (6, 4)
    assert coronal[0, 0] == 1  # head up, right on the left
    sagittal = figures.display_slice(array, 3, "sagittal")
    assert sagittal.shape == (6, 5)
    assert sagittal[0, 0] == 1  # head up, front on the left


def test_pixel_aspect_is_height_over_width():
    assert figures.pixel_aspect((1.0, 2.0, 5.0)) == 2.0
    assert figures.pixel_aspect((1.0, 2.0, 5.0), "coronal") == 5.0
    assert figures.pixel_aspect((1.0, 2.0, 5.0), "sagittal") == 2.5


volumes = st.integers(1, 9).flatmap(
    lambda depth: st.tuples(
        *[hnp.arrays(np.uint8, (2, 3, depth), elements=st.integers(0, 2)) for _ in range(2)]
    )
)


@settings(max_examples=150, deadline=None)
@given(volumes)
def test_picked_slices_are_different_ordered_and_not_empty(pair):
    truth, prediction = pair
    dice = figures.slice_dice(truth, prediction)
    scored = np.flatnonzero(~np.isnan(dice))
    picked = figures.pick_slices(truth, prediction)
    names = [slice_.name for slice_ in picked]
    expected = {0: ["middle"], 1: ["only"], 2: ["worst", "best"]}
    assert names == expected.get(len(scored), ["worst", "median", "best"])
    assert len({slice_.index for slice_ in picked}) == len(picked)
    if not len(scored):
        assert picked[0].index == truth.shape[2] // 2
        assert math.isnan(picked[0].dice)
        return
    assert all(slice_.dice == dice[slice_.index] for slice_ in picked)
    assert picked[0].dice == np.nanmin(dice)
    assert picked[-1].dice == np.nanmax(dice)
    if len(scored) > 2:
        assert picked[1].dice == np.sort(dice[scored])[(len(scored) - 1) // 2]


def test_of_equal_slices_the_one_with_most_to_see_is_the_worst():
    truth = np.zeros((4, 4, 3), int)
    truth[0, 0, 0] = 1
    truth[:2, :, 1] = 1
    truth[:, :, 2] = 1
    picked = figures.pick_slices(truth, truth * 0)
    assert [s.index for s in picked] == [2, 0, 1]


def test_slice_dice_is_the_mean_of_the_labels_present():
    truth = np.array([1, 1, 2, 0]).reshape(4, 1, 1)
    prediction = np.array([1, 1, 0, 0]).reshape(4, 1, 1)
    assert figures.slice_dice(truth, prediction) == pytest.approx([0.5])


def test_curves_have_two_panels_with_training_dashed_and_validation_solid():
    figure = figures.curves({"fold-0": history(), "fold-1": history()}, selected={"fold-0": 3})
    loss, dice = figure.axes
    assert (loss.get_ylabel(), dice.get_ylabel()) == ("Loss", "Dice")
    assert {line.get_linestyle() for line in loss.lines} >= {"--", "-"}
    colours = {line.get_color() for line in dice.lines if line.get_linestyle() == "--"}
    assert len(colours) == 2


@pytest.mark.parametrize("empty", [False, True])
def test_curves_without_validation(empty):
    table = history(validation=False)
    if empty:
        table = table.assign(**{"val/loss": np.nan, "val/dice": np.nan})
    figure = figures.curves({"fold-0": table})
    assert all(line.get_linestyle() == "--" for axes in figure.axes for line in axes.lines)
    assert "validation" not in [text.get_text() for text in figure.legends[0].texts]


def test_curves_of_a_single_epoch_and_of_none():
    assert figures.png(figures.curves({"fold-0": history(1)}))
    assert figures.png(figures.curves({}))


def metrics(labels=("liver", "spleen"), subsets=("test", "test", "validation")) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": f"case-{number}",
            "patient": f"case-{number}",
            "subset": subset,
            "label": label,
            "dice": 0.9 - 0.05 * number,
        }
        for number, subset in enumerate(subsets)
        for label in labels
    )


def test_dots_have_a_row_a_label_and_a_dot_a_test_patient():
    axes = figures.dice_dots(metrics()).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["liver", "spleen"]
    assert [len(dots.get_offsets()) for dots in axes.collections] == [2, 2]


def test_dots_say_of_how_many_they_are_and_may_be_none():
    table = metrics(subsets=("test",) * 3)
    table.loc[table["label"] == "spleen", "dice"] = [0.9, np.nan, np.nan]
    table.loc[table["label"] == "liver", "dice"] = np.nan
    figure = figures.dice_dots(table)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["liver\n0 of 3", "spleen\n1 of 3"]
    assert figures.svg(figure)


def test_dots_mark_the_interval_of_the_summary():
    summary = {"test": {"liver": {"dice": {"mean": 0.8, "ci_low": 0.7, "ci_high": 0.85}}}}
    axes = figures.dice_dots(metrics(labels=("liver",)), summary).axes[0]
    marked = [list(map(float, line.get_xdata())) for line in axes.lines]
    assert [0.7, 0.85] in marked
    assert [0.8] in marked


def test_dots_show_validation_where_there_is_no_test_patient():
    table = metrics(subsets=("validation",) * 3)
    axes = figures.dice_dots(table).axes[0]
    assert len(axes.collections[0].get_offsets()) == 3


def test_files_have_their_formats_and_are_the_same_twice():
    picture = figures.overlay(*masks(), window=(-1, 1))
    assert figures.png(picture).startswith(b"\x89PNG")
    assert figures.jpeg(picture).startswith(b"\xff\xd8")
    first, second = (figures.svg(figures.dice_dots(metrics())) for _ in range(2))
    assert first == second
    assert b"<svg" in first


def test_contact_sheet_lays_slices_out_as_radiologists_look_at_them():
    images = np.full((5, 20, 12), 80, np.uint8)
    images[0, 0, 0] = 255  # left, back: the lower right corner of an axial slice
    masks = np.zeros_like(images)
    masks[1, 5:9, 4:8] = 1
    sheet = figures.contact_sheet({"images": images, "masks": masks}, columns=3)
    assert sheet.shape == (24, 60, 3)
    assert sheet.dtype == np.uint8
    assert sheet[11, 19].tolist() == [255, 255, 255]
    coloured = (sheet != sheet[..., :1]).any(axis=-1)
    assert coloured[:12, 20:40].any(), "the label of the second slice is outlined"
    assert not coloured[:12, :20].any()
    assert not coloured[12:].any()
    assert not sheet[12:, 40:].any(), "the sheet is filled up with black"


def test_bland_altman_has_a_dot_a_patient_its_lines_and_the_extremes_by_name():
    volumes = pd.DataFrame(
        {"volume_ml": [100.0, 200, 300, 400], "predicted_ml": [110.0, 190, 330, 400]},
        index=["a", "b", "c", "d"],
    )
    limits = agreement(volumes["volume_ml"].to_numpy(), volumes["predicted_ml"].to_numpy())
    axes = figures.bland_altman(volumes, limits).axes[0]
    (dots,) = axes.collections
    assert dots.get_offsets().tolist() == [[105, 10], [195, -10], [315, 30], [400, 0]]
    heights = {float(line.get_ydata()[0]) for line in axes.lines}
    assert heights == {0.0, limits["low"], limits["bias"], limits["high"]}
    assert {text.get_text() for text in axes.texts} == {"b", "c"}


def test_bland_altman_of_two_patients_has_no_limits():
    volumes = pd.DataFrame({"volume_ml": [100.0, 200], "predicted_ml": [110.0, 190]}, ["a", "b"])
    axes = figures.bland_altman(volumes, agreement(np.array([100, 200]), np.array([110, 190])))
    assert len(axes.axes[0].lines) == 2  # zero and the bias


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (64, 512), (1500, 2000)])
@pytest.mark.parametrize("content", ["noise", "constant", "checkers"])
def test_a_picture_of_any_content_and_size_becomes_a_jpeg(shape, content):
    picture = np.full((*shape, 3), 77, np.uint8)
    if content == "noise":
        picture = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    elif content == "checkers":  # the highest frequency there is
        picture = np.where(np.indices((*shape, 3)).sum(axis=0) % 2, 255, 0).astype(np.uint8)
    read = np.asarray(Image.open(io.BytesIO(figures.jpeg(picture))))
    assert read.shape == picture.shape
    assert abs(read.astype(int).mean() - picture.astype(int).mean()) < 4


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
    picture = figures.overlay(image, labels, labels[::-1], window=window)
    assert 384 <= max(picture.shape) <= 512
    assert figures.jpeg(picture).startswith(b"\xff\xd8")


def test_the_sheet_of_large_slices_fits_a_page():
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (3, 2048, 1024), dtype=np.uint8)
    masks = np.zeros_like(images)
    masks[:, 300:900, 300:900] = 1
    sheet = figures.contact_sheet({"images": images, "masks": masks}, columns=2)
    assert sheet.shape == (2 * 256, 2 * 512, 3)
    assert (sheet != sheet[..., :1]).any(), "the label is outlined"
    assert figures.jpeg(sheet).startswith(b"\xff\xd8")


def test_curves_that_cannot_be_drawn_are_a_picture_that_says_so(monkeypatch, caplog):
    assert figures.curves_png({"fold-0": history()}).startswith(b"\x89PNG")
    assert not caplog.records

    def fail(*given, **named):
        raise ValueError("no fonts – at all")

    monkeypatch.setattr(figures, "curves", fail)
    made = figures.curves_png({"fold-0": history()})
    assert Image.open(io.BytesIO(made)).convert("L").getextrema()[0] < 128, "there is text"
    assert "The curves of the training could not be drawn (ValueError: no fonts" in caplog.text
