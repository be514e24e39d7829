"""Several devices share a batch: logical CPU devices stand in for GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from slicewise.config import Experiment
from slicewise.config import merge
from slicewise.errors import SlicewiseError
from slicewise.slices.batches import SliceSet
from slicewise.slices.folder import SliceFolder
from tests.discs import CARD, disc_truth, experiment
from tests.training.runs import train_on

root, normalisation = Path(sys.argv[1]), sys.argv[2]
folders = [
    SliceFolder(p.name, *(p / n for n in ("image.npy", "mask.npy", "geometry.json")))
    for p in sorted(root.iterdir())
]


def run(devices, **training):
    blocks = {
        "network": {"normalisation": normalisation, "dropout": 0.0},
        "optimizer": {"learning_rate": 0.003},
        "training": {"devices": devices, "epochs": 2, **training},
    }
    settings = Experiment.model_validate(merge(experiment().model_dump(), blocks))
    sets = SliceSet(folders[:3]), SliceSet(folders[3:])
    where = root.parent / f"checkpoints-{devices}"
    return train_on(*sets, disc_truth, settings, CARD, where)


one, two = run(1), run(2)
assert [t.resolved.devices for t in (one, two)] == [1, 2]
assert run(2).resolved.weights_sha256 == two.resolved.weights_sha256, "not the same twice"
worst = max(
    float(np.abs(a - b).max())
    for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True)
)
losses = [t.history["train/loss"].to_numpy() for t in (one, two)]
print("difference", worst, float(np.abs(losses[0] - losses[1]).max()))
try:
    run(2, batch=5)
except SlicewiseError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", ["instance", "none"])
def test_two_devices_train_like_one(
    folders: list[object], tmp_path: Path, normalisation: str
) -> None:
    """Not with batch normalisation, which sees each device's part of a batch."""
    script = tmp_path / "two_devices.py"
    script.write_text(SCRIPT, encoding="utf-8")
    root = folders[0].image.parent.parent  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, str(script), str(root), normalisation],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    weights, loss = map(float, said[-2].removeprefix("difference ").split())
    assert weights < 1e-3
    assert loss < 1e-3
    assert "training.batch: 5 slices cannot be shared evenly by 2 devices" in said[-1]
