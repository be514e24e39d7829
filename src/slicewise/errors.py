"""The one exception that users are meant to read."""

from __future__ import annotations

from collections.abc import Sequence


class SlicewiseError(Exception):
    """A fault in the input, the settings or the surroundings of a job.

    Its message is one sentence for the user: the file or key, what is wrong
    with it, and what to do. It is shown without a traceback.
    """


class StoppedError(SlicewiseError):
    """Nothing is wrong: a job was told to stop, and goes on when it is run again."""


class SeveralErrors(SlicewiseError):
    """Faults of several cases that one job met, each with its own sentence.

    Parameters
    ----------
    errors : sequence of SlicewiseError
        At least one.
    """

    def __init__(self, errors: Sequence[SlicewiseError]) -> None:
        super().__init__(" ".join(map(str, errors)))
        self.errors = list(errors)
