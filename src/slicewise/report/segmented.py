"""The page about new scans that were segmented, the most suspicious first, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field

from slicewise.config import Content
from slicewise.report.formats import jpeg
from slicewise.report.gallery import frames_of, on_screen
from slicewise.report.outlines import PLANE_AXES, Plane, display_slice, overlay, pixel_aspect
from slicewise.report.render import number, raw, render
from slicewise.report.viewer import Frame, ShownCase, View, plane_views
from slicewise.report.window import display_window
from slicewise.stored import Form, Loose, Name
from slicewise.volumes.volume import Volume
from slicewise.wording import plural, some

FRAMES = 24
SCROLLED = 30
"""How many scans the page scrolls through, the most suspicious, and by how many slices of a plane.

Of the others it has one slice of each plane, or it would be too heavy to open.
"""
NAMED = 3
"""Scans that are named at once."""
EXPECTED = ("expected_dice", "expected_low", "expected_high")
HEADER = (
    *("scan", "label", "ml", "pieces", *EXPECTED),
    *("confidence", "agreement", "suspicion", "flags"),
)
"""Columns of the table."""


class Origin(Loose):
    """What a mask was made from.

    Attributes
    ----------
    image : str
        Digest of the files of the scan.
    offset : int
        That was added to its voxels.
    model, run : str
        What people call the models, and the id of their run; empty where nobody knows.
    weights : list of str
        Digest of the weights of each.
    values : dict of str to int
        What stands in the mask for each label; empty in what an earlier version wrote.
    """

    image: Name
    offset: int
    model: str
    run: str = ""
    weights: list[Name]
    values: dict[str, int] = Field({})


class SegmentedScan(Loose):
    """What is known of a scan that was segmented.

    Attributes
    ----------
    scan : str
        Its name.
    made_from : str
        A digest of the scan, the models and how they were used.
    mask_sha256 : str
        Of the mask's file.
    origin : Origin or None
        What it was made from; None in what an earlier version wrote.
    trained_on : str
        A digest of what is known of the scans that the models were trained on.
    calibration : str
        A digest of what the expected Dice follows from; empty where there is none.
    labels : list of dict
        What was found of each label: attributes of
        `slicewise.inference.trust.FoundLabel`.
    flags : list of dict
        What is odd: ``kind`` and ``sentence``.
    suspicion : float
        The greater, the sooner somebody should look.
    views : list of dict
        The planes that the page shows.
    """

    model_config = ConfigDict(frozen=True)

    scan: Name
    made_from: Name
    mask_sha256: Name
    calibration: str = ""
    trained_on: str = ""
    origin: Origin | None = None
    labels: list[dict[str, Any]]
    flags: list[dict[str, str]] = Field([])
    suspicion: float
    views: list[dict[str, Any]] = Field([])

    @property
    def lowest(self) -> float | None:
        """The lowest Dice to expect of a label; None where none is known."""
        known = [label.get("expected_dice") for label in self.labels]
        return min((value for value in known if value is not None), default=None)


SEGMENTED = Form(SegmentedScan)


def drawn_scan(image: Volume, prediction: Volume, content: Content) -> ShownCase:
    """Return a scan in canonical orientation, as pictures take it.

    Parameters
    ----------
    image : Volume
        Its intensities, of the first channel.
    prediction : Volume
        Label numbers on the same grid.
    content : Content
        What such images hold.
    """
    volume = image.canonical()
    mask = prediction.canonical().array
    window = display_window(volume.array, content)
    # nobody knows the truth
    truth = np.zeros_like(mask)
    return ShownCase(volume.array, truth, mask, volume.spacing, window, content.scored)


def scan_views(shown: ShownCase, *, contiguous: bool) -> list[dict[str, Any]]:
    """Draw the planes of a scan, with the area of what was found in each slice."""
    planes: tuple[Plane, ...] = ("axial", "coronal", "sagittal") if contiguous else ("axial",)
    views = plane_views(shown, planes, FRAMES)
    laid = []
    for view in views:
        areas = _areas_cm2(shown, view)

        def said(frame: Frame, areas: np.ndarray = areas, view: View = view) -> str:
            return f"{areas[frame.index - view.first]:.1f} cm²"

        top = float(areas.max()) or 1.0
        bars = "".join(f"M{k} 1V{1 - area / top:.2f}h1V1z" for k, area in enumerate(areas) if area)
        laid.append({**on_screen(view, views), "bars": bars, "frames": frames_of(view, said)})
    return laid


def _areas_cm2(shown: ShownCase, view: View) -> np.ndarray:
    """Return the area of what was found in each slice of a view."""
    across, up, normal = PLANE_AXES[view.plane]
    here = [slice(None)] * 3
    here[normal] = slice(view.first, view.first + len(view.dice))
    voxels = np.count_nonzero(shown.prediction[tuple(here)], axis=(across, up))
    return voxels * float(shown.spacing[across] * shown.spacing[up]) / 100


def scan_overlay(shown: ShownCase) -> bytes:
    """Draw the axial slice with the largest area of what was found, as a JPEG file."""
    areas = np.count_nonzero(shown.prediction, axis=(0, 1))
    index = int(areas.argmax()) if areas.any() else len(areas) // 2
    picture = overlay(
        display_slice(shown.image, index),
        display_slice(shown.truth, index),
        display_slice(shown.prediction, index),
        window=shown.window,
        aspect=pixel_aspect(shown.spacing),
    )
    return jpeg(picture)


def most_suspicious(scans: Sequence[SegmentedScan]) -> list[SegmentedScan]:
    """Sort scans: those first that somebody should look at.

    That is those of the lowest expected Dice; of those without one, the most suspicious.
    """

    def place(scan: SegmentedScan) -> tuple[float, float, str]:
        return 1.0 if scan.lowest is None else scan.lowest, -scan.suspicion, scan.scan

    return sorted(scans, key=place)


def scans_table(scans: Sequence[SegmentedScan]) -> str:
    """Return the table of scans and labels as TSV, the most suspicious first."""
    lines = ["\t".join(HEADER)]
    for scan in most_suspicious(scans):
        flags = " ".join(flag["sentence"] for flag in scan.flags)
        for label in scan.labels:
            cells = [
                *(scan.scan, label["label"], f"{label['ml']:.4f}", str(len(label["pieces"]))),
                *(_cell(label.get(name)) for name in (*EXPECTED, "confidence", "agreement")),
                *(f"{scan.suspicion:.4f}", flags),
            ]
            lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def scans_page(scans: Sequence[SegmentedScan], model: str, failures: Sequence[str]) -> str:
    """Write the page about scans.

    Parameters
    ----------
    scans : sequence of SegmentedScan
        In any order.
    model : str
        What segmented them, as people called it.
    failures : sequence of str
        A sentence for each that was not segmented.
    """
    ordered = most_suspicious(scans)
    labels = list(dict.fromkeys(label["label"] for scan in ordered for label in scan.labels))
    return render(
        "segmented.html.j2",
        model=model,
        scans=[_shown(scan, number < SCROLLED) for number, scan in enumerate(ordered)],
        rows=[_row(scan, labels) for scan in ordered],
        labels=labels,
        odd=sum(bool(scan.flags) for scan in ordered),
        expecting=any(scan.lowest is not None for scan in ordered),
        several=any(label["agreement"] is not None for scan in ordered for label in scan.labels),
        scrolled=min(len(ordered), SCROLLED),
        failures=failures,
        models=by_models(ordered),
    )


def by_models(scans: Sequence[SegmentedScan]) -> list[str]:
    """Say which masks are of which models, where they are of several; nothing where of one."""
    of: dict[tuple[str, ...], list[str]] = {}
    for scan in scans:
        if scan.origin is not None:
            of.setdefault((scan.origin.model, *scan.origin.weights), []).append(scan.scan)
    if len(of) < 2:
        return []
    called = [model for model, *_ in of]
    return [
        # the same name stands for other weights where a model was trained anew
        f"{model}{f' (weights {weights[0][:8]})' * (called.count(model) > 1)}: "
        f"{plural(len(names), 'mask')} ({some(sorted(names), NAMED)})"
        for (model, *weights), names in of.items()
    ]


def _shown(scan: SegmentedScan, scrolled: bool) -> dict[str, Any]:
    """Return a scan for the page; that of many with the first slice of each plane alone."""
    views = []
    for view in scan.views:
        own = view["frames"]
        index, said, image, _, prediction = own["frames"][view["worst"]]
        frame = {"index": index, "truth": "", "prediction": prediction}
        views.append(
            {
                **view,
                "said": said,
                "frame": frame,
                "image": f"data:image/webp;base64,{image}",
                "scrolled": view["scrolled"] and scrolled,
            }
        )
    return {
        "name": scan.scan,
        "flags": scan.flags,
        "views": views,
        "frames": [view["frames"] for view in scan.views] if scrolled else [],
        "volumes": ", ".join(
            f"{label['label']} {number(label['ml'], 1)} ml" for label in scan.labels
        ),
        "expected": [
            {"label": label["label"], **{name: label[name] for name in EXPECTED}}
            for label in scan.labels
            if label.get("expected_dice") is not None
        ],
    }


def _row(scan: SegmentedScan, labels: Sequence[str]) -> dict[str, Any]:
    """Return the cells of a scan: shown, and sorted by."""
    known = {label["label"]: label for label in scan.labels}
    unsure = [
        label[name]
        for name in ("confidence", "agreement")
        for label in scan.labels
        if label[name] is not None
    ]
    lowest = min(unsure, default=None)
    volumes = [known[name]["ml"] if name in known else None for name in labels]
    return {
        "name": scan.scan,
        "suspicion": raw(scan.suspicion),
        "volumes": [(number(ml, 1), raw(ml)) for ml in volumes],
        "sure": (number(lowest, 2), raw(lowest)),
        "expected": (number(scan.lowest, 2), raw(scan.lowest)),
        "kinds": ", ".join(dict.fromkeys(flag["kind"] for flag in scan.flags)),
    }
