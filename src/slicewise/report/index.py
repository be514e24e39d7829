"""The page that somebody opens first who gets the results of a data set: what is where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slicewise.report.render import counts_absent_labels, overall_label, render, statistics_of
from slicewise.report.tables import called

PLACES = {
    "Pages for people": {
        "data.html": "every case before any training: what stands out, and the split",
        "comparison.html": "all experiments side by side, patient by patient",
        "<experiment>/report.html": "one experiment: patients, curves, slices, settings",
        "<experiment>/sweep.html": "of an experiment with a sweep: what was tried, what mattered",
        "segmented/<experiment>/gallery.html": "masks of new scans, by snakemake segment",
    },
    "Numbers": {
        "<experiment>/metrics.tsv": "a row for each case and label: Dice, distances, volumes",
        "<experiment>/summary.json": "means over patients, with intervals; the number to publish",
        "<experiment>/groups.tsv": "means by site, sex or age, where evaluation.by asks for them",
        "comparison.tsv": "every two experiments: difference, interval, p",
        "comparison_cases.tsv": "Dice of every case in every experiment",
        "<experiment>/sweep.tsv": "a row for each combination of a sweep: values, Dice, epochs",
        "cases.tsv": "a row for each case: files, SHA-256, shape, spacing, intensities, ml",
        "split.tsv": "who is trained, validated and tested on",
    },
    "Masks and models": {
        "<experiment>/predictions/<case>.nii.gz": "masks, on the grid of the image",
        "<experiment>/fold-<k>/model.keras": "the model; slicewise segment makes masks with it",
        "<experiment>/fold-<k>/config.yaml": "all settings of the training, versions and code",
        "<experiment>/fold-<k>/history.csv": "loss and Dice by epoch",
        "<experiment>/figures/": "curves of loss and Dice",
        "<ensemble>/ensemble.json": "of an ensemble, how much each member counts; slicewise segment"
        " makes masks with its folder",
    },
    "What leads there": {
        "cases/": "what each case is (record.json), what was seen of it (look.json), and its images"
        " where they had to be converted",
        "cases.npz": "marks and small pictures of slices, by which a copy of a scan is found",
        "leakage.json": "no scan is on both sides of the split; trainings wait for it",
        "plan-<effort>.json": "what a preset proposes to train, with reasons",
        "slices/": "what trainings read; it may be deleted to free the disk",
        "<experiment>/fold-<k>/plan.json": "what the training was to be made from",
        "<experiment>/fold-<k>/independent.json": "the model that a training starts or learns from"
        " knows nobody who is held out; the training waits for it",
        "<experiment>/fold-<k>/augmented.npz": "some training slices as the network saw them",
        "<experiment>/checkpoints/": "of a training that is not finished, or of a combination",
        "<experiment>/sweep/": "of each rung of a sweep, how good who was, and who went on",
        "<experiment>-<values>/": "a combination of a sweep: plan, run and checkpoint, no model",
        "<ensemble>/weights.json": "what the weights of its members follow from",
        "<experiment>/tracking/": "what the run in MLflow holds, what was sent of it (sent.json),"
        " and how many models were scored on these patients (scored.json); it cannot be made again",
        "comparison/": "the same of the comparison",
        "logs/": "what each job said",
        "timings/": "seconds and memory of each job",
        "_made/": "beside each result: settings, code and files that it was made from",
    },
}
"""What lies in the folder of a data set, by what it is for."""

LINKED = ("data.html", "comparison.html", "comparison.tsv", "comparison_cases.tsv")
"""Those of them that are always there, and in archives, too."""


@dataclass(frozen=True)
class ListedExperiment:
    """A training in the list.

    Attributes
    ----------
    name : str
    summary : mapping
        Content of ``summary.json``.
    trained : datetime, optional
        When its last epoch ended, in UTC; None where its history does not say.
    swept : bool
        Whether a sweep chose its settings, which has a page of its own.
    """

    name: str
    summary: Mapping[str, Any]
    trained: datetime | None
    swept: bool = False


def index_page(
    dataset: str, experiments: Sequence[ListedExperiment], cases: int, *, crossed: bool, page: str
) -> str:
    """Write the page.

    Parameters
    ----------
    dataset : str
        Its name.
    experiments : sequence of ListedExperiment
        In any order; the page has those first that validation finds better.
    cases : int
        How many cases the data set has.
    crossed : bool
        Whether folds held out the patients that are not tested, each once.
    page : str
        The file that the page becomes, as Snakemake calls it.

    Returns
    -------
    str
        One HTML page.
    """
    rows = sorted((_row(each) for each in experiments), key=_by_validation)
    return render(
        "index.html.j2",
        dataset=dataset,
        rows=rows,
        cases=cases,
        held_out=called("validation", crossed),
        chosen=any(row["validation"]["mean"] is not None for row in rows),
        tested=any(row["test"]["mean"] is not None for row in rows),
        counting=[each.name for each in experiments if counts_absent_labels(each.summary)],
        places=PLACES,
        linked_pages=LINKED,
        page=page,
    )


def _row(experiment: ListedExperiment) -> dict[str, Any]:
    trained = experiment.trained
    return {
        "name": experiment.name,
        "swept": experiment.swept,
        "trained": "" if trained is None else f"{trained:%Y-%m-%d %H:%M}",
        **{subset: _dice(experiment.summary, subset) for subset in ("validation", "test")},
    }


def _dice(summary: Mapping[str, Any], subset: str) -> Mapping[str, Any]:
    return statistics_of(summary, subset, overall_label(summary, subset), "dice")


def _by_validation(row: Mapping[str, Any]) -> tuple[float, str]:
    mean = row["validation"]["mean"]
    return (float("inf") if mean is None else -mean, row["name"])
