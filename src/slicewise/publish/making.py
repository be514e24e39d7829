"""How models and masks were made, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slicewise.config import Inference
from slicewise.dataset.one_piece import BY_MASKS
from slicewise.dataset.training_record import StartedFrom, TaughtBy
from slicewise.evaluation.sweep import settings_in
from slicewise.publish.gathered import Gathered
from slicewise.publish.prose import Said, Section, percent, together
from slicewise.report.evidence import UNKNOWN, models_of_teacher
from slicewise.wording import plural


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
    if one.first.content["intensity"] == "arbitrary":
        said.append(
            Said(
                "As intensities have no unit, those of each volume were first scaled by the mean "
                "and standard deviation of its ordinary range."
            )
        )
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
    if settings.get("plane"):
        said.append(Said("The network was told along which plane each slice was cut."))
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
        return f", of which one in {recipe['every']} pixels was kept in both directions"
    return ""


def _intensities(one: Gathered, settings: Mapping[str, Any]) -> str:
    window = settings["window"]
    scale = settings["normalisation"]
    resolved = one.first.resolved
    unit = " HU" if one.first.content["intensity"] == "hu" else ""
    bounds = (
        ""
        if resolved.window is None or None in resolved.window
        else f" ({resolved.window[0]:.4g} to {resolved.window[1]:.4g}{unit})"
    )
    clipped = {
        "none": "Intensities were clipped to no window",
        "foreground": "Intensities were clipped to the 0.5 and 99.5 percentiles inside the labels "
        f"of the training slices{bounds}",
    }.get(str(window), f"Intensities were clipped to a window{bounds}")
    scaled = {
        "none": "and not normalised",
        "foreground": "and normalised by mean and standard deviation inside the labels of the "
        "training slices",
        "all": "and normalised by mean and standard deviation of all pixels of the training slices",
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
        "group": Said("Convolutions are followed by group normalisation.", ("wu2018group",)),
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
    steps = ""
    if resolved.steps is not None:
        steps = f", {resolved.steps:,} {'step' if resolved.steps == 1 else 'steps'}{of}"
    minutes = settings["minutes"]
    length = (
        f"was given {minutes:g} {'minute' if minutes == 1 else 'minutes'} of wall time"
        if settings["minutes"] is not None
        else f"took {plural(settings['epochs'], 'epoch')}"
    )
    said = [
        *started(one),
        *taught(one),
        *swept(one),
        loss(experiment["loss"]),
        *_optimizer(experiment["optimizer"]),
        Said(f"Training {length} in batches of {settings['batch']}{steps}."),
        *coarse(settings.get("coarse")),
        *_augmentation(experiment.get("augmentation")),
    ]
    said += foreground(one)
    if resolved.precision == "mixed_bfloat16":
        said.append(Said("Inner layers computed in bfloat16.", ("micikevicius2018mixed",)))
    said.append(Said(kept(one)))
    said.append(Said(f"Weights, order and augmentation followed from seed {settings['seed']}."))
    if len(one.seeds) > 1:
        seeds = ", ".join(map(str, one.seeds))
        said.append(Said(f"The training was repeated with the seeds {seeds}."))
    return Section("Training", said)


def coarse(settings: Mapping[str, Any] | None) -> list[Said]:
    """Say how long slices were coarse, where that was asked for."""
    if settings is None:
        return []
    return [
        Said(
            f"For the first {percent(settings['share'])} of it slices were averaged to pixels "
            f"about {settings['factor']:g} times as large (progressive resizing)."
        )
    ]


def foreground(one: Gathered) -> list[Said]:
    """Say how much of each batch showed a label, where that was asked for."""
    share = one.first.experiment["training"]["foreground"]
    if not share:
        return []
    return [Said(f"At least {percent(share)} of the slices of each batch showed a label.")]


def swept(one: Gathered) -> list[Said]:
    """Say which settings were chosen, among how many, and by whom."""
    table = one.sweep
    if table.empty:
        return []
    settings = settings_in(table)
    last = table["rung"].max()
    chosen = (
        f"{', '.join(settings)} {'was' if len(settings) == 1 else 'were'} chosen among "
        f"{plural(len(table), 'combination')} by mean validation Dice, without a test patient"
    )
    if not last:
        return [Said(f"{chosen}; all were trained to the end.")]
    number = int((table["rung"] == last).sum())
    return [
        Said(
            f"{chosen}; by successive halving {number} of them "
            f"{'was' if number == 1 else 'were'} trained to the end.",
            ("jamieson2016nonstochastic",),
        )
    ]


def kept(one: Gathered) -> str:
    """Say which weights of each training were kept, and by what."""
    by = {one.resolved.selected_by for one in one.records}
    if by == {"final"}:
        return "The weights of the end were kept; validation chose nothing."
    epochs = ", ".join(str(each.resolved.selected_epoch) for each in one.records)
    what = {"dice": "mean Dice", "loss": "loss"}
    named = " or ".join(what.get(each, each) for each in sorted(by))
    return f"The epoch with the best validation {named} was kept (epoch {epochs}{one.with_seed})."


def started(one: Gathered) -> list[Said]:
    """Name the model whose weights training began with, if there is one."""
    models = [each.started_from for each in one.records if each.started_from is not None]
    if not models:
        return []
    model = models[0]
    said = Said(
        f"Training began with the weights of {Path(model.name).name} (SHA-256 "
        f"{model.sha256[:12]}), {_on_whom(models)}."
    )
    return [said, *_before(model.earlier)]


def taught(one: Gathered) -> list[Said]:
    """Name the model that training learnt from beside the masks, if there is one."""
    teachers = [each.taught_by for each in one.records if each.taught_by is not None]
    if not teachers:
        return []
    teacher = teachers[0]
    share = one.first.experiment["training"]["distil"]["share"]
    fold = ", fold by fold" if len(one.records) > 1 else ""
    models = models_of_teacher(teacher)
    what = f"an ensemble of {plural(len(models), 'model')}" if models else "another model"
    said = Said(
        f"A share of {share:g} of the loss was to the probabilities that {what} "
        f"({teacher.name}, digest of its weights {teacher.weights_sha256[:12]}) gave the "
        f"training cases{fold}, the rest to their masks."
    )
    whom = Said(f"The teacher is one {_on_whom(teachers)}.")
    return [said, whom, *_before(teacher.earlier[len(models) :])]


def _on_whom(models: Sequence[StartedFrom | TaughtBy]) -> str:
    """Say whom a model knows that trainings began with or learnt from, as that of the first fold.

    Where nobody knows it of that of any fold, it is said to be unknown.
    """
    if not all(model.known for model in models):
        return UNKNOWN
    patients = len(set(models[0].scans.values()))
    return (
        f"which had been trained on {plural(patients, 'patient')}, of whom, by digests of their "
        "scans, none is tested here"
    )


def _before(earlier: Sequence[str]) -> list[Said]:
    """Name what such a model goes back to, by weights or as who learnt from it."""
    before = ", ".join(Path(each).name for each in earlier)
    return [Said(f"It had itself started or learnt from {before}.")] if before else []


LOSSES = {
    "dice": ("soft Dice loss", "milletari2016vnet"),
    "cross_entropy": ("cross-entropy", ""),
    "focal": ("focal loss", "lin2017focal"),
    "tversky": ("Tversky loss", "salehi2017tversky"),
}


def loss(settings: Mapping[str, Any]) -> Said:
    """Say what was made small."""
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
    is_constant = settings["schedule"] == "constant" and not settings["warmup"]
    peak = "" if is_constant else "peak "
    said = [
        Said(f"{name} had a {peak}learning rate of {settings['learning_rate']:g}{decay}.", sources)
    ]
    warmup = f"after a linear warm-up over {percent(settings['warmup'])} of the steps "
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
    "scale": "scaling (up to {:g} %)",
    "shift": "shifts (up to {:g} % of the side)",
    "shear": "shear (up to {:g}°)",
    "elastic": "elastic deformation",
    "gamma": "gamma",
    "contrast": "contrast",
    "brightness": "brightness",
    "noise": "Gaussian noise",
    "blur": "Gaussian blur",
    "low_resolution": "lower resolution",
}
SHARES = ("scale", "shift")
NEUTRAL = {"gamma": 1.0, "low_resolution": 1.0}


def _augmentation(settings: Mapping[str, Any] | None) -> list[Said]:
    if settings is None:
        return [Said("Slices were not augmented.")]
    used = [
        words.format(settings[name] * (100 if name in SHARES else 1))
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
    after = one.postprocessing
    said = [sentence for each in one.trained for sentence in _views(each, bool(one.members))]
    said += combined(one)
    if not one.members:
        said.append(
            Said("Masks were brought back to the voxels of each scan, on which they are scored.")
        )
    threshold = f"the threshold was {after['threshold']:g}"
    if one.first.content.get("regions"):
        said.append(Said(f"Regions may lie within each other; in each voxel {threshold} for each."))
    elif len(one.labels) > 1:
        said.append(Said("In each voxel the likeliest label won."))
    else:
        said.append(Said(f"In each voxel {threshold}."))
    said += [Said(text) for text in _afterwards(one)]
    return Section("Prediction", said)


def _views(one: Gathered, named: bool) -> list[Said]:
    """Say of what the probabilities of a trained experiment are means."""
    settings = one.first.experiment["inference"]
    of = f" of {one.name}" if named else ""
    views = []
    if settings["flip"] != "none":
        both = " in both directions" if settings["flip"] == "both" else ""
        views.append(f"of mirrored slices{both}")
    if settings["shift"]:
        views.append(f"of slices moved by {plural(settings['shift'], 'pixel')}")
    if settings["planes"]:
        views.append(f"of cuts along {_planes(one, settings)} planes")
    if settings.get("tilt"):
        views.append(
            f"of oblique cuts, turned by {settings['tilt']:g} degrees about rows and columns"
        )
    if one.first.folds > 1:
        views.append(f"of the models of all {one.first.folds} folds on test patients")
    said = [Said(f"Probabilities{of} are means {', '.join(views)}.")] if views else []
    if one.first.resolved.planes.get("fitted"):
        said.append(Said(f"What each plane{of} counts was fitted on validation patients."))
    return said


def combined(one: Gathered) -> list[Said]:
    """Say how the members of an ensemble segment together; nothing of an experiment."""
    record = one.result.folds.ensemble
    if record is None:
        return []
    said = [
        Said(
            f"The probabilities of {together(list(record.members))} were brought to the voxels of "
            "each scan and averaged there, and the mean decided.",
            ("dietterich2000ensemble",),
        )
    ]
    if record.fitted:
        shares = ", ".join(f"{name} {share:.2g}" for name, share in record.weights.items())
        said.append(Said(f"Their weights are {shares}."))
    said.append(Said(f"Weights are {record.because}."))
    if record.by_fold:
        said.append(
            Said(
                "A patient whom a fold held out was segmented with weights that the patients of "
                "the other folds chose."
            )
        )
    return said


def _planes(one: Gathered, settings: Mapping[str, Any]) -> str:
    """Name the planes that are averaged, with what each counts where that differs."""
    weights = settings.get("weights", "mean")
    tried = one.first.resolved.planes
    if weights == "fitted":
        weights = [*tried.get("weights", {}).values()] or "mean"
    shares = Inference(planes=settings["planes"], weights=weights).shares
    if len({*shares.values()}) == 1 and len(shares) == len(settings["planes"]):
        return ", ".join(shares)
    return ", ".join(f"{plane} (weight {share:.3g})" for plane, share in shares.items())


STEPS = {
    "largest_component": "the largest connected piece of {} was kept",
    "fill_holes": "holes were filled",
}


def _afterwards(one: Gathered) -> list[str]:
    after = one.postprocessing
    said = []
    for step, words in STEPS.items():
        tried = [record.resolved.postprocessing.get(step) or {} for record in one.records]
        if after[step] == "auto" and any(tried):
            said.append(_decided(tried, words, one.labels, one.with_seed))
        elif after[step] and after[step] != "auto":
            labels = after[step] if isinstance(after[step], list) else one.labels
            said.append(f"Afterwards {words.format(_of(labels, one.labels))}.")
    return said


def _decided(
    tried: Sequence[Mapping[str, Any]], words: str, every: Sequence[str], with_seed: str = ""
) -> str:
    """Say what became of a step that was left open, in all trainings or some of them."""
    start = f"As validation patients had it{with_seed}"
    if any(each.get("by") == BY_MASKS for each in tried):
        start = "As far as labels were one large piece in every training mask"
    kept = [each for each in tried if each.get("kept")]
    if not kept:
        return f"{start}, it was not done that {words.format('each label')}."
    # earlier versions kept a step for all labels or for none
    times = {label: sum(label in each.get("labels", every) for each in kept) for label in every}
    labels = [label for label in every if times[label]]
    trainings = f" of {len(tried)} trainings"
    if len({times[label] for label in labels}) > 1:
        each = " and of ".join(f"{label} in {times[label]}{trainings}" for label in labels)
        return f"{start}, {words.format(each)}."
    in_some = f" in {times[labels[0]]}{trainings}" if len(tried) > 1 else ""
    return f"{start}, {words.format(_of(labels, every))}{in_some}."


def _of(labels: Sequence[str], every: Sequence[str]) -> str:
    return "each label" if list(labels) == list(every) else " and of ".join(labels)
