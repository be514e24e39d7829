"""Labels that are one large piece in every training mask, as most organs are.

Where no patient may choose, islands of such a label are taken away in predictions (nnU-Net has the
same from validation). A single tumour in each of two patients is one piece, too, while the third
may have several: so the piece has to be as large as an organ, and as large in all of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord
from slicewise.stored import Count, Loose
from slicewise.wording import plural, some

PATIENTS = 2
"""So many have to be alike."""
SHARE = 0.99
"""Of a label, so much is in its largest component in every case."""
FACTOR = 4.0
"""The largest volume of a label is less than so many times the smallest."""
OF_FIELD = 0.01
"""Of the field of view, an organ fills so much in the median case."""
BY_MASKS = "training masks"
"""What decided, in the record of a training."""
SHOWN = 4


class OnePiece(Loose):
    """What the training masks show of a label.

    Attributes
    ----------
    cases, patients : int
        How many masks, and of how many patients.
    share : float
        Of its voxels, what is in the largest component: the least over the cases, 0 where one
        lacks the label.
    factor : float
        The largest volume over the smallest.
    of_field : float
        Share of the field of view that it fills, in the median case.
    """

    cases: Count
    patients: Count
    share: float
    factor: float | None
    of_field: float

    @property
    def doubt(self) -> str:
        """Why it may have several pieces, or none; empty where it is one large piece."""
        if self.patients < PATIENTS:
            return f"{plural(self.patients, 'training patient')} cannot tell"
        if self.factor is None:
            return "a training case lacks it"
        if self.share < SHARE:
            return f"its largest piece has {100 * self.share:.4g} % of it in one case"
        if self.factor >= FACTOR:
            return f"its volumes differ by a factor of {self.factor:.3g}"
        if self.of_field < OF_FIELD:
            return f"it fills {100 * self.of_field:.2g} % of the field of view"
        return ""


def one_piece(cases: Sequence[CaseRecord], content: Content) -> dict[str, OnePiece]:
    """Return what the masks of training cases show of each label.

    Parameters
    ----------
    cases : sequence of CaseRecord
        Those that a training reads.
    content : Content
        What they hold.

    Returns
    -------
    dict of str to OnePiece
        By label; empty where masks do not tell (`Content.tells_pieces`), or files have lost the
        size of their voxels, so that no volume is known.
    """
    sized = content.spacing is not None or not any(case.lost for case in cases)
    if not content.tells_pieces or not cases or not sized:
        return {}
    return {label: _of_label(cases, label) for label in content.labels}


def _of_label(cases: Sequence[CaseRecord], label: str) -> OnePiece:
    ml = [case.ml.get(label, 0.0) for case in cases]
    fields = [math.prod(case.shape) * math.prod(case.spacing) / 1000 for case in cases]
    of_field = [volume / field for volume, field in zip(ml, fields, strict=True)]
    there = all(volume > 0 for volume in ml)
    return OnePiece(
        cases=len(cases),
        patients=len({case.patient for case in cases}),
        share=min(case.largest.get(label, 0.0) for case in cases),
        factor=round(max(ml) / min(ml), 4) if there else None,
        of_field=round(statistics.median(of_field), 6),
    )


def said(known: Mapping[str, OnePiece]) -> str:
    """Say of which labels training masks show one large piece, and why not of the others.

    Parameters
    ----------
    known : mapping of str to OnePiece
        From `one_piece`, of at least one label.
    """
    whole = [label for label, each in known.items() if not each.doubt]
    doubts = [f"{label} ({each.doubt})" for label, each in known.items() if each.doubt]
    parts = []
    if whole:
        kept = [known[label] for label in whole]
        share = min(each.share for each in kept)
        parts.append(
            f"in each of {plural(kept[0].cases, 'training mask')} {some(whole, SHOWN)} is one "
            f"piece ({100 * share:.5g} % of it at least)"
        )
    if doubts:
        parts.append(f"not so {some(doubts, SHOWN)}" if whole else f"no: {some(doubts, SHOWN)}")
    return "; ".join(parts)
