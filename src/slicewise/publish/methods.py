"""The methods of scored experiments in sentences, each from what is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slicewise.evaluation.intervals import RESAMPLES
from slicewise.publish.gathered import Gathered
from slicewise.publish.prose import Said, Section
from slicewise.report.facts import excluded_cases
from slicewise.wording import plural, some

INTENSITIES = {
    "hu": "CT in Hounsfield units",
    "clipped_hu": "CT in Hounsfield units that were clipped before",
    "arbitrary": "images whose intensities have no unit",
}
NAMED = 12
"""Names of cases, at most, that a sentence lists."""
FEW = 50
"""Patients below which the interval of a mean is called rough."""


def data(one: Gathered) -> Section:
    """Say which cases there are, and ask what no file tells of them."""
    cases = one.cases
    content = one.first.content
    patients = cases["patient"].nunique()
    labels = list(content["labels"])
    said = [
        Said(
            f"The data set {one.dataset} has {plural(len(cases), 'case')} of "
            f"{plural(patients, 'patient')}: {INTENSITIES[content['intensity']]}, with ground "
            f"truth of {some(labels, NAMED)}."
        ),
        Said(_geometry(cases)),
        *_volumes(cases, labels),
    ]
    if content.get("channels"):
        said.append(Said(f"Each case has the channels {', '.join(content['channels'])}."))
    if content.get("ignore") is not None:
        said.append(
            Said("Voxels that nobody drew were marked as such; they taught and scored nothing.")
        )
    excluded = excluded_cases(one.block("dataset").get("exclude") or [])
    if excluded:
        named = [f"{case} ({reason})" for case, reason in excluded]
        said.append(Said(f"{plural(len(named), 'case')} excluded: {some(named, NAMED)}."))
    return Section("Data", said, questions=DATA_QUESTIONS)


DATA_QUESTIONS = (
    "Where, when and on which scanners were the images acquired, and by which protocol?",
    "Which patients were eligible, how were they selected, and what are their age and sex?",
    "Who drew the ground truth, with which experience, software and instructions, and how far do "
    "two readers agree?",
    "Which ethics committee approved the study, and was consent given or waived?",
    "Under which licence can others get the data?",
)


def _geometry(cases: pd.DataFrame) -> str:
    """Say how large voxels and volumes are, along the axes of the files."""
    spacing = np.array([list(map(float, each.split("x"))) for each in cases["spacing"]])
    shape = np.array([list(map(int, each.split("x"))) for each in cases["shape"]])
    in_plane = spacing.min(axis=1)
    between = spacing.max(axis=1)
    return (
        f"The finest side of a voxel is {_range(in_plane)} mm, the coarsest {_range(between)} mm, "
        f"and volumes have {_range(shape.prod(axis=1) / 1e6)} million voxels (medians, with ranges "
        "where they differ)."
    )


def _volumes(cases: pd.DataFrame, labels: Sequence[str]) -> list[Said]:
    said = []
    for label in labels:
        column = f"ml_{label}"
        if column not in cases:
            continue
        ml = pd.to_numeric(cases[column], errors="coerce").dropna()
        there = ml[ml > 0]
        if len(there):
            of = f"in {len(there)} of {plural(len(cases), 'case')}"
            said.append(Said(f"{label} is drawn {of}, with {_range(there.to_numpy())} ml."))
        else:
            said.append(Said(f"{label} is drawn in no case."))
    return said


def _range(values: np.ndarray) -> str:
    """Return the median with the lowest and the highest value, or the one that all have."""
    low, middle, high = (f"{value:.3g}" for value in np.quantile(values, [0, 0.5, 1]))
    return low if low == high else f"{middle} ({low} to {high})"


def split(one: Gathered) -> Section:
    """Say who was trained on and who was tested, and what was checked of it."""
    table = one.split
    settings = one.block("split")
    parts = [
        f"{plural(part['patient'].nunique(), 'patient')} ({plural(len(part), 'case')}) for {title}"
        for subset, title in SUBSETS.items()
        if len(part := table[table["subset"] == subset])
    ]
    said = [
        Said(f"Patients were split whole, so that no patient is in two parts: {'; '.join(parts)}.")
    ]
    if "seed" in settings:
        said.append(
            Said(
                "What the data set did not prescribe was drawn at random (seed "
                f"{settings['seed']})."
            )
        )
    if one.first.folds > 1:
        said.append(Said(_folds(one, settings)))
    said.append(
        Said(
            "Before training, the images of all cases were compared with each other by digests of "
            "their voxels and by perceptual marks, so that no scan, copied or converted, "
            "is in two parts; none was."
        )
    )
    apart = settings.get("not_the_same") or []
    if apart:
        said.append(
            Said(f"{plural(len(apart), 'pair')} of cases that look alike were declared different.")
        )
    others = settings.get("check_against") or []
    if others:
        said.append(Said(f"So were those of {plural(len(others), 'further data set')}."))
    return Section("Split", said)


SUBSETS = {"train": "training", "validation": "validation", "test": "testing"}


def _folds(one: Gathered, settings: Mapping[str, Any]) -> str:
    folds = plural(one.first.folds, "fold")
    if settings.get("leave_out"):
        return f"Each of {folds} held out one whole {settings['leave_out']}."
    return f"In {folds}, each training patient was held out once; test patients by none of them."


def preparation(one: Gathered) -> Section:
    """Say what became of the volumes before a network saw them."""
    recipe = one.first.recipe
    settings = one.first.experiment["input"]
    plane = recipe["plane"]
    cut = "the plane of acquisition of each" if plane == "acquired" else f"{plane} planes"
    said = [Said(f"Volumes were cut into slices along {cut}{_pixels(recipe)}.")]
    if len(one.first.recipes) > 1:
        more = ", ".join(one.first.recipes[1:])
        said.append(Said(f"Slices of further cuts were trained on: {more}."))
    said.append(Said(_intensities(one, settings)))
    network = one.first.experiment["network"]
    if network.get("dimensions") == 3:
        said.append(Said(f"The network saw blocks of {network['block']} slices."))
    elif settings["context"] > 1:
        said.append(
            Said(
                f"The network saw {settings['context']} slices at once, {settings['context_mm']} "
                "mm apart, of which the middle one was segmented."
            )
        )
    return Section("Preprocessing", said)


def _pixels(recipe: Mapping[str, Any]) -> str:
    size = recipe.get("size")
    side = f"{size} × {size} pixels"
    if recipe.get("spacing"):
        crops = f", of which training cut out squares of {side}" if size else ""
        return f" and resampled to {recipe['spacing']} mm in both directions{crops}"
    if size:
        return f" of {side}: larger slices were averaged down by area, smaller ones padded"
    if recipe.get("every", 1) > 1:
        return f", of which every {recipe['every']}th pixel was kept in both directions"
    return ""


def _intensities(one: Gathered, settings: Mapping[str, Any]) -> str:
    window = settings["window"]
    scale = settings["normalisation"]
    resolved = one.first.resolved
    bounds = (
        ""
        if resolved.window is None or None in resolved.window
        else f" ({resolved.window[0]:g} to {resolved.window[1]:g})"
    )
    clipped = {
        "none": "Intensities were not clipped",
        "foreground": "Intensities were clipped to the 0.5 and 99.5 percentiles inside the labels "
        f"of the training cases{bounds}",
    }.get(str(window), f"Intensities were clipped{bounds}")
    scaled = {
        "none": "and were not normalised",
        "foreground": "and normalised by mean and standard deviation inside the labels",
        "all": "and normalised by mean and standard deviation of all voxels",
    }[scale]
    return f"{clipped} {scaled}."


def network(one: Gathered) -> Section:
    """Say what was trained, in how many parameters."""
    settings = one.first.experiment["network"]
    deep = settings.get("dimensions") == 3
    filters = ", ".join(map(str, settings["filters"]))
    said = [
        Said(
            f"A U-net in {'three' if deep else 'two'} dimensions was trained.",
            ("cicek2016unet",) if deep else ("ronneberger2015unet",),
        ),
        Said(
            f"Its stages have {filters} filters, and it has {one.first.resolved.parameters:,} "
            "parameters."
        ),
    ]
    kinds = {
        "batch": Said("Convolutions are followed by batch normalisation.", ("ioffe2015batch",)),
        "instance": Said(
            "Convolutions are followed by instance normalisation.", ("ulyanov2016instance",)
        ),
        "none": Said("Convolutions are not followed by any normalisation."),
    }
    said.append(kinds[settings["normalisation"]])
    if settings["activation"] == "leaky_relu":
        said.append(Said("Activations are leaky ReLUs of slope 0.01.", ("maas2013rectifier",)))
    else:
        said.append(Said("Activations are ReLUs."))
    if settings["residual"]:
        said.append(Said("Encoder stages are residual.", ("he2016residual",)))
    if settings["deep_supervision"]:
        said.append(Said("Coarser stages were trained too.", ("lee2015supervised",)))
    if settings["dropout"]:
        said.append(
            Said(
                f"The two deepest stages have spatial dropout of {settings['dropout']}.",
                ("srivastava2014dropout",),
            )
        )
    return Section("Network", said)


def training(one: Gathered) -> Section:
    """Say how the weights were found, and which were kept."""
    experiment = one.first.experiment
    resolved = one.first.resolved
    settings = experiment["training"]
    of = " of the first fold" if one.first.folds > 1 else ""
    steps = f", {resolved.steps:,} steps{of}" if resolved.steps is not None else ""
    length = (
        f"{settings['minutes']:g} minutes of wall time"
        if settings["minutes"] is not None
        else plural(settings["epochs"], "epoch")
    )
    said = [
        _loss(experiment["loss"]),
        *_optimizer(experiment["optimizer"]),
        Said(f"Training took {length} in batches of {settings['batch']}{steps}."),
        *_augmentation(experiment.get("augmentation")),
    ]
    if settings["foreground"]:
        said.append(Said(f"At least {settings['foreground']:.0%} of each batch showed a label."))
    if resolved.precision == "mixed_bfloat16":
        said.append(Said("Inner layers computed in bfloat16.", ("micikevicius2018mixed",)))
    said.append(Said(_kept(one)))
    seeds = settings.get("seeds") or [settings["seed"]]
    said.append(Said(f"Weights, order and augmentation followed from seed {settings['seed']}."))
    if len(seeds) > 1:
        said.append(Said(f"The training was repeated with the seeds {', '.join(map(str, seeds))}."))
    return Section("Training", said)


def _kept(one: Gathered) -> str:
    by = {one.resolved.selected_by for one in one.records}
    if by == {"final"}:
        return "The weights of the end were kept; validation chose nothing."
    epochs = ", ".join(str(each.resolved.selected_epoch) for each in one.records)
    what = {"dice": "mean Dice", "loss": "loss"}
    named = " or ".join(what.get(each, each) for each in sorted(by))
    return f"The epoch with the best validation {named} was kept (epoch {epochs})."


LOSSES = {
    "dice": ("soft Dice loss", "milletari2016vnet"),
    "cross_entropy": ("cross-entropy", ""),
    "focal": ("focal loss", "lin2017focal"),
    "tversky": ("Tversky loss", "salehi2017tversky"),
}


def _loss(settings: Mapping[str, Any]) -> Said:
    used = {name: settings[name] for name in LOSSES if settings.get(name)}
    words = [f"{LOSSES[name][0]} (weight {weight:g})" for name, weight in used.items()]
    sources = tuple(source for name in used if (source := LOSSES[name][1]))
    over = {"batch": "over all pixels of a batch", "image": "slice by slice"}
    dice = f", Dice {over[settings['dice_over']]}" if "dice" in used else ""
    return Said(f"The loss is {' plus '.join(words)}{dice}.", sources)


OPTIMIZERS = {
    "adam": ("Adam", ("kingma2015adam",)),
    "adamw": ("AdamW", ("loshchilov2019decoupled",)),
    "sgd": ("stochastic gradient descent with Nesterov momentum", ()),
}


def _optimizer(settings: Mapping[str, Any]) -> list[Said]:
    name, sources = OPTIMIZERS[settings["name"]]
    decay = ""
    if settings["name"] != "adam":
        decay = f" and weight decay of {settings['weight_decay']:g}"
    said = [
        Said(f"{name} had a peak learning rate of {settings['learning_rate']:g}{decay}.", sources)
    ]
    warmup = f"after a linear warm-up over {settings['warmup']:.0%} of the steps "
    warmup = warmup if settings["warmup"] else ""
    if settings["schedule"] == "cosine":
        said.append(Said(f"The rate fell {warmup}along a cosine.", ("loshchilov2017sgdr",)))
    elif settings["schedule"] == "polynomial":
        said.append(
            Said(f"The rate fell {warmup}by a polynomial of power 0.9.", ("isensee2021nnunet",))
        )
    elif warmup:
        said.append(Said(f"The rate was constant {warmup.rstrip()}."))
    if settings["clip_norm"] is not None:
        said.append(Said(f"Gradients were clipped to a norm of {settings['clip_norm']:g}."))
    if settings["ema"] is not None:
        said.append(
            Said(
                "Validation, prediction and the model use a moving average of the weights of "
                f"momentum {settings['ema']:g} at most.",
                ("polyak1992averaging",),
            )
        )
    return said


KINDS = {
    "rotation": "rotation (up to {:g}°)",
    "scale": "scaling (up to {:.0%})",
    "shift": "shifts (up to {:.0%} of the side)",
    "shear": "shear (up to {:g}°)",
    "elastic": "elastic deformation",
    "gamma": "gamma",
    "contrast": "contrast",
    "brightness": "brightness",
    "noise": "Gaussian noise",
    "blur": "Gaussian blur",
    "low_resolution": "lower resolution",
}
NEUTRAL = {"gamma": 1.0, "low_resolution": 1.0}


def _augmentation(settings: Mapping[str, Any] | None) -> list[Said]:
    if settings is None:
        return [Said("Slices were not augmented.")]
    used = [
        words.format(settings[name])
        for name, words in KINDS.items()
        if settings.get(name, 0) != NEUTRAL.get(name, 0) and settings[f"{name}_probability"]
    ]
    if settings["flip"] and settings["flip_probability"]:
        used.append("mirroring" + (" in both directions" if settings["flip"] == "both" else ""))
    if not used:
        return [Said("Slices were not augmented.")]
    return [Said(f"Slices were augmented at random by {', '.join(used)}.")]


def prediction(one: Gathered) -> Section:
    """Say how masks were made from the models, on the grid of each scan."""
    experiment = one.first.experiment
    settings = experiment["inference"]
    after = experiment["postprocessing"]
    said = []
    views = []
    if settings["flip"] != "none":
        both = " in both directions" if settings["flip"] == "both" else ""
        views.append(f"of mirrored slices{both}")
    if settings["shift"]:
        views.append(f"of slices moved by {plural(settings['shift'], 'pixel')}")
    if settings["planes"]:
        views.append(f"of cuts along {', '.join(settings['planes'])} planes")
    if one.first.folds > 1:
        views.append(f"of the models of all {one.first.folds} folds on test patients")
    if views:
        said.append(Said(f"Probabilities are means {', '.join(views)}."))
    said.append(
        Said("Masks were brought back to the voxels of each scan, on which they are scored.")
    )
    several = len(one.first.content["labels"]) > 1
    rule = "the likeliest label won" if several else f"the threshold was {after['threshold']:g}"
    said.append(Said(f"In each voxel {rule}."))
    said += [Said(text) for text in _afterwards(one)]
    return Section("Prediction", said)


STEPS = {
    "largest_component": "the largest connected piece of each label was kept",
    "fill_holes": "holes were filled",
}


def _afterwards(one: Gathered) -> list[str]:
    after = one.first.experiment["postprocessing"]
    said = []
    for step, words in STEPS.items():
        tried = [one.resolved.postprocessing.get(step) for one in one.records]
        if after[step] is True:
            said.append(f"Afterwards {words}.")
        elif after[step] == "auto" and any(tried):
            kept = sum(bool(each and each["kept"]) for each in tried)
            of = f" in {kept} of {len(tried)} trainings" if len(tried) > 1 else ""
            did = f"{words}{of}" if kept else f"it was not done that {words}"
            said.append(f"As validation patients had it, {did}.")
    return said


def evaluation(every: Sequence[Gathered]) -> Section:
    """Say what was measured, on whom, and by which statistics."""
    one = every[0]
    settings = one.block("evaluation")
    test = one.result.metrics[one.result.metrics["subset"] == "test"]
    patients = test["patient"].nunique()
    tolerance = one.result.metrics["tolerance_mm"].dropna()
    said = [
        Said(
            "The Dice coefficient of a patient is that of all voxels in 3-D on the grid of the "
            "scan, not a mean over slices; several scans of a patient count once, by their mean.",
            ("dice1945measures",),
        )
    ]
    if len(tolerance):
        said += [
            Said(
                "HD95 is the 95th percentile of distances between surfaces, in mm.",
                ("huttenlocher1993hausdorff",),
            ),
            Said(
                "The normalised surface Dice (NSD) is the share of both surfaces within "
                f"{tolerance.iloc[0]:g} mm of the other.",
                ("nikolov2021surface",),
            ),
        ]
    if settings.get("absent_labels") == "exclude":
        said.append(
            Said(
                "Patients without a label have no Dice of it; what was wrongly found in them is "
                "reported as false volume and specificity."
            )
        )
    said.append(
        Said(
            "Intervals of means are percentile bootstrap intervals of 95 % over patients "
            f"({RESAMPLES:,} resamples).",
            ("efron1979bootstrap",),
        )
    )
    said += _hygiene(patients)
    if len(every) > 1:
        said.append(
            Said(
                "Experiments were compared on the same patients by exact two-sided Wilcoxon "
                "signed-rank tests with Pratt's treatment of zeros, corrected by Holm's method.",
                ("wilcoxon1945ranking", "pratt1959zeros", "holm1979multiple"),
            )
        )
    return Section("Evaluation", said, questions=EVALUATION_QUESTIONS)


EVALUATION_QUESTIONS = (
    "Which difference in Dice would matter clinically, and was the number of patients planned for "
    "it?",
    "Is there a data set of another institution on which the model was tested?",
)


def _hygiene(patients: int) -> list[Said]:
    if patients >= FEW:
        return []
    if patients < 2:
        return [Said(f"With {plural(patients, 'test patient')} there is no interval.")]
    return [
        Said(
            f"With {patients} test patients, intervals are rough: below {FEW} patients their "
            "coverage may be less than what they claim."
        )
    ]


def software(one: Gathered) -> Section:
    """Say what ran, where, and how long."""
    origin = one.first.origin
    resolved = one.first.resolved
    named = [
        Said(f"The workflow is slicewise {_of(origin, 'slicewise')}, {_commit(origin)}."),
        Said(f"It ran on Snakemake {_of(origin, 'snakemake')}.", ("molder2021snakemake",)),
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
            f"{_of(origin, 'nibabel')}, scikit-image {_of(origin, 'scikit-image')} and SimpleITK "
            f"{_of(origin, 'SimpleITK')}.",
            (
                "harris2020numpy",
                "brett2024nibabel",
                "vanderwalt2014scikit",
                "lowekamp2013simpleitk",
            ),
        ),
    ]
    seconds = [each.resolved.seconds for each in one.records]
    if all(value is not None for value in seconds):
        minutes = sum(value for value in seconds if value is not None) / 60
        named.append(Said(f"Training took {minutes:.1f} minutes on {_device(resolved)}."))
    return Section("Software and hardware", named, questions=SOFTWARE_QUESTIONS)


SOFTWARE_QUESTIONS = ("Where can others get code, model and configuration?",)


def _device(resolved: Any) -> str:
    if resolved.device in (None, "CPU"):
        threads = f" with {plural(resolved.threads, 'thread')}" if resolved.threads else ""
        return f"processors{threads}"
    count = resolved.devices or 1
    return f"{count} × {resolved.device}" if count > 1 else str(resolved.device)


def _commit(origin: Mapping[str, Any]) -> str:
    changed = " with uncommitted changes" if origin.get("git_dirty") == "true" else ""
    return f"commit {_of(origin, 'git_commit')}{changed}"


def _of(origin: Mapping[str, Any], name: str) -> str:
    return str(origin.get(name) or "of unknown version")


def methods(every: Sequence[Gathered]) -> list[Section]:
    """Return the sections of the methods of experiments on one data set.

    Parameters
    ----------
    every : sequence of Gathered
        The first stands for data, split, evaluation and software.
    """
    first = every[0]
    own = [section for one in every for section in _own(one, len(every) > 1)]
    return [data(first), split(first), *own, evaluation(every), software(first)]


def _own(one: Gathered, named: bool) -> Iterator[Section]:
    for make in (preparation, network, training, prediction):
        section = make(one)
        title = f"{section.title} of {one.name}" if named else section.title
        yield Section(title, section.said, section.tables, section.questions)
