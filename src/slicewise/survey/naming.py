"""Names of labels: what a data set says of its own mask values."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from slicewise.config.labels import check_label_names
from slicewise.dataset.tables import encoding_of
from slicewise.errors import SlicewiseError
from slicewise.survey.listing import Listing
from slicewise.survey.words import KINDS, words_of
from slicewise.volumes.described import described_labels, folded

TEXTS = (".json", ".txt", ".tsv", ".csv", ".ctbl", ".label", ".lut")
LARGEST = 200_000
"""Bytes of a file of labels at most."""
READ = 200
"""Files that are read to find it; there may be one beside each patient."""
COVERED = 0.5
"""Share of the values in the masks that it has to name."""
VALUES = ("value", "label", "index", "id", "intensity", "labelvalue", "labelid", "number")
COUNTED = ("index", "id", "number")
"""Of these, what people number anything by."""
TELLING = (
    *("label", "labels", "labelmap", "lut", "dseg", "seg", "segments", "class", "classes"),
    *("legend", "colors", "colours", "structure", "structures", "organ", "organs", "anatomy"),
    *("atlas", "region", "regions", "roi", "rois"),
)
"""Words of what files of labels are called."""
COLORS = ("r", "red", "rgb", "color", "colour")
"""Columns that tables of labels alone have."""
OTHERS = (
    *("patient", "patients", "subject", "subjects", "participant", "participants", "person"),
    *("persons", "people", "case", "cases", "scan", "scans", "fold", "folds", "split", "splits"),
    *("clinical", "demographics"),
    *("age", "sex", "gender", "birthdate", "dob", "patientid", "subjectid", "participantid"),
)
"""Words of what files of people and scans are called, and columns of these."""
STEPS = ("readme", "notes")
"""Words of what texts with steps are called."""
CALLED = ("name", "structure", "organ", "labelname", "description", "region", "label", "class")

_ITK = re.compile(r'\s*(\d+)(?:\s+[\d.]+){6,7}\s+"(.*)"\s*')
_LUT = re.compile(r"\s*(\d+)\s+(\S+)(?:\s+\d+){3,4}\s*")
_PLAIN = re.compile(r"\s*(\d+)\s*[:=,;\t]\s*([A-Za-z][\w .()/-]*?)\s*")


@dataclass(frozen=True)
class Named:
    """Names of mask values, and which file gives them.

    Attributes
    ----------
    names : mapping of int to str
    source : str
    disputed : mapping of int to mapping of str to list of str
        Values that files name differently, with these names and the files of each.
    """

    names: Mapping[int, str]
    source: str
    disputed: Mapping[int, Mapping[str, list[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    """A file that names values; `told` is whether it is sure to be of labels."""

    path: str
    names: Mapping[int, str]
    told: bool


def names_in(listing: Listing, values: Collection[int]) -> Named | None:
    """Find the file that names most mask values, and those that say otherwise.

    Parameters
    ----------
    listing : Listing
    values : collection of int
        Those in the masks.

    Returns
    -------
    Named or None
        None where no file names half of them.
    """
    found = []
    best: _File | None = None
    most = max(1.0, COVERED * len(values)) - 1
    for path in listing.topmost(TEXTS, READ):
        read, told = _read(listing.root / path)
        # "Label 1" of ITK-SNAP is no name
        names = {value: name for value, name in read.items() if folded(name) != f"label{value}"}
        covered = len(set(names) & set(values))
        if covered < max(1.0, COVERED * len(values)):
            continue
        found.append(_File(path, names, told))
        if covered > most:
            most = covered
            best = found[-1]
    if best is None:
        return None
    # numbers in any text are not held against a file of labels
    disputed = _disputed([one for one in found if one.told or not best.told])
    names = {value: name for value, name in best.names.items() if value not in disputed}
    return Named(names, best.path, disputed)


def _disputed(files: Sequence[_File]) -> dict[int, dict[str, list[str]]]:
    """Return the values that files name differently, or give one name in place of each other."""
    called: dict[int, dict[str, tuple[str, list[str]]]] = defaultdict(dict)
    given: dict[str, set[frozenset[int]]] = defaultdict(set)
    for file in files:
        own: dict[str, set[int]] = defaultdict(set)
        for value, name in file.names.items():
            # by their first spelling
            called[value].setdefault(folded(name), (name, []))[1].append(file.path)
            own[folded(name)].add(value)
        for key, values in own.items():
            given[key].add(frozenset(values))
    moved = {
        value
        for several in given.values()
        if any(one.isdisjoint(other) for one, other in combinations(several, 2))
        for value in frozenset().union(*several)
    }
    return {
        value: dict(names.values())
        for value, names in called.items()
        if len(names) > 1 or value in moved
    }


def _read(path: Path) -> tuple[dict[int, str], bool]:
    """Return the values that a file names, and whether it is sure to be of labels."""
    try:
        if path.stat().st_size > LARGEST:
            return {}, False
        text = path.read_text(encoding=encoding_of(path.read_bytes()))
    except (OSError, ValueError):
        return {}, False
    words = words_of(path.stem)
    of_others = _is_any(words, (*OTHERS, *STEPS))
    told = _is_any(words, TELLING)
    if path.suffix.lower() in (".tsv", ".csv"):
        return {} if of_others else _of_table(text, told=told), told
    if path.suffix.lower() == ".json":
        return {} if of_others else _of_json(text), told or '"labels"' in text
    names = _of_lines(text, (_ITK, _LUT), told=told)
    if names or of_others:
        return names, True
    return _of_lines(text, (_PLAIN,), told=told), told


def _is_any(words: Sequence[str], known: Sequence[str]) -> bool:
    return any(word in known for word in words)


def _of_json(text: str) -> dict[int, str]:
    try:
        description = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    named = described_labels(description) or described_labels({"labels": description})
    # a region of several values is named with the values of others
    return {next(iter(v)): name for name, v in named.items() if len(v) == 1 and v != {0}}


def _of_table(text: str, *, told: bool) -> dict[int, str]:
    """Read a table of labels; `told` is whether its name says that it is one."""
    lines = text.splitlines()
    if len(lines) < 2:
        return {}
    sign = max("\t,;", key=lines[0].count)
    rows = list(csv.reader(io.StringIO(text), delimiter=sign))
    header = [re.sub(r"[^a-z]", "", cell.lower()) for cell in rows[0]]
    if _is_any(header, OTHERS):
        return {}
    body = [row for row in rows[1:] if len(row) == len(header)]
    told = told or _is_any(header, COLORS)
    for value in VALUES if told else [name for name in VALUES if name not in COUNTED]:
        for called in CALLED:
            if value not in header or called not in header or value == called:
                continue
            pairs = [(row[header.index(value)], row[header.index(called)]) for row in body]
            numbers = {number.strip() for number, _ in pairs}
            # a value that is there twice tells a class of cases
            if len(numbers) == len(pairs) > 0 and all(map(str.isdecimal, numbers)):
                return {int(n): name.strip() for n, name in pairs if name.strip() and int(n)}
    return {}


def _of_lines(text: str, patterns: Sequence[re.Pattern[str]], *, told: bool) -> dict[int, str]:
    """Read what ITK-SNAP, FreeSurfer and 3D Slicer write, or plain lines ``1: liver``.

    `told` is whether the name of the file says that it is of labels.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for pattern in patterns:
        matches = [pattern.fullmatch(line) for line in lines]
        if pattern is _PLAIN and not told and not all(matches):
            continue  # numbered steps within a text
        names = {int(m[1]): m[2].strip() for m in matches if m and m[2].strip() and int(m[1])}
        if names:
            return names
    return {}


def label_name(text: str, value: int, taken: Collection[str] = ()) -> str:
    """Return a name that a label may have.

    Parameters
    ----------
    text : str
        What it is called.
    value : int
        By which it is called where that is no name.
    taken : collection of str
        Names of other labels.

    Examples
    --------
    >>> label_name("Left kidney (cortex)", 2), label_name("Dice", 3)
    ('Left_kidney_cortex', 'label_3')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    try:
        check_label_names({**dict.fromkeys(taken, 0), name: value})
    except (ValueError, SlicewiseError):
        name = ""
    if name and not name.isdecimal() and name not in taken:
        return name
    name = f"label_{value}"
    while name.lower() in {other.lower() for other in taken}:
        name = f"{name}_{value}"
    return name


def word_of_mask(image: str, mask: str) -> str:
    """Return what the name of a mask says of its content, or nothing.

    Examples
    --------
    >>> word_of_mask("{case}_orig.nii.gz", "{case}_liver.nii.gz")
    'liver'
    >>> word_of_mask("img/{case}.nii.gz", "label/{case}.nii.gz")
    ''
    """
    name = re.sub(r"\{\w+\}|\*", " ", mask.rsplit("/", 1)[-1].split(".")[0])
    known = set(words_of(re.sub(r"\{\w+\}|\*", " ", image)))
    words = re.findall(r"[A-Za-z]+", name)
    left = [w for w in words if w.lower() not in KINDS and w.lower() not in known and len(w) > 2]
    parts = [word for word in left if not set(words_of(word)) & KINDS]
    return "_".join(parts)


def structure_names(patterns: Sequence[str]) -> list[str]:
    """Return what each of several masks shows, by what differs in the patterns of their paths.

    Examples
    --------
    >>> structure_names(["{case}/seg/liver.nii.gz", "{case}/seg/kidney_left.nii.gz"])
    ['liver', 'kidney_left']
    >>> structure_names(["{case}_170.nii.gz", "{case}_58.nii.gz"])
    ['label_170', 'label_58']
    """
    names: list[str] = []
    for number, text in enumerate(differing(patterns), start=1):
        names.append(label_name(text, int(text) if text.isdecimal() else number, names))
    return names


def differing(patterns: Sequence[str]) -> list[str]:
    """Return what differs in patterns of paths, in whole words.

    Examples
    --------
    >>> differing(["{case}/{case}_t1.nii.gz", "{case}/{case}_t2.nii.gz"])
    ['t1', 't2']
    """
    texts = [re.sub(r"\{\w+\}", "", pattern) for pattern in patterns]
    start = shared_start(texts)
    end = shared_start([text[::-1] for text in texts])
    # whole words: of left_kidney and left_lung the word left stays
    while start and texts[0][start - 1].isalnum():
        start -= 1
    while end and texts[0][len(texts[0]) - end].isalnum():
        end -= 1
    return [text[start : len(text) - end] for text in texts]


def shared_start(texts: Sequence[str]) -> int:
    """Return how many letters texts begin with alike."""
    number = 0
    for letters in zip(*texts, strict=False):
        if len(set(letters)) > 1:
            break
        number += 1
    return number
