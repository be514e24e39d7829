"""What the stages of an experiment say of their runs: written to files at once, sent meanwhile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slicewise.errors import STOPPED
from slicewise.files import digest, sha256
from slicewise.records import SWEPT
from slicewise.sources import library_digests, workflow_folder
from slicewise.tracking.fetch import COMPARES
from slicewise.tracking.find import last_scored
from slicewise.tracking.journal import Run, current_run
from slicewise.tracking.names import TABLE, without_listed_names
from slicewise.tracking.provenance import environment, git_diff, place
from slicewise.tracking.registry import Judge
from slicewise.tracking.scores import CALIBRATION, OVERLAYS, PATIENTS
from slicewise.tracking.secrets import redact
from slicewise.tracking.sender import Sender
from slicewise.tracking.view import IMAGES

SHOWN = {
    "mlflow.loggedArtifacts": json.dumps([{"path": PATIENTS, "type": "table"}]),
    "mlflow.loggedImages": "True",
}
"""Tags by which the UI finds the table and the images that it compares across runs."""
SCORED_BY = "scored_by_library_sha256"
"""Tag: the library that scored, which may be a later one than that which trained."""
COMPARISON = "comparison"
"""Name of the run that compares experiments."""
REPORTED = (f"{OVERLAYS}/", IMAGES, f"{CALIBRATION}/", "groups.tsv")
"""What names of artifacts begin with that a report has of some patients and settings alone."""
PARENT = "parent"
"""Folder of the run that takes the scores of several trainings."""
ENVIRONMENT = "environment.txt"
"""Artifact with the versions of all packages."""
DIFF = "uncommitted.diff"
"""Artifact with what of the code was not committed."""


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
        self.folder = folder
        self.sender = Sender(folder.parents[2], folder.parents[1].name, log, judge)

    def __enter__(self) -> Tracker:
        self.sender.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Send what is left, unless the server keeps the job waiting."""
        self.sender.close(told=kind is not None and issubclass(kind, STOPPED))

    # -- runs -----------------------------------------------------------------

    def begin(
        self,
        fold: str,
        name: str,
        key: str,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
        contents: Mapping[str, str],
        reopen: bool = False,
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
        reopen : bool
            Whether a finished run goes on, too: that of a training in several jobs.
        """
        old = self._open(fold)
        is_open = old is not None and (reopen or old.record.status != "FINISHED")
        if old is not None and old.record.key == key and is_open:
            run = old  # trained even, in a job that was killed before its files counted
        else:
            run = self._create(fold, name, key, params, tags)
            if old is not None:
                old.supersede(run)
        # a job may have been killed before it kept them
        if not {ENVIRONMENT, *contents} <= run.record.files.keys():
            run.contents({**_environment(run), **contents})
        run.working()
        self.sender.load.run = run
        return run

    def mixed(
        self,
        name: str,
        key: str,
        *,
        params: Mapping[str, Any],
        contents: Mapping[str, str],
        models: Mapping[str, str | Path],
        labels: Sequence[str],
        data: Mapping[str, str],
    ) -> None:
        """Begin the run of an ensemble, which no training began, or go on with that of this key.

        It takes the scores where `evaluated` and `reported` are told of no fold.

        Parameters
        ----------
        name : str
            The ensemble's.
        key : str
            Digest of all that it predicts by.
        params : mapping
            Members, weights and settings; nested ones get dotted names.
        contents : mapping of str to str
            Texts to keep as artifacts, beside those of the environment.
        models : mapping of str to path
            The files of its models by name, and what says how they are weighed.
        labels : sequence of str
            What they segment.
        data : mapping of str to str
            Digests of what they were trained and weighed on, by context.
        """
        old = self._open(PARENT)
        if old is None or old.record.key != key:
            run = self._create(
                PARENT, name, key, params, {**place(), "experiment": name}, children=[]
            )
            if old is not None:
                old.supersede(run)
        else:
            run = old
        run.contents({**_environment(run), **contents})
        run.models(models, labels)
        run.data(data)

    def evaluated(
        self,
        name: str,
        folds: int,
        *,
        metrics: Mapping[str, float | None],
        files: Mapping[str, str | Path],
        contents: Mapping[str, str],
        tags: Mapping[str, Any],
        note: str,
        test: str,
        register: str | None = None,
        chosen: str = "",
    ) -> None:
        """Take the scores of an experiment, and end its runs.

        Parameters
        ----------
        name : str
            The experiment's.
        folds : int
            With several, a parent run takes the scores, and each fold's run
            becomes its child. None of an ensemble, see `mixed`.
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
        chosen : str
            How these patients chose the model, see `Registration`.
        """
        run, children = self._scored(name, folds)
        run.scored(metrics, {"test": test})
        run.files(files)
        run.contents(contents)
        run.tag({"mlflow.note.content": note, **SHOWN})
        scored_by = library_digests(None)["library_sha256"]
        for each in (run, *children):
            each.tag({**tags, SCORED_BY: scored_by})
        if children:
            self._take_together(run, children)
        if register is not None:
            run.register(f"slicewise-{run.dataset}", register, chosen)
        for each in (run, *children):
            each.finish()

    def reported(
        self,
        folds: int,
        files: Mapping[str, str | Path],
        images: Mapping[str, bytes],
        *,
        swept: bool = False,
    ) -> None:
        """Take the report, figures and overlays of an experiment, in the place of earlier ones.

        What was noted of a sweep is forgotten unless one chose its settings (`swept`).
        """
        run = self._open(_scored_fold(folds))
        if run is not None:
            run.forget(REPORTED if swept else (*REPORTED, *SWEPT), kept={*files, *images})
            if run.record.combinations and not swept:
                run.best_of([])
            run.files(files)
            run.contents(images)

    def swept(self, combinations: Sequence[str], files: Mapping[str, str | Path]) -> None:
        """Take the page of a sweep, and make the runs of its combinations children.

        Parameters
        ----------
        combinations : sequence of str
            Their names.
        files : mapping of str to path
            Page and table, by artifact name.
        """
        run = self._open("fold-0")
        if run is None:
            return
        dataset = self.folder.parents[1]
        runs = [current_run(dataset / name / "tracking" / "fold-0") for name in combinations]
        run.best_of([os.path.relpath(each.folder, self.folder) for each in runs if each])
        run.files(files)

    def compared(
        self,
        experiments: Sequence[str],
        *,
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
        metrics : mapping of str to float
            Differences, by their names in MLflow.
        files : mapping of str to path
            Page and tables, by artifact name.
        verdicts : sequence of str
            What it comes to; people read it first on the run's page.
        """
        if len(experiments) < 2:
            return
        dataset = self.folder.parents[1]
        runs = [last_scored(dataset / name) for name in experiments]
        ids = {
            name: run.record.id
            for name, run in zip(experiments, runs, strict=True)
            if run is not None
        }
        key = digest([ids, {name: sha256(path) for name, path in files.items()}])
        old = self._open(COMPARISON)
        if old is not None and old.record.key == key and old.record.status == "FINISHED":
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
        run = self._open(_scored_fold(folds))
        if run is None:
            return {}
        packages = run.record.files.get(ENVIRONMENT)
        known = {
            "experiment": f"slicewise/{run.dataset}",
            "name": run.record.name,
            "run_id": self.sender.mirror.run_id(run.folder),
            "data_digest": run.record.tags.get("data_digest"),
            SCORED_BY: run.record.tags.get(SCORED_BY),
            "environment_sha256": None if packages is None else packages.sha256,
        }
        return {key: value for key, value in known.items() if value is not None}

    def _scored(self, name: str, folds: int) -> tuple[Run, list[Run]]:
        """Return the run that takes the scores, and its children."""
        trained = [
            self._open(f"fold-{k}") or self._create(f"fold-{k}", name, "", {}, {})
            for k in range(folds)
        ]
        if folds == 1:
            return trained[0], []
        children = [str(run.folder.relative_to(self.folder)) for run in trained]
        parent = self._open(PARENT)
        if parent is None or parent.record.children != children:
            old = parent
            parent = self._parent(name, trained, children)
            if old is not None:
                old.supersede(parent)
        return parent, trained

    def _take_together(self, run: Run, children: Sequence[Run]) -> None:
        """Take the models of the folds, which predict together, and what they were trained on."""
        run.models(
            {k: p for child in children for k, p in child.own_models().items()},
            children[0].record.labels,
        )
        run.data(
            {
                context: digest([child.record.data.get(context) for child in children])
                for context in children[0].record.data
            }
        )

    def _parent(self, name: str, trained: Sequence[Run], children: Sequence[str]) -> Run:
        """Begin a run that takes the scores of several folds."""
        first = trained[0].record
        own = ("fold", "training_key", "rule", "weights_digest")
        shared = (ENVIRONMENT, "settings.yaml", DIFF)
        return self._create(
            PARENT,
            name,
            digest([run.record.key for run in trained]),
            {k: v for k, v in first.params.items() if not k.startswith("resolved.")},
            {k: v for k, v in first.tags.items() if k not in own},
            children=children,
            known={"files": {k: first.files[k] for k in shared if k in first.files}},
        )

    def _open(self, fold: str) -> Run | None:
        run = current_run(self.folder / fold)
        if run is None or run.is_copy:
            return None
        self.sender.add(run)
        return run

    def _create(self, fold: str, *content: Any, **more: Any) -> Run:
        run = Run.create(self.folder / fold, *content, **more)
        self.sender.add(run)
        return run


def _scored_fold(folds: int) -> str:
    """Return the folder of the run that takes the scores."""
    return "fold-0" if folds == 1 else PARENT


def _environment(run: Run) -> dict[str, str]:
    """Return what a run was made with, as texts: versions, and what was not committed."""
    kept = {ENVIRONMENT: "".join(f"{k}=={v}\n" for k, v in environment().items())}
    diff = git_diff(workflow_folder())
    if diff:
        table = run.results / run.dataset / TABLE
        kept[DIFF] = without_listed_names(redact(diff), table)
    return kept
