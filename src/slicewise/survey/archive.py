"""Labels of an archive of DICOM, whose masks name their segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slicewise.dataset.case import Case
from slicewise.errors import SlicewiseError
from slicewise.survey.extents import Extents
from slicewise.survey.labels import READ, labels_of_segments
from slicewise.survey.looking import spread
from slicewise.survey.said import Said
from slicewise.volumes.dicom.annotations import read_annotation


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
        See `labels_of_segments`.

    Raises
    ------
    SlicewiseError
        When no mask can be read; that of the first.
    """
    chosen = [cases[int(n)] for n in spread([str(n) for n in range(len(cases))], READ)]
    per_mask: list[set[str]] = []
    fault: SlicewiseError | None = None
    for case in chosen:
        try:
            segments = [one for path in case.mask for one in read_annotation(path).there]
        except SlicewiseError as error:
            fault = fault or error
            continue
        per_mask.append({one.name for one in segments})
    if not per_mask and fault is not None:
        raise fault
    return labels_of_segments(per_mask, measure())
