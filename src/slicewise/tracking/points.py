"""Parameters, tags and points of a run: sent in parts, and counted once when the run has ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from slicewise.tracking.answers import NotTakenError
from slicewise.tracking.connection import Connection
from slicewise.tracking.journal import HISTORY, REASON, SYSTEM, Run, read_rows

PARAM_LENGTH = 6000
TAG_LENGTH = 5000
"""Signs that a store takes of a value."""
AT_ONCE = 100
"""Parameters or tags that a store takes in one request."""
POINTS_AT_ONCE = 1000

Item = TypeVar("Item")


class Point(NamedTuple):
    """A value of a metric, as MLflow's `Metric` takes it; the time is in milliseconds."""

    key: str
    value: float
    time: int
    step: int


class Points:
    """Sends parameters, tags and points; a point that is sent again is stored once.

    Parameters
    ----------
    connection : Connection
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._done: dict[str, set[Point]] = {}

    def send(self, run: Run, remote: Any, tags: Mapping[str, str], verify: bool) -> None:
        """Send what a run of the store lacks.

        Parameters
        ----------
        run : Run
        remote : mlflow.entities.Run
            What the store has of it.
        tags : mapping of str to str
            The tags that it is to have.
        verify : bool
            Send all points, also those that this process has sent.
        """
        from mlflow.entities import Metric, Param, RunTag

        client = self.connection.client
        run_id = remote.info.run_id
        short = {key: value[:TAG_LENGTH] for key, value in tags.items()}
        fresh = [RunTag(k, v) for k, v in short.items() if remote.data.tags.get(k) != v]
        unknown = [
            Param(key, value[:PARAM_LENGTH])
            for key, value in run.record.params.items()
            if key not in remote.data.params
        ]
        points = points_of(run)
        done = self._done.setdefault(run_id, set())
        if verify:
            done.clear()
        for params in _parts(unknown, AT_ONCE):
            client.log_batch(run_id, params=params)
        for some in _parts(fresh, AT_ONCE):
            client.log_batch(run_id, tags=some)
        for part in _parts(sorted(points - done, key=_shown_first), POINTS_AT_ONCE):
            client.log_batch(run_id, metrics=[Metric(*point) for point in part])
            done.update(part)
        if REASON in remote.data.tags and REASON not in short:
            client.delete_tag(run_id, REASON)

    def check(self, run: Run, remote: Any) -> None:
        """Look once at what the store holds of a run that has ended.

        Raises
        ------
        NotTakenError
            When it lacks something; all points are sent again then.
        """
        record = run.record
        run_id = remote.info.run_id
        points = points_of(run)
        missing = [f"param {key}" for key in record.params if key not in remote.data.params]
        missing += [f"tag {key}" for key in record.tags if key not in remote.data.tags]
        missing += {f"metric {each.key}" for each in points if each.key not in remote.data.metrics}
        if remote.info.status != record.status:
            missing.append(f"status {record.status}")
        if not missing:
            missing = self._missing_epochs(run_id, points)
        if missing:
            self._done.pop(run_id, None)
            raise NotTakenError(missing)

    def _missing_epochs(self, run_id: str, points: set[Point]) -> list[str]:
        """Return which points the store lacks of the metric that has most of them."""
        by_epoch = [p.key for p in points if not p.key.startswith(("system/", "test/"))]
        if not by_epoch:
            return []
        longest = max(sorted(set(by_epoch)), key=by_epoch.count)
        history = self.connection.client.get_metric_history(run_id, longest)
        there = {(metric.step, metric.timestamp) for metric in history}
        wanted = {(point.step, point.time) for point in points if point.key == longest}
        return [f"{longest} of step {step}" for step, _ in sorted(wanted - there)]


def points_of(run: Run) -> set[Point]:
    """Return all points of a run, those of a table by its epochs or steps."""
    # Not tied to the model: such a point may not be sent twice.
    # What has no value any more is NaN there, always the same one, as no other equals it.
    scores = {
        Point(key, math.nan if noted.value is None else noted.value, noted.time, 0)
        for key, noted in run.record.metrics.items()
    }
    return scores | {
        Point(key, float(value), int(row["timestamp"]), int(row.get("epoch", row.get("step", 0))))
        for name in (HISTORY, SYSTEM)
        for row in read_rows(run.folder / name)
        for key, value in row.items()
        if key not in ("epoch", "step", "timestamp")
    }


def _shown_first(point: Point) -> tuple[bool, bool, int, str]:
    """Sort points so that the UI, which begins with the first metric it got, shows a Dice."""
    return point.key.startswith("system/"), point.key != "val/dice", point.step, point.key


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
