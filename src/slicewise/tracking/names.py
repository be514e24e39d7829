"""Names of source files stay here: they may hold a patient's name, which a table of cases hides.

What is sent carries the name of the case and the digests of its files; which
file that is, says ``cases.tsv`` under ``results``, which is not sent as it is.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from slicewise.errors import SlicewiseError
from slicewise.files import DATA, data_folder
from slicewise.stored import read_stored_table

TABLE = "cases.tsv"
KINDS = ("image", "mask")
"""Columns that name files."""
SHARED = re.compile(
    r"(case|patient|shape|spacing|orientation|fingerprint|(intensity|ml)_.*|.*_(sha256|digest))"
)
"""Columns that are sent; one that nobody thought of is not."""
COUNT = re.compile(r" \(\d+\)$")
"""Stands behind the name of a folder that holds several files."""
SOME = "a file of the data set"
WORDS = 50
"""So many words before a name may belong to its path."""
AROUND = "\"'`()[],;"
SHORTEST = 3
"""Length of a name from which it is looked for."""
LONG = 6
"""The same of one that is all letters or digits."""


def shareable(table: Path) -> bytes:
    """Return a table of cases without the columns that name files, or may do so."""
    cases = _read(table)
    kept = [column for column in cases if SHARED.fullmatch(column)]
    return cases[kept].to_csv(sep="\t", index=False).encode()


def without_file_names(text: str, table: Path) -> str:
    """Say in a sentence of which case a file is, instead of how it is called.

    Parameters
    ----------
    text : str
        Free text, such as why a training stopped.
    table : Path
        ``results/<dataset>/cases.tsv``, which may be missing.
    """
    known = _known(table)
    text = _replace_all(text, _stems(known) | known)
    for folder in dict.fromkeys((_data(), str(Path(_data()).resolve()))):
        text = _replace_below(text, folder)
    return text


def without_listed_names(text: str, table: Path) -> str:
    """Do so in code, which may be about any folder, only where a name is one of the table."""
    return _replace_all(text, _known(table))


def _read(table: Path) -> pd.DataFrame:
    columns = ("case", "patient", *KINDS)
    return read_stored_table(table, columns, key=("case",), dtype=str, keep_default_na=False)


def _data() -> str:
    try:
        return str(data_folder())
    except SlicewiseError:  # said where data are read
        return os.environ[DATA]


def _known(table: Path) -> dict[str, str]:
    """Return what to say for the name of each file or folder."""
    if not table.is_file():
        return {}
    cases = _read(table)
    of: dict[str, list[str]] = defaultdict(list)
    for kind in KINDS:
        for case, name in zip(cases["case"], cases.get(kind, []), strict=False):
            of[COUNT.sub("", Path(name).name)].append(f"the {kind} of case {case}")
    # a file that is called as its case tells nobody more
    open_names = {*cases["case"], *cases["patient"]}
    return {
        name: which[0] if len(which) == 1 else SOME
        for name, which in of.items()
        if len(name) >= SHORTEST and name not in open_names
    }


def _stems(known: dict[str, str]) -> dict[str, str]:
    """Return what to say for a name without its suffix, unless that is a word or a count."""
    stems = {name.split(".")[0]: said for name, said in known.items() if said != SOME}
    return {
        stem: said
        for stem, said in stems.items()
        if len(stem) >= (LONG if stem.isdecimal() or stem.isalpha() else SHORTEST)
    }


def _replace_all(text: str, known: dict[str, str]) -> str:
    for name in sorted(known, key=len, reverse=True):
        if name in text:
            text = _replace(text, name, known[name])
    return text


def _replace(text: str, name: str, said: str) -> str:
    """Replace a name of a file, together with the folders before it and the rest behind it."""
    pattern = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\d)")
    while match := pattern.search(text):
        begin = _begin(text, match.start(), match.end())
        rest = re.compile(r"[^\s:" + re.escape(AROUND) + "]*").match(text, match.end())
        text = f"{text[:begin]}{said}{text[rest.end() if rest else match.end() :]}"
    return text


def _begin(text: str, start: int, end: int) -> int:
    """Return where a path begins: folders may have blanks in their names."""
    line = text.rfind("\n", 0, start) + 1
    words = re.finditer(rf"[\s{re.escape(AROUND)}]+", text[line:start])
    begins = [line, *(line + match.end() for match in words)]
    for begin in begins[-WORDS:]:
        if "/" in text[begin:end] and _exists(text[begin:end]):
            return begin
    return begins[-1]


def _replace_below(text: str, folder: str) -> str:
    """Replace what lies in a folder."""
    pattern = re.compile(rf"(?<![\w./-]){re.escape(folder.rstrip('/'))}/")
    done = 0
    while match := pattern.search(text, done):
        end = next((e for e in _ends(text, match.end()) if _exists(text[match.start() : e])), None)
        if end is None:  # gone, or not yet there: up to what is said of it
            sign = re.compile(r": |[\"'`]|$").search(text, match.end())
            end = len(text) if sign is None else sign.start()
        text = f"{text[: match.start()]}{SOME}{text[end:]}"
        done = match.start() + len(SOME)
    return text


def _ends(text: str, start: int) -> Iterator[int]:
    """Return where a path may end, the longest first."""
    ends = [match.start() for match in re.finditer(rf"[\s:{re.escape(AROUND)}]|$", text[start:])]
    return (start + end for end in reversed(ends))


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except (OSError, ValueError):  # too long, or with a zero in it
        return False
