"""Running a network over the slices of many cases: views and full batches.

Nothing here reads a file or knows what the network is: it is a function from
images to outputs of the same rows and columns, slice by slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from slicewise.config import Inference

Key = TypeVar("Key")

Forward = Callable[[np.ndarray], np.ndarray]
"""From float32 (batch, rows, columns, channels) to (batch, rows, columns, outputs)."""

Read = Callable[[int, int], np.ndarray]
"""Slices `start` to `stop` of a case, float32 (n, rows, columns, channels)."""


@dataclass(frozen=True)
class View:
    """A slice as it is shown to the network: moved, then mirrored.

    Attributes
    ----------
    mirrored : tuple of int
        Axes that are reversed: 1 rows, 2 columns.
    moved : tuple of int
        Pixels by which the picture is moved along rows and columns.
    """

    mirrored: tuple[int, ...] = ()
    moved: tuple[int, int] = (0, 0)

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return images (n, rows, columns, channels) in this view.

        Where a picture was moved away, the pixels of its border are repeated.
        """
        for axis, by in zip((1, 2), self.moved, strict=True):
            if by:
                length = images.shape[axis]
                images = images.take(np.clip(np.arange(length) - by, 0, length - 1), axis)
        return np.flip(images, self.mirrored)

    def seen(self, rows: int, columns: int) -> tuple[slice, slice]:
        """Return the pixels of the unmoved picture that are in this view."""
        first, second = (
            slice(max(0, -by), max(0, length - max(0, by)))
            for length, by in zip((rows, columns), self.moved, strict=True)
        )
        return first, second

    def undo(self, outputs: np.ndarray) -> np.ndarray:
        """Bring outputs (n, rows, columns, outputs) of this view back.

        Returns
        -------
        ndarray
            The outputs of the pixels that `seen` names, and of no others.
        """
        # what was moved by some pixels is moved back: it comes from the opposite side
        opposite = View(moved=(-self.moved[0], -self.moved[1]))
        rows, columns = opposite.seen(*outputs.shape[1:3])
        return np.flip(outputs, self.mirrored)[:, rows, columns]


def views(settings: Inference) -> list[View]:
    """Return the views that are averaged, the plain one first.

    Mirrored and moved copies are not combined: ``flip: both`` and a shift give
    8 views.
    """
    mirrors: dict[str, list[tuple[int, ...]]] = {
        "none": [()],
        "one": [(), (1,)],
        "both": [(), (1,), (2,), (1, 2)],
    }
    chosen = [View(mirrored=axes) for axes in mirrors[settings.flip]]
    if settings.shift:
        s = settings.shift
        chosen += [View(moved=by) for by in ((-s, 0), (s, 0), (0, -s), (0, s))]
    return chosen


def averaged(networks: Sequence[Forward], ways: Sequence[View]) -> Forward:
    """Return the function that gives the mean output of networks and views.

    A pixel that a moved view does not show is averaged over the other views.
    """

    def forward(images: np.ndarray) -> np.ndarray:
        rows, columns = images.shape[1:3]
        total: np.ndarray | None = None
        count = np.zeros((rows, columns, 1), np.float32)
        for view in ways:
            inside = view.seen(rows, columns)
            shown = view.apply(images)
            count[inside] += len(networks)
            for network in networks:
                outputs = np.asarray(network(shown))
                if total is None:
                    total = np.zeros(outputs.shape, np.float32)
                total[:, *inside] += view.undo(outputs)
        if total is None:
            raise ValueError("no network, or no view")
        total /= count
        return total

    return forward


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


def infer(
    cases: Iterable[tuple[Key, int, Read]], batch: int, forward: Forward
) -> Iterator[tuple[Key, np.ndarray]]:
    """Run a network over cases, in full batches across them.

    Parameters
    ----------
    cases : iterable of (key, int, callable)
        A name, the number of slices (at least one), and a function that reads
        them; called for the next slices when they are needed.
    batch : int
        Slices in a batch.
    forward : callable
        The network.

    Yields
    ------
    key, ndarray of shape (number, rows, columns, outputs)
        Each case, in order, as soon as its last slice is done.
    """

    def blocks() -> Iterator[tuple[tuple[Key, int], np.ndarray]]:
        for key, number, read in cases:
            for start in range(0, number, batch):
                yield (key, number), read(start, min(start + batch, number))

    pieces: list[np.ndarray] = []
    for (key, number), piece in batched(blocks(), batch, forward):
        pieces.append(piece)
        if sum(map(len, pieces)) == number:
            yield key, np.concatenate(pieces)
            pieces = []
