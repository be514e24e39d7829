"""Making what comes next while the network is busy with this."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

Item = TypeVar("Item")


def prefetch(items: Generator[Item, None, None], depth: int) -> Generator[Item, None, None]:
    """Run a generator in a thread of its own, up to `depth` items ahead.

    What it raises is raised here, after the items before. Closing this closes
    the generator, which finishes the item it is at.
    """
    pool = ThreadPoolExecutor(1)
    end = object()
    with closing(items):
        try:
            waiting: deque[Future[Any]] = deque(pool.submit(next, items, end) for _ in range(depth))
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, items, end))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)
