"""Settings: the single source of names, defaults and checks."""

from slicewise.config.kinds import EmptyMasks, Intensity, Masks, OtherLabels
from slicewise.config.load import json_schema, load_settings, used_settings
from slicewise.config.schema import (
    Augmentation,
    Content,
    Dataset,
    Experiment,
    Inference,
    Input,
    Loss,
    Network,
    Optimizer,
    Phantom,
    Postprocessing,
    Recipe,
    Settings,
    Split,
    Training,
)

__all__ = [
    "Augmentation",
    "Content",
    "Dataset",
    "EmptyMasks",
    "Experiment",
    "Inference",
    "Input",
    "Intensity",
    "Loss",
    "Masks",
    "Network",
    "Optimizer",
    "OtherLabels",
    "Phantom",
    "Postprocessing",
    "Recipe",
    "Settings",
    "Split",
    "Training",
    "json_schema",
    "load_settings",
    "used_settings",
]
