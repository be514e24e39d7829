"""Labels of an archive of DICOM, whose masks name their segments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from slicewise.dataset.case import Case
from slicewise.errors import SlicewiseError
from slicewise.survey.extents import Extents
from slicewise.survey.labels import COMMON, READ, SHOWN, labels_of_segments
from slicewise.survey.looking import spread
from slicewise.survey.said import Other, Said, some_of
from slicewise.volumes.described import folded
from slicewise.volumes.dicom.annotations import annotation_kind, read_annotation

OTHER = ("dataset", "other_labels")

_Drawn = Mapping[str, set[str]]
"""The names of the segments of a series, by the kind of their masks: SEG or RTSTRUCT."""


def labels_of_archive(
    cases: Sequence[Case], measure: Callable[[], Extents] = Extents
) -> list[Said]:
    """Return the labels of cases whose masks name their segments.

    Parameters
    ----------
    cases : sequence of Case
        Of layout `dicom`.
    measure : callable
        Returns how large their segments are.

    Returns
    -------
    list of Said
        See `labels_of_segments`. Where series have a SEG and an RTSTRUCT of the same, labels are
        those of one of them.

    Raises
    ------
    SlicewiseError
        When no mask can be read; that of the first.
    """
    chosen = [cases[int(n)] for n in spread([str(n) for n in range(len(cases))], READ)]
    drawn: list[_Drawn] = []
    fault: SlicewiseError | None = None
    for case in chosen:
        try:
            drawn.append(_drawn_in(case))
        except SlicewiseError as error:
            fault = fault or error
    if not drawn and fault is not None:
        raise fault
    extents = measure()
    if _is_twice(drawn, extents):
        return _of_one_kind(drawn, extents)
    return labels_of_segments([set().union(*one.values()) for one in drawn], extents)


def _drawn_in(case: Case) -> _Drawn:
    names: dict[str, set[str]] = defaultdict(set)
    for path in case.mask:
        names[annotation_kind(path) or ""] |= {one.name for one in read_annotation(path).there}
    return names


def _is_twice(drawn: Sequence[_Drawn], extents: Extents) -> bool:
    """Tell whether many series have masks of both kinds, and these the same voxels."""
    both = [one for one in drawn if len(one) > 1]
    if not both or len(both) < COMMON * len(drawn):
        return False
    keys = [{folded(name) for one in both for name in one[kind]} for kind in ("SEG", "RTSTRUCT")]
    pairs = [(one, other) for one in keys[0] for other in keys[1]]
    return any(one == other or {one, other} in extents.shared for one, other in pairs)


def _of_one_kind(drawn: Sequence[_Drawn], extents: Extents) -> list[Said]:
    """Return the labels of the kind that most series have, and say so."""
    number = Counter(kind for one in drawn for kind in one)
    kind, other = sorted(number, key=lambda kind: (-number[kind], kind != "SEG"))
    said = labels_of_segments([one.get(kind, set()) for one in drawn], extents)
    labels = [one for one in said if one.path != OTHER]
    left = sorted({name for one in drawn for name in one.get(other, ())})
    both = sum(len(one) > 1 for one in drawn)
    why = (
        f"{both} of {len(drawn)} series read have a SEG and an RTSTRUCT that share voxels, and "
        f"labels are those of {kind}; background is what {other} has: {some_of(left, SHOWN)}"
    )
    why += "".join(f"; {one.why}" for one in said if one.path == OTHER)
    question = (
        f"name segments of {other} in labels, in place of those of {kind}, if that is the truth"
    )
    same = {folded(name) for name in left} & {folded(one.value) for one in labels}
    if same:
        question += (
            f"; as both have {some_of(sorted(name for name in left if folded(name) in same))}, "
            "which runs refuse, move the files of one of them out of the folder"
        )
    others = (Other("refuse", "a segment that labels does not name is a fault"),)
    return [*labels, Said(OTHER, "background", why, question, others)]
