"""The model registry: every registered model is a challenger, and the best one the champion.

Who is better is decided on validation or out-of-fold patients; the test Dice
is shown beside it and decides nothing. The two aliases name the two sides of
the last decision: ``champion`` who won it, ``challenger`` who did not. So a
champion that was beaten is the challenger, which is the way back to it.

The champion stays until a better model comes, also when its run was
superseded: that the files under results were made anew does not make it worse.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.tracking.answers import known_id
from slicewise.tracking.journal import Run

CHAMPION = "champion"
CHALLENGER = "challenger"
TABLE = "metrics.tsv"
ABOUT = (
    "Models of the data set {}. The alias champion is on the best by a paired comparison of the "
    "Dice of validation patients, challenger on the other side of the last comparison; the "
    "description of a version says how it was decided. docs/models.md tells how to use them."
)
BY_HAND = "; set the alias champion by hand where it should take its place"

Judge = Callable[[str, str], tuple[bool, str]]
"""Takes the tables of scores (texts) of the champion and of a new model; whether the new one is
better, and why."""


def register(client: Any, run: Run, run_id: str, model_id: str, judge: Judge) -> str | None:
    """Register the model of a run, once, and promote it if it is better than the champion.

    All that others may do meanwhile is kept: a decision is made once, and
    where somebody moves an alias by hand, the next model is compared with the
    champion of that somebody.

    Parameters
    ----------
    client : MlflowClient
    run : Run
        What is wished is in its record, see `Registration`.
    run_id, model_id : str
        Ids of the run and of its model in the store.
    judge : callable
        See `Judge`.

    Returns
    -------
    str or None
        The decision, if one was made now. A run that was superseded, or whose
        scores the store does not have yet, is not registered.
    """
    wish = run.record.register_
    if wish is None:
        return None
    name = wish.name
    shown = {"run_id": run_id, **_shown(run)}
    version, gone = _versions(client, run, name)
    if version is not None and "decision" in version.tags:
        _bring_up_to_date(client, version, shown)
        return None
    scores = _table(client, run_id)
    if run.record.is_superseded or scores is None:
        return None
    if version is None:
        _make_name(client, name, run.dataset)
        version = client.create_model_version(
            name,
            source=f"models:/{model_id}",
            run_id=run_id,
            model_id=model_id,
            tags={
                "run": run.record.id,
                "model_id": model_id,
                "experiment": run.record.name,
                "patients": wish.patients,
                **shown,
            },
        )
        known_id(version.name)
        known_id(str(version.version or ""))
    text = _decide(client, version, gone, _Challenge(wish.patients, wish.chosen, scores, judge))
    client.set_tag(run_id, "registered", _said(version, text))
    client.set_model_version_tag(name, version.version, "decision", text)
    return _said(version, text)


@dataclass(frozen=True)
class _Challenge:
    """What a new model brings against the champion.

    Attributes
    ----------
    patients, chosen : str
        Digest of its validation patients and their ground truth; how these chose it, if they did.
    scores : str
        Its table of scores.
    judge : callable
        See `Judge`.
    """

    patients: str
    chosen: str
    scores: str
    judge: Judge


def _bring_up_to_date(client: Any, version: Any, shown: Mapping[str, str]) -> None:
    """Tag a version that was decided on with the run that has its scores, and with these."""
    run_id = shown["run_id"]
    if version.tags["run_id"] != run_id:  # the run was deleted, and made anew
        client.set_tag(run_id, "registered", _said(version, version.tags["decision"]))
    for key, value in shown.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)


def _decide(client: Any, version: Any, gone: Any, challenge: _Challenge) -> str:
    """Give a version its alias; return the decision and its reason."""
    name = version.name
    champion = _champion(client, name)
    if champion is not None and champion.version == version.version:
        return str(version.description)  # what follows a promotion was interrupted
    if gone is not None and "decision" in gone.tags:
        text = f"{gone.tags['decision']} (it was version {gone.version}, whose files are gone)"
        client.update_model_version(name, version.version, text)
        for alias in client.get_model_version(name, gone.version).aliases:
            client.set_registered_model_alias(name, alias, version.version)
        return text
    better, why = _compared(client, champion, challenge)
    text = f"{'promoted' if better else 'not promoted'}, {why}"
    client.update_model_version(name, version.version, text)
    beaten = champion if better else version
    if beaten is not None:
        client.set_registered_model_alias(name, CHALLENGER, beaten.version)
    if better:
        client.set_registered_model_alias(name, CHAMPION, version.version)
    return text


def _said(version: Any, text: str) -> str:
    return f"{version.name} version {version.version}: {text}"


def _versions(client: Any, run: Run, name: str) -> tuple[Any, Any]:
    """Return the version of a run's model, and the newest one whose model was deleted."""
    known = client.search_model_versions(f"name = '{name}'")
    own = [version for version in known if version.tags.get("run") == run.record.id]
    own.sort(key=lambda version: int(version.version), reverse=True)
    kept = [version for version in own if _has_model(client, version)]
    gone = [version for version in own if version not in kept]
    return next(iter(kept), None), next(iter(gone), None)


def _has_model(client: Any, version: Any) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.get_logged_model(version.tags["model_id"])
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


def _make_name(client: Any, name: str, dataset: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=ABOUT.format(dataset))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _compared(client: Any, champion: Any, challenge: _Challenge) -> tuple[bool, str]:
    """Return whether a new model is to be the champion, and why."""
    if champion is None:
        return True, "the data set had no champion"
    against = f"version {champion.version} ({champion.tags.get('experiment')})"
    if champion.tags.get("patients") != challenge.patients:
        return False, (
            f"not compared with {against}, which was validated on other patients or another "
            f"ground truth{BY_HAND}"
        )
    if challenge.chosen:
        return False, f"not compared with {against}, as {challenge.chosen}{BY_HAND}"
    table = _table(client, champion.tags.get("run_id", champion.run_id))
    if table is None:
        return False, f"not compared with {against}, whose {TABLE} is gone{BY_HAND}"
    better, why = challenge.judge(table, challenge.scores)
    return better, f"against {against}: {why}"


def _champion(client: Any, name: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _table(client: Any, run_id: str) -> str | None:
    """Return the table of scores of a run; None where the store has it not, or not any more."""
    from mlflow.exceptions import MlflowException

    try:
        if TABLE not in {entry.path for entry in client.list_artifacts(run_id)}:
            return None
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, TABLE, folder)).read_text(encoding="utf-8")


def _shown(run: Run) -> dict[str, str]:
    """Return the scores that people see beside a version."""
    numbers = {name: run.record.number(name) for name in ("validation/dice_mean", "test/dice_mean")}
    return {
        name.replace("/", "_"): f"{value:.4f}"
        for name, value in numbers.items()
        if value is not None
    }
