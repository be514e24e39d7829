"""Running a network over the slices of many cases in full batches.

Nothing here reads a file or knows what the network is: it is a function from
images to outputs of the same rows and columns, slice by slice, or block by block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from slicewise.inference.views import Forward

Key = TypeVar("Key")


def batched(
    blocks: Iterable[tuple[Key, np.ndarray]], batch: int, forward: Forward
) -> Iterator[tuple[Key, np.ndarray]]:
    """Run a network over blocks of slices, in full batches.

    A batch takes slices of as many blocks as it needs, of one case and of the
    next, as long as they have one size. Where the size changes and at the end
    it is filled up with its last slice: another number of slices would compile
    the network again.

    Parameters
    ----------
    blocks : iterable of (key, ndarray)
        Any number of slices at a time, float32 (n, rows, columns, channels).
    batch : int
        Slices in a batch.
    forward : callable
        The network.

    Yields
    ------
    key, outputs
        In the order of the slices; a block may come back in several pieces, a
        piece is always of one block.
    """
    waiting: list[tuple[Key, np.ndarray]] = []
    for key, images in blocks:
        if len(images) and waiting and waiting[0][1].shape[1:] != images.shape[1:]:
            yield from _run(waiting, batch, forward)
            waiting = []
        while len(images):
            room = batch - sum(len(piece) for _, piece in waiting)
            waiting.append((key, images[:room]))
            images = images[room:]
            if len(waiting[-1][1]) == room:
                yield from _run(waiting, batch, forward)
                waiting = []
    if waiting:
        yield from _run(waiting, batch, forward)


def _run(
    pieces: list[tuple[Key, np.ndarray]], batch: int, forward: Forward
) -> Iterator[tuple[Key, np.ndarray]]:
    number = sum(len(piece) for _, piece in pieces)
    filling = [pieces[-1][1][-1:]] * (batch - number)
    outputs = forward(np.concatenate([*(piece for _, piece in pieces), *filling]))
    start = 0
    for key, piece in pieces:
        yield key, outputs[start : start + len(piece)]
        start += len(piece)
