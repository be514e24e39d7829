"""Small pictures, and outlines as paths."""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image

from slicewise.report import picture


def points(path: str) -> np.ndarray:
    """Read an outline back: all corners, in half voxels."""
    found = []
    for line in path.split("M")[1:]:
        numbers = np.array(re.findall(r"-?\d+", line), int).reshape(-1, 2)
        found.append(np.cumsum(numbers, axis=0))
    return np.concatenate(found)


def test_the_outline_of_one_pixel_and_of_none():
    labels = np.zeros((5, 6), np.uint8)
    assert picture.outline(labels, 0.5) == ""
    labels[2, 3] = 1
    corners = points(picture.outline(labels, 0.0))
    assert sorted(map(tuple, corners[:4] / 2)) == [(3, 2.5), (3.5, 2), (3.5, 3), (4, 2.5)]


def test_labels_have_outlines_of_their_own():
    labels = np.zeros((6, 8), np.uint8)
    labels[1:5, 1:4], labels[1:5, 4:7] = 1, 2
    assert picture.outline(labels, 0.5).count("M") == 2
    assert picture.outline(labels == 1, 0.5).count("M") == 1


def test_specks_are_left_out_of_a_long_outline():
    labels = np.zeros((60, 60), np.uint8)
    labels[5:40, 5:40] = 1
    labels[45:59:2, 1:59:2] = 1
    whole = picture.outline(labels, 0.5)
    short = picture.outline(labels, 0.5, 200)
    assert len(short) <= 200 < len(whole)
    assert whole.startswith(short)


def test_a_picture_is_grey_within_its_window():
    ramp = np.tile(np.linspace(-500, 500, 64), (64, 1))
    shown = Image.open(io.BytesIO(picture.webp(ramp, (-160, 240), (32, 16))))
    assert shown.size == (32, 16)
    grey = np.asarray(shown.convert("L"), int)
    assert grey[8, 2] < 8
    assert grey[8, 29] > 247
    assert 60 < grey[8, 16] < 180
