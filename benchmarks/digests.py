"""Digests of what a run made, to see that a change of code changed no result.

    python benchmarks/digests.py results/phantom > before.json
    (change the code, run the workflow again)
    python benchmarks/digests.py results/phantom > after.json
    diff before.json after.json

Slices, weights and predictions are compared as arrays, tables byte by byte, and of MLflow the names
of what each run holds. Times, paths and identifiers are left out.
"""

import argparse
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
from mlflow import MlflowClient

MEASURED = ("system/", "seconds", "images_per_second", "minutes", "energy")
"""Metrics of MLflow that depend on the machine: they come only where it lasts long enough."""


def array_digest(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays: types, shapes and values."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def weights_digest(path: Path) -> str:
    """Return the SHA-256 of all arrays of a model, in the order of their names."""
    with zipfile.ZipFile(path) as archive:
        stored = io.BytesIO(archive.read("model.weights.h5"))
    found: dict[str, np.ndarray] = {}
    with h5py.File(stored) as file:

        def keep(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                found[name] = np.asarray(item)

        file.visititems(keep)
    return array_digest(*(found[name] for name in sorted(found)))


def files_digests(results: Path) -> dict[str, str]:
    """Return a digest of every file that is a result of science, by its path."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if name.startswith("timings/"):
            continue
        if path.suffix == ".npy":
            found[name] = array_digest(np.load(path, allow_pickle=False))
        elif path.name == "model.keras":
            found[name] = weights_digest(path)
        elif "predictions" in path.parts and name.endswith(".nii.gz"):
            image = nib.load(path)
            found[name] = array_digest(np.asarray(image.dataobj), image.affine)
        elif path.name in ("metrics.tsv", "summary.json", "split.tsv"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def artifacts(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    """Return the names of all artifacts of a run."""
    found = []
    for each in client.list_artifacts(run_id, folder):
        found += artifacts(client, run_id, each.path) if each.is_dir else [each.path]
    return sorted(found)


def mlflow_names(store: Path, experiment: str) -> dict[str, Any]:
    """Return what each run of an experiment holds: names of metrics, params, tags, artifacts."""
    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    known = client.get_experiment_by_name(experiment)
    found = {}
    for run in client.search_runs([known.experiment_id]):
        metrics = (name for name in run.data.metrics if not name.startswith(MEASURED))
        found[run.data.tags["mlflow.runName"]] = {
            "metrics": sorted(metrics),
            "params": sorted(run.data.params),
            "tags": sorted(run.data.tags),
            "artifacts": artifacts(client, run.info.run_id),
        }
    return dict(sorted(found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="such as results/phantom")
    given = parser.parse_args()
    store = given.results.parent / "mlflow.db"
    found: dict[str, Any] = {"files": files_digests(given.results)}
    if store.exists():
        found["mlflow"] = mlflow_names(store, f"slicewise/{given.results.name}")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
