"""The page about the data of a data set, before anything is trained."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from slicewise.report.balance import imbalances, parts
from slicewise.report.formats import Themed, themed
from slicewise.report.histograms import (
    MOST_LABELS,
    field_panels,
    histograms,
    intensities,
    spacing_panels,
    volume_panels,
)
from slicewise.report.outliers import Findings, findings
from slicewise.report.quantities import PERCENTILES, intensity_digits, percentile
from slicewise.report.render import data_uri, number, render
from slicewise.report.seen import SeenCase, SeenData, place_of
from slicewise.report.undrawn import Undrawn
from slicewise.volumes.volume import times
from slicewise.wording import plural

FEW = 40
"""Of so many cases or fewer, all pictures of the contact sheet are loaded at once."""
MOST_ROWS = 20_000
"""Of a table: a browser sorts so many in a second."""


@dataclass(frozen=True)
class PlanRow:
    """A setting that a plan proposes.

    Attributes
    ----------
    setting : str
        Its name, with dots.
    value : str
        What is proposed.
    reason : str
        What it follows from.
    configured : str or None
        What the configuration says, where that is something else.
    """

    setting: str
    value: str
    reason: str
    configured: str | None = None


@dataclass(frozen=True)
class ShownData:
    """What the page about a data set shows.

    Attributes
    ----------
    dataset : str
        Its name.
    data : SeenData
        Its cases.
    plan : sequence of PlanRow
        What is proposed for it, and what the configuration says.
    warnings : sequence of str
        What else has to be known, in sentences.
    excluded : sequence of str
        ``dataset.exclude``.
    """

    dataset: str
    data: SeenData
    plan: Sequence[PlanRow] = ()
    warnings: Sequence[str] = ()
    excluded: Sequence[str] = field(default_factory=tuple)


def data_page(shown: ShownData) -> str:
    """Write the page about a data set.

    Parameters
    ----------
    shown : ShownData
        What it shows.

    Returns
    -------
    str
        One HTML page, which needs no other file.
    """
    data = shown.data
    outliers = findings(data)
    # stable: cases are sorted by their names
    ordered = sorted(data.cases, key=lambda case: _descending(outliers, case))
    split = parts(data)
    return render(
        "data.html.j2",
        dataset=shown.dataset,
        cases=len(data.cases),
        patients=data.patients,
        labels=list(data.labels),
        unread=[{"case": each.case, "place": place_of(each)} for each in data.unread],
        refused=list(data.refused),
        warnings=list(shown.warnings),
        excluded=list(shown.excluded),
        tiles=_tiles(data, outliers),
        outliers=_outliers(ordered, outliers),
        common=outliers.common,
        sheet=[_tile(case, outliers) for case in ordered],
        lazy=len(ordered) > FEW,
        figures=_figures(data),
        drawn=MOST_LABELS,
        split=split,
        partial=any(case.record.undrawn for case in data.cases),
        groups={name: list(groups) for part in split[:1] for name, groups in part.groups.items()},
        leave_out=data.leave_out,
        imbalances=imbalances(split, data.leave_out),
        plan=list(shown.plan),
        differing=sum(row.configured is not None for row in shown.plan),
        **_tables(data, outliers),
    )


def _descending(outliers: Findings, case: SeenCase) -> tuple[float, float]:
    most, together = outliers.weight(case.name)
    return -most, -together


def _tiles(data: SeenData, outliers: Findings) -> list[dict[str, str]]:
    tiles = [
        {
            "name": "Cases",
            "value": str(len(data.cases)),
            "note": f"of {plural(data.patients, 'patient')}",
        },
        {
            "name": "To look at first",
            "value": str(len(outliers.reasons)),
            "note": "each with its reasons" if outliers.reasons else "no case stands out",
        },
    ]
    if data.cases:
        spacing = np.median([case.look.spacing for case in data.cases], axis=0)
        extent = np.median([case.look.field for case in data.cases], axis=0)
        tiles += [
            {
                "name": "Voxel, mm",
                "value": " × ".join(f"{step:.3g}" for step in spacing),
                "note": "median: left–right, back–front, foot–head",
            },
            {
                "name": "Field of view, mm",
                "value": " × ".join(number(length, 0) for length in extent),
                "note": "median, along the same axes",
            },
        ]
    return tiles


def _outliers(ordered: Sequence[SeenCase], outliers: Findings) -> list[dict[str, Any]]:
    return [
        {
            "case": case.name,
            "anchor": _anchor(case),
            "place": case.place,
            "reasons": [reason.sentence for reason in outliers.reasons[case.name]],
            "weight": outliers.weight(case.name)[0],
        }
        for case in ordered
        if case.name in outliers.reasons
    ]


def _anchor(case: SeenCase) -> str:
    # names of cases are safe in an address
    return f"case-{case.name}"


def _tile(case: SeenCase, outliers: Findings) -> dict[str, Any]:
    thumb = case.look.thumbnail
    longest = max(thumb.width, thumb.height)
    return {
        "case": case.name,
        "anchor": _anchor(case),
        "place": case.place,
        "patient": case.patient,
        "picture": data_uri(base64.b64decode(thumb.webp)),
        "outline": thumb.outline,
        "box": f"0 0 {2 * thumb.columns} {2 * thumb.rows}",
        "width": f"{100 * thumb.width / longest:.4g}",
        "height": f"{100 * thumb.height / longest:.4g}",
        "slice": f"{thumb.plane}, slice {thumb.index + 1} of {thumb.slices}",
        "empty": not any(seen.voxels for seen in case.look.labels.values()),
        "reasons": [reason.sentence for reason in outliers.reasons.get(case.name, [])],
    }


def _tables(data: SeenData, outliers: Findings) -> dict[str, Any]:
    """Prepare the numbers of every case, and of every label of it unless there are too many."""
    few = len(data.cases) * len(data.labels) <= MOST_ROWS
    return {
        "table": [_image_row(case, outliers) for case in data.cases],
        "named": any(case.name != case.patient for case in data.cases),
        "label_rows": [row for case in data.cases if few for row in _label_rows(case, data.labels)],
        "islands": any(
            seen.islands is not None for case in data.cases for seen in case.look.labels.values()
        ),
        "unit": ", HU" if data.intensity == "hu" else "",
        "digits": intensity_digits(data),
    }


def _image_row(case: SeenCase, outliers: Findings) -> dict[str, Any]:
    record = case.record
    return {
        "case": case.name,
        "anchor": _anchor(case),
        "patient": case.patient,
        "place": case.place,
        "shape": times(record.shape),
        "voxels": float(np.prod(record.shape, dtype=float)),
        "spacing": case.look.spacing,
        "field": case.look.field,
        "orientation": record.orientation,
        "intensity": [percentile(share, case) for share in PERCENTILES],
        "reasons": len(outliers.reasons.get(case.name, [])),
    }


def _label_rows(case: SeenCase, labels: Sequence[str]) -> list[dict[str, Any]]:
    known = [(label, case.look.labels[label]) for label in labels if label in case.look.labels]
    return [
        {
            "case": case.name,
            "anchor": _anchor(case),
            "label": label,
            "ml": seen.ml,
            "partial": bool(case.record.undrawn),
            "median": seen.median,
            "islands": seen.islands,
            "islands_ml": seen.islands_ml,
            "touches": ", ".join(seen.touches),
        }
        for label, seen in known
    ]


def _figures(data: SeenData) -> dict[str, Themed | Undrawn]:
    if not data.cases:
        return {}
    figures = {
        "spacing": themed(
            "The histogram of the spacing",
            partial(histograms, spacing_panels(data), "mm"),
        ),
        "field": themed(
            "The histogram of the field of view",
            partial(histograms, field_panels(data), "mm"),
        ),
        "intensity": themed("The histogram of the intensities", partial(intensities, data)),
    }
    volumes = volume_panels(data)
    if volumes:
        figures["ml"] = themed("The histogram of the volumes", partial(histograms, volumes, "ml"))
    return figures
