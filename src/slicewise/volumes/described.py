"""Labels against those that a data set's own dataset.json gives."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError

_log = logging.getLogger(__name__)


def read_description(path: Path) -> Any:
    """Read a dataset.json.

    Raises
    ------
    SlicewiseError
        When it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise SlicewiseError(
            f"{path}: not readable as JSON ({error}); get the file again"
        ) from error


def described_labels(description: Any) -> dict[str, set[int]]:
    """Return the values of each label that a dataset.json names.

    The Medical Segmentation Decathlon writes ``{"1": "liver"}``, nnU-Net v2
    ``{"liver": 1}`` or, of a region, ``{"organ": [1, 2]}``.
    """
    named: dict[str, set[int]] = defaultdict(set)
    labels = description.get("labels") if isinstance(description, dict) else None
    for key, value in labels.items() if isinstance(labels, dict) else ():
        values = value if isinstance(value, list) else [value]
        if all(_is_number(each) for each in values) and not _is_number(key):
            named[key] |= {int(each) for each in values}
        elif isinstance(value, str) and _is_number(key):
            named[value].add(int(key))
    return dict(named)


def check_described(
    labels: Mapping[str, Any], path: Path, description: Any, remedy: str = ""
) -> None:
    """Refuse labels whose values are those of others in dataset.json.

    A name that dataset.json does not have is free to be given; a line says what
    its value is called there. Names are compared without regard to case, blanks
    and signs. A label may hold more values than in dataset.json, such as an
    organ with its tumour.

    Parameters
    ----------
    labels : mapping of name to value or values
        ``dataset.labels``.
    path : Path
        The dataset.json, or another file that names values, for messages.
    description : object
        What it holds.
    remedy : str, optional
        What to do; by default to correct the labels.

    Raises
    ------
    SlicewiseError
        Naming the label, its value, and what dataset.json says.
    """
    named = described_labels(description)
    by_name: dict[str, set[int]] = defaultdict(set)
    for name, values in named.items():
        by_name[folded(name)] |= values
    wrong = []
    other = []
    for label, value in labels.items():
        mine = set(value) if isinstance(value, list) else {value}
        theirs = named.get(label) or by_name.get(folded(label))
        if theirs is not None and not theirs <= mine:
            wrong.append(f"{label} is {_values(mine)}, but there {_values(theirs)}")
        if theirs is None:
            called = {n for n, v in named.items() if v & mine and folded(n) != "background"}
            if called:
                other.append(f"{label} ({_values(mine)}): {', '.join(sorted(called))}")
    listed = ", ".join(f"{name}: {_values(values)}" for name, values in named.items())
    if wrong:
        usual = f"give each label its own value, or a name that {path.name} does not have"
        remedy = remedy or usual
        raise SlicewiseError(f"dataset.labels: {'; '.join(wrong)} ({path} has {listed}); {remedy}")
    if other:
        _log.warning(
            "dataset.labels: names that %s does not have, and what it calls their values: %s",
            path,
            "; ".join(other),
        )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal())


def folded(name: str) -> str:
    """Return a name without regard to case, blanks and signs."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in text if letter.isalnum())


def _values(values: set[int]) -> str:
    return " and ".join(map(str, sorted(values)))
