"""Files of figures and pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from slicewise.report.dots import dice_dots
from slicewise.report.formats import darkened, jpeg, png, svg, themed
from slicewise.report.outlines import overlay
from slicewise.report.style import INK
from tests.report.test_dots import metrics
from tests.report.test_outlines import masks


def test_files_have_their_formats_and_are_the_same_twice():
    picture = overlay(*masks(), window=(-1, 1))
    assert png(picture).startswith(b"\x89PNG")
    assert jpeg(picture).startswith(b"\xff\xd8")
    first, second = (svg(dice_dots(metrics())) for _ in range(2))
    assert first == second
    assert b"<svg" in first


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (64, 512), (1500, 2000)])
@pytest.mark.parametrize("content", ["noise", "constant", "checkers"])
def test_a_picture_of_any_content_and_size_becomes_a_jpeg(shape, content):
    picture = np.full((*shape, 3), 77, np.uint8)
    if content == "noise":
        picture = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    elif content == "checkers":  # the highest frequency there is
        picture = np.where(np.indices((*shape, 3)).sum(axis=0) % 2, 255, 0).astype(np.uint8)
    read = np.asarray(Image.open(io.BytesIO(jpeg(picture))))
    assert read.shape == picture.shape
    assert abs(read.astype(int).mean() - picture.astype(int).mean()) < 4


def test_a_figure_is_drawn_once_for_both_pages():
    drawings = []

    def draw():
        drawings.append(dice_dots(metrics()))
        return drawings[-1]

    both = themed("The dots", draw)
    assert len(drawings) == 1
    assert both["light"] == svg(dice_dots(metrics()))
    for light, dark in zip(INK["light"].values(), INK["dark"].values(), strict=True):
        assert (light in both["light"].decode()) == (dark in both["dark"].decode())
        assert light not in both["dark"].decode()
    assert INK["dark"]["paper"] in both["dark"].decode()


def test_a_patient_who_is_called_like_a_colour_keeps_the_name():
    ink = INK["light"]["text"]
    named = metrics().assign(patient=lambda table: f'"{ink};"' + table["patient"])
    figure = svg(dice_dots(named)).decode()
    name = f'>"{ink};"case-1<'
    assert name in figure
    assert name in darkened(figure.encode()).decode()
