"""Settings: the single source of names, defaults, checks and of the schema; a file a block."""

from slicewise.config.augmentation import Augmentation
from slicewise.config.bids import Bids
from slicewise.config.block import Plane
from slicewise.config.content import UNDRAWN, Content
from slicewise.config.dataset import IN_RESULTS, Dataset, Pairs, Phantom
from slicewise.config.dicom import Dicom
from slicewise.config.ensemble import Ensemble
from slicewise.config.evaluation import Evaluation
from slicewise.config.experiment import Experiment
from slicewise.config.inference import Inference, Prediction
from slicewise.config.input import Context, Input
from slicewise.config.kinds import (
    Effort,
    EmptyMasks,
    Intensity,
    Masks,
    MissingLabels,
    OtherLabels,
)
from slicewise.config.load import json_schema, load_settings
from slicewise.config.loss import Loss
from slicewise.config.metadata import Metadata
from slicewise.config.msd import Msd
from slicewise.config.network import Network
from slicewise.config.optimizer import Optimizer
from slicewise.config.postprocessing import Postprocessing
from slicewise.config.presets import PRESETS, merge
from slicewise.config.regions import members, written
from slicewise.config.settings import RESERVED, Settings
from slicewise.config.slices import Recipe
from slicewise.config.split import Split
from slicewise.config.staging import Staging
from slicewise.config.tracking import Tracking
from slicewise.config.training import Coarse, Training

__all__ = [
    "IN_RESULTS",
    "PRESETS",
    "RESERVED",
    "UNDRAWN",
    "Augmentation",
    "Bids",
    "Coarse",
    "Content",
    "Context",
    "Dataset",
    "Dicom",
    "Effort",
    "EmptyMasks",
    "Ensemble",
    "Evaluation",
    "Experiment",
    "Inference",
    "Input",
    "Intensity",
    "Loss",
    "Masks",
    "Metadata",
    "MissingLabels",
    "Msd",
    "Network",
    "Optimizer",
    "OtherLabels",
    "Pairs",
    "Phantom",
    "Plane",
    "Postprocessing",
    "Prediction",
    "Recipe",
    "Settings",
    "Split",
    "Staging",
    "Tracking",
    "Training",
    "json_schema",
    "load_settings",
    "members",
    "merge",
    "written",
]
