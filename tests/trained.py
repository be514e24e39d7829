"""What a training leaves, as far as those need it who read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from slicewise.dataset.training_record import TrainingRecord
from slicewise.files import sha256, write_json
from slicewise.records import record_path


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


def note_scored(folder: Path, *read: Path) -> None:
    """Write the record of the job that scored an experiment, by the files that say what it is."""
    record = {
        "made": 1,
        "rule": "evaluate",
        "settings": {},
        "code": {},
        "inputs": {os.path.relpath(path, folder): sha256(path) for path in read},
        "outputs": {},
    }
    write_json(record_path(folder / "metrics.tsv"), record)
