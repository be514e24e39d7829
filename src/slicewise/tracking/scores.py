"""How the results of an evaluation are called and laid out in MLflow."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from PIL import Image

from slicewise.files import digest

MIRRORED = (
    *("dice", "jaccard", "precision", "recall", "volume_error_ml", "volume_error_percent"),
    *("hd95_mm", "assd_mm", "nsd"),
)
PATIENTS = "patients.json"
"""The table that the UI compares across runs, patient by patient."""
COMPARED = 6
"""Cases whose overlays the UI shows side by side for several runs."""
SMALL = 256


def summary_metrics(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Name the numbers of a summary as MLflow metrics: ``test/dice_mean``, ….

    Those of a label are ``test/liver/dice_mean``, …, where there are several.
    """
    named: dict[str, float | None] = {}
    for subset, labels in summary.items():
        for label, metrics in labels.items():
            if label != "mean" and len(labels) == 2:
                continue  # a single label is the mean
            place = subset if label == "mean" else f"{subset}/{label}"
            for metric, numbers in metrics.items():
                if metric in MIRRORED:
                    named[f"{place}/{metric}_mean"] = numbers["mean"]
            for end in ("ci_low", "ci_high"):
                named[f"{place}/dice_{end}"] = metrics["dice"][end]
            named[f"{place}/patients"] = metrics["dice"]["n"]
    return named


def headline(summary: Mapping[str, Any]) -> str:
    """Return what people read first on the page of a run, in Markdown."""
    lines = []
    for subset in sorted(summary):  # test first
        for label, metrics in summary[subset].items():
            dice = metrics["dice"]
            if dice["mean"] is None or (label != "mean" and len(summary[subset]) == 2):
                continue
            name = "Dice" if label == "mean" else f"Dice of {label}"
            interval = ""
            if dice["ci_low"] is not None:
                interval = f" [{dice['ci_low']:.3f}, {dice['ci_high']:.3f}]"
            lines.append(
                f"**{name} {dice['mean']:.3f}**{interval} per patient in 3-D over {dice['n']} "
                f"{subset} patients"
            )
    files = "Artifacts: `report.html` for people, `metrics.tsv` a row a case, `split.tsv`, "
    files += "`cases.tsv` with the SHA-256 of every file, `settings.yaml`, `environment.txt`."
    return "\n\n".join([*lines, files])


def patients_table(metrics: pd.DataFrame) -> str:
    """Lay out the table of cases and labels as the UI compares it: JSON, the case first."""
    table = metrics.sort_values(["subset", "case", "label"], kind="stable")
    if table["label"].nunique() > 1:
        table = table.assign(case=table["case"] + " " + table["label"])
    columns = ["case", "dice", "jaccard", "volume_error_ml", "subset", "patient", "label"]
    return str(table[columns].to_json(orient="split", index=False))


def overlay_images(cases: Iterable[Any]) -> dict[str, bytes]:
    """Name the overlays of cases (JPEG) as artifacts: ``overlays/p01-0.jpg``, ….

    Those of the first cases by name, so that they are the same for all
    experiments, are there once more, by the names under which the UI shows
    them side by side for several runs: one picture a case, with a slider over
    its slices.
    """
    named: dict[str, bytes] = {}
    for number, figures in enumerate(sorted(cases, key=lambda figures: figures.case)):
        for position, (_, image) in enumerate(figures.images):
            named[f"overlays/{figures.case}-{position}.jpg"] = image
            if number < COMPARED:
                key = f"test~overlays~{figures.case}"
                # MLflow's own pattern, with a fixed time and id, so that sending twice replaces
                stem = f"images/{key}+step+{position}+timestamp+0+{digest(key)[:32]}"
                named[f"{stem}.webp"] = _webp(image)
                named[f"{stem}+compressed.webp"] = _webp(image, SMALL)
    return named


def _webp(data: bytes, side: int | None = None) -> bytes:
    picture = Image.open(io.BytesIO(data))
    if side is not None:
        picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "webp", quality=85)
    return out.getvalue()
