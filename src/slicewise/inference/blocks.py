"""A volume in blocks that overlap, and what networks say of them as slices, each once.

Where a network sees slices one at a time nothing overlaps, and slices pass as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import Context
from slicewise.slices.context import block_start

WIDTH = 1 / 8
"""Standard deviation of the weights within a block, by its length, as in nnU-Net."""
PART = 8
"""Slices that are given at a time, since each may be enlarged to many times its size."""


def centres(total: int, context: Context) -> np.ndarray:
    """Return the slices to read so that all of a volume is seen.

    Parameters
    ----------
    total : int
        Slices of the volume.
    context : Context
        What is seen of each.

    Returns
    -------
    ndarray of int
        All of them; of blocks one in the middle of each. Blocks follow each
        other at half their length, and the last ends where the volume ends.

    Examples
    --------
    >>> from slicewise.slices.context import block_start
    >>> block = Context(slices=4, block=True)
    >>> block_start(centres(9, block), 9, 4).tolist()
    [0, 2, 4, 5]
    """
    if not context.block:
        return np.arange(total)
    half = context.slices // 2
    if total <= context.slices:
        return np.zeros(1, np.int64)
    last = total - context.slices + half
    return np.array([*range(half, last, half), last])


def together(batch: int, context: Context) -> int:
    """Return how many slices, or blocks, are predicted at once where so many slices are to be."""
    return max(1, batch // context.slices) if context.block else batch


def weights(slices: int) -> np.ndarray:
    """Return how much each slice of a block counts where blocks overlap: float32, a Gaussian.

    References
    ----------
    Isensee et al., nnU-Net, Nature Methods 2021.
    """
    place = np.arange(slices) - (slices - 1) / 2
    gaussian: np.ndarray = np.exp(-0.5 * (place / (WIDTH * slices)) ** 2)
    return gaussian.astype(np.float32)


class Joined:
    """Makes slices of the outputs of blocks, which are averaged where blocks overlap.

    Parameters
    ----------
    totals : sequence of int
        Slices of each stack, in the order in which their blocks come, see `centres`.
    context : Context
        What the network sees.
    """

    def __init__(self, totals: Sequence[int], context: Context) -> None:
        self.context = context
        self._steps = _steps(totals, context) if context.block else iter(())
        self._weights = weights(context.slices)[:, None, None, None]
        self._sum = np.zeros(0, np.float32)
        self._weight = np.zeros(0, np.float32)

    def add(self, outputs: np.ndarray) -> Iterator[np.ndarray]:
        """Take the outputs of the next blocks, and yield slices that no later block has.

        Parameters
        ----------
        outputs : ndarray, shape (n, rows, columns, slices, outputs)
            Or of slices (n, rows, columns, outputs), which are yielded as they are.

        Yields
        ------
        ndarray of float32, shape (n, rows, columns, outputs)
            The next slices.
        """
        if not self.context.block:
            yield outputs
            return
        for block in outputs:
            done = self._averaged(np.moveaxis(block, 2, 0), next(self._steps))
            for start in range(0, len(done), PART):
                yield np.ascontiguousarray(done[start : start + PART])

    def _averaged(self, block: np.ndarray, step: _Step) -> np.ndarray:
        """Return the slices that are done with this block."""
        if step.alone:
            return block[-step.start : step.behind - step.start]
        if self._sum.shape != block.shape:
            self._sum = np.zeros(block.shape, np.float32)
            self._weight = np.zeros((len(block), 1, 1, 1), np.float32)
        self._sum += self._weights * block
        self._weight += self._weights
        done = step.behind - step.start
        means = self._sum[:done] / self._weight[:done]
        for sums in (self._sum, self._weight):
            # what the next block adds to moves to the front
            sums[:-done] = sums[done:].copy()
            sums[-done:] = 0
        return means


@dataclass(frozen=True)
class _Step:
    """A block in its stack: where it begins, what the next one begins with, if there is one."""

    start: int
    behind: int
    alone: bool


def _steps(totals: Sequence[int], context: Context) -> Iterator[_Step]:
    for total in totals:
        starts = block_start(centres(total, context), total, context.slices).tolist()
        for start, behind in zip(starts, [*starts[1:], total], strict=True):
            yield _Step(start, behind, len(starts) == 1)
