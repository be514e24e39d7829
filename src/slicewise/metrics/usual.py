"""The Dice of masks of ordinary scans: what is usual of the label, the less the unsteadier a mask.

Among scans like those of training how sure a model is says little, as networks are sure of nearly
all of them. What tells a little more is how many voxels are neither in nor out, and how rough the
mask is, both against other masks of the label. The two count alike, with one slope for all labels:
a few patients do not tell more numbers than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

OFFSETS = np.array([0.01, 0.005])
"""Added to the share of unsure voxels and to the roughness before their logarithms are taken."""
LEAST = 0.05
"""The spread of these logarithms is taken as at least so much."""
FAR = 2.5
"""In spreads: what is farther off is not ordinary, and of twice that nothing usual is said."""
SCATTERED = 0.2
"""A mask is odd that has so much more outside of its largest piece than any ordinary one has."""
BEFOREHAND = 0.1, 5.0
"""What the logit is thought to lose with each spread before a mask is seen, and how many masks that
counts as."""
FEWEST = 5
"""Of fewer ordinary masks of a label nothing is usual."""
NORMAL = 1.4826
"""Standard deviation of a normal number, in medians of how far it is off."""


@dataclass(frozen=True)
class Usual:
    """What is usual of masks of scans as they are.

    Attributes
    ----------
    levels : dict of str to float
        The logit of the Dice of each label.
    middles : dict of str to ndarray, shape (2,)
        Logarithms of the unsure share and of the roughness.
    spread : ndarray, shape (2,)
        How far these are off as a rule.
    scatter : dict of str to float
        The most that an ordinary mask of each label has outside of its largest piece.
    slope : float
        What the logit loses with each spread; at least 0.
    """

    levels: dict[str, float]
    middles: dict[str, np.ndarray]
    spread: np.ndarray
    scatter: dict[str, float]
    slope: float

    @classmethod
    def fit(cls, names: Sequence[str], signs: np.ndarray, logits: np.ndarray) -> Self | None:
        """Learn from masks of scans as they are.

        Parameters
        ----------
        names : sequence of str
            Their labels.
        signs : ndarray, shape (n, 3)
            `slicewise.metrics.expected.Signs` from ``scatter``; NaN where nobody measured them.
        logits : ndarray, shape (n,)
            Of their Dice.

        Returns
        -------
        Usual or None
            None where too few masks tell.
        """
        known = np.isfinite(signs).all(axis=1)
        labels = np.array(names)
        wanted = [
            name
            for name in dict.fromkeys(names)
            if np.count_nonzero(known & (labels == name)) >= FEWEST
        ]
        known &= np.isin(labels, wanted)
        if not wanted:
            return None
        logs = np.log(signs[known, 1:] + OFFSETS)
        groups = {name: labels[known] == name for name in wanted}
        middles = {name: np.median(logs[own], axis=0) for name, own in groups.items()}
        levels = {name: float(np.median(logits[known][own])) for name, own in groups.items()}
        off = logs - np.array([middles[name] for name in labels[known]])
        spread = np.maximum(NORMAL * np.median(np.abs(off), axis=0), LEAST)
        scatter = {name: float(signs[known, 0][own].max()) for name, own in groups.items()}
        better = logits[known] - np.array([levels[name] for name in labels[known]])
        # a failure among them says nothing of the others
        most = 3 * NORMAL * np.median(np.abs(better))
        unsteady = (off / spread).mean(axis=1).clip(-FAR, FAR)
        slope, masks = BEFOREHAND
        lost = slope * masks - unsteady @ better.clip(-most, most)
        slope = lost / (unsteady @ unsteady + masks)
        return cls(levels, middles, spread, scatter, max(0.0, float(slope)))

    def of(self, names: Sequence[str], signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logit of the Dice that is usual of masks, and how far they are not ordinary.

        Parameters
        ----------
        names : sequence of str
        signs : ndarray, shape (n, 3)
            As `fit` takes them.

        Returns
        -------
        logits : ndarray, shape (n,)
            NaN of a label, or of signs, of which nothing is known.
        odd : ndarray, shape (n,)
            From 0, of ordinary masks, to 1.
        """
        nothing = np.full(2, np.nan)
        middles = np.array([self.middles.get(name, nothing) for name in names]).reshape(-1, 2)
        levels = np.array([self.levels.get(name, np.nan) for name in names], float)
        most = np.array([self.scatter.get(name, np.nan) for name in names], float)
        unsteady = ((np.log(signs[:, 1:] + OFFSETS) - middles) / self.spread).mean(axis=1)
        far = np.maximum((unsteady - FAR) / FAR, (signs[:, 0] - most) / SCATTERED)
        return levels - self.slope * np.maximum(unsteady, -FAR), far.clip(0, 1)
