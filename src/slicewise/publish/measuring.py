"""What was measured, on whom, and what it ran on, in sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.evaluation.detection import counts_absent, has_label
from slicewise.evaluation.intervals import RESAMPLES
from slicewise.evaluation.paired import FEWEST
from slicewise.evaluation.statistics import headline_subset
from slicewise.publish.described import made_up
from slicewise.publish.gathered import Gathered, trained
from slicewise.publish.prose import Said, Section, together
from slicewise.report.cost import Cost
from slicewise.report.tables import called
from slicewise.report.wrong import wrong
from slicewise.volumes.formats import is_nifti
from slicewise.wording import INTERVAL_OF, plural

COUNTED = (
    "A label that a patient does not have counts as 1 where none was predicted, else as 0; its "
    "distances, where they are measured, as 0 where none was predicted, and not otherwise."
)
"""What `evaluation.absent_labels: challenge` makes of labels that are not there."""
FEW = 50
"""Patients below which the interval of a mean is called rough."""


def metrics(every: Sequence[Gathered]) -> list[Said]:
    """Say what was measured of each patient."""
    one = every[0]
    tolerances = _tolerances(every)
    over = "slices together" if one.is_stack else "voxels in 3-D"
    said = [
        Said(
            f"The Dice coefficient of a patient is that of all {over} on the grid of the "
            "scan, not a mean over slices; several scans of a patient count once, by their mean.",
            ("dice1945measures",),
        )
    ]
    if tolerances and one.is_measured:
        said += [
            Said(
                "HD95 is the 95th percentile of distances between surfaces, in mm.",
                ("huttenlocher1993hausdorff",),
            ),
            Said(
                "The normalised surface Dice (NSD) is the share of both surfaces within "
                f"{tolerances} of the other.",
                ("nikolov2021surface",),
            ),
        ]
    absent = one.block("evaluation").get("absent_labels")
    # scores tell it themselves where no run does
    if absent == "challenge" or counts_absent(one.scored):
        said.append(Said(COUNTED))
    elif absent == "exclude":
        said.append(Said("Patients without a label have no Dice of it."))
    return [*said, *_counted(every)]


def detected(one: Gathered) -> dict[str, Mapping[str, Any]]:
    """Return in whom labels were found, of each that some lack or in whom it was missed.

    Returns
    -------
    dict
        By label, as of `slicewise.evaluation.detection.detection`.
    """
    by_label = one.result.summary[headline_subset(one.result.metrics)]
    counts = {label: scores["detection"] for label, scores in by_label.items()}
    return {label: each for label, each in counts.items() if each.get("notable")}


def _counted(every: Sequence[Gathered]) -> list[Said]:
    """Say what is counted beside the means, where there is anything to count."""
    known = [each for one in every for each in detected(one).values()]
    lesions = [each["lesions"] for each in known if each["lesions"] is not None]
    said = []
    if known:
        said.append(
            Said(
                "Sensitivity is the share of patients with a label in whom any of it was found "
                "where it is, specificity that of patients without it in whom none was predicted; "
                "their intervals are Wilson's.",
                ("wilson1927probable",),
            )
        )
    if every[0].is_measured and any(each["without_label"] for each in known):
        said.append(Said("False volume is what was predicted in patients without the label."))
    if lesions:
        iou = lesions[0]["iou"]
        by = f"overlaps it by {iou:g} or more (intersection over union)" if iou else "touches it"
        said.append(
            Said(
                "A lesion is a connected component of the reference, and is found where a "
                f"component of the prediction {by}."
            )
        )
    return said


def detection(every: Sequence[Gathered]) -> list[Said]:
    """Count in whom labels were found, and in whom wrongly, by experiment and label."""
    told = []
    for one in every:
        subset = headline_subset(one.result.metrics)
        for label, scores in one.result.summary[subset].items():
            if label != "mean":
                told.append(Said(f"{one.called}, {label}: {_found(one, scores['detection'])}."))
    return told


def _found(one: Gathered, counts: Mapping[str, Any]) -> str:
    """Return counts in words, without millilitres where they mean nothing."""
    said = str(counts["in_words"])
    return said if one.is_measured else re.sub(r" \([^)]* ml [^)]*\)", "", said)


def _tolerances(every: Sequence[Gathered]) -> str:
    """Say the tolerance of the surface Dice, of each experiment where they differ."""
    known = {one.name: one.result.metrics["tolerance_mm"].dropna() for one in every}
    said = {name: f"{each.iloc[0]:g} mm" for name, each in known.items() if len(each)}
    if len(set(said.values())) < 2:
        return next(iter(said.values()), "")
    return together([f"{tolerance} ({name})" for name, tolerance in said.items()])


def statistics(every: Sequence[Gathered]) -> list[Said]:
    """Say how sure means are, and how experiments were compared."""
    said = _hygiene(every[0])
    patients = _scored_patients(every[0])
    if patients >= INTERVAL_OF:
        bootstrap = Said(
            "Intervals of means are percentile bootstrap intervals of 95 % over patients "
            f"({RESAMPLES:,} resamples).",
            ("efron1979bootstrap",),
        )
        said = [bootstrap, *said]
    said += _seeds(every)
    if len(every) > 1 and counts_absent(every[0].scored):
        said.append(
            Said("Differences between experiments are of labels that a patient has, unlike means.")
        )
    if len(every) > 1 and patients < FEWEST:
        said.append(
            Said(f"No experiment is called better than another by {plural(patients, 'patient')}.")
        )
    elif len(every) > 1:
        said.append(
            Said(
                "Experiments were compared on the same patients by exact two-sided Wilcoxon "
                "signed-rank tests with Pratt's treatment of zeros, corrected by Holm's method.",
                ("wilcoxon1945ranking", "pratt1959zeros", "holm1979multiple"),
            )
        )
    return said


def _seeds(every: Sequence[Gathered]) -> list[Said]:
    """Say how the trainings of an experiment that was repeated come together."""
    several = [one for one in every if one.over_seeds]
    if not several:
        return []
    said = [
        Said(
            "In means and differences, each patient of an experiment that was trained with several "
            "seeds counts with the mean over them; what is counted, groups, failures and figures "
            "of an experiment are of each training by itself."
        )
    ]
    if len(several) > 1:
        said.append(
            Said(
                "The interval of a difference between two such experiments holds the scatter of "
                "seeds, too.",
                ("welch1947generalization", "zou2008construction"),
            )
        )
    return said


def of_seeds(every: Sequence[Gathered]) -> str:
    """Return what a caption adds where an experiment was trained with several seeds."""
    if not any(one.seeds for one in every):
        return ""
    return "; with several seeds, each patient counts with the mean over them"


def headline(every: Sequence[Gathered]) -> list[Said]:
    """Give mean Dice with its interval, by experiment and label."""
    told = []
    for one in every:
        by_label = (one.over_seeds or one.result.summary)[headline_subset(one.result.metrics)]
        name = f"{one.name} (mean of {len(one.seeds)} seeds)" if one.over_seeds else one.called
        for label, scores in by_label.items():
            dice = scores["dice"]
            if not dice["n"] or (label == "mean" and len(by_label) == 2):
                continue
            # of two patients the interval is the two values, and no interval
            rough = dice["n"] < INTERVAL_OF or dice["ci_low"] is None
            within = (
                "" if rough else f" (95 % interval {dice['ci_low']:.3f} to {dice['ci_high']:.3f})"
            )
            of = plural(dice["n"], kind_of_patient(one))
            what = "mean over labels" if label == "mean" else label
            told.append(Said(f"{name}, {what}: Dice {dice['mean']:.3f}{within} of {of}."))
    if told and counts_absent(every[0].scored):
        told.append(Said("In means a label that is not there counts as 1 if not predicted, or 0."))
    return told


def kind_of_patient(one: Gathered, subset: str | None = None) -> str:
    """Call patients of a subset what they are to the models; by default those scores are of."""
    subset = subset or headline_subset(one.result.metrics)
    return f"{called(subset, one.first.folds > 1)} patient"


def faults(one: Gathered) -> list[Said]:
    """Say what is wrong in predictions, as their scores show it."""
    if one.is_measured:
        return [Said(f"{sentence.rstrip('.')}.") for sentence in wrong(one.scored)]
    return [
        Said(f"Of {label} nothing was found in {missed} of {plural(there, 'case')} that show it.")
        for label, rows in one.scored[has_label(one.scored)].groupby("label", sort=False)
        if (missed := int((rows["dice"] == 0).sum())) and (there := len(rows))
    ]


def limits(every: Sequence[Gathered]) -> list[Said]:
    """Say what limits the results, as far as records show it."""
    one = every[0]
    said = []
    if one.is_synthetic:
        said.append(Said("Images are synthetic, so scores tell nothing of patients."))
    if headline_subset(one.result.metrics) != "test":
        said.append(Said("There are no test patients apart from those of the development."))
    if not one.is_measured:
        said.append(Said("Distances and volumes were not scored."))
    said += made_up(one)
    patients = _scored_patients(one)
    if patients < FEW:
        said.append(Said(f"Scores are of {plural(patients, 'patient')} only."))
    if not any(len(each.groups) for each in every):
        said.append(Said("Scores are not broken down by site, scanner, sex or age."))
    beside = dict.fromkeys(name for each in every for name in each.beside)
    if beside:
        names = ", ".join(beside)
        said.append(
            Said(f"Trainings with other seeds were left out of what is told here ({names}).")
        )
    elif not any(each.seeds for each in every):
        said.append(Said("Trainings were not repeated, so the scatter of seeds is not known."))
    said.append(Said("All patients come from one data set."))
    return said


def _scored_patients(one: Gathered) -> int:
    return int(one.scored["patient"].nunique())


def evaluation(every: Sequence[Gathered]) -> Section:
    """Say what was measured, on whom, and by which statistics."""
    said = [*metrics(every), *statistics(every)]
    return Section("Evaluation", said, questions=EVALUATION_QUESTIONS)


EVALUATION_QUESTIONS = (
    "Which difference in Dice would matter clinically, and was the number of patients planned for "
    "it?",
    "Is there a data set of another institution on which the model was tested?",
)


def _hygiene(one: Gathered) -> list[Said]:
    """Say how far an interval of so few patients is to be trusted."""
    patients = _scored_patients(one)
    whom = kind_of_patient(one)
    if patients >= FEW:
        return []
    if patients < INTERVAL_OF:
        return [Said(f"With {plural(patients, whom)} no interval is given.")]
    return [
        Said(
            f"With {plural(patients, whom)}, intervals are rough: below {FEW} patients their "
            "coverage may be less than what they claim.",
            ("eljurdi2025confidence",),
        )
    ]


def software(every: Sequence[Gathered]) -> Section:
    """Say what ran, where, and how long."""
    origin = every[0].first.origin
    resolved = every[0].first.resolved
    named = [
        Said(f"The workflow is slicewise {_of(origin, 'slicewise')}, {commits(every)}."),
        Said(
            f"It ran on Snakemake {_of(origin, 'snakemake')}{_machine(origin)}.",
            ("molder2021snakemake",),
        ),
        Said(
            f"Networks were trained with Keras {_of(origin, 'keras')} on "
            f"{resolved.versions.get('backend', 'tensorflow')}, and tracked by MLflow "
            f"{_of(origin, 'mlflow')}.",
            ("chollet2015keras", "abadi2016tensorflow", "zaharia2018mlflow")
            if resolved.versions.get("backend", "tensorflow") == "tensorflow"
            else ("chollet2015keras", "zaharia2018mlflow"),
        ),
        Said(
            f"Volumes were handled by NumPy {_of(origin, 'numpy')}, NiBabel "
            f"{_of(origin, 'nibabel')} and scikit-image {_of(origin, 'scikit-image')}.",
            ("harris2020numpy", "brett2024nibabel", "vanderwalt2014scikit"),
        ),
    ]
    if not _is_nifti(every[0].cases):
        itk = f"Files that are no NIfTI were read with SimpleITK {_of(origin, 'SimpleITK')}."
        named.append(Said(itk, ("lowekamp2013simpleitk",)))
    parts = trained(every)
    named += [said for one in parts for said in _training_cost(one, len(parts) > 1)]
    named += [said for one in every for said in _prediction_cost(one, len(every) > 1)]
    asked = [WHERE] if resolved.device not in (None, "CPU") else [WHERE, PROCESSORS]
    return Section("Software and hardware", named, questions=asked)


def _machine(origin: Mapping[str, Any]) -> str:
    if not {"python", "machine"} <= set(origin):
        return ""
    return f", in Python {origin['python']} on a machine of type {origin['machine']}"


def _is_nifti(cases: pd.DataFrame) -> bool:
    """Tell whether all files are NIfTI, of tables that name them."""
    files = [name for kind in ("image", "mask") if kind in cases for name in cases[kind]]
    return all(is_nifti(name) for name in files)


WHERE = "Where can others get code, model and configuration?"
PROCESSORS = "Which processors did it run on?"


def _training_cost(one: Gathered, named: bool) -> list[Said]:
    """Say how long all trainings of an experiment took; nothing where that is not known."""
    seconds = [each.resolved.seconds for each in one.records]
    known = [value for value in seconds if value is not None]
    if len(known) < len(seconds):
        return []
    of = f" of {one.called}" if named or one.seeds else ""
    took = f"{sum(known) / 60:.1f} minutes on {_device(one.first.resolved)}"
    return [Said(f"Training{of} took {took}{_most(_cost(one, 'train'))}.")]


def _prediction_cost(one: Gathered, named: bool) -> list[Said]:
    """Say how long all predictions of an experiment took, where that is known."""
    cost = _cost(one, "predict")
    if cost is None:
        return []
    of = f" of {one.called}" if named or one.seeds else ""
    cases = plural(one.result.metrics["case"].nunique(), "case")
    took = f"{cost.minutes:.1f} minutes for {cases}"
    return [Said(f"Prediction{of} took {took}{_most(cost)}.")]


def _cost(one: Gathered, stage: str) -> Cost | None:
    """Return what a stage of an experiment took, where it is known."""
    return next((each for each in one.costs if each.stage == stage), None)


def _most(cost: Cost | None) -> str:
    """Return the greatest memory of a stage, where it is known."""
    peak = None if cost is None else cost.peak_mb
    return "" if peak is None else f", with {peak / 1000:.1f} GB of memory at most"


def _device(resolved: Any) -> str:
    if resolved.device in (None, "CPU"):
        threads = f" with {plural(resolved.threads, 'thread')}" if resolved.threads else ""
        return f"processors{threads}"
    count = resolved.devices or 1
    return f"{count} × {resolved.device}" if count > 1 else str(resolved.device)


def commit(origin: Mapping[str, Any]) -> str:
    """Name the commit that ran, and whether it had been changed."""
    changed = " with uncommitted changes" if origin.get("git_dirty") == "true" else ""
    return f"commit {_of(origin, 'git_commit')}{changed}"


def commits(every: Sequence[Gathered]) -> str:
    """Name the commit that trained all experiments, or that of each."""
    made = {one.name: commit(one.first.origin) for one in trained(every)}
    if len(set(made.values())) == 1:
        return commit(every[0].first.origin)
    return together([f"{name} by {each}" for name, each in made.items()])


def _of(origin: Mapping[str, Any], name: str) -> str:
    return str(origin.get(name) or "of unknown version")
