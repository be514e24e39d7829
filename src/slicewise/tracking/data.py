"""The data that went into a run, as a store shows them: name, digest, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from slicewise.files import DATA
from slicewise.tracking.journal import Run

DIGEST = 36
"""Signs that a store takes of the digest of a data set."""
SETTINGS = "settings.yaml"
"""Artifact with the settings of a run, as text of its own."""


def dataset_named(run: Run, context: str, value: str) -> dict[str, str]:
    """Return how a store knows a part of the data, by its digest."""
    return {"dataset_name": f"{run.dataset}/{context}", "dataset_digest": value[:DIGEST]}


def send_inputs(client: Any, run: Run, remote: Any) -> None:
    """Name the data that went into a run, by digests of all their files.

    Parameters
    ----------
    client : MlflowClient
    run : Run
    remote : mlflow.entities.Run
        What the store has of it.
    """
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.sources import LocalArtifactDatasetSource
    from mlflow.entities import DatasetInput, InputTag

    there = {(i.dataset.name, i.dataset.digest) for i in remote.inputs.dataset_inputs}
    named = {
        context: tuple(dataset_named(run, context, value).values())
        for context, value in run.record.data.items()
    }
    missing = {context: known for context, known in named.items() if known not in there}
    if not missing:
        return
    source = LocalArtifactDatasetSource(source_of(run))
    inputs = []
    for context, (name, known) in missing.items():
        entity = MetaDataset(source, name=name, digest=known)
        tag = InputTag("mlflow.data.context", context)
        inputs.append(DatasetInput(entity._to_mlflow_entity(), [tag]))
    client.log_inputs(remote.info.run_id, datasets=inputs)


def source_of(run: Run) -> str:
    """Return where the data of a run come from, as its settings say it.

    A folder as somebody wrote it, not where it lies on this machine: that may
    have the name of a person in it, and is not the same for the next who looks.
    """
    noted = run.record.files.get(SETTINGS)
    path = None if noted is None else run.results / noted.path
    settings = yaml.safe_load(path.read_bytes()) if path is not None and path.is_file() else None
    block = settings.get("dataset") if isinstance(settings, Mapping) else None
    if not isinstance(block, Mapping):
        # one that was scored only, by a version that kept no settings
        return f"results/{run.dataset}/cases.tsv"
    if block.get("layout") == "phantom":
        made = block.get("phantom") or {}
        return "phantoms: " + ", ".join(f"{key} {value}" for key, value in made.items())
    root = str(block.get("root"))
    return root if root.startswith(("/", "~", "$")) else f"${DATA}/{root}"
