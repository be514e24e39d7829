"""The model registry: every registered model is a challenger, and the best one the champion.

Who is better is decided on validation or out-of-fold patients; the test Dice
is shown beside it and decides nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicewise.tracking.journal import Run

CHAMPION, CHALLENGER = "champion", "challenger"
TABLE = "metrics.tsv"

Judge = Callable[[str, str], tuple[bool, str]]
"""Takes the tables of scores (texts) of the champion and of a new model; whether the new one is
better, and why."""


def register(client: Any, run: Run, run_id: str, model_id: str, judge: Judge) -> None:
    """Register the model of a run, once, and promote it if it is better than the champion.

    Parameters
    ----------
    client : MlflowClient
    run : Run
        Its note has a block ``register``: the registered model's ``name``, and
        ``patients``, a digest of the validation patients and their ground truth.
    run_id, model_id : str
        Ids of the run and of its model in the store.
    judge : callable
        See `Judge`.
    """
    from mlflow.exceptions import MlflowException

    wanted = run.note["register"]
    name = wanted["name"]
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = client.search_model_versions(f"name = '{name}'")
    version = next((v for v in known if v.tags.get("model_id") == model_id), None)
    if version is None:
        version = client.create_model_version(
            name,
            source=f"models:/{model_id}",
            run_id=run_id,
            model_id=model_id,
            tags={
                "model_id": model_id,
                "experiment": run.note["name"],
                "patients": wanted["patients"],
                **_shown(run),
            },
        )
    if "decision" in version.tags:
        return
    champion = _champion(client, name)
    if champion is None:
        better, why = True, "the first registered model of this data set"
    elif champion.tags.get("patients") != wanted["patients"]:
        better = False
        why = (
            f"not compared with version {champion.version} ({champion.tags.get('experiment')}), "
            "which was validated on other patients or another ground truth"
        )
    else:
        better, why = judge(_table(client, champion.run_id), _table(client, run_id))
        why = f"against version {champion.version} ({champion.tags.get('experiment')}): {why}"
    client.set_registered_model_alias(name, CHAMPION if better else CHALLENGER, version.version)
    if better and CHALLENGER in client.get_model_version(name, version.version).aliases:
        client.delete_registered_model_alias(name, CHALLENGER)
    text = f"{'promoted' if better else 'not promoted'}, {why}"
    client.update_model_version(name, version.version, text)
    client.set_tag(run_id, "registered", f"{name} version {version.version}: {text}")
    client.set_model_version_tag(name, version.version, "decision", text)


def _champion(client: Any, name: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _table(client: Any, run_id: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, TABLE, folder)).read_text(encoding="utf-8")


def _shown(run: Run) -> dict[str, str]:
    """Return the scores that people see beside a version."""
    names = ("validation/dice_mean", "test/dice_mean")
    return {
        name.replace("/", "_"): f"{run.note['metrics'][name][0]:.4f}"
        for name in names
        if name in run.note["metrics"]
    }
