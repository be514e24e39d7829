"""Time from a CT to its mask, and the share of it that is the bare network.

python benchmarks/predict_throughput.py [--filters 32 64 128 256 512] [--size 256] [--cases 3]

Whole cases are timed as scripts/predict.py runs them: reading, cutting, the network, enlarging,
postprocessing, writing. Then the network alone, on the same batches, in the same process. Prints
one line of JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from slicewise.network.backend import prepare  # isort: skip  (sets up the backend before keras)

import keras
import numpy as np
from synthetic import ct

from slicewise.config import Network, Recipe
from slicewise.inference.predict import Request, predict_cases
from slicewise.network.model import finished_model, load_model
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.volumes.write import write_nifti


def untrained(options: argparse.Namespace) -> keras.Model:
    """Return a model that takes as long as a trained one."""
    keras.utils.set_random_seed(1)
    names = [f"organ{k}" for k in range(options.labels)]
    card = {
        "labels": names,
        "values": {name: [k] for k, name in enumerate(names, start=1)},
        "recipe": Recipe(size=options.size).model_dump(),
        "intensity": "hu",
        "contiguous": True,
        "context": {"slices": 1, "mm": 2.5},
        "inference": {"flip": options.flip, "shift": options.shift, "planes": options.planes},
        "postprocessing": {"threshold": 0.5, "largest_component": True, "fill_holes": options.fill},
    }
    network = Network(normalisation="none", activation="relu", filters=options.filters)
    unet = build_unet(network, options.labels)
    return finished_model(Preprocess(-160.0, 240.0, 40.0, 60.0, card), unet)


def recorded(model: keras.Model, requests: list[Request], batch: int) -> list[np.ndarray]:
    """Predict once, and return the batches that the network saw."""
    seen = []
    real = model.predict_on_batch

    def record(images: np.ndarray) -> np.ndarray:
        seen.append(np.array(images))
        return real(images)

    model.predict_on_batch = record
    list(predict_cases(requests, batch))
    del model.predict_on_batch
    return seen


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock, and seconds of all processors that this process used."""
    begun = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filters", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 129])
    parser.add_argument("--cases", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--labels", type=int, default=1)
    parser.add_argument("--flip", choices=["none", "one", "both"], default="none")
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--planes", nargs="*", default=[])
    parser.add_argument("--fill", action="store_true", help="fill holes, too")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    threads = prepare()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        untrained(options).save(folder / "model.keras")
        model = load_model(folder / "model.keras")
        requests = []
        for k in range(options.cases):
            image = folder / f"{k}.nii.gz"
            write_nifti(image, ct(tuple(options.shape), k)[0])
            requests.append(Request(str(k), image, folder / "masks" / f"{k}.nii.gz", [model]))
        batches = recorded(model, requests, options.batch)
        whole, network = [], []
        for _ in range(options.repeats):
            whole.append(timed(lambda: list(predict_cases(requests, options.batch))))
            network.append(timed(lambda: [model.predict_on_batch(images) for images in batches]))
    seconds = [statistics.median(one[0] for one in times) for times in (whole, network)]
    shares = [[b[k] / a[k] for a, b in zip(whole, network, strict=True)] for k in (0, 1)]
    result = {
        "shape": options.shape,
        "size": options.size,
        "filters": options.filters,
        "labels": options.labels,
        "batch": options.batch,
        "views": {k: getattr(options, k) for k in ("flip", "shift", "planes")},
        "cases": options.cases,
        "threads": threads,
        "seconds_per_ct": round(seconds[0] / options.cases, 2),
        "network_seconds_per_ct": round(seconds[1] / options.cases, 2),
        "share_of_network": round(statistics.median(shares[0]), 3),
        "shares": [round(share, 3) for share in shares[0]],
        "share_of_processor_time": round(statistics.median(shares[1]), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
