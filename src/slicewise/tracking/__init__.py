"""MLflow, the mirror of the files under results (MLflow is imported here only)."""

from slicewise.tracking.connection import Connection
from slicewise.tracking.journal import Run, current_run, flatten
from slicewise.tracking.live import Tracker
from slicewise.tracking.mirror import Mirror, pending_runs
from slicewise.tracking.provenance import environment, git_state, place, versions
from slicewise.tracking.scores import (
    calibration_files,
    headline,
    overlay_images,
    patients_table,
    summary_metrics,
)
from slicewise.tracking.sync import sync

__all__ = [
    "Connection",
    "Mirror",
    "Run",
    "Tracker",
    "calibration_files",
    "current_run",
    "environment",
    "flatten",
    "git_state",
    "headline",
    "overlay_images",
    "patients_table",
    "pending_runs",
    "place",
    "summary_metrics",
    "sync",
    "versions",
]
