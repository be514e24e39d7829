"""Bringing an MLflow store up to date with the files of a run.

Everything here may be done again at any time: MLflow stores a point of the
same value, step and timestamp once, and the rest is compared first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256
from slicewise.tracking import registry
from slicewise.tracking.artifacts import Artifacts
from slicewise.tracking.connection import Connection
from slicewise.tracking.data import send_inputs
from slicewise.tracking.fetch import PARENT
from slicewise.tracking.journal import NOTE, Run, all_runs, to_register
from slicewise.tracking.models import (
    has_model,
    scores_of,
    send_curve,
    send_model,
    send_scores,
)
from slicewise.tracking.points import Points
from slicewise.tracking.remote_runs import RemoteRuns
from slicewise.tracking.sent import SentModel, SentRecord, SentRecords
from slicewise.tracking.view import TAG, image_keys, saved_view
from slicewise.tracking.wanted import checkpoints, finished


class Mirror:
    """Sends runs to a store.

    Parameters
    ----------
    connection : Connection
    judge : callable, optional
        Takes the ``metrics.tsv`` of the best registered model and of a new one
        (texts), and says whether the new one is better, and why.
    log : callable
        Told when a model was registered, and how it was decided.
    """

    def __init__(
        self,
        connection: Connection,
        judge: registry.Judge | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.connection = connection
        self.judge = judge
        self.log = log
        self.sent = SentRecords(connection.store)
        self.runs = RemoteRuns(connection)
        self.points = Points(connection)
        self.artifacts = Artifacts(connection, self.sent)

    def is_pending(self, folder: Path) -> bool:
        """Tell whether a run has something that the store was not sent."""
        sent = self.sent.of(folder)
        return not sent.run_id or sent.state != Run(folder).state

    def run_id(self, folder: Path) -> str | None:
        """Return the id that the store gave a run, if it took it."""
        return self.sent.of(folder).run_id or None

    def has_sent_model(self, run: Run) -> bool:
        """Tell whether the store was sent the models that a run has now."""
        model = self.sent.of(run.folder).model
        return model is not None and model.digest == finished(run).digest

    def unsent_models(self, run: Run) -> list[Path]:
        """Return the files of models that the store was not sent."""
        known = self.sent.of(run.folder).checkpoints
        unsent = [model for epoch, model in checkpoints(run).items() if epoch not in known]
        if not self.has_sent_model(run):
            unsent.append(finished(run))
        return [path for model in unsent for path in model.files.values()]

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
        with self.connection.locked(folder / ".lock", wait) as mine:
            if not mine:
                return None
            run = Run(folder)
            state = run.state
            sent = self.sent.of(folder)
            remote = self.runs.find(run, sent.run_id, verify)
            run_id = str(remote.info.run_id)
            if sent.run_id != run_id:
                sent = SentRecord(run_id=run_id)
                self.sent.keep(folder, sent)
                self._name_to_older(run, run_id)
            tags = run.record.tags | self._newer(run)
            self.points.send(run, remote, tags, verify)
            send_inputs(self.connection.client, run, remote)
            sent = self.artifacts.send(run, sent, verify=verify)
            sent = self._model(run, sent, verify)
            sent = self._scores(run, sent, verify)
            sent = self._checkpoints(run, sent, verify)
            self._view(run)
            self._status(run, remote)
            if not run.record.is_running:
                self.points.check(run, self.runs.own(self.runs.get(run_id), run))
            is_named = not run.record.is_superseded or bool(self._newer(run))
            is_whole = self._children(run, run_id) and is_named
            # last: what the registry refuses keeps nothing else back
            sent = self._register(run, sent, register)
            is_whole = _is_registered(run, sent) and is_whole
            self.sent.keep(folder, sent.updated(state=state if is_whole else None))
            return run_id

    def push_pending(self, dataset: str, wanted: Callable[[], bool]) -> None:
        """Send what ended runs of a data set were not sent, as long as it is wanted."""
        ended = [
            folder
            for folder in all_runs(self.connection.results, dataset)
            if not Run(folder).record.is_running and self.is_pending(folder)
        ]
        for register, folders in ((False, ended), (True, to_register(ended))):
            for folder in folders:
                if not wanted():
                    return
                self.push(folder, wait=False, register=register)

    # -- parts of a run -----------------------------------------------------------

    def _newer(self, run: Run) -> dict[str, str]:
        """Return the tag that names the run which superseded this one, if the store has it."""
        newer = run.record.superseded_by
        other = None if newer is None else self.run_id(run.folder.parent / newer)
        return {} if other is None else {"superseded_by": other}

    def _name_to_older(self, run: Run, run_id: str) -> None:
        """Tag the run that this one superseded, which may have been sent before."""
        older = run.folder.parent / f"{int(run.folder.name) - 1:03d}"
        if not (older / NOTE).is_file():
            return
        # a damaged one is left aside elsewhere, and says so
        with suppress(SlicewiseError):
            if Run(older).is_copy:
                return
        other = self.run_id(older)
        if other is not None:
            self.connection.client.set_tag(other, "superseded_by", run_id)

    def _model(self, run: Run, sent: SentRecord, verify: bool) -> SentRecord:
        """Send the models that predict together as one, unless they were made anew since."""
        wanted = finished(run)
        models = wanted.files
        if not models:
            return sent
        mark = wanted.digest
        known = sent.model if sent.model is not None and sent.model.digest == mark else None
        if known is not None and (
            not verify or has_model(self.connection.client, known.id, models)
        ):
            return sent
        for name, noted in run.record.models.items():
            if not models[name].is_file() or sha256(models[name]) != noted.sha256:
                return sent  # it belongs to another run now
        self.connection.probe()
        model_id = send_model(self.connection, run, sent.run_id, wanted)
        sent = sent.updated(model=SentModel(digest=mark, id=model_id))
        self.sent.keep(run.folder, sent)
        return sent

    def _scores(self, run: Run, sent: SentRecord, verify: bool) -> SentRecord:
        """Give the model what it scored, whenever that is other than it was."""
        if sent.model is None or sent.model.digest != finished(run).digest:
            return sent
        scores = digest(scores_of(run))
        if sent.model.scores == scores and not verify:
            return sent
        send_scores(self.connection, run, sent.run_id, sent.model.id)
        sent = sent.updated(model=sent.model.updated(scores=scores))
        self.sent.keep(run.folder, sent)
        return sent

    def _checkpoints(self, run: Run, sent: SentRecord, verify: bool) -> SentRecord:
        """Send the models of epochs that the store lacks; one whose file is gone stays out."""
        client = self.connection.client
        for epoch, wanted in checkpoints(run).items():
            known = sent.checkpoints.get(epoch)
            same = known if known is not None and known.digest == wanted.digest else None
            if same is not None and (not verify or has_model(client, same.id, wanted.files)):
                continue
            if not all(path.is_file() for path in wanted.files.values()):
                continue
            self.connection.probe()
            model_id = send_model(self.connection, run, sent.run_id, wanted)
            send_curve(self.connection, run, sent.run_id, model_id, wanted.epoch)
            known = SentModel(digest=wanted.digest, id=model_id)
            sent = sent.updated(checkpoints=sent.checkpoints | {epoch: known})
            self.sent.keep(run.folder, sent)
        return sent

    def _view(self, run: Run) -> None:
        """Save how the UI shows the runs of the data set, once there are overlays."""
        keys = image_keys(run.record.files)
        if not keys:
            return
        client = self.connection.client
        experiment = self.connection.experiment(run.dataset)
        if client.get_experiment(experiment).tags.get(TAG) != saved_view(keys):
            client.set_experiment_tag(experiment, TAG, saved_view(keys))

    def _status(self, run: Run, remote: Any) -> None:
        wanted = run.record.status
        if remote.info.status == wanted:
            return
        if run.record.is_running:
            self.connection.client.update_run(remote.info.run_id, status=wanted)
        else:
            self.connection.client.set_terminated(remote.info.run_id, wanted, run.record.ended)

    def _children(self, run: Run, run_id: str) -> bool:
        """Make runs of folds or of a sweep children of this one; return whether all were there."""
        tracking = run.folder.parents[1]
        others = [self.run_id(tracking / child) for child in run.record.below]
        for other in others:
            if other is not None:
                self.connection.client.set_tag(other, PARENT, run_id)
        return None not in others

    def _register(self, run: Run, sent: SentRecord, wanted: bool) -> SentRecord:
        """Register the model where the run wants that, and somebody may judge it."""
        if not _is_to_register(run, sent) or not wanted or self.judge is None:
            return sent
        assert sent.model is not None
        with self.connection.locked(self.connection.results / ".registry.lock"):
            client = self.connection.client
            decision = registry.register(client, run, sent.run_id, sent.model.id, self.judge)
        if decision is not None:
            self.log(decision)
        return sent.updated(registered=sent.model.id)


def _is_to_register(run: Run, sent: SentRecord) -> bool:
    record = run.record
    return record.register_ is not None and not record.is_superseded and sent.model is not None


def _is_registered(run: Run, sent: SentRecord) -> bool:
    """Tell whether nothing of the registry is left to do."""
    if not _is_to_register(run, sent):
        return True
    return sent.model is not None and sent.registered == sent.model.id


def pending_runs(results: Path, dataset: str) -> int:
    """Count the runs of a data set of which MLflow lacks something, by the files alone."""
    mirror = Mirror(Connection(results))
    return sum(mirror.is_pending(folder) for folder in all_runs(results, dataset))
