"""The figures of a paper: vectors with their letters inside, and the numbers that they show."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from slicewise.evaluation.statistics import agreement, patient_volumes
from slicewise.publish.gathered import Gathered
from slicewise.publish.prose import Section, Table
from slicewise.report.agreement import bland_altman
from slicewise.report.curves import curves
from slicewise.report.dots import DotRow, dice_by_patient, dice_dots, difference_plot
from slicewise.report.expected import expected_dots
from slicewise.report.style import MANY

FORMATS = ("pdf", "svg")
FOLDER = "figures"


@dataclass(frozen=True)
class Drawn:
    """A figure of a paper.

    Attributes
    ----------
    name : str
        Of its files, without their endings.
    caption : str
        A sentence.
    draw : callable
        Returns the figure, in the ink of a light page.
    numbers : DataFrame
        What it shows.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]
    numbers: pd.DataFrame

    def files(self) -> dict[str, bytes | str]:
        """Return the files of the figure and of its numbers, by their paths."""
        figure = self.draw()
        made: dict[str, bytes | str] = {
            f"{FOLDER}/{self.name}.{kind}": vector(figure, kind) for kind in FORMATS
        }
        made[f"{FOLDER}/{self.name}.csv"] = self.numbers.to_csv(index=False)
        return made


def vector(figure: Figure, kind: str) -> bytes:
    """Return a figure as a PDF or SVG file that needs no font of its reader.

    Equal figures make equal files.
    """
    stream = io.BytesIO()
    settings = {
        "pdf.fonttype": 42,  # journals refuse Type 3
        "svg.fonttype": "path",
        "svg.hashsalt": "slicewise",
        "text.parse_math": False,
    }
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    with matplotlib.rc_context(settings):
        figure.savefig(stream, format=kind, metadata=undated)
    return stream.getvalue()


def figures(every: Sequence[Gathered], differences: Sequence[DotRow] = ()) -> list[Drawn]:
    """Return all figures of experiments.

    Parameters
    ----------
    every : sequence of Gathered
    differences : sequence of DotRow
        Of each two that are compared, the differences of patients.
    """
    made = [one for each in every for one in _of(each)]
    if differences:
        rows = [
            {"difference": row.name, "patient": patient, "dice": value}
            for row in differences
            for patient, value in row.values.items()
        ]
        made.append(
            Drawn(
                "differences",
                "Paired differences in Dice: a dot is a patient, the diamond their mean, the line "
                "its 95 % interval.",
                lambda: difference_plot(differences),
                pd.DataFrame(rows),
            )
        )
    return made


def _of(one: Gathered) -> Iterator[Drawn]:
    metrics = one.result.metrics
    scored = one.scored
    labels = list(scored["label"].unique())
    by_label = {label: dice_by_patient(scored[scored["label"] == label]) for label in labels}
    yield Drawn(
        f"dice-{one.name}",
        f"Dice of {one.name}: a dot is a patient, the diamond their mean, the line its 95 % "
        "interval.",
        lambda: dice_dots(metrics, one.result.summary),
        pd.DataFrame(by_label).rename_axis("patient").reset_index(),
    )
    histories = one.result.folds.histories
    rows = [table.assign(fold=fold) for fold, table in histories.items()]
    yield Drawn(
        f"training-{one.name}",
        f"Loss and Dice of {one.name} by epoch; a ring marks weights that were kept.",
        lambda: curves(histories, selected=one.result.folds.selected),
        pd.concat(rows, ignore_index=True),
    )
    for label in labels[:MANY] if one.is_measured else ():
        volumes = patient_volumes(scored, label)
        limits = agreement(volumes["volume_ml"].to_numpy(), volumes["predicted_ml"].to_numpy())
        if limits["n"] >= 2:
            yield Drawn(
                f"volumes-{one.name}-{label}",
                f"Volumes of {label} by {one.name}: bias and 95 % limits of agreement with their "
                "intervals.",
                partial(bland_altman, volumes, limits),
                volumes.rename_axis("patient").reset_index(),
            )
    if len(one.expected):
        yield Drawn(
            f"expected-{one.name}",
            f"Expected and true Dice of {one.name}: a dot is a mask, the line across it its 90 % "
            "interval.",
            lambda: expected_dots(one.expected),
            one.expected,
        )


def section(drawn: Sequence[Drawn]) -> Section:
    """Return the list of figures for the text."""
    rows = [[f"{FOLDER}/{each.name}", each.caption] for each in drawn]
    return Section("Figures", tables=[Table("Each as PDF, SVG and CSV.", ["File", "What"], rows)])
