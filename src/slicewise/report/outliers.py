"""Which cases to look at first, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from slicewise.dataset.duplicates import find_alike
from slicewise.dataset.marks import Marks, unpack
from slicewise.report.lying import lying_otherwise
from slicewise.report.quantities import (
    FAR,
    Compared,
    Quantity,
    compared,
    groups_of,
    is_rare,
    quantities,
)
from slicewise.report.render import number, signed
from slicewise.report.seen import SeenCase, SeenData
from slicewise.wording import plural, some

SAME = 90.0
LYING = 85.0
ALIKE = 80.0
MISSING = 40.0
LOST = 35.0
FARTHEST = 30.0
CUT_OFF = 8.0
ISLANDS = 6.0
TURNED = 5.0
MOVED = 4.0
"""By which reasons are ordered, on the scale of robust z-scores."""
SHOWN = 4


@dataclass(frozen=True)
class Reason:
    """Why to look at a case.

    Attributes
    ----------
    kind : str
        What a whole data set may have in common, such as ``liver touches the head side``.
    sentence : str
        Of this case.
    weight : float
        Cases with the greatest come first; on the scale of robust z-scores.
    label : str or None
        The label that a case must have to have such a reason.
    """

    kind: str
    sentence: str
    weight: float
    label: str | None = None


@dataclass(frozen=True)
class Findings:
    """What was found of a data set.

    Attributes
    ----------
    reasons : dict of str to list of Reason
        By case, the weightiest first; a case without any is not there.
    common : list of str
        What so many cases have in common that it marks none of them, in sentences.
    """

    reasons: dict[str, list[Reason]]
    common: list[str]

    def weight(self, case: str) -> tuple[float, float]:
        """Return what a case is ordered by: its weightiest reason, then all together."""
        weights = [reason.weight for reason in self.reasons.get(case, [])]
        return max(weights, default=0.0), sum(weights)


def findings(data: SeenData) -> Findings:
    """Say of each case why to look at it.

    Parameters
    ----------
    data : SeenData
        All cases.
    """
    every: dict[str, list[Reason]] = defaultdict(list)
    for case in data.cases:
        every[case.name] += _of_case(case, data)
    axes = Counter(case.record.orientation for case in data.cases)
    for case in data.cases:
        every[case.name] += _turned(case, axes)
    having = _having(data, every)
    common = {kind: count for kind, (count, of) in having.items() if not is_rare(count, of)}
    for name, reasons in every.items():
        every[name] = [reason for reason in reasons if reason.kind not in common]
    lying = [
        (name, Reason("lies otherwise", words, LYING)) for name, words in lying_otherwise(data)
    ]
    for name, reason in [*_far(data), *_alike(data), *lying]:
        every[name].append(reason)
    ordered = {
        name: sorted(reasons, key=lambda reason: -reason.weight)
        for name, reasons in every.items()
        if reasons
    }
    shared = [f"{kind} in {count} of {having[kind][1]} cases" for kind, count in common.items()]
    return Findings(ordered, [*shared, *_groups(data)])


def _having(data: SeenData, reasons: Mapping[str, Sequence[Reason]]) -> dict[str, tuple[int, int]]:
    """Return how many cases have each kind of reason, and of how many that could."""
    counts: Counter[str] = Counter()
    label_of: dict[str, str | None] = {}
    for each in reasons.values():
        counts.update({reason.kind for reason in each})
        label_of |= {reason.kind: reason.label for reason in each}
    able = Counter(label for case in data.cases for label in _present(case))
    return {
        kind: (count, len(data.cases) if label_of[kind] is None else able[str(label_of[kind])])
        for kind, count in counts.items()
    }


def _present(case: SeenCase) -> list[str]:
    return [name for name, seen in case.look.labels.items() if seen.voxels]


# --- of one case ---------------------------------------------------------------------------


def _of_case(case: SeenCase, data: SeenData) -> Iterable[Reason]:
    for label in data.labels:
        seen = case.look.labels.get(label)
        if seen is None or not seen.voxels:
            # what was not drawn may hold it
            if not case.record.undrawn:
                yield Reason(f"{label} is missing", f"{label} is missing", MISSING)
            continue
        for side, voxels in seen.touches.items():
            kind = f"{label} touches the {side} side of the volume"
            touching = plural(voxels, "voxel")
            yield Reason(kind, f"{kind} ({touching}), so it may be cut off there", CUT_OFF, label)
        if seen.islands and seen.islands > 1:
            apart = f"{seen.islands_ml or 0:.2g}"
            yield Reason(
                f"{label} is in several pieces",
                f"{label} is in {seen.islands} pieces, all but the largest of {apart} ml together",
                ISLANDS,
                label,
            )
    if case.record.is_unsized:
        yield Reason(
            "the size of voxels is not known",
            "its header has lost the geometry: the size of its voxels is not known",
            LOST,
        )
    if case.record.mask_stored:
        how = case.record.mask_stored.get("how", "moved")
        kind = "the mask is stored on another grid than its image"
        yield Reason(kind, f"{kind} ({how})", MOVED)


def _turned(case: SeenCase, axes: Counter[str]) -> Iterable[Reason]:
    own = case.record.orientation
    most, number = axes.most_common(1)[0]
    # where no way to lie is that of most cases, none is odd
    if own != most and 2 * number > axes.total():
        yield Reason(
            f"axes point to {own}",
            f"its axes point to {own}, those of {number} of {plural(axes.total(), 'case')} to "
            f"{most} (all are turned alike when they are read)",
            TURNED,
        )


# --- beside all others ---------------------------------------------------------------------


def _far(data: SeenData) -> Iterable[tuple[str, Reason]]:
    """Yield what lies far from the median of all: of each kind the farthest."""
    far: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    for quantity in quantities(data):
        for case, each in compared(data.cases, quantity).items():
            if abs(each.z) > FAR:
                far[case, quantity.kind].append(each)
    for (case, kind), several in far.items():
        farthest = max(several, key=lambda each: abs(each.z))
        others = len(several) - 1
        weight = min(abs(farthest.z), FARTHEST)
        yield case, Reason(kind, far_sentence(farthest, others), weight)


def far_sentence(each: Compared, others: int = 0) -> str:
    """Say how far a case is off the others, and in how many more numbers of the kind it is."""
    quantity = each.quantity
    value = _with_unit(each.value, quantity)
    of = "" if each.group is None else f" of the {plural(each.group, 'case')} nearest to it"
    median = f"the median{of} is {_with_unit(each.median, quantity)}"
    more = f"; {plural(others, 'more number')} of its {quantity.kind} so far off" if others else ""
    return f"{quantity.name}: {value}, where {median} (z {signed(each.z)}{more})"


def _with_unit(value: float, quantity: Quantity) -> str:
    return f"{number(value, quantity.digits)} {quantity.unit}".rstrip()


def _groups(data: SeenData) -> Iterable[str]:
    """Say of what the cases come in groups, each of which is compared with itself."""
    for quantity in quantities(data):
        groups = groups_of(data.cases, quantity)
        if groups:
            listed = ", ".join(
                f"{each.cases} about {_with_unit(each.median, quantity)}" for each in groups
            )
            yield f"{quantity.name} comes in groups, each compared with itself: {listed}"


def _alike(data: SeenData) -> Iterable[tuple[str, Reason]]:
    """Yield the cases whose images are the same, or so alike as only the same scan is."""
    patient = {case.name: case.patient for case in data.cases}
    same: dict[str, list[str]] = defaultdict(list)
    for each in data.cases:
        same[each.record.fingerprint].append(each.name)
    known = {frozenset(pair) for pair in data.not_the_same}
    for names in same.values():
        for case in names if len(names) > 1 else []:
            others = [other for other in names if other != case]
            known |= {frozenset((case, other)) for other in others}
            words = f"the same image as {some(others, SHOWN)}, voxel by voxel"
            yield case, Reason("the same image", words, SAME)
    marks = _marks(data)
    for one, other, score in find_alike(marks, marks):
        pair = frozenset((one, other))
        if pair not in known and patient[one] != patient[other]:
            for case, twin in ((one, other), (other, one)):
                words = (
                    f"so alike to {twin}, of another patient, as only the same scan is "
                    f"({number(score, 2)} of 1)"
                )
                yield case, Reason("alike", words, ALIKE)


def _marks(data: SeenData) -> Marks:
    return {case.name: unpack(case.record.marks) for case in data.cases}
