"""Settings that do nothing beside another one: what a user wrote and would not get.

Only what is written in a configuration is looked at, never a default or a
preset; and never a dump of complete settings, which says everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slicewise.config.augmentation import Augmentation
from slicewise.config.block import block_of
from slicewise.config.experiment import Experiment
from slicewise.config.settings import Settings

Why = Callable[[Settings, Experiment], str | None]


@dataclass(frozen=True)
class Rule:
    """When a setting of an experiment does nothing.

    Attributes
    ----------
    key : str
        Of the experiment, with dots.
    why : callable
        Says what wins over it, or gives None where it has an effect.
    harmless : tuple
        Values that say no more than what happens anyway.
    """

    key: str
    why: Why
    harmless: tuple[Any, ...] = ()


def unused(config: Mapping[str, Any], settings: Settings) -> list[str]:
    """Say of each setting that was written and does nothing what wins over it.

    Parameters
    ----------
    config : mapping
        What was written.
    settings : Settings
        What came of it.
    """
    if _is_whole(config, Settings):
        return []
    elsewhere = ["ensembles: write each among experiments, with the key ensemble"]
    return [
        *(elsewhere if "ensembles" in config else []),
        *_of_the_data(config, settings),
        *_of_experiments(config, settings),
    ]


def _of_the_data(config: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    layout = settings.dataset.layout
    labels = ", ".join(settings.dataset.labels)
    for key, harmless, wins, why in (
        (
            "dataset.root",
            None,
            layout == "phantom",
            "layout phantom makes its volumes and reads none",
        ),
        (
            "dataset.other_labels",
            "",
            layout == "ircad",
            f"layout ircad reads the organ folders of {labels} and no other",
        ),
        (
            "split.validation",
            0,
            settings.split.crossed is not None,
            f"with {settings.split.crossed} each fold is watched on what it holds out",
        ),
        (
            "evaluation.tolerance_mm",
            "",
            not settings.dataset.contiguous,
            "no distance is measured where dataset.contiguous is false",
        ),
    ):
        written, value = _written(config, key)
        if written and wins and value != harmless:
            yield f"{key} does nothing: {why}; leave it out"


def _of_experiments(config: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    for name, given in config["experiments"].items():
        if name in settings.ensembles:
            yield from _of_an_ensemble(name, given, settings)
            continue
        sweep = settings.sweeps.get(name)
        # a setting that one combination needs is none too many
        made = [settings.experiments[name]] if sweep is None else [*sweep.candidates.values()]
        tried = [] if sweep is None else [*next(iter(sweep.values.values()))]
        for rule in RULES:
            written, value = _written(given, rule.key)
            is_harmless = any(value is same or value == same for same in rule.harmless)
            if rule.key not in tried and (not written or is_harmless):
                continue
            reasons = [rule.why(settings, experiment) for experiment in made]
            if None not in reasons:
                key = f"sweep.{rule.key}" if rule.key in tried else rule.key
                yield f"experiments.{name}.{key} does nothing: {reasons[0]}; leave it out"


def _of_an_ensemble(name: str, given: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    written, _ = _written(given, "postprocessing.threshold")
    why = _likeliest_wins(settings)
    if written and why:
        key = f"experiments.{name}.postprocessing.threshold"
        yield f"{key} does nothing: {why}; leave it out"


def _written(config: Any, key: str) -> tuple[bool, Any]:
    """Return whether a key is there, and its value."""
    for part in key.split("."):
        if not isinstance(config, Mapping) or part not in config:
            return False, None
        config = config[part]
    return True, config


def _is_whole(value: Any, model: type[BaseModel]) -> bool:
    """Tell a dump, which has every key of every block, from what people write."""
    if not isinstance(value, Mapping):
        return False
    fields = model.model_fields.items()
    # what a dump leaves out where it is at its default
    may_lack = {name for name, field in fields if field.exclude_if is not None}
    if set(value) | may_lack != set(model.model_fields):
        return False
    for name, field in fields:
        block, named = block_of(field.annotation)
        inner = value.get(name)
        if block is None or inner is None:
            continue
        if not all(_is_whole(one, block) for one in (inner.values() if named else [inner])):
            return False
    return True


# --- the rules -----------------------------------------------------------------------------


def _only_if(used: Callable[[Experiment], bool], why: str) -> Why:
    """Make a rule of what the experiment alone says; `why` may name its settings in braces."""
    return lambda settings, e: None if used(e) else why.format(e=e)


def _nobody_chooses(settings: Settings, experiment: Experiment) -> str | None:
    if settings.split.crossed is not None:
        return (
            f"with {settings.split.crossed} the held-out patients are scored and "
            "choose nothing, and the last weights are kept"
        )
    if settings.split.validation == 0:
        return "split.validation is 0, so there are no validation patients"
    return None


def _nobody_watches(settings: Settings, experiment: Experiment) -> str | None:
    return _nobody_chooses(settings, experiment) if settings.split.crossed is None else None


def _too_patient(settings: Settings, experiment: Experiment) -> str | None:
    training = experiment.training
    why = _nobody_chooses(settings, experiment)
    if why or training.patience is None or training.minutes or training.epochs is None:
        return why
    coarse = 0.0 if training.coarse is None else training.coarse.share
    early = math.floor(coarse * training.epochs) // training.validate_every
    validations = math.ceil(training.epochs / training.validate_every) - early
    if training.patience + 1 < validations:
        return None
    but = " (of its coarse part none counts)" if early else ""
    return (
        f"training.epochs: {training.epochs} with validate_every: {training.validate_every} ends "
        f"after {validations} validations{but}, before it could stop anything"
    )


def _auto_pieces(settings: Settings, experiment: Experiment) -> str | None:
    auto = experiment.postprocessing.largest_component == "auto"
    if not auto or settings.dataset.content.tells_pieces:
        return None
    why = _nobody_chooses(settings, experiment)
    of = "regions" if settings.dataset.regions else "masks that are drawn in part"
    return why and f"{why}, and training masks do not tell how many pieces there are of {of}"


def _auto_holes(settings: Settings, experiment: Experiment) -> str | None:
    auto = experiment.postprocessing.fill_holes == "auto"
    return _nobody_chooses(settings, experiment) if auto else None


def _fitted_weights(settings: Settings, experiment: Experiment) -> str | None:
    if experiment.inference.weights != "fitted":
        return None
    if len(experiment.inference.planes) < 2:
        return "fewer than two inference.planes are averaged"
    return _nobody_chooses(settings, experiment)


def _far_shift(settings: Settings, experiment: Experiment) -> str | None:
    recipe = settings.slices[experiment.slices]
    # what training cuts crops out of is predicted whole
    size = recipe.size if recipe.crop is None else None
    if size is None or experiment.inference.shift < size:
        return None
    return f"slices of {size} pixels that are moved by so many show nothing"


def _all_shown(settings: Settings, experiment: Experiment) -> str | None:
    recipes = [settings.slices[name] for name in (experiment.slices, *experiment.also)]
    # a crop of a slice that shows a label may show none
    if experiment.training.empty > 0 or any(recipe.crop is not None for recipe in recipes):
        return None
    return "training.empty is 0, so every slice of a batch shows a label"


def _again(settings: Settings, experiment: Experiment) -> str | None:
    names = [experiment.slices, *experiment.also]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"{', '.join(twice)} would be trained on twice over" if twice else None


def _one_plane(settings: Settings, experiment: Experiment) -> str | None:
    if experiment.preset == "auto":
        return None  # a plan says how slices are cut
    planes = {settings.slices[name].plane for name in [experiment.slices, *experiment.also]}
    if len(planes) > 1 or "acquired" in planes:
        return None
    return f"it learns slices of one plane alone, {planes.pop()}"


def _several_labels(settings: Settings, experiment: Experiment) -> str | None:
    return _likeliest_wins(settings)


def _likeliest_wins(settings: Settings) -> str | None:
    number = len(settings.dataset.labels)
    if settings.dataset.regions:
        return None
    return None if number == 1 else f"of {number} labels and the background the likeliest wins"


def _of_changes() -> Iterator[Rule]:
    """Each random change has a range and a probability, and needs both."""
    for key in Augmentation.model_fields:
        if not key.endswith("_probability"):
            continue
        change = key.removesuffix("_probability")
        neutral = {"gamma": 1.0, "low_resolution": 1.0}.get(change, 0.0)

        def no_range(s: Settings, e: Experiment, name: str = change, off: float = neutral) -> Any:
            without = e.augmentation is None or getattr(e.augmentation, name) == off
            return f"augmentation.{name} is {_yaml(off, name)}" if without else None

        def never(s: Settings, e: Experiment, name: str = key) -> Any:
            without = e.augmentation is None or getattr(e.augmentation, name) == 0
            return f"augmentation.{name} is 0" if without else None

        yield Rule(f"augmentation.{key}", no_range, (0,))
        yield Rule(f"augmentation.{change}", never, (neutral,))


def _yaml(value: float, change: str) -> str:
    return "false" if change == "flip" else f"{value:g}"


RULES: tuple[Rule, ...] = (
    Rule("also", _again),
    Rule(
        "input.context_mm",
        _only_if(lambda e: e.input.context > 1, "input.context is 1, so no neighbour is looked at"),
    ),
    Rule("input.plane", _one_plane, (False,)),
    Rule(
        "network.deep_supervision",
        _only_if(
            lambda e: len(e.network.filters) > 2, "a network of two stages has no coarser one"
        ),
        (False,),
    ),
    Rule("loss.dice_over", _only_if(lambda e: e.loss.dice > 0, "loss.dice is 0")),
    Rule("loss.focal_gamma", _only_if(lambda e: e.loss.focal > 0, "loss.focal is 0")),
    Rule("loss.tversky_alpha", _only_if(lambda e: e.loss.tversky > 0, "loss.tversky is 0")),
    Rule("loss.tversky_beta", _only_if(lambda e: e.loss.tversky > 0, "loss.tversky is 0")),
    Rule(
        "loss.smooth",
        _only_if(lambda e: e.loss.dice + e.loss.tversky > 0, "loss.dice and loss.tversky are 0"),
    ),
    Rule(
        "optimizer.momentum",
        _only_if(
            lambda e: e.optimizer.name == "sgd",
            "optimizer.name is {e.optimizer.name}, and it is the momentum of sgd",
        ),
        (0,),
    ),
    Rule(
        "optimizer.weight_decay",
        _only_if(
            lambda e: e.optimizer.name != "adam",
            "optimizer.name is adam, and only adamw and sgd have a weight decay",
        ),
        (0,),
    ),
    Rule(
        "optimizer.ema_share",
        _only_if(
            lambda e: e.optimizer.ema is not None, "optimizer.ema is null, so nothing is averaged"
        ),
        (None,),
    ),
    *_of_changes(),
    Rule(
        "training.epochs",
        _only_if(
            lambda e: e.training.minutes is None,
            "training.minutes: {e.training.minutes:g} ends the training (in a file that is laid "
            "over another one write epochs: null)",
        ),
        (None,),
    ),
    Rule("training.patience", _too_patient, (None,)),
    Rule("training.validate_every", _nobody_watches),
    Rule("training.select", _nobody_chooses, ("final",)),
    Rule("training.foreground", _all_shown, (0,)),
    Rule("inference.shift", _far_shift),
    Rule("inference.weights", _fitted_weights, ("mean",)),
    Rule("postprocessing.threshold", _several_labels),
    Rule("postprocessing.largest_component", _auto_pieces),
    Rule("postprocessing.fill_holes", _auto_holes),
)
