"""How the results of an evaluation are called and laid out in MLflow."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from slicewise.files import digest
from slicewise.metrics.table import names
from slicewise.wording import INTERVAL_OF

CALIBRATION = "calibration"
"""Folder of artifacts: what masks of each model told of patients whose truth is known."""
OVERLAYS = "overlays"
"""Folder of artifacts: pictures of cases."""

MIRRORED = names("mlflow")
PATIENTS = "patients.json"
"""The table that the UI compares across runs, patient by patient."""
COMPARED = 6
"""Cases whose overlays the UI shows side by side for several runs."""
SMALL = 256


def summary_metrics(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Name the numbers of a summary as MLflow metrics: ``test/dice_mean``, ….

    Those of a label are ``test/liver/dice_mean``, …, where there are several.
    ``test/patients`` counts those who have a label, of whom means are;
    ``test/hd95_mm_patients`` those of a mean that is of fewer, as of a distance where an organ was
    missed altogether. ``sensitivity``, ``specificity`` and ``false_ml`` tell of the others too.
    """
    named: dict[str, float | None] = {}
    for subset, labels in summary.items():
        single = len(labels) == 2
        for label, metrics in labels.items():
            alone = label != "mean" and single
            place = subset if label == "mean" or alone else f"{subset}/{label}"
            named |= _detection_metrics(place, metrics.get("detection", {}))
            if alone:
                continue  # a single label is the mean
            for metric, numbers in metrics.items():
                if metric not in MIRRORED:
                    continue
                named[f"{place}/{metric}_mean"] = numbers["mean"]
                if 0 < numbers["n"] < metrics["dice"]["n"]:
                    named[f"{place}/{metric}_patients"] = numbers["n"]
            for end in ("ci_low", "ci_high"):
                named[f"{place}/dice_{end}"] = metrics["dice"][end]
            named[f"{place}/patients"] = metrics["dice"]["n"]
    return named


def _detection_metrics(place: str, counts: Mapping[str, Any]) -> dict[str, float | None]:
    """Name in how many patients a label was found; nothing where nobody lacks or misses it."""
    if not counts.get("notable"):
        return {}
    named = {
        f"{place}/sensitivity": counts["sensitivity"]["value"],
        f"{place}/specificity": counts["specificity"]["value"],
        f"{place}/false_ml": counts["false_ml"]["mean"],
    }
    if counts["lesions"]:
        named[f"{place}/lesion_sensitivity"] = counts["lesions"]["sensitivity"]["value"]
        named[f"{place}/false_lesions"] = counts["lesions"]["false_per_scan"]["mean"]
    return named


def headline(summary: Mapping[str, Any]) -> str:
    """Return what people read first on the page of a run, in Markdown."""
    lines = []
    for subset in sorted(summary):  # test first
        # the mean over labels before them
        for label, metrics in sorted(summary[subset].items(), key=lambda each: each[0] != "mean"):
            single = label != "mean" and len(summary[subset]) == 2
            counts = metrics.get("detection", {})
            detected = counts["in_words"] if counts.get("notable") else None
            told = f" ({detected})" if detected else ""
            if not single:
                lines.append(_dice_line(summary[subset], subset, label) + told)
            elif detected:
                lines.append(f"{label}, {subset} patients: {detected}")
    files = "Artifacts: `report.html` for people, `metrics.tsv` a row a case, `split.tsv`, "
    files += "`cases.tsv` with the SHA-256 of every file, `settings.yaml`, `environment.txt`."
    return "\n\n".join([*lines, files])


def _dice_line(labels: Mapping[str, Any], subset: str, label: str) -> str:
    """Return a sentence about the Dice of a label, or of their mean."""
    dice = labels[label]["dice"]
    counts = labels["mean"].get("detection", {})
    name = "Dice" if label == "mean" else f"Dice of {label}"
    number = counts.get("patients", dice["n"])
    untrained = labels[label].get("detection", {}).get("unscored", 0)
    unknown = "unknown" in labels[label].get("detection", {})
    if dice["mean"] is None and untrained:
        return (
            f"**{name}: none**, as no training slice showed what {untrained} of {number} {subset} "
            "patients have"
        )
    if dice["mean"] is None:
        what = "any label" if label == "mean" else "it"
        has = "is known to have" if unknown else "has"
        return f"**{name}: none**, as none of {number} {subset} patients {has} {what}"
    interval = ""
    if dice["ci_low"] is not None and dice["n"] >= INTERVAL_OF:
        interval = f" [{dice['ci_low']:.3f}, {dice['ci_high']:.3f}]"
    over = f"{dice['n']} {subset} patients"
    if dice["n"] < number:
        what = "a label" if label == "mean" else "it"
        score = " and a score of it" if untrained else ""
        have = "are known to have" if unknown else "have"
        over = f"the {dice['n']} of {number} {subset} patients who {have} {what}{score}"
    if counts.get("absent_labels") == "challenge":
        over += ", a label that is not there counting as 1 or 0 (`absent_labels: challenge`)"
    return f"**{name} {dice['mean']:.3f}**{interval} per patient in 3-D over {over}"


def patients_table(metrics: pd.DataFrame) -> str:
    """Lay out the table of cases and labels as the UI compares it: JSON, the case first."""
    table = metrics.sort_values(["subset", "case", "label"], kind="stable")
    if table["label"].nunique() > 1:
        table = table.assign(case=table["case"] + " " + table["label"])
    columns = ["case", *names("runs"), "subset", "patient", "label"]
    return str(table[columns].to_json(orient="split", index=False))


def calibration_files(paths: Iterable[str]) -> dict[str, str]:
    """Name the calibrations of folds as artifacts: ``calibration/fold-0.json``, …."""
    return {f"{CALIBRATION}/{Path(path).parent.name}.json": path for path in paths}


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
            named[f"{OVERLAYS}/{figures.case}-{position}.jpg"] = image
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
