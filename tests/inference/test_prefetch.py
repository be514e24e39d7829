"""Running a generator ahead in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from slicewise.errors import SlicewiseError
from slicewise.inference.prefetch import prefetch


def test_ahead_gives_the_same_from_another_thread() -> None:
    threads = set()

    def count() -> Generator[int, None, None]:
        for k in range(20):
            threads.add(threading.get_ident())
            yield k

    assert list(prefetch(count(), 3)) == list(range(20))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_an_error_comes_after_the_items_before_it() -> None:
    def fails() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise SlicewiseError("case c: broken")

    got = []
    with pytest.raises(SlicewiseError, match="case c: broken"):
        for k in prefetch(fails(), 5):
            got.append(k)
    assert got == [1, 2]


def test_closing_stops_the_thread_and_what_runs_in_it() -> None:
    made: list[int] = []
    closed = []

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                made.append(len(made))
                yield made[-1]
        finally:
            closed.append(True)

    before = threading.active_count()
    items = prefetch(endless(), 2)
    assert next(items) == 0
    items.close()
    assert closed == [True]
    assert len(made) <= 4  # one taken, two ahead and one begun
    assert threading.active_count() == before
