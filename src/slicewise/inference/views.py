"""Ways to look at a slice, and the mean of what networks say of them.

Nothing here knows what the network is: it is a function from images to outputs
of the same rows and columns, slice by slice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import Inference

Forward = Callable[[np.ndarray], np.ndarray]
"""From float32 (batch, rows, columns, channels) to (batch, rows, columns, outputs).

Or to (batch, rows, columns, slices, outputs), where the channels are those of a block.
"""


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
        """Bring outputs (n, rows, columns, …) of this view back.

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


def averaged(networks: Sequence[Forward], ways: Sequence[View], *, apart: bool = False) -> Forward:
    """Return the function that gives the mean output of networks and views.

    A pixel that a moved view does not show is averaged over the other views.

    Parameters
    ----------
    networks : sequence of callable
    ways : sequence of View
    apart : bool
        Whether the mean over the views of each network follows, one after the
        other, behind that of all.
    """

    def forward(images: np.ndarray) -> np.ndarray:
        rows, columns = images.shape[1:3]
        total: np.ndarray | None = None
        own: list[np.ndarray] = []
        count = np.zeros((rows, columns), np.float32)
        for view in ways:
            inside = view.seen(rows, columns)
            shown = view.apply(images)
            count[inside] += len(networks)
            for position, network in enumerate(networks):
                outputs = np.asarray(network(shown))
                if total is None:
                    total = np.zeros(outputs.shape, np.float32)
                    own = [np.zeros_like(total) for _ in networks if apart]
                undone = view.undo(outputs)
                total[:, *inside] += undone
                if apart:
                    own[position][:, *inside] += undone
        if total is None:
            raise ValueError("no network, or no view")
        count = count.reshape(rows, columns, *[1] * (total.ndim - 3))
        total /= count
        each = [sums / (count / len(networks)) for sums in own]
        return np.concatenate([total, *each], axis=-1) if apart else total

    return forward
