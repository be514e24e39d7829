"""The figures of a paper: vectors with their letters inside, and the numbers that they show."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from slicewise.evaluation.statistics import agreement, headline_subset, patient_volumes
from slicewise.publish.gathered import Gathered
from slicewise.publish.measuring import kind_of_patient, of_seeds
from slicewise.publish.prose import Picture, Section
from slicewise.report.agreement import bland_altman
from slicewise.report.curves import curves
from slicewise.report.dots import DotRow, dice_by_patient, dice_dots, difference_plot
from slicewise.report.expected import expected_dots
from slicewise.report.formats import png
from slicewise.report.style import MANY
from slicewise.wording import INTERVAL_OF, plural

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
        What is shown, of how many, and what an interval in it is.
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
        made[f"{FOLDER}/{self.name}.png"] = png(figure)
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
    # an experiment may be a member of an ensemble beside it
    made = list({one.name: one for each in every for one in _of(each)}.values())
    if differences:
        rows = [
            {"difference": row.name, "patient": patient, "dice": value}
            for row in differences
            for patient, value in row.values.items()
        ]
        made.append(
            Drawn(
                "differences",
                _differences_said(every, differences),
                lambda: difference_plot(differences),
                pd.DataFrame(rows),
            )
        )
    return made


BOOTSTRAP = "its 95 % percentile bootstrap interval over patients"
WIDENED = ", widened by the scatter of seeds where both have several"


def _differences_said(every: Sequence[Gathered], differences: Sequence[DotRow]) -> str:
    patients = max(row.values.count() for row in differences)
    whom = _whom(every[0], patients)
    differ = f"Paired differences in Dice, of {whom} who have both{of_seeds(every)}."
    several = sum(bool(one.over_seeds) for one in every) > 1
    return f"{differ} {_dots(patients, WIDENED * several)}"


def _whom(one: Gathered, count: int) -> str:
    """Count those who are scored."""
    whom = plural(count, kind_of_patient(one))
    is_test = headline_subset(one.result.metrics) == "test"
    return whom if is_test else f"{whom} (no test patients)"


def _dots(patients: int, more: str = "") -> str:
    """Explain dots, diamond and line; of so few there is no line, and the text says why."""
    if patients < INTERVAL_OF:
        return "A dot is a patient, the diamond their mean; of so few there is no interval."
    return f"A dot is a patient, the diamond their mean, the line {BOOTSTRAP}{more}."


def _of(one: Gathered) -> Iterator[Drawn]:
    scored = one.scored
    labels = list(scored["label"].unique())
    yield _dice(one, labels)
    for each in one.trained:
        yield _training(each)
    for label in labels[:MANY] if one.is_measured else ():
        volumes = patient_volumes(scored, label)
        limits = agreement(volumes["volume_ml"].to_numpy(), volumes["predicted_ml"].to_numpy())
        if limits["n"] >= 2:
            yield Drawn(
                f"volumes-{one.name}-{label}",
                _volumes_said(one, label, limits["n"]),
                partial(bland_altman, volumes, limits),
                volumes.rename_axis("patient").reset_index(),
            )
    if len(one.expected):
        masks = plural(len(one.expected), "mask")
        yield Drawn(
            f"expected-{one.name}",
            f"Expected and true Dice of {one.called} in {masks} of "
            f"{plural(one.expected['patient'].nunique(), 'patient')}. A dot is a mask, the line "
            "across it the interval in which nine of ten true values should lie; on the diagonal "
            "both are the same.",
            lambda: expected_dots(one.expected),
            one.expected,
        )


def _dice(one: Gathered, labels: Sequence[str]) -> Drawn:
    scored = one.scored
    by_label = {label: dice_by_patient(scored[scored["label"] == label]) for label in labels}
    patients = scored["patient"].nunique()
    many = " by label" if len(labels) > 1 else f" of {labels[0]}"
    return Drawn(
        f"dice-{one.name}",
        f"Dice{many} in {_whom(one, patients)}, by {one.called}. {_dots(patients)}",
        lambda: dice_dots(one.result.metrics, one.result.summary),
        pd.DataFrame(by_label).rename_axis("patient").reset_index(),
    )


def _training(one: Gathered) -> Drawn:
    histories = one.result.folds.histories
    selected = one.result.folds.selected
    joined = pd.concat(
        [table.assign(fold=fold) for fold, table in histories.items()], ignore_index=True
    )
    dashed = "Dashed: over the batches of training"
    validated = joined.reindex(columns=["val/loss", "val/dice"]).notna().any(axis=None)
    whom = f"{kind_of_patient(one, 'validation')}s"
    solid = f"; solid: of {whom}" if validated else "; there was no validation"
    ring = "; a ring marks the weights that were kept" if selected and validated else ""
    return Drawn(
        f"training-{one.name}",
        f"Loss and Dice of {one.called} by epoch, of {plural(len(histories), 'training')}. "
        f"{dashed}{solid}{ring}.",
        lambda: curves(histories, selected=selected),
        joined,
    )


def _volumes_said(one: Gathered, label: str, patients: int) -> str:
    bands = (
        "dashed lines the limits of agreement (bias ± 1.96 standard deviations), bands their 95 % "
        "intervals by Student's t"
        if patients >= INTERVAL_OF
        else "and of so few there are no limits of agreement"
    )
    return (
        f"Volumes of {label} by {one.called} against the reference in {_whom(one, patients)} "
        f"(Bland-Altman). A dot is a patient, the line the mean difference (bias), {bands}."
    )


def section(drawn: Sequence[Drawn]) -> Section:
    """Return the figures for the text."""
    return Section(
        "Figures", pictures=[Picture(f"{FOLDER}/{each.name}", each.caption) for each in drawn]
    )
