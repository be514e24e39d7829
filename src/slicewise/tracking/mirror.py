"""Bringing an MLflow store up to date with the files of a run.

Everything here may be done again at any time: MLflow stores a point of the
same value, step and timestamp once, and the rest is compared first.
"""

from __future__ import annotations

import getpass
import logging
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256, write_json
from slicewise.stored import Form, Loose, read_stored
from slicewise.surroundings import give_names
from slicewise.tracking import registry
from slicewise.tracking.answers import (
    ForeignAnswerError,
    NotTakenError,
    held_files,
    known_id,
    lacking,
)
from slicewise.tracking.journal import (
    HISTORY,
    NOTE,
    REASON,
    SENT,
    SYSTEM,
    Run,
    all_runs,
    read_rows,
    to_register,
)
from slicewise.tracking.models import has_model, send_model
from slicewise.tracking.names import TABLE, shareable
from slicewise.tracking.provenance import UNKNOWN
from slicewise.tracking.reasons import why
from slicewise.tracking.secrets import without_user
from slicewise.tracking.store import SQLITE, address_of, file_of, fitting, locked, make_store
from slicewise.tracking.view import TAG, image_keys, saved_view

PARENT = "mlflow.parentRunId"
COMPARES = "compares"
"""Tag of a run that compares others, with their names."""
JOURNAL = "slicewise.run"
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
ONCE = ("log_outputs", "create_model_version")
"""Requests that add something at each repetition, and nothing takes it away again."""
PARAM_LENGTH, TAG_LENGTH = 6000, 5000
ADDRESS = "MLFLOW_TRACKING_URI"
DEFAULT = "results/mlflow.db"
ABOUT = "Trainings of slicewise on the data set {}: docs/mlflow.md says what a run holds."
PROBE, SLOW = 2.0, 60.0
"""Seconds in which a server has to say that it is there: to a job, and to somebody who waits."""
ANSWER = 4.0
"""Seconds that a request should take at most."""
SPEED = 1e6
"""Bytes that a file should move in a second at least."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Fetched:
    """A run of a store.

    Attributes
    ----------
    name : str
        Name of the experiment.
    tags : dict of str to str
        Its tags.
    weights : dict of str to str
        Digest of the weights of each fold.
    run_id : str
        The store's id of it, where it is of a store.
    """

    name: str
    tags: dict[str, str]
    weights: dict[str, str]
    run_id: str = ""


class _Model(Loose):
    digest: str
    id: str


class _Sent(Loose):
    run_id: str = ""
    files: dict[str, str] = Field({})
    state: str | None = None
    model: _Model = _Model(digest="", id="")


SENT_FORM = Form(dict[str, _Sent])


class Mirror:
    """A connection to the MLflow store.

    Parameters
    ----------
    results : Path
        The folder ``results``: the default store and its artifacts are below it.
    judge : callable, optional
        Takes the ``metrics.tsv`` of the best registered model and of a new one
        (texts), and says whether the new one is better, and why.
    beat : callable
        Called before each request with the seconds that it should take at most.
    log : callable
        Told when a model was registered, and how it was decided.
    patient : bool
        Whether to wait for a slow server, as a user does who asked for it; a
        job does not.
    """

    def __init__(
        self,
        results: Path,
        judge: registry.Judge | None = None,
        beat: Callable[[float], None] = lambda seconds: None,
        *,
        log: Callable[[str], None] = lambda line: None,
        patient: bool = False,
    ) -> None:
        self.results, self.judge, self.beat, self.log = results, judge, beat, log
        self.uri = tracking_uri(results)
        self.store = DEFAULT if self.uri == default_uri(results) else without_user(self.uri)
        self.patience = SLOW if patient else PROBE
        self.leads_to: str | None = None
        # what MLflow reads when it is imported
        for key, value in (
            ("MLFLOW_HTTP_REQUEST_TIMEOUT", f"{SLOW:.0f}" if patient else "5"),
            (RETRIES, "3" if patient else "1"),
            # a job asks again by itself
            ("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", str(patient).lower()),
            ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
            ("MLFLOW_DISABLE_TELEMETRY", "true"),
            ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),
            ("GIT_PYTHON_REFRESH", "quiet"),
        ):
            os.environ.setdefault(key, value)
        give_names()
        self._experiments: dict[str, str] = {}
        self._damaged: set[Path] = set()
        self._known_points: dict[str, set[tuple[str, float, int, int]]] = {}

    def probe(self) -> None:
        """Raise unless something answers at the address of the server, whatever it says."""
        if not self.uri.startswith(("http://", "https://")):
            return
        import requests

        self.beat(self.patience + 0.5)
        found = requests.get(
            f"{without_user(self.uri).rstrip('/')}/health",
            timeout=self.patience,
            allow_redirects=False,
        )
        self.leads_to = found.headers.get("Location") if found.is_redirect else None

    def why(self, error: BaseException) -> str:
        """Return what an error means for a user."""
        return why(error, self.uri, self.leads_to)

    def connect(self, dataset: str) -> None:
        """Make the connection and a data set's experiment, so that a later request need not."""
        self.probe()
        self._experiment(dataset)

    # -- a run ----------------------------------------------------------------

    def is_pending(self, folder: Path) -> bool:
        """Tell whether a run has something that the store was not sent."""
        sent = self._sent(folder)
        return not sent.get("run_id") or bool(sent.get("state") != Run(folder).state)

    def run_id(self, folder: Path) -> str | None:
        """Return the id that the store gave a run, if it took it."""
        found = self._sent(folder).get("run_id")
        return str(found) if found else None

    def has_sent_model(self, run: Run) -> bool:
        """Tell whether the store was sent the models that a run has now."""
        sent = self._sent(run.folder).get("model", {})
        return bool(sent.get("digest") == digest(run.note["models"]))

    def push(
        self, folder: Path, *, verify: bool = False, wait: bool = True, register: bool = True
    ) -> str | None:
        """Bring one run up to date.

        Parameters
        ----------
        folder : Path
            The run's folder.
        verify : bool
            Compare with what the store really holds, not with what it was
            once sent.
        wait : bool
            Wait for another process that does the same; otherwise leave it to
            that one.
        register : bool
            Register its model where the run wants that.

        Returns
        -------
        str or None
            The run's id; None where it was left to another process.
        """
        with self._locked(folder / ".lock", wait) as mine:
            if not mine:
                return None
            run = Run(folder)
            state, sent = run.state, self._sent(folder)
            known = self._find(run, verify)
            run_id = str(known.info.run_id)
            if sent.get("run_id") != run_id:
                sent = {"run_id": run_id, "files": {}}
                self._keep(folder, sent)
                self._name_to_older(run, run_id)
            self._numbers_and_tags(run, known, verify)
            self._inputs(run, known)
            self._files(run, sent, verify)
            self._model(run, sent, verify)
            self._view(run)
            self._status(run, known)
            if run.note["status"] != "RUNNING":
                self._counted(run, run_id)
            complete = self._children(run, run_id) and (
                "superseded_by" not in run.note or bool(self._newer(run))
            )
            # last: what the registry refuses keeps nothing else back
            complete = self._registered(run, sent, register) and complete
            self._keep(folder, sent | {"state": state if complete else None})
            return run_id

    def push_pending(self, dataset: str, wanted: Callable[[], bool]) -> None:
        """Send what ended runs of a data set were not sent, as long as it is wanted."""
        ended = [
            folder
            for folder in all_runs(self.results, dataset)
            if Run(folder).note["status"] != "RUNNING" and self.is_pending(folder)
        ]
        for register, folders in ((False, ended), (True, to_register(ended))):
            for folder in folders:
                if not wanted():
                    return
                self.push(folder, wait=False, register=register)

    # -- its parts --------------------------------------------------------------

    def _find(self, run: Run, verify: bool) -> Any:
        """Return the store's run, made where it is missing or was deleted."""
        experiment, client = self._experiment(run.dataset), self.client
        known = self.run_id(run.folder)
        found = self._get(known) if known is not None else None
        if found is not None and not verify:
            return self._own(found, run)
        # a request whose answer was lost may have made it
        found = self._only(run, experiment, found)
        if found is not None:
            return found
        tags = run.note["tags"]
        shown = {  # the columns Source, Version and User of the MLflow UI
            "mlflow.source.name": "snakemake",
            "mlflow.source.type": "JOB",
            "mlflow.source.git.commit": tags.get("git_commit", "").replace(UNKNOWN, ""),
            "mlflow.user": getpass.getuser(),
        }
        made = client.create_run(
            experiment,
            start_time=run.note["begun"],
            run_name=run.note["name"],
            tags={JOURNAL: run.note["id"], **shown},
        )
        made = self._own(self._get(known_id(made.info.run_id)), run)
        # a client or a proxy that got no answer may have asked twice
        return self._only(run, experiment, made)

    def _only(self, run: Run, experiment: str, known: Any) -> Any:
        """Return the one run of the store that has the mark of this one, and delete others."""
        mark = f"tags.`{JOURNAL}` = '{run.note['id']}'"
        same = list(self.client.search_runs([experiment], mark))
        if known is None and same:
            known = min(same, key=lambda found: (found.info.start_time, found.info.run_id))
        for other in same:
            if self._own(other, run).info.run_id != known.info.run_id:
                self.client.delete_run(other.info.run_id)
        return None if known is None else self._own(known, run)

    def _own(self, found: Any, run: Run) -> Any:
        """Return a run of the store that is this one: an id counts only if the store knows it."""
        if found is None or found.data.tags.get(JOURNAL) != run.note["id"]:
            raise ForeignAnswerError("an id of a run that the store does not know")
        return found

    def _get(self, run_id: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        if known_id(found.info.run_id) != run_id:
            raise ForeignAnswerError("another run than the one that was asked for")
        return found if found.info.lifecycle_stage == "active" else None

    def _numbers_and_tags(self, run: Run, known: Any, verify: bool) -> None:
        from mlflow.entities import Metric, Param, RunTag

        tags = {k: v[:TAG_LENGTH] for k, v in {**run.note["tags"], **self._newer(run)}.items()}
        params = {k: v[:PARAM_LENGTH] for k, v in run.note["params"].items()}
        fresh = [RunTag(k, v) for k, v in tags.items() if known.data.tags.get(k) != v]
        unknown = [Param(k, v) for k, v in params.items() if k not in known.data.params]
        points = _points(run)
        run_id = known.info.run_id
        done = self._known_points.setdefault(run_id, set())
        if verify:
            done.clear()
        for some in _parts(unknown, 100):
            self.client.log_batch(run_id, params=some)
        for some in _parts(fresh, 100):
            self.client.log_batch(run_id, tags=some)
        for some in _parts(sorted(points - done, key=_shown_first), 1000):
            self.client.log_batch(run_id, metrics=[Metric(*point) for point in some])
            done.update(some)
        if REASON in known.data.tags and REASON not in tags:
            self.client.delete_tag(run_id, REASON)

    def _view(self, run: Run) -> None:
        """Save how the UI shows the runs of the data set, once there are overlays."""
        keys = image_keys(run.note["files"])
        experiment = self._experiment(run.dataset)
        if keys and self.client.get_experiment(experiment).tags.get(TAG) != saved_view(keys):
            self.client.set_experiment_tag(experiment, TAG, saved_view(keys))

    def _newer(self, run: Run) -> dict[str, str]:
        """Return the tag that names the run which superseded this one, if the store has it."""
        newer = run.note.get("superseded_by")
        other = None if newer is None else self.run_id(run.folder.parent / newer)
        return {} if other is None else {"superseded_by": other}

    def _name_to_older(self, run: Run, run_id: str) -> None:
        """Tag the run that this one superseded, which may have been sent before."""
        older = run.folder.parent / f"{int(run.folder.name) - 1:03d}"
        if (older / NOTE).is_file() and (other := self.run_id(older)):
            self.client.set_tag(other, "superseded_by", run_id)

    def _inputs(self, run: Run, known: Any) -> None:
        from mlflow.data.http_dataset_source import HTTPDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        there = {(i.dataset.name, i.dataset.digest) for i in known.inputs.dataset_inputs}
        inputs = []
        for context, value in run.note["data"].items():
            name = f"{run.dataset}/{context}"
            if (name, value[:36]) not in there:
                source = HTTPDatasetSource(f"slicewise:{name}")
                entity = MetaDataset(source, name=name, digest=value[:36])
                tag = InputTag("mlflow.data.context", context)
                inputs.append(DatasetInput(entity._to_mlflow_entity(), [tag]))
        if inputs:
            self.client.log_inputs(known.info.run_id, datasets=inputs)

    def _files(self, run: Run, sent: dict[str, Any], verify: bool) -> None:
        """Send files, and note those that the store holds then: an answer alone proves nothing."""
        run_id = sent["run_id"]
        held = self._held(run_id) if verify else None
        fresh: dict[str, int] = {}
        for name, (relative, mark) in run.note["files"].items():
            path = self.results / relative
            is_sent = sent["files"].get(name) == mark
            if is_sent and (held is None or not path.is_file()):
                continue
            # A file that was made anew since belongs to another run.
            if not path.is_file() or sha256(path) != mark:
                continue
            with tempfile.TemporaryDirectory() as folder:
                named = Path(folder) / Path(name).name
                if name == TABLE:
                    named.write_bytes(shareable(path))
                else:
                    named.symlink_to(path.resolve())
                size = named.stat().st_size
                if is_sent and held is not None and not lacking({name: size}, held):
                    continue
                self._upload(run_id, named, str(Path(name).parent), size)
            fresh[name] = size
        if not fresh:
            return
        missing = lacking(fresh, self._held(run_id))
        sent["files"] |= {k: run.note["files"][k][1] for k in fresh if k not in missing}
        for name in missing:
            sent["files"].pop(name, None)
        self._keep(run.folder, sent)
        if missing:
            raise NotTakenError(missing)

    def _upload(self, run_id: str, path: Path, place: str, size: int) -> None:
        folder = None if place == "." else place
        self.client.log_artifact(run_id, str(path), folder, seconds=ANSWER + size / SPEED)

    def _held(self, run_id: str) -> dict[str, int | None]:
        """Return the size of every artifact that the store holds."""
        return held_files(lambda folder: self.client.list_artifacts(run_id, folder))

    def _counted(self, run: Run, run_id: str) -> None:
        """Look once at what the store holds of a run that has ended."""
        found = self._own(self._get(run_id), run)
        points = _points(run)
        missing = [f"param {key}" for key in run.note["params"] if key not in found.data.params]
        missing += [f"tag {key}" for key in run.note["tags"] if key not in found.data.tags]
        missing += {f"metric {key}" for key, *_ in points if key not in found.data.metrics}
        if found.info.status != run.note["status"]:
            missing.append(f"status {run.note['status']}")
        by_epoch = [key for key, *_ in points if not key.startswith(("system/", "test/"))]
        if by_epoch and not missing:
            longest = max(sorted(set(by_epoch)), key=by_epoch.count)
            there = {(m.step, m.timestamp) for m in self.client.get_metric_history(run_id, longest)}
            wanted = {(step, time) for key, _, time, step in points if key == longest}
            missing += [f"{longest} of step {step}" for step, _ in sorted(wanted - there)]
        if missing:
            self._known_points.pop(run_id, None)
            raise NotTakenError(missing)

    def _model(self, run: Run, sent: dict[str, Any], verify: bool) -> None:
        """Send the models that predict together as one, and register it where that is wanted."""
        models = run.own_models()
        if not models:
            return
        mark = digest(run.note["models"])
        if sent.get("model", {}).get("digest") != mark or (
            verify and not has_model(self.client, sent["model"]["id"], models)
        ):
            if any(
                not models[name].is_file() or sha256(models[name]) != value
                for name, (_, value) in run.note["models"].items()
            ):
                return  # made anew since, by another run
            self.probe()
            sent["model"] = {"digest": mark, "id": self._log_model(run, sent["run_id"], models)}
            self._keep(run.folder, sent)

    def _registered(self, run: Run, sent: dict[str, Any], wanted: bool) -> bool:
        """Register the model where that is wanted; return whether nothing is left to do."""
        if "register" not in run.note or "superseded_by" in run.note or "model" not in sent:
            return True
        if wanted and self.judge is not None:
            number = sent["model"]["id"]
            with self._locked(self.results / ".registry.lock"):
                said = registry.register(self.client, run, sent["run_id"], number, self.judge)
            sent["registered"] = number
            if said is not None:
                self.log(said)
        return bool(sent.get("registered") == sent["model"]["id"])

    def _log_model(self, run: Run, run_id: str, models: Mapping[str, Path]) -> str:
        size = sum(path.stat().st_size for path in models.values())
        seconds = 10 * ANSWER + size / SPEED  # some ten requests
        experiment = self._experiment(run.dataset)
        return send_model(self.client, experiment, run, run_id, models, self.beat, seconds)

    def _children(self, run: Run, run_id: str) -> bool:
        """Make the runs of the folds children of this one; return whether all were there."""
        others = [self.run_id(run.folder.parents[1] / c) for c in run.note.get("children", ())]
        for other in others:
            if other is not None:
                self.client.set_tag(other, PARENT, run_id)
        return None not in others

    def _status(self, run: Run, known: Any) -> None:
        wanted, ended = run.note["status"], run.note["ended"]
        if known.info.status == wanted:
            return
        if wanted == "RUNNING":
            self.client.update_run(known.info.run_id, status=wanted)
        else:
            self.client.set_terminated(known.info.run_id, wanted, ended)

    # -- what others made -------------------------------------------------------

    def fetch(self, run_id: str, names: Sequence[str], folder: Path) -> Fetched:
        """Bring files of a run, by the store's id or its own, to a folder under their own names.

        Raises
        ------
        SlicewiseError
            When the store has no such run, or the run lacks one of the files.
        """
        found = self._get(run_id) or self._noted(run_id)
        if found is None:
            raise SlicewiseError(
                f"run {run_id}: MLflow at {self.store} has no such run; copy the id from its page, "
                "or name the folder results/<dataset>/<experiment>"
            )
        run_id = str(found.info.run_id)
        if parent := found.data.tags.get(PARENT):
            raise SlicewiseError(
                f"run {run_id}: it is one fold of run {parent}; name that one instead"
            )
        if compared := found.data.tags.get(COMPARES):
            raise SlicewiseError(
                f"run {run_id}: it compares {compared}; name the run of one of these instead"
            )
        there = {entry.path for entry in self.client.list_artifacts(run_id)}
        for name in names:
            if name not in there:
                raise SlicewiseError(
                    f"run {run_id}: it holds no {name}, so it was not finished, or not made by "
                    "this workflow; name a run that was evaluated"
                )
            self.client.download_artifacts(run_id, name, str(folder))
        experiment = found.info.experiment_id
        children = self.client.search_runs([experiment], f"tags.`{PARENT}` = '{run_id}'")
        trained = [run.data.tags for run in children or [found]]
        # none where somebody deleted the runs of the folds
        weights = {
            tags["fold"]: tags["weights_digest"] for tags in trained if "weights_digest" in tags
        }
        return Fetched(found.info.run_name, found.data.tags, weights, run_id)

    def _noted(self, number: str) -> Any:
        """Return the run that has an id of slicewise's own, if there is one."""
        if not re.fullmatch(r"[0-9a-f]{32}", number):
            return None
        mark = f"tags.`{JOURNAL}` = '{number}'"
        places = list(self.experiments().values())
        return next(iter(self.client.search_runs(places, mark, max_results=1)), None)

    def experiments(self) -> dict[str, str]:
        """Return the id of each data set's experiment, by the experiment's name."""
        found = self.client.search_experiments(filter_string="name LIKE 'slicewise/%'")
        return {experiment.name: experiment.experiment_id for experiment in found}

    # -- inside ---------------------------------------------------------------

    def _locked(self, path: Path, wait: bool = True) -> AbstractContextManager[bool]:
        return locked(path, self.beat, wait)

    @cached_property
    def client(self) -> Any:
        """The connection, made at its first use."""
        self.beat(60)
        import mlflow

        # that it tries again, and tracebacks of what it raises anyway
        for name in ("mlflow", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        mlflow.set_tracking_uri(self.uri)
        if self.uri.startswith(SQLITE):
            make_store(file_of(self.uri), self._artifacts, self.beat)
        return _Beating(mlflow.MlflowClient(tracking_uri=self.uri), self.beat)

    @property
    def _artifacts(self) -> str:
        return (self.results / "mlartifacts").resolve().as_uri()

    def _experiment(self, dataset: str) -> str:
        """Return the id of a data set's experiment, made where it is missing."""
        name = f"slicewise/{dataset}"
        if name not in self._experiments:
            # Several jobs that meet a fresh database would all migrate it and
            # most would die, so the first contact is made one at a time.
            with self._locked(self.results / ".mlflow.lock"):
                self._experiments[name] = self._found_experiment(name) or self._made(name, dataset)
        return self._experiments[name]

    def _found_experiment(self, name: str) -> str | None:
        known = self.client.get_experiment_by_name(name)
        if known is None:
            return None
        if known.name != name:
            raise ForeignAnswerError("another experiment than the one that was asked for")
        if known.lifecycle_stage == "deleted":
            self.client.restore_experiment(known.experiment_id)
        return known_id(known.experiment_id)

    def _made(self, name: str, dataset: str) -> str:
        from mlflow.exceptions import MlflowException

        local = self.uri.startswith("sqlite:")
        try:
            made = self.client.create_experiment(
                name,
                artifact_location=self._artifacts if local else None,
                tags={"mlflow.note.content": ABOUT.format(dataset)},
            )
        except MlflowException:
            # from another folder of results, which shares the store
            made = self._found_experiment(name)
            if made is None:
                raise
        return known_id(made)

    def _sent(self, folder: Path) -> dict[str, Any]:
        return dict(self._everywhere(folder).get(self.store, {}))

    def _everywhere(self, folder: Path) -> dict[str, Any]:
        """Return what each store was sent; nothing is known where that is damaged.

        Each run is then found again by its mark, and compared.
        """
        path = folder / SENT
        if not path.is_file():
            return {}
        try:
            return dict(read_stored(path, SENT_FORM, "it is made anew, by what MLflow holds"))
        except SlicewiseError as error:
            if path not in self._damaged:
                self._damaged.add(path)
                logging.getLogger(__name__).warning("%s", error)
            return {}

    def _keep(self, folder: Path, sent: Mapping[str, Any]) -> None:
        path = folder / SENT
        write_json(path, self._everywhere(folder) | {self.store: dict(sent)})


class _Beating:
    """A client that says when each of its requests begins."""

    def __init__(self, client: Any, beat: Callable[[float], None]) -> None:
        self._client, self._beat = client, beat

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def request(*arguments: Any, seconds: float = ANSWER, **named: Any) -> Any:
            self._beat(seconds)
            with _asking_once() if name in ONCE else nullcontext():
                return method(*arguments, **named)

        return request


@contextmanager
def _asking_once() -> Iterator[None]:
    """Have MLflow not repeat a request that was not answered, as it may have been taken."""
    before = os.environ.get(RETRIES)
    os.environ[RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[RETRIES]
        else:
            os.environ[RETRIES] = before


def pending_runs(results: Path, dataset: str) -> int:
    """Count the runs of a data set of which MLflow lacks something, by the files alone."""
    mirror = Mirror(results)
    return sum(mirror.is_pending(folder) for folder in all_runs(results, dataset))


def tracking_uri(results: Path) -> str:
    """Return the tracking server: from the environment, else SQLite under results."""
    uri = os.environ.get(ADDRESS) or default_uri(results)
    if uri.startswith(SQLITE):
        # a relative path would mean another file in another folder
        return fitting(uri)
    return uri


def default_uri(results: Path) -> str:
    """Return the address of the SQLite store under results."""
    return address_of(results / "mlflow.db")


def _points(run: Run) -> set[tuple[str, float, int, int]]:
    """Return all points of a run: key, value, time, step."""
    # Not tied to the model: such a point may not be sent twice.
    # What has no value any more is NaN there, always the same one, as no other equals it.
    return {
        (key, math.nan if value is None else value, time, 0)
        for key, (value, time) in run.note["metrics"].items()
    } | {
        (key, float(value), int(row["timestamp"]), int(row.get("epoch", row.get("step", 0))))
        for name in (HISTORY, SYSTEM)
        for row in read_rows(run.folder / name)
        for key, value in row.items()
        if key not in ("epoch", "step", "timestamp")
    }


def _shown_first(point: tuple[str, float, int, int]) -> tuple[bool, bool, int, str]:
    """Sort points so that the UI, which begins with the first metric it got, shows a Dice."""
    key, _, _, step = point
    return key.startswith("system/"), key != "val/dice", step, key


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
