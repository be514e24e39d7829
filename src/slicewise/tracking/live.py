"""Tracking from inside a job: files are written at once, a thread tells MLflow of them.

The files of a run are the queue: the thread is only woken, and sends what the
store does not have yet. So nothing can pile up in memory, no answer is waited
for while the job works, and what was not sent when the job ends is sent by the
next job of the data set, or by ``slicewise sync``.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from slicewise.files import digest, sha256
from slicewise.sources import library_digests, workflow_folder
from slicewise.tracking.journal import Run, current_run
from slicewise.tracking.mirror import COMPARES, SPEED, Mirror
from slicewise.tracking.names import TABLE, without_listed_names
from slicewise.tracking.provenance import environment, git_diff, place
from slicewise.tracking.registry import Judge
from slicewise.tracking.said import forget, is_news
from slicewise.tracking.scores import PATIENTS
from slicewise.tracking.secrets import redact

SHOWN = {
    "mlflow.loggedArtifacts": json.dumps([{"path": PATIENTS, "type": "table"}]),
    "mlflow.loggedImages": "True",
}
"""Tags by which the UI finds the table and the images that it compares across runs."""
SCORED_BY = "scored_by_library_sha256"
"""Tag: the library that scored, which may be a later one than that which trained."""
COMPARISON = "comparison"
"""Name of the run that compares experiments."""
CLOSING, CLOSING_FILE = 30.0, 120.0
"""Seconds that all sending may take once the work of a job is done, and more for a large model: to
a server, and to a database file, which only a busy machine makes slow, or is made yet."""
AGAIN = 30.0
"""Seconds after which a server that did not answer is tried again."""
SAMPLE, SAMPLES = 10.0, 200
"""Seconds between two looks at the machine's load, until a training is so many times as old."""


class Tracker:
    """Keeps the runs of an experiment; a context manager, as it has to end with the job.

    Parameters
    ----------
    folder : Path
        ``results/<dataset>/<experiment>/tracking``: a folder that is no rule's output.
    log : callable
        Says a line to people.
    judge : callable, optional
        Compares a model with the best registered one, see `Mirror`.
    """

    def __init__(
        self, folder: Path, log: Callable[[str], None], judge: Judge | None = None
    ) -> None:
        self.folder, self.log = folder, log
        self.mirror = Mirror(folder.parents[2], judge, self._beat, log=lambda line: self.log(line))
        self._dirty: dict[Path, None] = {}
        self._wake = threading.Event()
        self._closing = False
        self._deadline = math.inf
        self._failed: float | None = None
        self._watched: Run | None = None
        self._load: _Load | None = None
        self._runs: list[Run] = []
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def __enter__(self) -> Tracker:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Send what is left, unless the server keeps the job waiting."""
        own = CLOSING_FILE if self.mirror.uri.startswith("sqlite:") else CLOSING
        end = time.monotonic() + own + self._size() / SPEED
        self._closing = True
        self._wake.set()
        while self._thread.is_alive() and time.monotonic() < min(self._deadline, end):
            self._thread.join(0.02)
        if self._thread.is_alive():
            self._say_once(f"MLflow at {self.mirror.store} takes too long to answer")
        self.log = lambda line: None

    def _size(self) -> int:
        """Return how many bytes of models there are to send."""
        unsent = [run for run in self._runs if not self.mirror.has_sent_model(run)]
        paths = {path for run in unsent for path in run.own_models().values()}
        return sum(path.stat().st_size for path in paths if path.is_file())

    # -- runs -----------------------------------------------------------------

    def begin(
        self,
        fold: str,
        name: str,
        key: str,
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
        contents: Mapping[str, str],
    ) -> Run:
        """Begin the run of a training, or go on with the one that was begun for the same key.

        Parameters
        ----------
        fold : str
            ``fold-0``, ….
        name : str
            Name of the run for people.
        key : str
            Digest of all that the weights depend on. A run that was begun for
            another one, or that was scored, is superseded by a new one.
        params, tags : mapping
            Settings, and where the run comes from; nested ones get dotted names.
        contents : mapping of str to str
            Texts to keep as artifacts, beside those of the environment.
        """
        old = self._open(fold)
        scored = old is not None and old.note["status"] == "FINISHED"
        if old is not None and old.note["key"] == key and not scored:
            run = old  # trained even, in a job that was killed before its files counted
        else:
            run = self._create(fold, name, key, params, tags)
            kept = {"environment.txt": "".join(f"{k}=={v}\n" for k, v in environment().items())}
            if diff := git_diff(workflow_folder()):
                table = run.results / run.dataset / TABLE
                kept["uncommitted.diff"] = without_listed_names(redact(diff), table)
            run.contents({**kept, **contents})
            if old is not None:
                old.supersede(run)
        run.working()
        self._watched = run
        return run

    def evaluated(
        self,
        name: str,
        folds: int,
        metrics: Mapping[str, float | None],
        files: Mapping[str, str | Path],
        contents: Mapping[str, str],
        tags: Mapping[str, Any],
        note: str,
        test: str,
        register: str | None = None,
    ) -> None:
        """Take the scores of an experiment, and end its runs.

        Parameters
        ----------
        name : str
            The experiment's.
        folds : int
            With several, a parent run takes the scores, and each fold's run
            becomes its child.
        metrics : mapping
            By their names in MLflow.
        files : mapping of str to path
            Finished files by artifact name.
        contents : mapping of str to str
            Texts to keep as artifacts.
        tags : mapping
            Digests of the tables that the scores rest on.
        note : str
            What people read first on the run's page, in Markdown.
        test : str
            Digest of the files of all test cases.
        register : str, optional
            Register the model, which was validated on patients of this digest.
        """
        run, children = self._scored(name, folds)
        run.metrics(metrics)
        run.files(files)
        run.contents(contents)
        run.data({"test": test})
        run.tag({"mlflow.note.content": note, **SHOWN})
        scored_by = library_digests(None)["library_sha256"]
        for each in (run, *children):
            each.tag({**tags, SCORED_BY: scored_by})
        if register is not None:
            if children:  # they predict together
                run.models(
                    {k: p for child in children for k, p in child.own_models().items()},
                    children[0].note["labels"],
                )
            run.register(f"slicewise-{run.dataset}", register)
        for each in (run, *children):
            each.finish()

    def reported(
        self, folds: int, files: Mapping[str, str | Path], images: Mapping[str, bytes]
    ) -> None:
        """Take the report, figures and overlays of an experiment."""
        run = self._open("fold-0" if folds == 1 else "parent")
        if run is not None:
            run.files(files)
            run.contents(images)

    def compared(
        self,
        experiments: Sequence[str],
        folds: int,
        metrics: Mapping[str, float],
        files: Mapping[str, str | Path],
        verdicts: Sequence[str],
    ) -> None:
        """Take a comparison of experiments, as a run of its own.

        Where nothing changed since the last one, that stays; with less than
        two experiments there is none.

        Parameters
        ----------
        experiments : sequence of str
            Names of those compared.
        folds : int
            How many each of them has.
        metrics : mapping of str to float
            Differences, by their names in MLflow.
        files : mapping of str to path
            Page and tables, by artifact name.
        verdicts : sequence of str
            What it comes to; people read it first on the run's page.
        """
        if len(experiments) < 2:
            return
        part = "fold-0" if folds == 1 else "parent"
        runs = {
            name: current_run(self.folder.parents[1] / name / "tracking" / part)
            for name in experiments
        }
        ids = {name: run.note["id"] for name, run in runs.items() if run is not None}
        key = digest([ids, {name: sha256(path) for name, path in files.items()}])
        old = self._open(COMPARISON)
        if old is not None and old.note["key"] == key and old.note["status"] == "FINISHED":
            return
        tags = {COMPARES: ", ".join(experiments), "compared": ids, **place()}
        run = self._create(COMPARISON, COMPARISON, key, {}, tags)
        run.metrics(metrics)
        if old is not None:  # which has to name a run that was sent
            old.supersede(run)
        run.files(files)
        run.tag({"mlflow.note.content": "".join(f"- {each}\n" for each in verdicts)})
        run.finish()

    def facts(self, folds: int) -> dict[str, str]:
        """Return what is known of the run that holds an experiment's scores.

        Returns
        -------
        dict of str to str
            ``experiment`` (of MLflow), ``name``, ``run_id`` where the store has
            given one, ``data_digest``, ``scored_by_library_sha256``,
            ``environment_sha256``; empty without a run.
        """
        run = self._open("fold-0" if folds == 1 else "parent")
        if run is None:
            return {}
        found = {
            "experiment": f"slicewise/{run.dataset}",
            "name": run.note["name"],
            "run_id": self.mirror.run_id(run.folder),
            "data_digest": run.note["tags"].get("data_digest"),
            SCORED_BY: run.note["tags"].get(SCORED_BY),
            "environment_sha256": run.note["files"].get("environment.txt", (None, None))[1],
        }
        return {key: value for key, value in found.items() if value is not None}

    def _scored(self, name: str, folds: int) -> tuple[Run, list[Run]]:
        """Return the run that takes the scores, and its children."""
        trained = [
            self._open(f"fold-{k}") or self._create(f"fold-{k}", name, "", {}, {})
            for k in range(folds)
        ]
        if folds == 1:
            return trained[0], []
        notes = [run.note for run in trained]
        children = [str(run.folder.relative_to(self.folder)) for run in trained]
        parent = self._open("parent")
        if parent is None or parent.note["children"] != children:
            old, key = parent, digest([note["key"] for note in notes])
            own = ("fold", "training_key", "rule", "weights_digest")
            tags = {k: v for k, v in notes[0]["tags"].items() if k not in own}
            params = {k: v for k, v in notes[0]["params"].items() if not k.startswith("resolved.")}
            parent = self._create("parent", name, key, params, tags, children=children)
            shared = ("environment.txt", "settings.yaml", "uncommitted.diff")
            first = notes[0]["files"]
            parent.files({k: parent.results / first[k][0] for k in shared if k in first})
            if old is not None:
                old.supersede(parent)
        return parent, trained

    def _open(self, fold: str) -> Run | None:
        run = current_run(self.folder / fold)
        return None if run is None else self._noticed(run)

    def _create(self, fold: str, *content: Any, **more: Any) -> Run:
        return self._noticed(Run.create(self.folder / fold, *content, **more))

    def _noticed(self, run: Run) -> Run:
        def changed() -> None:
            self._dirty[run.folder] = None
            self._wake.set()

        run.changed = changed
        self._runs.append(run)
        return run

    # -- the thread ------------------------------------------------------------

    def _work(self) -> None:
        psutil.cpu_percent()  # counts from here
        begun = looked = time.monotonic()
        # An answer is waited for while the job works, not when it ends.
        self._try(lambda: self.mirror.connect(self.folder.parents[1].name))
        self._try(self._catch_up)
        while True:
            self._wake.wait(1.0)
            self._wake.clear()
            closing, now = self._closing, time.monotonic()
            if self._watched is not None:
                due = now - looked >= max(SAMPLE, (now - begun) / SAMPLES)
                if due or (closing and looked == begun):
                    looked = now
                    self._sample(self._watched)
            if self._dirty:
                self._try(self._send)
            if closing:
                return

    def _sample(self, run: Run) -> None:
        """Note the load of the machine; what hinders that hinders nothing else."""
        try:
            self._load = self._load or _Load()
            run.sample(self._load.now())
        except Exception as error:
            self._watched = None
            self.log(f"the load of the machine is not noted any more ({error})")

    def _catch_up(self) -> None:
        dataset = self.folder.parents[1].name
        self.mirror.push_pending(dataset, lambda: not self._closing)

    def _send(self) -> None:
        self.mirror.probe()
        # a parent after its children, whose ids it needs
        for folder in sorted(self._dirty, key=lambda path: path.parent.name == "parent"):
            del self._dirty[folder]
            try:
                self.mirror.push(folder)
            except Exception:
                self._dirty.setdefault(folder)
                raise

    def _try(self, action: Callable[[], None]) -> None:
        """Let nothing out, and leave a server alone that has just failed to answer."""
        if self._failed is not None and time.monotonic() - self._failed < AGAIN:
            return
        try:
            action()
            if self._failed is not None:
                self._failed = None
                forget(self.mirror.results)
                self.log("MLflow answers again")
        except Exception as error:
            self._say_once(self.mirror.why(error))
            self._failed = time.monotonic()
        self._deadline = math.inf

    def _beat(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def _say_once(self, reason: str) -> None:
        """Say it once: neither for every epoch nor for every job."""
        if self._failed is None and is_news(self.mirror.results, reason):
            self.log(
                f"{reason}: results are complete under {self.folder.parents[1]}, and the next job "
                "or slicewise sync sends what MLflow lacks"
            )


class _Load:
    """The load of the machine, by MLflow's own monitors."""

    def __init__(self) -> None:
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        self._monitors: list[Any] = [CPUMonitor()]
        # no GPU of NVIDIA, or not its library
        with suppress(ImportError, RuntimeError):
            self._monitors.append(GPUMonitor())

    def now(self) -> dict[str, float]:
        """Return the load since the last call."""
        load: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            load |= {f"system/{k}": float(v) for k, v in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return load
