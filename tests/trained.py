"""What a training leaves, as far as those need it who read it."""

from __future__ import annotations

from typing import Any

from slicewise.dataset.training_record import TrainingRecord


def config_of(case: str, patient: str, weights: str) -> dict[str, Any]:
    """Return the ``config.yaml`` of one of two folds, trained on one case."""
    return {
        "train": [case],
        "patients": {case: patient},
        "resolved": {
            "weights_sha256": weights,
            "postprocessing": {},
            "parameters": 1,
            "selected_by": "final",
            "selected_epoch": None,
        },
        "experiment": {
            "slices": "axial",
            "also": [],
            **{name: {} for name in ("input", "inference", "postprocessing")},
        },
        "content": {},
        "origin": {},
        "folds": 2,
    }


def record_of(case: str, patient: str, weights: str) -> TrainingRecord:
    """Return what is read of `config_of`."""
    return TrainingRecord.model_validate(config_of(case, patient, weights))
