"""One MLflow run for each training, to which several jobs add.

The files under results are complete before anything is sent, so nothing here
ever raises: what MLflow does not take is said once and left.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# A server that is down must not hold up a training for the minutes that MLflow
# would otherwise keep trying. Set before MLflow is imported.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from slicewise.errors import StoppedError
from slicewise.files import read_json, sha256, write_json

PARENT = "mlflow.parentRunId"
PARAM_LENGTH, TAG_LENGTH = 6000, 5000
REASON = "stopped_because"
MIRRORED = ("dice", "jaccard", "precision", "recall", "volume_error_ml", "volume_error_percent")


class Tracker:
    """Runs of one experiment folder.

    Parameters
    ----------
    folder : Path
        Where run ids are kept: a folder that is no rule's output.
    results : Path
        The folder ``results``: the default store and its artifacts are below it.
    experiment : str
        Name of the MLflow experiment.
    say : callable
        Says a line to people.
    """

    def __init__(
        self, folder: Path, results: Path, experiment: str, say: Callable[[str], None]
    ) -> None:
        self.folder, self.results, self.experiment, self.say = folder, results, experiment, say
        self.broken = False
        self._client: Any = None
        self._experiment_id = ""

    # -- runs -----------------------------------------------------------------

    def start(self, fold: str, name: str, key: str, params: Mapping[str, Any], tags: Any) -> None:
        """Begin the run of a fold, or go on with the one that was begun for the same key.

        A run that was begun for another key is tagged ``superseded_by``.
        """
        with self._guarded():
            record = self._record(fold)
            client = self._connect()
            if record.get("key") == key and self._alive(record.get("run_id")):
                client.update_run(record["run_id"], status="RUNNING")
                if REASON in client.get_run(record["run_id"]).data.tags:
                    client.delete_tag(record["run_id"], REASON)
                return
            # the columns Source, Version and User of the MLflow UI
            shown = {
                "mlflow.source.name": "snakemake",
                "mlflow.source.type": "JOB",
                "mlflow.source.git.commit": tags.get("git_commit", ""),
                "mlflow.user": getpass.getuser(),
            }
            run = client.create_run(
                self._experiment_id,
                run_name=name,
                tags={k: str(v) for k, v in {**tags, **shown}.items()},
            )
            run_id = run.info.run_id
            self._log_params(run_id, params)
            self._supersede(record.get("run_id"), run_id)
            write_json(self._path(fold), {"run_id": run_id, "key": key})

    def run_id(self, fold: str) -> str | None:
        """Return the id of a fold's run, if it was begun."""
        return self._record(fold).get("run_id")

    def log(
        self, fold: str, metrics: Mapping[str, float], step: int = 0, timestamp: int | None = None
    ) -> None:
        """Send metrics (those that are numbers) of a step."""
        from mlflow.entities import Metric

        with self._guarded() as run_id_of:
            run_id = run_id_of(fold)
            if run_id is None:
                return
            time = timestamp if timestamp is not None else _now()
            values = [
                Metric(key, float(value), time, step)
                for key, value in metrics.items()
                if value is not None and value == value
            ]
            for start in range(0, len(values), 500):
                self._connect().log_batch(run_id, metrics=values[start : start + 500])

    def log_epoch(self, fold: str, row: Mapping[str, float]) -> None:
        """Send a row of a training's history, at its own time."""
        metrics = {k: v for k, v in row.items() if k not in ("epoch", "timestamp")}
        self.log(fold, metrics, int(row["epoch"]), int(row["timestamp"]))

    def tag(self, fold: str, tags: Mapping[str, Any]) -> None:
        """Set tags of a fold's run."""
        with self._guarded() as run_id_of:
            run_id = run_id_of(fold)
            for key, value in tags.items():
                if run_id is not None:
                    self._connect().set_tag(run_id, key, str(value))

    def artifacts(self, fold: str, files: Mapping[str, Path]) -> None:
        """Send files: artifact folder ("" for the top) by file, or name to path."""
        with self._guarded() as run_id_of:
            run_id = run_id_of(fold)
            for place, path in files.items():
                if run_id is not None:
                    folder = str(Path(place).parent)
                    self._connect().log_artifact(
                        run_id, str(path), None if folder == "." else folder
                    )

    def images(self, fold: str, images: Mapping[str, bytes]) -> None:
        """Send images by artifact name."""
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for name, data in images.items():
                path = Path(folder) / Path(name).name
                path.write_bytes(data)
                files[name] = path
            self.artifacts(fold, files)

    def datasets(self, fold: str, name: str, digests: Mapping[str, str]) -> None:
        """Note the data that went into a run: by context, a digest over all its files."""
        from mlflow.data.http_dataset_source import HTTPDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        with self._guarded() as run_id_of:
            run_id = run_id_of(fold)
            if run_id is None:
                return
            inputs = []
            for context, digest in digests.items():
                source = HTTPDatasetSource(f"slicewise:{name}/{context}")
                entity = MetaDataset(source, name=f"{name}/{context}", digest=digest[:36])
                tag = InputTag("mlflow.data.context", context)
                inputs.append(DatasetInput(entity._to_mlflow_entity(), [tag]))
            self._connect().log_inputs(run_id, datasets=inputs)

    def model(self, fold: str, model: Any, example: Any, requirements: list[str]) -> None:
        """Send a Keras model with its signature."""
        with self._guarded() as run_id_of:
            run_id = run_id_of(fold)
            if run_id is None:
                return
            import mlflow
            import mlflow.keras
            from mlflow.models import Model, infer_signature

            self._connect()
            mlflow.set_tracking_uri(self._uri())
            mlflow.set_experiment(experiment_id=self._experiment_id)
            signature = infer_signature(example, model.predict_on_batch(example))
            Model.log(
                artifact_path=None,
                name="model",
                flavor=mlflow.keras,
                model=model,
                signature=signature,
                pip_requirements=requirements,
                run_id=run_id,
            )

    def finish(self, fold: str, status: str = "FINISHED") -> None:
        """End a fold's run."""
        with self._guarded() as run_id_of:
            run_id = run_id_of(fold)
            if run_id is not None:
                self._connect().set_terminated(run_id, status)

    @contextmanager
    def ending_with_errors(self, fold: str) -> Iterator[None]:
        """End a fold's run as KILLED or FAILED, with the reason, where an error leaves the block.

        MLflow would show it as running for ever.
        """
        try:
            yield
        except BaseException as error:
            killed = isinstance(error, StoppedError | KeyboardInterrupt)
            reason = " ".join(str(error).split()) or type(error).__name__
            self.tag(fold, {REASON: reason[:TAG_LENGTH]})
            self.finish(fold, "KILLED" if killed else "FAILED")
            raise

    # -- what stages have to say -----------------------------------------------

    def finish_training(
        self, fold: str, trained: Any, history: Path, config: Path, example: Any
    ) -> None:
        """Send what a training made; the run stays open for its evaluation."""
        facts = flatten(trained.facts)
        self.tag(fold, {f"resolved.{key}": value for key, value in facts.items()})
        self.artifacts(fold, {"history.csv": history, "config.yaml": config})
        requirements = [
            f"{name}=={facts[f'versions.{name}']}"
            for name in ("keras", "tensorflow")
            if f"versions.{name}" in facts
        ]
        self.model(fold, trained.model, example, [*requirements, "slicewise"])

    def evaluated(
        self,
        name: str,
        folds: int,
        summary: Mapping[str, Any],
        metrics: Any,
        files: Mapping[str, Path],
        data: tuple[str, str],
    ) -> None:
        """Send the scores of an experiment to its run and end it.

        `data` is the name of the data set and the digest of the test files.

        With several folds a parent run is made, which takes the scores of all
        cases; each fold's run becomes its child.
        """
        children = [f"fold-{k}" for k in range(folds)]
        run = self._main_run(folds)
        if folds > 1:
            self._adopt(run, name, children)
        self.log(run, summary_metrics(summary))
        test = metrics[metrics["subset"] == "test"]
        for label, case, dice in zip(test["label"], test["case"], test["dice"], strict=True):
            self.log(run, {f"test/{label}/dice/{case}": dice})
        self.artifacts(run, files)
        self.datasets(run, data[0], {"test": data[1]})
        tables = {"split_digest": "split.tsv", "data_digest": "cases.tsv"}
        self.tag(run, {tag: sha256(files[name]) for tag, name in tables.items()})
        for fold in {run, *children}:
            self.finish(fold)

    def reported(self, folds: int, html: Path, curves: Path, cases: Any) -> None:
        """Send the report, the curves and the overlays."""
        run = self._main_run(folds)
        self.artifacts(run, {"report.html": html, "figures/curves.png": curves})
        self.images(
            run,
            {
                f"overlays/{figures.case}-{position}.jpg": image
                for figures in cases
                for position, (_, image) in enumerate(figures.images)
            },
        )

    @staticmethod
    def _main_run(folds: int) -> str:
        return "fold-0" if folds == 1 else "parent"

    def _adopt(self, parent: str, name: str, children: list[str]) -> None:
        """Make one run the parent of the folds' runs, or find it again."""
        with self._guarded():
            client = self._connect()
            ids = [run_id for fold in children if (run_id := self.run_id(fold))]
            record = self._record(parent)
            if record.get("children") != ids or not self._alive(record.get("run_id")):
                first = client.get_run(ids[0])
                kept = {k: v for k, v in first.data.tags.items() if not k.startswith("mlflow.")}
                kept.pop("fold", None)
                run = client.create_run(self._experiment_id, run_name=name, tags=kept)
                self._log_params(run.info.run_id, first.data.params)
                self._supersede(record.get("run_id"), run.info.run_id)
                write_json(self._path(parent), {"run_id": run.info.run_id, "children": ids})
            parent_id = self._record(parent)["run_id"]
            for run_id in ids:
                client.set_tag(run_id, PARENT, parent_id)

    def _supersede(self, old: str | None, new: str) -> None:
        if old is not None and self._alive(old):
            self._client.set_tag(old, "superseded_by", new)

    # -- inside ---------------------------------------------------------------

    @contextmanager
    def _guarded(self) -> Iterator[Callable[[str], str | None]]:
        """Let nothing out, and after the first failure try nothing more in this job."""
        try:
            yield self._known_run
        except Exception as error:
            self.broken = True
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self.say(
                f"MLflow does not answer ({first[:200]}): results are complete under "
                f"{self.folder.parent}, but this job sends no more to it"
            )

    def _known_run(self, fold: str) -> str | None:
        run_id = None if self.broken else self.run_id(fold)
        if run_id is None and not self.broken:
            self.broken = True
            self.say(f"MLflow has no run of {self.folder.parent}: this job sends nothing to it")
        return run_id

    def _path(self, fold: str) -> Path:
        return self.folder / f"{fold}.json"

    def _record(self, fold: str) -> dict[str, Any]:
        path = self._path(fold)
        return read_json(path) if path.is_file() else {}

    def _uri(self) -> str:
        return tracking_uri(self.results)

    def _connect(self) -> Any:
        if self._client is None:
            if self.broken:
                raise RuntimeError("no connection")
            self.results.mkdir(parents=True, exist_ok=True)
            # Several jobs that meet a fresh SQLite file would all migrate it and
            # most would die, so the first contact is made one at a time.
            with (self.results / ".mlflow.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                client, experiment_id = self._first_contact()
            self._client, self._experiment_id = client, experiment_id
        return self._client

    def _first_contact(self) -> tuple[Any, str]:
        from mlflow import MlflowClient

        uri = self._uri()
        client = MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(self.experiment)
        if known is not None:
            if known.lifecycle_stage == "deleted":
                client.restore_experiment(known.experiment_id)
            return client, known.experiment_id
        place = None
        if uri.startswith("sqlite:"):
            place = (self.results / "mlartifacts").resolve().as_uri()
        return client, client.create_experiment(self.experiment, artifact_location=place)

    def _alive(self, run_id: str | None) -> bool:
        from mlflow.exceptions import MlflowException

        if run_id is None:
            return False
        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def _log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        flat = [Param(k, str(v)[:PARAM_LENGTH]) for k, v in flatten(params).items()]
        for start in range(0, len(flat), 100):
            self._client.log_batch(run_id, params=flat[start : start + 100])


def tracking_uri(results: Path) -> str:
    """Return the tracking server: from the environment, else SQLite under results."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(results / 'mlflow.db').resolve()}"


def summary_metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """Name the numbers of a summary as MLflow metrics: ``test/dice_mean``, …."""
    named: dict[str, float] = {}
    for subset, labels in summary.items():
        for label, metrics in labels.items():
            place = subset if label == "mean" else f"{subset}/{label}"
            for metric, numbers in metrics.items():
                if metric in MIRRORED:
                    named[f"{place}/{metric}_mean"] = numbers["mean"]
            for end in ("ci_low", "ci_high"):
                named[f"{place}/dice_{end}"] = metrics["dice"][end]
            named[f"{place}/patients"] = metrics["dice"]["n"]
    return named


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _now() -> int:
    return int(time.time() * 1000)
