"""The page about new scans, and their table."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from slicewise.config import Content
from slicewise.report.segmented import (
    SCROLLED,
    Origin,
    SegmentedScan,
    by_models,
    drawn_scan,
    scan_overlay,
    scan_views,
    scans_page,
    scans_table,
)
from slicewise.volumes.volume import Volume

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="refuse")
AFFINE = np.diag([-2.0, -1.0, 4.0, 1.0])


def volumes() -> tuple[Volume, Volume]:
    rng = np.random.default_rng(1)
    image = rng.normal(40, 50, (30, 40, 12)).astype(np.int16)
    mask = np.zeros(image.shape, np.uint8)
    mask[10:20, 10:30, 3:9] = 1
    mask[10:15, 10:15, 9] = 1
    return Volume(image, AFFINE), Volume(mask, AFFINE)


def scan(name: str, suspicion: float, views: list | None = None) -> SegmentedScan:
    label = {"label": "liver", "ml": 1234.5, "pieces": [1234.5], "cut": []}
    return SegmentedScan(
        scan=name,
        made_from="m",
        mask_sha256="s",
        labels=[{**label, "confidence": 0.912, "agreement": None}],
        flags=[{"kind": "odd", "sentence": "liver is <odd>."}] if suspicion > 1 else [],
        suspicion=suspicion,
        views=views or [],
    )


def test_the_area_is_that_of_each_slice() -> None:
    shown = drawn_scan(*volumes(), CONTENT)
    axial, coronal, sagittal = scan_views(shown, contiguous=True)
    assert [v["plane"] for v in (axial, coronal, sagittal)] == ["axial", "coronal", "sagittal"]
    areas = {frame[0]: frame[1] for frame in axial["frames"]["frames"]}
    assert areas == dict.fromkeys(range(3, 9), "4.0 cm²") | {9: "0.5 cm²"}
    assert axial["frames"]["frames"][axial["worst"]][1] == "4.0 cm²", "where most was found"
    assert len(scan_views(shown, contiguous=False)) == 1
    json.dumps([axial, coronal, sagittal], allow_nan=False)


def test_a_scan_without_anything_found_has_pictures() -> None:
    image, mask = volumes()
    shown = drawn_scan(image, Volume(mask.array * 0, AFFINE), CONTENT)
    views = scan_views(shown, contiguous=True)
    assert all(frame[1] == "0.0 cm²" for view in views for frame in view["frames"]["frames"])
    assert scan_overlay(shown)[:2] == b"\xff\xd8"


def test_the_most_suspicious_comes_first() -> None:
    views = scan_views(drawn_scan(*volumes(), CONTENT), contiguous=True)
    scans = [scan("calm", 0.2, views), scan("odd", 1.5, views), scan("middle", 0.7, views)]
    page = scans_page(scans, "tiny/plain", ["x: it <failed>; look"])
    assert re.findall(r'id="scan-(\w+)"', page) == ["odd", "middle", "calm"]
    assert "liver is &lt;odd&gt;." in page and "x: it &lt;failed&gt;; look" in page
    assert "3 scans, of which 1 is flagged" in page
    assert page.count('<script type="application/json">') == 3
    table = pd.read_csv(io.StringIO(scans_table(scans)), sep="\t")
    assert list(table["scan"]) == ["odd", "middle", "calm"]
    assert list(table["ml"]) == [pytest.approx(1234.5)] * 3
    assert table["agreement"].isna().all() and table["flags"].isna().sum() == 2


def test_of_many_scans_the_first_can_be_scrolled() -> None:
    views = scan_views(drawn_scan(*volumes(), CONTENT), contiguous=True)
    page = scans_page([scan(f"s{k:02d}", k / 100, views) for k in range(SCROLLED + 3)], "m", [])
    assert page.count('<script type="application/json">') == SCROLLED
    assert page.count('class="case card"') == SCROLLED + 3


def test_masks_of_several_models_are_told_apart() -> None:
    """Scans that were added later, by another model or by one that was trained anew meanwhile."""

    def by(name: str, model: str, weights: str) -> SegmentedScan:
        origin = Origin(image=name, offset=0, model=model, weights=[weights])
        return scan(name, 0.1).model_copy(update={"origin": origin})

    old = [by(name, "ct/a", "0123456789") for name in ("s1", "s2")]
    assert by_models(old) == [] and "Of several models" not in scans_page(old, "ct/a", [])
    other = [*old, by("s3", "ct/b", "abcdefghij")]
    assert by_models(other) == ["ct/a: 2 masks (s1, s2)", "ct/b: 1 mask (s3)"]
    assert "is not of one model: ct/a: 2 masks (s1, s2); ct/b" in scans_page(other, "ct/b", [])
    anew = [*old, by("s3", "ct/a", "abcdefghij")]
    assert by_models(anew) == [
        "ct/a (weights 01234567): 2 masks (s1, s2)",
        "ct/a (weights abcdefgh): 1 mask (s3)",
    ]


def test_a_page_without_a_scan_says_what_failed() -> None:
    page = scans_page([], "m", ["x: it failed; look"])
    assert "x: it failed; look" in page and "All scans" not in page
