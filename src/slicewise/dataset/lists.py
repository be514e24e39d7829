"""Lists of cases in JSON, as MONAI, nnU-Net and programs write them, read as rows of a table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slicewise.dataset.layouts.found import SUBSETS, listed
from slicewise.dataset.names import stripped
from slicewise.dataset.tables import Row, read_rows
from slicewise.errors import SlicewiseError
from slicewise.volumes.described import read_description

SUFFIX = ".json"
CASE = "case"
IMAGE = "image"
SUBSET = "subset"
FOLD = "given_fold"
"""Not `fold`, as tables of results have a column of that name."""

_Cells = dict[str, str]


def read_entries(path: Path) -> tuple[list[str], list[Row]]:
    """Read a table, be it text with separators or lists in JSON.

    Parameters
    ----------
    path : Path
        JSON by its suffix: the lists of MONAI, whose entries have an image each and perhaps a
        fold; the splits of nnU-Net, each with the cases that are trained on and that validate;
        or a list of objects, each of which is a row. Anything else is a table of text.

    Returns
    -------
    header : list of str
        Of MONAI's lists with `subset`, which is what a list is called, and `given_fold` for
        `fold`; of splits `case` and `given_fold`, the number from 0 of the split in which a case
        validates, or of a single one `subset`.
    rows : list of Row
        Of JSON numbered as they are written, from 1.

    Raises
    ------
    SlicewiseError
        When it is neither, or a case validates in several splits.
    """
    if path.suffix.lower() != SUFFIX:
        return read_rows(path)
    if path.is_dir():
        raise SlicewiseError(f"{path}: this is a folder; name the table itself")
    content = read_description(path)
    if isinstance(content, Mapping):
        cells = list(_of_lists(content))
    elif _are_splits(content):
        cells = _of_splits(path, content)
    else:
        cells = list(_of_rows(content))
    header = list(dict.fromkeys(name for row in cells for name in row))
    if not header:
        raise SlicewiseError(
            f"{path}: it lists no cases; a list of cases in JSON is one of objects, lists as MONAI "
            "has them (training, validation, test), or splits as nnU-Net has them (train, val)"
        )
    rows = ({name: row.get(name, "") for name in header} for row in cells)
    return header, [Row(number, row) for number, row in enumerate(rows, start=1)]


def write_rows(header: Sequence[str], lines: Sequence[Sequence[str]]) -> bytes:
    """Return rows as such JSON: a list of objects."""
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode()


def _of_lists(content: Mapping[str, Any]) -> Iterator[_Cells]:
    """Return the entries of lists that are called by what they are for."""
    for name, entries in content.items():
        subset = SUBSETS.get(name.lower())
        if subset is None or not isinstance(entries, list):
            continue
        for entry in entries:
            own = {IMAGE: entry} if isinstance(entry, str) else entry
            if isinstance(own, Mapping) and own.get(IMAGE):
                yield {**_texts(own), SUBSET: subset}


def _of_rows(content: Any) -> Iterator[_Cells]:
    for entry in content if isinstance(content, list) else ():
        if isinstance(entry, Mapping):
            yield _texts(entry)


def _texts(entry: Mapping[str, Any]) -> _Cells:
    """Return what an entry says in words and numbers; of several images the first."""
    found = {}
    for name, value in entry.items():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str | int | float):
            found[FOLD if name == "fold" else stripped(name)] = stripped(str(first))
    return found


def _are_splits(content: Any) -> bool:
    """Tell whether these are the splits of nnU-Net."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(split, Mapping)
            and all(isinstance(split.get(key), list) for key in ("train", "val"))
            for split in content
        )
    )


def _of_splits(path: Path, splits: Sequence[Mapping[str, Any]]) -> list[_Cells]:
    cases = list(dict.fromkeys(str(c) for s in splits for key in ("train", "val") for c in s[key]))
    held: dict[str, list[int]] = defaultdict(list)
    for number, split in enumerate(splits):
        for case in dict.fromkeys(map(str, split["val"])):
            held[case].append(number)
    if len(splits) == 1:
        return [{CASE: case, SUBSET: "validation" if case in held else "train"} for case in cases]
    torn = [f"{case} ({', '.join(map(str, there))})" for case, there in held.items() if there[1:]]
    if torn:
        raise SlicewiseError(
            f"{path}: cases validate in more than one of its {len(splits)} splits: {listed(torn)}; "
            "held-out folds share no case, so keep each in one"
        )
    return [{CASE: case, FOLD: str(held[case][0]) if case in held else ""} for case in cases]
