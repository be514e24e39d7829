"""Waiting for a slow server as somebody does who asked for it: said, and not for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TOLD = 10.0
"""Seconds after which it is said that an answer is waited for."""
TOLD_AGAIN = 30.0
"""Seconds after which it is said again."""
LONGEST = 300.0
"""Seconds that one request may take, its repetitions included, and more for large files."""
PAUSE = 60.0
"""Seconds for which a server is left alone at most that asks for more by Retry-After."""


class TooSlowError(Exception):
    """One request took longer than anybody waits."""


class Patience:
    """Runs what sends to a store, and watches it.

    Parameters
    ----------
    store : str
        Name of the store.
    log : callable
        Says a line to people.
    """

    def __init__(self, store: str, log: Callable[[str], None]) -> None:
        self.store = store
        self.log = log
        self.beat(0)

    def beat(self, seconds: float) -> None:
        """Note that a request begins, which should take so long at most."""
        self._since = time.monotonic()
        self._limit = LONGEST + seconds

    def run(self, action: Callable[[], None]) -> None:
        """Do something to its end.

        Raises
        ------
        TooSlowError
            When a request took too long.
        """
        failed: list[BaseException] = []

        def work() -> None:
            try:
                with self._pauses():
                    action()
            except BaseException as error:
                failed.append(error)

        self.beat(0)
        # a request cannot be stopped, but left alone
        thread = threading.Thread(target=work, name="sync", daemon=True)
        thread.start()
        told = TOLD
        since = self._since
        while thread.is_alive():
            thread.join(0.05)
            if self._since != since:
                told = TOLD
                since = self._since
            waited = time.monotonic() - since
            if waited > self._limit:
                raise TooSlowError(f"no answer within {waited:.0f} s")
            if waited > told:
                self.log(
                    f"waiting for MLflow at {self.store}, {waited:.0f} s for one answer so far"
                )
                told += TOLD_AGAIN
        if failed:
            raise failed[0]

    @contextmanager
    def _pauses(self) -> Iterator[None]:
        """Say when the server asks for a pause, which MLflow makes silently, and bound it."""
        from urllib3.util import Retry

        asked = Retry.get_retry_after

        def bounded(retry: Retry, response: object) -> float | None:
            seconds = asked(retry, response)  # type: ignore[arg-type]
            if seconds is None:
                return None
            pause = min(seconds, PAUSE)
            self.log(
                f"MLflow at {self.store} asks for a pause of {seconds:.0f} s (Retry-After); trying "
                f"again in {pause:.0f} s"
            )
            return pause

        Retry.get_retry_after = bounded  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Retry.get_retry_after = asked  # type: ignore[method-assign]
