"""Labels of an archive of DICOM, whose masks name their segments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from slicewise.dataset.case import Case
from slicewise.errors import SlicewiseError
from slicewise.survey.labels import BODIES
from slicewise.survey.looking import spread
from slicewise.survey.naming import label_name
from slicewise.survey.said import Other, Said
from slicewise.volumes.described import folded
from slicewise.volumes.dicom.annotations import read_annotation

READ = 100
"""Cases whose masks are read."""
COMMON = 0.5
"""Share of the cases in which the segments lie that are proposed as labels."""


def labels_of_archive(cases: Sequence[Case]) -> list[Said]:
    """Return the labels of cases whose masks name their segments.

    Parameters
    ----------
    cases : sequence of Case
        Of layout `dicom`.

    Returns
    -------
    list of Said
        A label each for what at least half of the cases have, or else for all
        that there is; other segments become background, and are named.

    Raises
    ------
    SlicewiseError
        When no mask can be read; that of the first.
    """
    chosen = [cases[int(n)] for n in spread([str(n) for n in range(len(cases))], READ)]
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    fault: SlicewiseError | None = None
    read = 0
    for case in chosen:
        try:
            segments = [one for path in case.mask for one in read_annotation(path).there]
        except SlicewiseError as error:
            fault = fault or error
            continue
        read += 1
        for name in {one.name for one in segments}:
            spellings[folded(name)][name] += 1
    if not read and fault is not None:
        raise fault
    counts = {key: sum(names.values()) for key, names in spellings.items()}
    common = [key for key in counts if counts[key] >= COMMON * read] or list(counts)
    said: list[Said] = []
    # of labels that share a voxel the later one has it, and the body holds all others
    common.sort(key=lambda key: (not any(body in key for body in BODIES), -counts[key], key))
    for number, key in enumerate(common, start=1):
        name = spellings[key].most_common(1)[0][0]
        label = label_name(name, number, [one.path[-1] for one in said])
        why = f"segment or region of interest in {counts[key]} of {read} cases read"
        said.append(Said(("dataset", "labels", label), name, why))
    rest = sorted(key for key in counts if key not in common)
    if rest:
        few = ", ".join(spellings[key].most_common(1)[0][0] for key in rest[:5])
        why = f"{len(rest)} segments are in less than half of the cases, such as {few}"
        others = (Other("refuse", "a segment that labels does not name is a fault"),)
        said.append(Said(("dataset", "other_labels"), "background", why, "", others))
    return said
