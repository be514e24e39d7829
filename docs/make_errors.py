"""Write the page of all error sentences, from the code that raises them.

Used by docs/make_site.py. A sentence is what is handed to an error that people are meant to read;
what is filled in stands in it as a name. Where another function puts it together, it is read there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from slicewise.errors import OF_SYSTEM
from slicewise.tracking.reasons import OF_SQLITE, OF_STATUS, TEXTS

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "src" / "slicewise"
ERRORS = ("SlicewiseError", "PassingError", "StoppedError", "LieError")
OPEN, CLOSE = "\x02", "\x03"
"""What is filled in stands between these until the page is written."""
MOST = 4
"""So many ways that a sentence may end are followed at each place."""

ROOMS = {
    "the disk": "Any command. These are errors of the operating system, with the file before them.",
    "config": "A configuration: what a key may hold. See [settings](settings.md).",
    "survey": "`slicewise init`: what a folder holds. See [data](data.md).",
    "dataset": "Cases, patients, split, leaks and plans. See [data](data.md).",
    "volumes": "Images and masks as they are read. See [data](data.md).",
    "phantom": "Synthetic CTs.",
    "slices": "Cutting cases into slices, and reading these.",
    "network": "Networks and models as files. See [training](training.md).",
    "training": "Trainings. See [training](training.md).",
    "inference": "Predictions, and models that serve. See [models](models.md).",
    "segmenting": "`slicewise segment`. See [segment](segment.md).",
    "metrics": "Scores.",
    "evaluation": "Scores, statistics and comparisons. See [comparison](comparison.md).",
    "report": "Pages.",
    "publish": "`slicewise publish`. See [publish](publish.md).",
    "crate": "Crates of published results. See [publish](publish.md).",
    "reproduce": "`slicewise reproduce`. See [MLflow](mlflow.md).",
    "tracking": "MLflow. See [MLflow](mlflow.md) and [server](server.md).",
    "other": "The workflow as a whole, records of results, and the command line.",
}
"""Parts of the library, in the order of the page, and what stands over their sentences."""

HEAD = """\
# Errors

Every sentence that slicewise stops with, in the order of the way of the data. What is filled in is
*in italics*; after the arrow stands what to do. At the end of a run all its errors stand together,
alike ones once; the log that the last line names has the rest. Search finds a sentence by any of
its words.
"""


class Place(NamedTuple):
    """Where an error is made: what is handed to it, within which function of which file."""

    file: Path
    given: ast.expr
    function: ast.AST
    module: ast.Module


@cache
def modules() -> dict[Path, ast.Module]:
    """Return the library, the scripts, and of the rules what they raise, parsed."""
    files = [*sorted(LIBRARY.rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]
    found = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    rules = sorted((ROOT / "rules").glob("*.smk"))
    return found | {path: ast.parse("\n".join(_raised(path))) for path in rules}


def _raised(path: Path) -> Iterator[str]:
    """Yield the statements of a file of rules, which is not all Python, that raise an error."""
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"raise SlicewiseError\(", text):
        ends = (each.end() for each in re.finditer(r"\)", text[match.start() :]))
        statements = (text[match.start() :][:end] for end in ends)
        yield next(each for each in statements if _is_python(each))


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _defined(name: str, module: ast.Module) -> tuple[ast.Module, list[ast.AST]]:
    """Return what defines a name of a module, and where: here, or where it is imported from."""
    found = [node for node in module.body if name in _names(node)]
    if found:
        return module, found
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and name in [each.name for each in node.names]:
            file = LIBRARY.parent.joinpath(*(node.module or "").split(".")).with_suffix(".py")
            other = modules().get(file)
            return (other, [n for n in other.body if name in _names(n)]) if other else (module, [])
    return module, []


def _names(node: ast.AST) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def places() -> Iterator[Place]:
    """Yield all places where an error for people is made."""
    for path, tree in modules().items():
        # validators of settings raise ValueError, which pydantic collects
        names = (*ERRORS, "ValueError") if room_of(path) == "config" else ERRORS
        for function, node in _within(tree, tree):
            if isinstance(node, ast.Call) and _called(node) in names and node.args:
                yield Place(path, node.args[0], function, tree)


def _within(node: ast.AST, function: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield all nodes with the innermost function that they stand in."""
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, ast.FunctionDef) else function
        yield function, child
        yield from _within(child, inner)


def sentences(place: Place) -> list[str]:
    """Return the sentences that an error may have: several where it is put together elsewhere."""
    found = [re.sub(r"\s+", " ", text).strip() for text in _texts(place.given, place, 0)]
    return [text for text in dict.fromkeys(found) if is_sentence(text)]


def is_sentence(text: str) -> bool:
    """Return whether a text says anything of its own, and does not only hand on another's."""
    own = re.sub(f"{OPEN}.*?{CLOSE}", "", text)
    return len(re.findall(r"[A-Za-z]{2,}", own)) >= 2


def _texts(node: ast.AST, place: Place, depth: int) -> list[str]:
    """Return what a text may be; what is not known stands as a name."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return [_joined(node, place, depth)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _is_text(node):
        rights = _texts(node.right, place, depth)
        return [left + right for left in _texts(node.left, place, depth) for right in rights][:MOST]
    if isinstance(node, ast.IfExp):
        return _texts(node.body, place, depth) + _texts(node.orelse, place, depth)
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in _texts(value, place, depth)]
    followed = _followed(node, place, depth) if depth < 3 else []
    return followed or [f"{OPEN}{_name(node)}{CLOSE}"]


def _joined(node: ast.JoinedStr, place: Place, depth: int) -> str:
    parts = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
            continue
        texts = _texts(value.value, place, depth + 1)  # type: ignore[attr-defined]
        plain = [text for text in texts if text] or [""]
        parts.append(plain[0] if len(plain) == 1 or depth else _either(plain))
    return "".join(parts)


def _either(texts: Sequence[str]) -> str:
    return " / ".join(dict.fromkeys(texts)) if len(texts) <= MOST else texts[0]


def _followed(node: ast.AST, place: Place, depth: int) -> list[str]:
    """Return what a name was set to, or what a function returns, where that is text."""
    if not isinstance(node, ast.Name | ast.Call):
        return []
    name = node.id if isinstance(node, ast.Name) else _called(node)
    defined = [n for n in ast.walk(place.function) if name in _names(n)]
    there = place
    if not defined or isinstance(place.function, ast.Module):
        module, defined = _defined(name, place.module)
        there = place._replace(module=module, function=module)
    texts = []
    for each in defined:
        if isinstance(each, ast.FunctionDef):
            there = there._replace(function=each)
            values = [n.value for n in ast.walk(each) if isinstance(n, ast.Return)]
        else:
            values = [getattr(each, "value", None)]
        texts += [
            text for value in values if _is_text(value) for text in _texts(value, there, depth + 1)
        ]
    return texts[:MOST]


def _is_text(node: ast.expr | None) -> bool:
    """Return whether an expression is text or a number, as far as can be seen."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | int | float)
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse)
    if isinstance(node, ast.BinOp):
        return any(isinstance(each, ast.JoinedStr) or _is_words(each) for each in ast.walk(node))
    return isinstance(node, ast.JoinedStr)


def _is_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _name(node: ast.AST) -> str:
    """Name what is filled in, by what the code calls it."""
    if isinstance(node, ast.Name):
        return node.id.strip("_").replace("_", " ")
    if isinstance(node, ast.Attribute):
        of_file = node.attr in ("name", "stem", "parent", "suffix")
        return _name(node.value) if of_file else node.attr.strip("_").replace("_", " ")
    if isinstance(node, ast.BinOp):
        return _name(node.right if isinstance(node.left, ast.Constant) else node.left)
    if isinstance(node, ast.Call):
        given = node.args[1:] if _called(node) == "map" else node.args
        arguments = [each for each in given if not isinstance(each, ast.Constant)]
        if _called(node) == "plural" and len(node.args) > 1:
            return f"number of {ast.unparse(node.args[1])[1:-1]}s"
        return _name(arguments[0]) if arguments else _called(node).replace("_", " ").strip()
    if isinstance(node, ast.Subscript | ast.Starred):
        return _name(node.value)
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return _name(node.generators[0].iter)
    return "…"


def line(sentence: str) -> str:
    """Return a sentence as a line of the page: what is wrong, an arrow, what to do."""
    escaped = re.sub(r"([\\`*_<>\[\]|{}#$])", r"\\\1", sentence)
    filled = escaped.replace(OPEN, "*").replace(CLOSE, "*").replace("**", "* *")
    wrong, semicolon, remedy = filled.rpartition("; ")
    return f"- {wrong} → {remedy}" if semicolon else f"- {filled}"


def room_of(path: Path) -> str:
    """Return the part of the library that a file belongs to."""
    room = path.relative_to(LIBRARY).parts[0] if path.is_relative_to(LIBRARY) else "other"
    return room if room in ROOMS else "other"


def by_room() -> dict[str, list[str]]:
    """Return the sentences of each part of the library, alike ones once."""
    found: dict[str, list[str]] = {room: [] for room in ROOMS}
    found["the disk"] += [f"{OPEN}file{CLOSE}: {text}" for text in OF_SYSTEM.values()]
    known = [*OF_STATUS.values(), *(text for _, text in (*TEXTS, *OF_SQLITE))]
    found["tracking"] += [f"MLflow at {OPEN}address{CLOSE} {text}" for text in known]
    for place in places():
        found[room_of(place.file)] += sentences(place)
    return {room: list(dict.fromkeys(texts)) for room, texts in found.items() if texts}


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for room, texts in by_room().items():
        lines = sorted(map(line, texts), key=str.casefold)
        parts.append("\n".join([f"## {room.capitalize()}\n\n{ROOMS[room]}\n", *lines]))
    return "\n\n".join(parts) + "\n"
