"""What training keeps in memory does not grow with the number of cases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Recipe
from slicewise.files import write_json
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.volumes.volume import Volume

SIZE, SLICES, FEW, TIMES = 128, 80, 2, 50
LIMIT_MB = 300

SCRIPT = """
import resource
import sys
from pathlib import Path

import numpy as np

from slicewise.config import Content, Experiment, Recipe
from slicewise.network.card import make_card
from slicewise.training.inputs import TrainingInputs
from slicewise.training.loop import train
from slicewise.slices.batches import SliceSet
from slicewise.slices.folder import SliceFolder

folder, number = Path(sys.argv[1]), int(sys.argv[2])
files = [folder / name for name in ("image.npy", "mask.npy", "geometry.json")]
experiment = Experiment.model_validate(
    {
        "slices": "a",
        "network": {"filters": [1, 2]},
        "training": {"epochs": 1, "batch": 40, "precision": "float32"},
    }
)
content = Content(intensity="hu", contiguous=True, labels={"l": [1]}, other_labels="refuse")
cases = [SliceFolder(f"case{k}", *files) for k in range(number)]
slices = SliceSet(cases, **experiment.reading)
card = make_card(content, Recipe(), experiment)
where = folder / f"checkpoints-{number}"
inputs = TrainingInputs(slices, SliceSet([]), experiment, card)
done = train(inputs, lambda case: np.zeros(0), where)
print(done.resolved.steps, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


def peak(folder: Path, number: int) -> tuple[int, float]:
    """Train an epoch on so many cases; return its steps and the peak of memory, MB."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(number)],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps, megabytes = done.stdout.split()[-2:]
    return int(steps), float(megabytes)


@pytest.mark.slow
def test_fifty_times_the_slices_take_no_more_memory(tmp_path: Path) -> None:
    """The same files stand for all cases: what is read is read anew for each."""
    random = np.random.default_rng(0)
    image = random.integers(-200, 200, (SIZE, SIZE, SLICES), dtype=np.int16)
    volume = Volume(image, np.diag([1.0, 1.0, 2.5, 1.0]))
    one = SliceFolder.below(tmp_path.parent, tmp_path.name)
    labels = (image > 150).astype(np.uint8)
    geometry = extract(volume, labels, ["l"], Recipe(), one, intensity="hu")
    write_json(one.geometry, geometry.model_dump())
    (few, base), (many, grown) = (peak(tmp_path, n) for n in (FEW, FEW * TIMES))
    assert many == TIMES * few
    bytes_of_all = FEW * TIMES * sum(path.stat().st_size for path in (one.image, one.mask))
    assert bytes_of_all > 1.2e6 * LIMIT_MB, "too little to tell"
    assert grown - base < LIMIT_MB
