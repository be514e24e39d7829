"""Who is tested on by the folders of an archive, whose cases are called by no folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from slicewise.dataset.layouts.found import SUBSETS
from slicewise.survey.beside import METADATA, TABLE
from slicewise.survey.layout import Layout, subset_in_table
from slicewise.survey.said import Said
from slicewise.survey.words import subset_of
from slicewise.wording import plural


def with_folders(layout: Layout, root: Path) -> Layout:
    """Return a layout that tests on the cases in folders which are called so.

    Parameters
    ----------
    layout : Layout
        Of another one than `dicom` nothing is changed.
    root : Path
        The folder that was looked at.

    Returns
    -------
    Layout
        With a table of who is tested on, as names of cases do not tell it; with a note where
        folders tell it of some only.
    """
    known = any(case.subset for case in layout.cases)
    if layout.name != "dicom" or known or any(one.path[:2] == METADATA for one in layout.said):
        return layout
    above = {
        case.name: case.image[0].absolute().relative_to(root.absolute()).parts[:-1]
        for case in layout.cases
    }
    told = _told_by_folders(layout, above)
    if told:
        return _with_table(layout, told)
    tested = [name for name, folders in above.items() if "test" in map(subset_of, folders)]
    if not 0 < len(tested) < len(layout.cases):
        return layout
    note = (
        f"{len(tested)} of {len(layout.cases)} cases lie in folders that are called as if they "
        "were to be tested on, and nothing follows from it: write a table of cases and subsets, "
        "and name it in dataset.metadata (docs/settings.md)."
    )
    return replace(layout, notes=(*layout.notes, note))


def _told_by_folders(layout: Layout, above: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the subset of each case by the first folders that tell it of all, or nothing.

    Of two folders, one may tell it alone.
    """
    for depth in range(min(map(len, above.values()))):
        folders = {name: parts[depth] for name, parts in above.items()}
        told = {name: subset_of(folder) for name, folder in folders.items()}
        if len({*folders.values()}) == 2 and "test" in told.values():
            told = {name: subset or "train" for name, subset in told.items()}
        subsets = {name: subset for name, subset in told.items() if subset is not None}
        if len(subsets) == len(above) and "train" in subsets.values():
            tested = "test" in subsets.values()
            named = {n: subset_in_table(subset, tested=tested) for n, subset in subsets.items()}
            return named if _is_split(layout, named) else {}
    return {}


def _is_split(layout: Layout, subsets: Mapping[str, str]) -> bool:
    """Tell whether some are trained and others tested on, and nobody is both."""
    whose: dict[str, set[str]] = defaultdict(set)
    for case in layout.cases:
        whose[case.patient].add(subsets[case.name])
    torn = any(len(several) > 1 for several in whose.values())
    return not torn and {"train", "test"} <= {*subsets.values()}


def _with_table(layout: Layout, subsets: Mapping[str, str]) -> Layout:
    cases = [replace(case, subset=SUBSETS[subsets[case.name]]) for case in layout.cases]
    tested = plural(sum(case.subset == "test" for case in cases), "case")
    said = (
        Said(TABLE, "", "written beside this file: a row a case, as names of cases do not tell it"),
        Said((*METADATA, "case"), "case", "which case a row is about"),
        Said((*METADATA, "subset"), "subset", f"{tested} to test on, by the names of folders"),
    )
    rows = "".join(f"{name}\t{subset}\n" for name, subset in sorted(subsets.items()))
    table = f"case\tsubset\n{rows}"
    return replace(layout, said=(*layout.said, *said), cases=tuple(cases), table=table)
