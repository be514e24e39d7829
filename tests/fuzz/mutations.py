"""What kills, editors, spreadsheets and hands do to a stored file, at random by a seed."""

import copy
import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

import yaml

from tests.fuzz.harness import mutated

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 2**31, 10**400, 0.5, -2.5, 1e308),
    *(float("nan"), float("inf"), "", "x", "1", "nan", "../../etc/passwd", "a\tb\nc", "ü\0"),
    *([], {}, [None], [[]], {"": {}}, ["x"] * 3, {"mean": "x"}),
)
CELLS = ("", "x", "-1", "7", "1e999", "nan", "-inf", "true", '"', "0001", "ü", "9" * 400, "1,5")


def bent_bytes(content: bytes, draw: random.Random) -> bytes:
    """Cut, overwrite, move or re-encode bytes."""
    start, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    text = content.decode("utf-8", errors="replace")
    ways: list[Callable[[], bytes]] = [
        lambda: content[:start],
        lambda: b"",
        lambda: content[:start] + content[end:],
        lambda: content[:end] + content[start:],
        lambda: content[:start] + bytes(end - start) + content[end:],
        lambda: content[:start] + draw.randbytes(8) + content[start + 8 :],
        lambda: (
            content[:start] + bytes([content[start] ^ 1 << draw.randrange(8)]) + content[end:]
            if start < len(content)
            else content[1:]
        ),
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-8-sig"),
        lambda: text.replace("\n", "\r\n").encode(),
        lambda: text.replace("a", "ü").encode("latin-1", errors="replace"),
        lambda: b"[" * 100_000,
        lambda: b"<html>Please log in</html>\n",
    ]
    return draw.choice(ways)()


def bent_value(value: Any, draw: random.Random) -> Any:
    """Replace, delete or add something somewhere in a nested value."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places or draw.random() < 0.02:
        return draw.choice(ODD)
    for _ in range(draw.choice((1, 1, 1, 2))):
        holder, key = draw.choice(places)
        way = draw.randrange(4)
        if way == 0 and key in (range(len(holder)) if isinstance(holder, list) else holder):
            del holder[key]
        elif way == 1 and isinstance(holder, dict):
            holder[draw.choice(("x", "digest", "", "mean", 1))] = copy.deepcopy(draw.choice(ODD))
        elif isinstance(holder, dict) or key < len(holder):
            holder[key] = copy.deepcopy(draw.choice(ODD))
    return value


def _places(value: Any) -> Any:
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def bent_json(content: bytes, draw: random.Random) -> bytes:
    found = bent_value(json.loads(content), draw)
    try:
        return json.dumps(found, indent=1, skipkeys=True).encode()
    except ValueError:
        return content[:-3]


def bent_yaml(content: bytes, draw: random.Random) -> bytes:
    return yaml.safe_dump(bent_value(yaml.safe_load(content), draw), sort_keys=False).encode()


def bent_table(content: bytes, draw: random.Random, separator: str = "\t") -> bytes:
    """Change cells, rows or columns of a table."""
    rows = list(csv.reader(io.StringIO(content.decode()), delimiter=separator))
    row, column = draw.randrange(len(rows)), draw.randrange(len(rows[0]))
    way = draw.randrange(7)
    if way == 0:
        del rows[row]
    elif way == 1:
        rows.append(list(rows[row]))
    elif way == 2:
        rows = [[cell for n, cell in enumerate(each) if n != column] for each in rows]
    elif way == 3:
        rows[row].append("x")
    elif way == 4:
        del rows[row][column]
    else:
        rows[row][column] = draw.choice(CELLS)
    out = io.StringIO()
    between = draw.choice((separator,) * 9 + (";",))
    csv.writer(out, delimiter=between, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def bent_csv(content: bytes, draw: random.Random) -> bytes:
    return bent_table(content, draw, ",")


STRUCTURES = {
    ".json": bent_json,
    ".yaml": bent_yaml,
    ".tsv": bent_table,
    ".csv": bent_csv,
}


def bent(content: bytes, suffix: str, draw: random.Random) -> bytes:
    """Return the content of a file after something happened to it."""
    structure = STRUCTURES.get(suffix)
    if structure is None or draw.random() < 0.35:
        return draw.choice((bent_bytes, mutated))(content, draw)
    return structure(content, draw)
